"""AS4 messages for tests: valid by default, with hooks to spoil them before or after signing.

    sealed = a_sealed_message(messaging=lambda text: text.replace("…", "…"))   # signed like that
    sealed = a_sealed_message(soap=lambda text: text.replace("…", "…"))        # spoiled afterwards
    received = read(sealed)

A hook gets the text and returns it changed; it must change something, else the test lies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from hashlib import sha256

import pytest

from as4 import envelope, pack, usermessage, wssec, xmlenc
from as4.algorithms import ATTACHMENT_CONTENT_SIGNATURE
from as4.certificates import (
    Anchors,
    Certificate,
    KeyPair,
    Use,
    check_certificate,
    load_certificate,
    load_key_pair,
)
from as4.compression import gzip_compress, inflate
from as4.errors import As4Error
from as4.pmode import PEPPOL
from as4.unpack import (
    MessageReader,
    ReceivedMessage,
    check_addressee,
    check_business_header,
    check_timestamp,
)
from as4.usermessage import OutboundMessage
from as4.xmldsig import Reference, Transform, element_reference
from tests.support.pki import NOW, RECEIVER, SENDER, leaf, pki
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId
from ubl.sbdh import Sbdh, build_envelope, read_envelope

Hook = Callable[[str], str]

UBL_INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
DOCUMENT_TYPE = DocumentTypeId.parse(
    f"busdox-docid-qns::{UBL_INVOICE}::Invoice##urn:cen.eu:en16931:2017#compliant"
    "#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)
PROCESS = ProcessId.parse("cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
C1 = ParticipantId.parse("iso6523-actorid-upis::0208:0123456749")
C4 = ParticipantId.parse("iso6523-actorid-upis::0208:0987654394")
NONCE = "0123456789abcdef0123456789abcdef"
CONTENT_KEY = bytes(range(16))
IV = bytes(range(12))
RANDOM_KEY = bytes(reversed(range(16)))
INVOICE = f'<Invoice xmlns="{UBL_INVOICE}"><ID>1</ID></Invoice>'.encode()


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
    header = Sbdh(
        sender=C1,
        receiver=C4,
        standard=UBL_INVOICE,
        type_version="2.1",
        instance_identifier="1f0a6c0e-0000-4000-8000-000000000001",
        type="Invoice",
        created_at="2026-06-15T12:00:00Z",
        document_type=DOCUMENT_TYPE,
        process=PROCESS,
        country_c1="BE",
    )
    return replace(header, **changes)


def a_business_envelope(document: bytes = INVOICE, **changes) -> bytes:
    """The bytes of an SBD around *document*; *changes* are fields of its header."""
    prefix, suffix = build_envelope(an_sbdh(**changes))
    return prefix + document + suffix


def a_user_message(**changes) -> OutboundMessage:
    """The header of an invoice from SENDER to RECEIVER."""
    message = OutboundMessage(
        message_id="0c4a1d4e-0000-4000-8000-000000000001@blue.example",
        conversation_id="0c4a1d4e-0000-4000-8000-000000000002",
        timestamp=NOW - timedelta(seconds=1),
        from_party=SENDER,
        to_party=RECEIVER,
        service=PROCESS,
        action=DOCUMENT_TYPE.uri,
        original_sender=C1,
        final_recipient=C4,
    )
    return replace(message, **changes)


@dataclass(frozen=True)
class Sealed:
    """A message on the wire, with what a test wants to know about it."""

    content_type: str
    body: bytes
    message_id: str
    references: tuple[Reference, ...]
    payload: bytes
    attachment_offset: int
    attachment_length: int


def a_sealed_message(
    message: OutboundMessage | None = None,
    *,
    payload: bytes | None = None,
    signer: str = "sender",
    recipient: str = "receiver",
    nonce: str = NONCE,
    content_key: bytes = CONTENT_KEY,
    messaging: Hook | None = None,
    body: Hook | None = None,
    signed_info: Hook | None = None,
    references: Callable[[Sequence[Reference]], Sequence[Reference]] | None = None,
    encryption: Hook | None = None,
    security: Hook | None = None,
    soap: Hook | None = None,
    attachment: Callable[[bytes], bytes] | None = None,
    attachment_headers: str | None = None,
    wire: Callable[[bytes], bytes] | None = None,
) -> Sealed:
    """A message as `pack.seal` makes it, unless a hook spoils it.

    *payload* is what is attached (gzip of a business envelope by default).  Before signing:
    *messaging*, *body*, *references*, *signed_info*.  After it: *encryption* (tokens, key and
    data of the encryption), *security* (the whole header), *soap* (the whole envelope),
    *attachment* (the encrypted bytes), *attachment_headers*, *wire* (the whole body).
    """
    payload = gzip_compress(a_business_envelope()) if payload is None else payload
    message = a_user_message() if message is None else message
    cid = f"cid:att-{nonce}@as4"
    header = envelope.build_messaging(usermessage.build_user_message(message, cid), f"msg-{nonce}")
    header = _hooked(messaging, header)
    content = _hooked(body, envelope.build_body(f"body-{nonce}"))
    swa = Transform(ATTACHMENT_CONTENT_SIGNATURE)
    refs: Sequence[Reference] = (
        element_reference(f"msg-{nonce}", header.encode(), PEPPOL.suite),
        element_reference(f"body-{nonce}", content.encode(), PEPPOL.suite),
        Reference(cid, (swa,), PEPPOL.suite.digest, sha256(payload).digest()),
    )
    refs = references(refs) if references else refs
    to = load_certificate(leaf(recipient).certificate_der)
    wrapped = xmlenc.wrap_key(content_key, to.public_key)
    key = wssec.build_encrypted_key(to, wrapped, suite=PEPPOL.suite, nonce=nonce)
    data = wssec.build_encrypted_data(cid, suite=PEPPOL.suite, nonce=nonce)
    security_header = wssec.build_security(
        refs,
        signer=key_pair(signer),
        suite=PEPPOL.suite,
        nonce=nonce,
        encryption=_hooked(encryption, key + data),
    )
    if signed_info:
        security_header = _sign_again(security_header, signed_info, key_pair(signer))
    security_header = _hooked(security, security_header)
    text = envelope.build_envelope(header, security_header, content).decode()
    encrypted = xmlenc.encrypt(payload, key=content_key, iv=IV)
    encrypted = attachment(encrypted) if attachment else encrypted
    head, tail = pack._wrap_mime(_hooked(soap, text).encode(), cid[4:], nonce)
    if attachment_headers is not None:
        start = head.rindex(f"--{pack._boundary(nonce)}".encode())
        head = head[:start] + f"--{pack._boundary(nonce)}\r\n{attachment_headers}\r\n\r\n".encode()
    whole = head + encrypted + tail
    return Sealed(
        content_type=f'multipart/related; type="application/soap+xml";'
        f' boundary="{pack._boundary(nonce)}"',
        body=wire(whole) if wire else whole,
        message_id=message.message_id,
        references=tuple(refs),
        payload=payload,
        attachment_offset=len(head),
        attachment_length=len(encrypted),
    )


def a_ping(**changes) -> Sealed:
    """A signed plain SOAP test message."""
    made = pack.ping(a_user_message(**changes), signer=key_pair("sender"), nonce=NONCE)
    return Sealed(made.content_type, made.body, made.message_id, made.references, b"", 0, 0)


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


def swap(old: str, new: str) -> Hook:
    """A hook that puts *new* in place of the first *old*, which must be there."""

    def hook(text: str) -> str:
        assert old in text, f"{old!r} is not there to be replaced"
        return text.replace(old, new, 1)

    return hook


def cut(start: str, end: str, new: str = "") -> Hook:
    """A hook that puts *new* in place of the first stretch from *start* to *end*, both included."""

    def hook(text: str) -> str:
        first = text.index(start)
        return text[:first] + new + text[text.index(end, first + len(start)) + len(end) :]

    return hook


def _hooked(hook: Hook | None, text: str) -> str:
    if hook is None:
        return text
    changed = hook(text)
    assert changed != text, "the hook changed nothing"
    return changed


def _sign_again(security: str, hook: Hook, signer: KeyPair) -> str:
    """Put the SignedInfo that *hook* makes, and its signature, in place of those of *security*.

    The canonical form is left to lxml, for the hook may write anything.
    """
    import base64

    from as4 import algorithms, xmldsig
    from as4.namespaces import DS
    from ubl import xml

    start, end = security.index("<ds:SignedInfo>"), security.index("</ds:SignedInfo>") + 16
    changed = _hooked(hook, security[start:end])
    element = xml.parse(f'<ds:Signature xmlns:ds="{DS}">{changed}</ds:Signature>'.encode())[0]
    value = algorithms.sign(signer.key, xmldsig.canonicalize(element))
    before, after = "<ds:SignatureValue>", "</ds:SignatureValue>"
    rest = security[security.index(after) :]
    return f"{security[:start]}{changed}{before}{base64.b64encode(value).decode()}{rest}"
