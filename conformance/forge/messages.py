"""AS4 messages between two access points: valid by default, with hooks to spoil them.

    forge.sealed(messaging=swap("…", "…"))   # signed like that
    forge.sealed(soap=swap("…", "…"))        # spoiled after it was signed

Nothing is drawn by chance here: identifiers, keys and the instant are fields of the `Forge`, so
that making a message again gives the same message.  [PEPPOL-AS4 §2] [WSS-SWA §5]
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, TypedDict, Unpack

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from as4 import algorithms, pack, usermessage, wssec, xmldsig, xmlenc
from as4.algorithms import ATTACHMENT_CONTENT_SIGNATURE
from as4.certificates import Certificate, KeyPair
from as4.compression import gzip_compress
from as4.envelope import MEDIA_TYPE, build_body, build_envelope, build_messaging
from as4.namespaces import DS
from as4.pmode import PEPPOL
from as4.usermessage import OutboundMessage
from as4.xmldsig import Reference, Transform, element_reference
from conformance.forge.hooks import Hook, hooked
from ubl import sbdh, xml
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId
from ubl.sbdh import Sbdh

__all__ = ["NONCE", "Forge", "Identities", "NoIdentity", "Sealed", "Spoil"]

NONCE = "0123456789abcdef0123456789abcdef"
"""What the ids of every forged message are made of, so that hooks know them."""
CONTENT_KEY = bytes(range(16))
IV = bytes(range(12))
_SOAP = "application/soap+xml"


class NoIdentity(LookupError):  # noqa: N818 - it says what is missing
    """There is no key or certificate of that name."""


class Identities(Protocol):
    """Who may sign, and for whom may be encrypted, by the names that the tables use.

    `sender` is the tester, `receiver` the access point under test, `third` another good one; the
    rest are called by what is wrong with them, as `expired`.
    """

    def key_pair(self, name: str) -> KeyPair:
        """Return key and certificate of *name*; raises NoIdentity."""
        ...

    def certificate(self, name: str) -> Certificate:
        """Return the certificate of *name*; raises NoIdentity."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message on the wire, with what a test wants to know about it."""

    content_type: str
    body: bytes
    message_id: str
    references: tuple[Reference, ...]
    payload: bytes
    attachment_offset: int
    attachment_length: int


class Spoil(TypedDict, total=False):
    """How a message differs from a good one; what is left out stays good.

    *payload* is what is attached (gzip of a business envelope by default), *signer* and
    *recipient* are names of identities.  Before signing: *messaging*, *body*, *references*,
    *signed_info*.  After it: *encryption* (tokens, key and data of the encryption), *security*
    (the whole header), *soap* (the whole envelope), *attachment* (the encrypted bytes),
    *attachment_headers*, *wire* (the whole body).
    """

    payload: bytes | None
    signer: str
    recipient: str
    nonce: str
    content_key: bytes
    messaging: Hook | None
    body: Hook | None
    signed_info: Hook | None
    references: Callable[[Sequence[Reference]], Sequence[Reference]] | None
    encryption: Hook | None
    security: Hook | None
    soap: Hook | None
    attachment: Callable[[bytes], bytes] | None
    attachment_headers: str | None
    wire: Callable[[bytes], bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Makes messages from *sender* (C1) behind *from_party* to *receiver* (C4) behind *to_party*.

    *document* is the business document from its root's first byte to its last; *stranger* is a
    participant that nobody serves.
    """

    identities: Identities
    from_party: str
    to_party: str
    sender: ParticipantId
    receiver: ParticipantId
    stranger: ParticipantId
    document_type: DocumentTypeId
    process: ProcessId
    document: bytes
    now: datetime
    message_id: str
    conversation_id: str
    instance_identifier: str
    country: str = "BE"
    third_party: str = "PBE000003"

    def sbdh(self, **changes: Any) -> Sbdh:
        """Return a business header that fits `user_message()`; *changes* are its fields."""
        header = Sbdh(
            sender=self.sender,
            receiver=self.receiver,
            standard=self.document_type.root_namespace,
            type_version=self.document_type.version,
            instance_identifier=self.instance_identifier,
            type=self.document_type.local_name,
            created_at=self.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            document_type=self.document_type,
            process=self.process,
            country_c1=self.country,
        )
        return replace(header, **changes)

    def envelope(self, document: bytes | None = None, **changes: Any) -> bytes:
        """Return an SBD around *document*; *changes* are fields of its header.  [PEPPOL-BME §4]"""
        prefix, suffix = sbdh.build_envelope(self.sbdh(**changes))
        return prefix + (self.document if document is None else document) + suffix

    def user_message(self, **changes: Any) -> OutboundMessage:
        """Return the header of a message; *changes* are its fields.  [PEPPOL-AS4 §2.2]"""
        message = OutboundMessage(
            message_id=self.message_id,
            conversation_id=self.conversation_id,
            timestamp=self.now - timedelta(seconds=1),
            from_party=self.from_party,
            to_party=self.to_party,
            service=self.process,
            action=self.document_type.uri,
            original_sender=self.sender,
            final_recipient=self.receiver,
        )
        return replace(message, **changes)

    def ping(self, **changes: Any) -> Sealed:
        """Return a signed plain SOAP test message; *changes* are fields of its header."""
        signer = self.identities.key_pair("sender")
        made = pack.ping(self.user_message(**changes), signer=signer, nonce=NONCE)
        return Sealed(made.content_type, made.body, made.message_id, made.references, b"", 0, 0)

    def sealed(self, message: OutboundMessage | None = None, **spoil: Unpack[Spoil]) -> Sealed:
        """Return *message* as `pack.seal` makes it, spoiled as *spoil* says.

        Raises Unspoiled when a hook finds nothing to change, NoIdentity.
        """
        payload = spoil.get("payload")
        payload = gzip_compress(self.envelope()) if payload is None else payload
        message = self.user_message() if message is None else message
        return _Sealing(self.identities, message, payload, spoil).seal()


class _Sealing:
    """One message being made: the steps of `pack.seal`, with a place for a hook after each."""

    def __init__(
        self, identities: Identities, message: OutboundMessage, payload: bytes, spoil: Spoil
    ) -> None:
        self._identities, self._message, self._payload = identities, message, payload
        self._spoil = spoil
        self._nonce = spoil.get("nonce", NONCE)
        self._key = spoil.get("content_key", CONTENT_KEY)
        self._cid = f"cid:att-{self._nonce}@as4"
        self._signer = identities.key_pair(spoil.get("signer", "sender"))
        self.boundary = f"----=_{self._nonce}"

    def seal(self) -> Sealed:
        nonce, spoil = self._nonce, self._spoil
        user_message = usermessage.build_user_message(self._message, self._cid)
        messaging = hooked(spoil.get("messaging"), build_messaging(user_message, f"msg-{nonce}"))
        body = hooked(spoil.get("body"), build_body(f"body-{nonce}"))
        references = self._references(messaging, body)
        soap = build_envelope(messaging, self._security(references), body).decode()
        head, tail = self._mime(hooked(spoil.get("soap"), soap).encode())
        encrypted = xmlenc.encrypt(self._payload, key=self._key, iv=IV)
        change, wire = spoil.get("attachment"), spoil.get("wire")
        encrypted = change(encrypted) if change else encrypted
        whole = head + encrypted + tail
        return Sealed(
            content_type=f'multipart/related; type="{_SOAP}"; boundary="{self.boundary}"',
            body=wire(whole) if wire else whole,
            message_id=self._message.message_id,
            references=tuple(references),
            payload=self._payload,
            attachment_offset=len(head),
            attachment_length=len(encrypted),
        )

    def _references(self, messaging: str, body: str) -> Sequence[Reference]:
        transform = Transform(ATTACHMENT_CONTENT_SIGNATURE)
        digest = sha256(self._payload).digest()
        references: Sequence[Reference] = (
            element_reference(f"msg-{self._nonce}", messaging.encode(), PEPPOL.suite),
            element_reference(f"body-{self._nonce}", body.encode(), PEPPOL.suite),
            Reference(self._cid, (transform,), PEPPOL.suite.digest, digest),
        )
        change = self._spoil.get("references")
        return change(references) if change else references

    def _security(self, references: Sequence[Reference]) -> str:
        suite, nonce = PEPPOL.suite, self._nonce
        to = self._identities.certificate(self._spoil.get("recipient", "receiver"))
        public_key = to.x509.public_key()
        assert isinstance(public_key, RSAPublicKey), "Peppol encrypts for RSA keys"
        wrapped = xmlenc.wrap_key(self._key, public_key)
        key = wssec.build_encrypted_key(to, wrapped, suite=suite, nonce=nonce)
        data = wssec.build_encrypted_data(self._cid, suite=suite, nonce=nonce)
        security = wssec.build_security(
            references,
            signer=self._signer,
            suite=suite,
            nonce=nonce,
            encryption=hooked(self._spoil.get("encryption"), key + data),
        )
        signed_info = self._spoil.get("signed_info")
        if signed_info:
            security = _sign_again(security, signed_info, self._signer)
        return hooked(self._spoil.get("security"), security)

    def _mime(self, soap: bytes) -> tuple[bytes, bytes]:
        """Return what stands before and after the attachment.  [RFC2387 §3]"""
        delimiter, nonce = f"--{self.boundary}", self._nonce
        headers = self._spoil.get("attachment_headers") or (
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{self._cid[4:]}>"
        )
        head = (
            f"{delimiter}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <soap-{nonce}@as4>\r\n\r\n"
        )
        between = f"\r\n{delimiter}\r\n{headers}\r\n\r\n"
        return head.encode() + soap + between.encode(), f"\r\n{delimiter}--\r\n".encode()


def _sign_again(security: str, hook: Hook, signer: KeyPair) -> str:
    """Put the SignedInfo that *hook* makes, and its signature, in place of those of *security*.

    The canonical form is left to lxml, for the hook may write anything.
    """
    start, end = security.index("<ds:SignedInfo>"), security.index("</ds:SignedInfo>") + 16
    changed = hooked(hook, security[start:end])
    element = xml.parse(f'<ds:Signature xmlns:ds="{DS}">{changed}</ds:Signature>'.encode())[0]
    value = algorithms.sign(signer.key, xmldsig.canonicalize(element))
    before, after = "<ds:SignatureValue>", "</ds:SignatureValue>"
    rest = security[security.index(after) :]
    return f"{security[:start]}{changed}{before}{base64.b64encode(value).decode()}{rest}"
