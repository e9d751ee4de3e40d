"""Read a UserMessage from the wire, step by step, and hand out only what was verified.

The reader does no I/O: whoever receives the bytes feeds them, in one piece or as they stream in.

    reader = MessageReader(content_type, keep=True)
    reader.feed(chunk)                      # until reader.soap_ready, or to the end
    reader.open_envelope(...)               # structure, P-Mode, policy, certificate, signature
    reader.open_attachment(...)             # unwrap the content key; nothing is decrypted before
    reader.feed(chunk)                      # the rest, if it streams
    received = reader.close()               # tag and digest hold

The steps check in the order that errors are answered in; each raises an As4Error that names the
message as soon as its MessageId could be read, or Unreadable before there is a message at all.
[PEPPOL-AS4 §2] [WSS §4] [AS4 §3.1]

Whether the message was seen before, and whether its receiver is served, needs a memory: that is
the gateway's business.
"""

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import unquote

from lxml import etree

from as4 import mime, usermessage, wssec, xmlenc
from as4.business import (
    check_addressee,
    check_business_header,
    check_compression,
    check_timestamp,
)
from as4.certificates import Certificate, PrivateKey
from as4.envelope import find_message_id, index_ids, open_envelope, parse_root
from as4.errors import (
    As4Error,
    ExternalPayloadError,
    FailedDecryption,
)
from as4.familiar import Familiars, Reading
from as4.mime import PartBegin, PartData, PartEnd
from as4.pmode import PEPPOL, PMode
from as4.usermessage import UserMessage, UserMessageKind
from as4.xmldsig import Reference
from as4.xmlpayload import is_canonical_digest

__all__ = [
    "MessageReader",
    "ReceivedMessage",
    "SignedEnvelope",
    "check_addressee",
    "check_business_header",
    "check_timestamp",
]

CheckSigner = Callable[[bytes, datetime], Certificate]
"""Judges a certificate (DER) at an instant; raises FailedAuthentication."""

FindKey = Callable[[bytes], PrivateKey | None]
"""Finds our private key for a certificate (DER); None when it is not ours."""


_FAMILIARS = Familiars(UserMessageKind())


class SignedEnvelope(NamedTuple):
    """A header whose signature holds; the attachment is not opened yet.

    *attachment_digest* is the signed SHA-256 of the payload as it was before encryption, None
    for a ping without payload.
    """

    user_message: UserMessage
    signer: Certificate
    references: tuple[Reference, ...]
    attachment_digest: bytes | None


class ReceivedMessage(NamedTuple):
    """A message of which everything that is signed was verified.

    *attachment_offset* and *attachment_length* are the place of the encrypted attachment in the
    body as received; `xmlenc.Redecryptor` opens it again with *content_key* and
    *transfer_encoding*.  *payload* is what was signed (gzip if *compressed*) where it was to be
    kept.  A ping without payload has no digest, no key and no length.
    """

    user_message: UserMessage
    signer: Certificate
    references: tuple[Reference, ...]
    attachment_digest: bytes
    content_key: bytes
    attachment_offset: int
    attachment_length: int
    transfer_encoding: str
    payload: bytes | None
    compressed: bool


class MessageReader:
    """Reads one message; see the module for the order of calls.

    *keep* says whether the decrypted payload is kept in memory; else it is only verified.
    Raises Unreadable 415 or 400 if *content_type* is not that of an AS4 message.
    """

    def __init__(
        self,
        content_type: str,
        *,
        keep: bool,
        pmode: PMode = PEPPOL,
        soap_bytes_max: int = mime.SOAP_BYTES_MAX,
        body_bytes_max: int = mime.TOTAL_BYTES_MAX,
    ) -> None:
        self._body = mime.open_body(
            content_type, soap_bytes_max=soap_bytes_max, total_bytes_max=body_bytes_max
        )
        self._pmode = pmode
        self._attachment = _Attachment(keep=keep)
        self._soap: list[bytes] = []
        self._parts = 0
        self._soap_ready = False
        self._ended = False
        self._envelope: SignedEnvelope | None = None
        self._encrypted_key: wssec.EncryptedKey | None = None
        self._href: str | None = None
        self._message_id: str | None = None
        self._key_failed = False

    @property
    def soap_ready(self) -> bool:
        """Whether the SOAP part is complete, so that `open_envelope` can be called."""
        return self._soap_ready

    def feed(self, chunk: bytes) -> None:
        """Take *chunk* of the body.  Raises Unreadable, and As4Error behind the SOAP part."""
        try:
            self._take(self._body.feed(chunk))
        except As4Error as error:
            error.about(self._message_id)
            raise

    def open_envelope(self, *, anchors_check: CheckSigner, now: datetime) -> SignedEnvelope:
        """Check the SOAP part down to the digests of its signed elements, and return it.

        *anchors_check* judges the signer's certificate at *now*.  With a body that has no
        attachment, everything must have been fed.
        Raises Unreadable, or the As4Error of the first check that fails.
        """
        if not self._soap_ready:
            self._end_body()
        soap = b"".join(self._soap)
        reading = _FAMILIARS.read(soap, self._pmode)
        if reading is not None:
            return self._check_reading(reading, anchors_check, now)
        root = parse_root(soap)
        try:
            envelope = self._check_envelope(root, anchors_check, now)
        except As4Error as error:
            error.about(find_message_id(root))
            raise
        _FAMILIARS.learn(soap, self._pmode)
        return envelope

    def open_attachment(self, find_key: FindKey, random_key: bytes) -> None:
        """Unwrap the content key with the private key that *find_key* has for the recipient.

        Never fails: with a wrong key, *random_key* (fresh, 16 bytes) takes its place, and the
        attachment then fails like a tampered one.  [XMLENC §6.1]
        """
        assert self._envelope is not None, "open_envelope() comes first"
        if self._encrypted_key is None:
            return
        private_key = find_key(self._encrypted_key.recipient)
        content_key = random_key
        if private_key is not None:
            method = self._pmode.suite.content_key
            content_key = method.unwrap(self._encrypted_key, private_key, random_key=random_key)
        self._key_failed = content_key is random_key
        self._attachment.open(content_key)

    def close(self) -> ReceivedMessage:
        """Return the message once all of it has been fed and holds.

        Raises ExternalPayloadError if the parts are not those announced, FailedDecryption for
        everything that depends on the key, DecompressionFailure for an unknown CompressionType.
        """
        assert self._envelope is not None, "open_envelope() comes first"
        try:
            self._end_body()
            return self._finish(self._envelope)
        except FailedDecryption as error:
            error.step = "key" if self._key_failed else error.step
            error.about(self._message_id)
            raise
        except As4Error as error:
            error.about(self._message_id)
            raise

    def _take(self, events: Sequence[mime.Event]) -> None:
        for event in events:
            if isinstance(event, PartData):
                if self._parts == 1:
                    self._soap.append(event.data)
                else:
                    self._attachment.feed(event.data)
            elif isinstance(event, PartBegin):
                self._begin_part(event)
            elif self._parts == 1:
                self._soap_ready = True
            else:
                self._attachment.end(event)

    def _begin_part(self, part: PartBegin) -> None:
        self._parts += 1
        if self._parts == 2:
            self._attachment.begin(part)
        if self._envelope is not None:
            self._check_parts()

    def _end_body(self) -> None:
        if not self._ended:
            self._take(self._body.close())
            self._ended = True

    def _check_reading(
        self, reading: Reading[UserMessage], anchors_check: CheckSigner, now: datetime
    ) -> SignedEnvelope:
        """Check what `_check_envelope` does, of an envelope whose structure is known to hold."""
        message = reading.content
        self._message_id = message.message_id
        try:
            usermessage.check_processing_mode(message, self._pmode)
            self._check_payload(message)
            signer = anchors_check(reading.signer, now)
            wssec.check_signer(signer, message.from_party)
            reading.verify(signer.public_key)
        except As4Error as error:
            error.about(self._message_id)
            raise
        self._encrypted_key = reading.encrypted_key
        digest = reading.attachment_digest
        self._envelope = SignedEnvelope(message, signer, reading.references, digest)
        return self._envelope

    def _check_envelope(
        self, root: etree._Element, anchors_check: CheckSigner, now: datetime
    ) -> SignedEnvelope:
        suite = self._pmode.suite
        envelope = open_envelope(root)
        message = usermessage.parse_user_message(envelope.messaging, self._pmode)
        self._message_id = message.message_id
        usermessage.check_processing_mode(message, self._pmode)
        usermessage.check_payload_info(message)
        if envelope.body.find("*") is not None or (envelope.body.text or "").strip():
            raise ExternalPayloadError("the SOAP Body is not empty")
        self._check_payload(message)
        ids = index_ids(root)
        security = wssec.parse_security(envelope, ids, suite, href=self._href)
        digest = wssec.check_coverage(security.signature, envelope, ids, href=self._href)
        signer = anchors_check(security.signer, now)
        wssec.check_signer(signer, message.from_party)
        wssec.verify_signature(security.signature, ids, signer.public_key)
        self._encrypted_key = security.encrypted_key
        self._envelope = SignedEnvelope(message, signer, security.signature.references, digest)
        return self._envelope

    def _check_payload(self, message: UserMessage) -> None:
        """Check that what the header announces is what the body holds, as far as it came."""
        usermessage.check_payload_info(message)
        self._href = message.href
        self._check_parts()
        # Raises what is wrong with the parts behind the SOAP part, if they came already.
        if not self._ended:
            self._take(self._body.feed(b""))

    def _check_parts(self) -> None:
        expected = 1 if self._href is None else 2
        if self._parts > expected or (self._ended and self._parts != expected):
            found = f"{self._parts - 1} attachments"
            raise ExternalPayloadError(f"the message has {found}, the header names {expected - 1}")
        if self._parts == 2 and self._href is not None:
            self._attachment.check_name(self._href)

    def _finish(self, envelope: SignedEnvelope) -> ReceivedMessage:
        self._check_parts()
        payload: bytes | None = None
        if envelope.attachment_digest is not None:
            packed = envelope.user_message.compressed
            payload = self._attachment.close(envelope.attachment_digest, packed=packed)
            check_compression(envelope.user_message, self._pmode)
        part = self._attachment
        return ReceivedMessage(
            user_message=envelope.user_message,
            signer=envelope.signer,
            references=envelope.references,
            attachment_digest=envelope.attachment_digest or b"",
            content_key=part.content_key,
            attachment_offset=part.offset,
            attachment_length=part.length,
            transfer_encoding=part.transfer_encoding,
            payload=payload,
            compressed=envelope.user_message.compressed,
        )


class _Attachment:
    """The encrypted part: held back until its key is there, then decrypted and digested.

    A part that is complete before its key is there is decrypted at once, when it is closed.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._held: list[bytes] = []
        self._plain: list[bytes] = []
        self._digest = sha256()
        self._decryptor: xmlenc.Decryptor | None = None
        self._content_id: str | None = None
        self._complete = False
        self.content_key = b""
        self.offset = 0
        self.length = 0
        self.transfer_encoding = "binary"

    def begin(self, part: PartBegin) -> None:
        self._content_id = part.headers.content_id
        self.offset = part.offset
        self.transfer_encoding = part.headers.transfer_encoding

    def check_name(self, href: str) -> None:
        """Check that the part is called what the header calls it.  [RFC2392]

        INTEROP(any): a name that is percent-encoded in the part's own header is taken, too.
        """
        if self._content_id is None:
            raise ExternalPayloadError("the attachment has no Content-ID")
        name = f"cid:{self._content_id}"
        if unquote(href) != name and not wssec.is_same_cid(name, href):
            raise ExternalPayloadError(f"the attachment is not the {href[:200]!r} of the header")

    def feed(self, data: bytes) -> None:
        if self._decryptor is None:
            self._held.append(data)
        else:
            self._absorb(self._decryptor.feed(data))

    def end(self, part: PartEnd) -> None:
        self.length = part.length
        self._complete = True

    def open(self, content_key: bytes) -> None:
        self.content_key = content_key
        if self._complete:
            return
        self._decryptor = xmlenc.Decryptor(key=content_key)
        for data in self._held:
            self._absorb(self._decryptor.feed(data))
        self._held.clear()

    def close(self, expected: bytes, *, packed: bool) -> bytes | None:
        """Return the plaintext, if it was kept, once its tag and digest hold.

        XML that is not *packed* may be signed in canonical form: for that it must be kept.
        """
        assert self.content_key, "open_attachment() comes first"
        if self._decryptor is None:
            self._decrypt_whole(b"".join(self._held))
        else:
            self._decryptor.close()
        plain = b"".join(self._plain) if self._keep else None
        if not hmac.compare_digest(self._digest.digest(), expected) and (
            packed or plain is None or not is_canonical_digest(plain, expected)
        ):
            raise FailedDecryption(step="digest")
        return plain

    def _decrypt_whole(self, data: bytes) -> None:
        """Decrypt the complete part; a wrong tag takes the time of a wrong digest."""
        try:
            plain = xmlenc.decrypt(data, key=self.content_key)
        except FailedDecryption:
            self._digest.update(memoryview(data)[: max(len(data) - xmlenc.OVERHEAD_BYTES, 0)])
            raise
        self._absorb(plain)

    def _absorb(self, plain: bytes) -> None:
        self._digest.update(plain)
        if self._keep:
            self._plain.append(plain)
