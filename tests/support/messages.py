"""AS4 messages for tests, between the two good leaves of the test PKI, always the same.

    sealed = a_sealed_message(messaging=lambda text: text.replace("…", "…"))   # signed like that
    sealed = a_sealed_message(soap=lambda text: text.replace("…", "…"))        # spoiled afterwards
    received = read(sealed)

They come from `conformance.forge`; a hook must change something, else the test lies.
"""

from datetime import timedelta
from functools import cache

import pytest

from as4 import pack, xmlenc  # noqa: F401 - tests look at the primitives through this module
from as4.certificates import (
    Anchors,
    Certificate,
    KeyPair,
    Use,
    check_certificate,
    load_certificate,
    load_key_pair,
)
from as4.compression import inflate
from as4.errors import As4Error
from as4.unpack import (
    MessageReader,
    ReceivedMessage,
    check_addressee,
    check_business_header,
    check_timestamp,
)
from as4.usermessage import OutboundMessage
from conformance.forge.hooks import Hook, cut, swap
from conformance.forge.messages import CONTENT_KEY, IV, NONCE, Forge, Sealed
from tests.support.pki import NOW, RECEIVER, SENDER, leaf, pki
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId
from ubl.sbdh import Sbdh, read_envelope

__all__ = ["CONTENT_KEY", "IV", "NONCE", "NOW", "RECEIVER", "SENDER", "Hook", "Sealed", "cut"]
__all__ += ["swap"]

UBL_INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
DOCUMENT_TYPE = DocumentTypeId.parse(
    f"busdox-docid-qns::{UBL_INVOICE}::Invoice##urn:cen.eu:en16931:2017#compliant"
    "#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)
PROCESS = ProcessId.parse("cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
C1 = ParticipantId.parse("iso6523-actorid-upis::0208:0123456749")
C4 = ParticipantId.parse("iso6523-actorid-upis::0208:0987654394")
RANDOM_KEY = bytes(reversed(range(16)))
INVOICE = f'<Invoice xmlns="{UBL_INVOICE}"><ID>1</ID></Invoice>'.encode()


class Leaves:
    """The identities of the test PKI, made when they are first asked for."""

    def key_pair(self, name: str) -> KeyPair:
        return key_pair(name)

    def certificate(self, name: str) -> Certificate:
        return load_certificate(leaf(name).certificate_der)


FORGE = Forge(
    identities=Leaves(),
    from_party=SENDER,
    to_party=RECEIVER,
    sender=C1,
    receiver=C4,
    stranger=ParticipantId.parse("iso6523-actorid-upis::0208:0428759497"),
    document_type=DOCUMENT_TYPE,
    process=PROCESS,
    document=INVOICE,
    now=NOW,
    message_id="0c4a1d4e-0000-4000-8000-000000000001@blue.example",
    conversation_id="0c4a1d4e-0000-4000-8000-000000000002",
    instance_identifier="1f0a6c0e-0000-4000-8000-000000000001",
)
"""Makes messages from SENDER to RECEIVER."""


@cache
def key_pair(name: str = "sender") -> KeyPair:
    """The key and certificate of `tests.support.pki.leaf(name)`."""
    identity = leaf(name)
    return load_key_pair(identity.key_pem + identity.certificate_pem)


@cache
def anchors() -> Anchors:
    """The test PKI's root and access point authority."""
    known = pki()
    return Anchors.load(known.root.certificate_pem, known.ap_ca.certificate_pem)


def check_signer(der: bytes, now=NOW) -> Certificate:
    """Judge a signer's certificate as the gateway does, without revocation."""
    return check_certificate(der, anchors=anchors(), now=now, use=Use.SIGN)


def find_key(der: bytes):
    """Find the receiver's key, for its current certificate alone."""
    receiver = key_pair("receiver")
    return receiver.key if der == receiver.certificate.der else None


def an_sbdh(**changes) -> Sbdh:
    """A business header that fits `a_user_message()`."""
    return FORGE.sbdh(**changes)


def a_business_envelope(document: bytes = INVOICE, **changes) -> bytes:
    """The bytes of an SBD around *document*; *changes* are fields of its header."""
    return FORGE.envelope(document, **changes)


def a_user_message(**changes) -> OutboundMessage:
    """The header of an invoice from SENDER to RECEIVER."""
    return FORGE.user_message(**changes)


def a_sealed_message(message: OutboundMessage | None = None, **spoil) -> Sealed:
    """A message as `pack.seal` makes it, unless *spoil* (of `conformance.forge`) spoils it."""
    return FORGE.sealed(message, **spoil)


def a_ping(**changes) -> Sealed:
    """A signed plain SOAP test message."""
    return FORGE.ping(**changes)


def read(
    sealed: Sealed | pack.SealedMessage,
    *,
    now=NOW,
    keep: bool = True,
    step: int | None = None,
    find=find_key,
) -> ReceivedMessage:
    """Read *sealed* as the receiver does, in pieces of *step* bytes or in one."""
    reader = MessageReader(sealed.content_type, keep=keep)
    pieces = _pieces(sealed.body, step)
    for piece in pieces:
        reader.feed(piece)
        if step and reader.soap_ready:
            break
    reader.open_envelope(anchors_check=check_signer, now=now)
    reader.open_attachment(find, RANDOM_KEY)
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


def receive(sealed: Sealed | pack.SealedMessage, *, now=NOW, seats=(RECEIVER,)) -> ReceivedMessage:
    """Do all that a receiver does but for its memory and whom it serves."""
    received = read(sealed, now=now)
    payload = received.payload or b""
    sbd = inflate(payload) if received.compressed else payload
    check_addressee(received.user_message, seats)
    if not received.user_message.is_ping:
        header = read_envelope(sbd, whole=False).header
        assert header is not None
        check_business_header(received.user_message, header)
    check_timestamp(received.user_message, now=now, memory=timedelta(days=90))
    return received


def refused_unopened(sealed: Sealed, **changes) -> As4Error:
    """The error *sealed* is refused with before a key for its attachment was looked for."""

    def find(_der):
        raise AssertionError("a key was looked for before the signature was checked")

    with pytest.raises(As4Error) as caught:
        read(sealed, find=find, **changes)
    assert caught.value.ref_to_message_id == sealed.message_id
    return caught.value


def _pieces(body: bytes, step: int | None):
    step = step or len(body)
    return iter([body[start : start + step] for start in range(0, len(body), step)])
