"""The Receipt signal: proof, signed by the receiving access point, that a UserMessage arrived.

A receipt repeats the references of the signature that was received, so that the sender can show
later which bytes were acknowledged.  [AS4 §5.1.8] [EBBPSIG §3]
Receipts of others are read by `as4.signal`; keeping and sending them is the gateway's business.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from as4.certificates import Signer
from as4.envelope import build_body, build_envelope, build_messaging
from as4.namespaces import EBBP
from as4.pmode import PEPPOL, PMode
from as4.usermessage import UserMessage, build_message_info
from as4.wssec import build_security
from as4.xmldsig import Reference, build_reference, element_reference


class Acknowledged(Protocol):
    """A message that was received: a SignedEnvelope or a ReceivedMessage."""

    @property
    def user_message(self) -> UserMessage:
        """The header of the message."""

    @property
    def references(self) -> Sequence[Reference]:
        """The references of its signature, in order."""


def build_receipt(
    received: Acknowledged,
    *,
    message_id: str,
    now: datetime,
    signer: Signer,
    nonce: str,
    pmode: PMode = PEPPOL,
) -> bytes:
    """Return the signed receipt for *received*, as the SOAP envelope to answer with."""
    parts = "".join(
        [
            "<ebbp:MessagePartNRInformation>"
            f"{build_reference(reference, declare=True)}</ebbp:MessagePartNRInformation>"
            for reference in received.references
        ]
    )
    info = build_message_info(now, message_id, received.user_message.message_id)
    content = (
        f"<eb:SignalMessage>{info}<eb:Receipt>"
        f'<ebbp:NonRepudiationInformation xmlns:ebbp="{EBBP}">{parts}'
        "</ebbp:NonRepudiationInformation></eb:Receipt></eb:SignalMessage>"
    )
    return sign_signal(content, signer=signer, nonce=nonce, pmode=pmode)


def sign_signal(content: str, *, signer: Signer, nonce: str, pmode: PMode = PEPPOL) -> bytes:
    """Return the envelope of the signal *content* (in canonical form), signed by *signer*.

    Messaging and Body are signed; signals are never encrypted.  [PEPPOL-AS4 §2]
    """
    messaging, body = build_messaging(content, f"msg-{nonce}"), build_body(f"body-{nonce}")
    references = (
        element_reference(f"msg-{nonce}", messaging.encode(), pmode.suite),
        element_reference(f"body-{nonce}", body.encode(), pmode.suite),
    )
    security = build_security(references, signer=signer, suite=pmode.suite, nonce=nonce)
    return build_envelope(messaging, security, body)
