"""The Error signal: says with a code of ebMS why a message was refused.  [EBMS3 §6]

Which error it is, is decided where it is found; see `as4.errors`.
"""

import re
from datetime import datetime

from as4.certificates import Signer
from as4.envelope import build_body, build_envelope, build_messaging
from as4.errors import As4Error
from as4.pmode import PEPPOL, PMode
from as4.receipt import sign_signal
from as4.usermessage import build_message_info
from as4.xmldsig import attribute_text, element_text

# LIMIT: characters of a text for people; it may quote what the peer sent.
TEXT_CHARS_MAX = 1000

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def build_error(
    error: As4Error,
    *,
    message_id: str,
    now: datetime,
    signer: Signer | None,
    nonce: str,
    pmode: PMode = PEPPOL,
) -> bytes:
    """Return *error* as the SOAP envelope to answer with, signed unless *signer* is None.

    The message in error is named twice, as ebMS has it, whenever its id is known.
    [EBMS3 §6.2] [PEPPOL-AS4 §2]
    """
    about = error.ref_to_message_id
    info = build_message_info(now, message_id, about)
    content = f"<eb:SignalMessage>{info}{_build_error(error, about)}</eb:SignalMessage>"
    if signer is not None:
        return sign_signal(content, signer=signer, nonce=nonce, pmode=pmode)
    messaging = build_messaging(content, f"msg-{nonce}")
    return build_envelope(messaging, "", build_body(f"body-{nonce}"))


def _build_error(error: As4Error, about: str | None) -> str:
    # Attributes stand in the order of their names, which is that of the canonical form.
    reference = "" if about is None else f' refToMessageInError="{attribute_text(about)}"'
    detail = ""
    if error.error_detail:
        detail = f"<eb:ErrorDetail>{_text(error.error_detail)}</eb:ErrorDetail>"
    return (
        f'<eb:Error category="{error.category}" errorCode="{error.code}" origin="{error.origin}"'
        f'{reference} severity="{error.severity}" shortDescription="{error.short_description}">'
        f'<eb:Description xml:lang="en">{_text(error.detail)}</eb:Description>{detail}</eb:Error>'
    )


def _text(value: str) -> str:
    return element_text(_NOT_XML.sub("\ufffd", value[:TEXT_CHARS_MAX]))
