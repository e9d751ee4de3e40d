"""Make the wire bytes of a UserMessage: gzip is done, then sign, then encrypt.

Everything that is drawn by chance (content key, IV, nonce) is an argument, so that sealing again
with the same arguments gives the same bytes.
Nothing is parsed or canonicalised here: what is signed is written in canonical form.
[PEPPOL-AS4 §2] [WSS-SWA §5]
"""

import re
from dataclasses import dataclass, replace
from hashlib import sha256

from as4 import xmlenc
from as4.algorithms import ATTACHMENT_CONTENT_SIGNATURE
from as4.certificates import Certificate, Signer
from as4.envelope import MEDIA_TYPE, build_body, build_envelope, build_messaging
from as4.pmode import PEPPOL, PMode
from as4.usermessage import OutboundMessage, Service, build_user_message
from as4.wssec import build_encrypted_data, build_encrypted_key, build_security
from as4.xmldsig import Reference, Transform, element_reference

__all__ = [
    "OutboundMessage",
    "SealedHead",
    "SealedMessage",
    "Service",
    "as_ping",
    "ping",
    "renew_encryption",
    "seal",
    "seal_head",
]

# A nonce becomes part of ids, of the Content-ID and of the MIME boundary.
_NONCE = re.compile(r"[A-Za-z0-9-]{16,48}")
_KEY_START = b"<wsse:BinarySecurityToken "
_KEY_END = b"</xenc:EncryptedKey>"
_KEY_ID = re.compile(rb'<xenc:EncryptedKey xmlns:xenc="[^"]+" Id="EK-([A-Za-z0-9-]+)"')


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A message ready to be sent, as often as it takes.

    *references* are what its receipt must acknowledge.
    The encrypted attachment lies in *body* at *attachment_offset* and can be read again with
    *content_key*; a plain ping has none.
    """

    content_type: str
    body: bytes
    message_id: str
    references: tuple[Reference, ...]
    attachment_offset: int
    attachment_length: int
    content_key: bytes


@dataclass(frozen=True, slots=True)
class SealedHead:
    """A message without its attachment: the body is *head*, the encrypted stream, *tail*."""

    content_type: str
    head: bytes
    tail: bytes
    message_id: str
    references: tuple[Reference, ...]


def seal(  # noqa: PLR0913 - what is drawn by chance is passed by name
    message: OutboundMessage,
    payload_gz: bytes,
    *,
    signer: Signer,
    recipient: Certificate,
    content_key: bytes,
    iv: bytes,
    nonce: str,
    key_seed: bytes = b"",
    pmode: PMode = PEPPOL,
) -> SealedMessage:
    """Return *message* with the gzip payload *payload_gz*, signed and encrypted.

    *content_key* (16 bytes), *iv* (12 bytes), *nonce* (16 to 48 letters and digits) and *key_seed*
    (as many bytes as the suite's key method takes, which is none in Peppol) must be fresh.
    """
    head = seal_head(
        message,
        sha256(payload_gz).digest(),
        signer=signer,
        recipient=recipient,
        content_key=content_key,
        nonce=nonce,
        key_seed=key_seed,
        pmode=pmode,
    )
    encrypted = xmlenc.encrypt(payload_gz, key=content_key, iv=iv)
    return SealedMessage(
        content_type=head.content_type,
        body=b"".join((head.head, encrypted, head.tail)),
        message_id=head.message_id,
        references=head.references,
        attachment_offset=len(head.head),
        attachment_length=len(encrypted),
        content_key=content_key,
    )


def seal_head(  # noqa: PLR0913 - what is drawn by chance is passed by name
    message: OutboundMessage,
    attachment_digest: bytes,
    *,
    signer: Signer,
    recipient: Certificate,
    content_key: bytes,
    nonce: str,
    key_seed: bytes = b"",
    pmode: PMode = PEPPOL,
) -> SealedHead:
    """Return all of *message* but its attachment, whose gzip has the SHA-256 *attachment_digest*.

    The caller streams the attachment through `xmlenc.Encryptor` under the same *content_key*.
    """
    content_id = f"att-{_check_nonce(nonce)}@as4"
    href = f"cid:{content_id}"
    messaging = build_messaging(build_user_message(message, href, pmode=pmode), f"msg-{nonce}")
    body = build_body(f"body-{nonce}")
    attachment = Reference(
        href, (Transform(ATTACHMENT_CONTENT_SIGNATURE),), pmode.suite.digest, attachment_digest
    )
    references = (*_header_references(messaging, body, nonce, pmode), attachment)
    wrapped = pmode.suite.content_key.wrap(content_key, recipient.public_key, key_seed)
    key = build_encrypted_key(recipient, *wrapped, suite=pmode.suite, nonce=nonce)
    data = build_encrypted_data(href, suite=pmode.suite, nonce=nonce)
    security = build_security(
        references, signer=signer, suite=pmode.suite, nonce=nonce, encryption=key + data
    )
    head, tail = _wrap_mime(build_envelope(messaging, security, body), content_id, nonce)
    content_type = (
        f'multipart/related; type="application/soap+xml"; boundary="{_boundary(nonce)}";'
        f' start="<{_soap_id(nonce)}>"'
    )
    return SealedHead(content_type, head, tail, message.message_id, references)


def renew_encryption(
    head: bytes,
    recipient: Certificate,
    content_key: bytes,
    *,
    key_seed: bytes = b"",
    pmode: PMode = PEPPOL,
) -> bytes:
    """Return *head* (of `seal_head`, or a sealed body up to its attachment) for *recipient*.

    Only the recipient's token and the wrapped key are replaced; the signature does not cover
    them, so it and the MessageId stay as they are.  *key_seed* is fresh, as for `seal`.
    Raises ValueError if *head* is not ours.
    """
    start = head.find(_KEY_START)
    end = head.find(_KEY_END, start) + len(_KEY_END)
    found = _KEY_ID.search(head, start, end) if start >= 0 else None
    if found is None:
        raise ValueError("the head holds no encrypted key of our making")
    wrapped = pmode.suite.content_key.wrap(content_key, recipient.public_key, key_seed)
    key = build_encrypted_key(recipient, *wrapped, suite=pmode.suite, nonce=found[1].decode())
    return head[:start] + key.encode() + head[end:]


def ping(
    message: OutboundMessage, *, signer: Signer, nonce: str, pmode: PMode = PEPPOL
) -> SealedMessage:
    """Return *message* as a signed test message without payload, whatever its service says.

    For a test message with a payload, `seal` one with *pmode*'s test service and action.
    [EBMS3 §5.2.2.8] [PEPPOL-AS4 §2.2]
    """
    _check_nonce(nonce)
    content = build_user_message(as_ping(message, pmode), None, pmode=pmode)
    messaging, body = build_messaging(content, f"msg-{nonce}"), build_body(f"body-{nonce}")
    references = _header_references(messaging, body, nonce, pmode)
    security = build_security(references, signer=signer, suite=pmode.suite, nonce=nonce)
    soap = build_envelope(messaging, security, body)
    return SealedMessage(MEDIA_TYPE, soap, message.message_id, references, 0, 0, b"")


def as_ping(message: OutboundMessage, pmode: PMode = PEPPOL) -> OutboundMessage:
    """Return *message* with the test service and action, which every receiver only receipts."""
    service = Service(pmode.test_service, None)
    return replace(message, service=service, action=pmode.test_action)


def _check_nonce(nonce: str) -> str:
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 16 to 48 letters, digits and hyphens")
    return nonce


def _header_references(
    messaging: str, body: str, nonce: str, pmode: PMode
) -> tuple[Reference, Reference]:
    return (
        element_reference(f"msg-{nonce}", messaging.encode(), pmode.suite),
        element_reference(f"body-{nonce}", body.encode(), pmode.suite),
    )


def _wrap_mime(soap: bytes, content_id: str, nonce: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the attachment.  [RFC2387 §3]"""
    boundary = _boundary(nonce)
    head = (
        f"--{boundary}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{_soap_id(nonce)}>\r\n\r\n"
    ).encode()
    between = (
        f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{content_id}>\r\n\r\n"
    ).encode()
    return b"".join((head, soap, between)), f"\r\n--{boundary}--\r\n".encode()


def _boundary(nonce: str) -> str:
    return f"----=_{nonce}"


def _soap_id(nonce: str) -> str:
    return f"soap-{nonce}@as4"
