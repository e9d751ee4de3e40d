"""The awkward peer as a sender: messages that are right, each written in another way.

The result is a `SealedMessage` as the library makes them, so that whoever posts those can post
these; `variation` says how its body is to travel.  [PEPPOL-AS4 §2] [WSS-SWA §5]
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from as4 import usermessage, wssec, xmlenc
from as4.algorithms import ATTACHMENT_CONTENT_SIGNATURE
from as4.certificates import Certificate, KeyPair
from as4.envelope import build_body, build_envelope, build_messaging
from as4.pack import SealedMessage
from as4.pmode import PEPPOL
from as4.usermessage import OutboundMessage
from as4.xmldsig import Reference, Transform, element_reference
from conformance.awkward.business import rewrite
from conformance.awkward.dressing import dress
from conformance.awkward.packaging import pack
from conformance.awkward.variation import Variation
from conformance.awkward.zipping import gzip_member
from conformance.suite.tools import Tools

__all__ = ["Awkward", "seal"]

_PLAIN = "plain-until-dressed"
_HREF = "cid:plain-until-dressed"


@dataclass(frozen=True, slots=True)
class Awkward:
    """A message and how it is written; *payload* is what was attached, before encryption."""

    message: SealedMessage
    variation: Variation
    payload: bytes


def seal(
    message: OutboundMessage,
    envelope: bytes,
    how: Variation,
    *,
    signer: KeyPair,
    recipient: Certificate,
    tools: Tools,
) -> Awkward:
    """Return *message* around the business envelope *envelope*, written as *how* says.

    The message gets an id of its own; keys and whatever must be fresh come from *tools*.
    """
    fresh = tools.new_id()
    message = replace(message, message_id=how.names.message_id.format(fresh=fresh))
    payload = gzip_member(rewrite(envelope, how.business), how.zipping)
    content_key, iv = tools.random(xmlenc.KEY_BYTES), tools.random(xmlenc.IV_BYTES)
    plain = _plain(message, payload, content_key, signer=signer, recipient=recipient)
    content_id = how.names.content_id.format(fresh=fresh)
    url = how.names.content_url(content_id)
    dressed = dress(
        plain,
        how.dress,
        how.names,
        key=signer,
        fresh=fresh,
        content_url=url,
        extras=how.extras,
    )
    encrypted = xmlenc.encrypt(payload, key=content_key, iv=iv)
    soap_id = how.names.soap_id.format(fresh=fresh)
    packed = pack(how.packaging, dressed.soap, soap_id, encrypted, content_id)
    sealed = SealedMessage(
        content_type=packed.content_type,
        body=packed.body,
        message_id=message.message_id,
        references=dressed.references,
        attachment_offset=packed.offset,
        attachment_length=packed.length,
        content_key=content_key,
    )
    return Awkward(sealed, how, payload)


def _plain(
    message: OutboundMessage,
    payload: bytes,
    content_key: bytes,
    *,
    signer: KeyPair,
    recipient: Certificate,
) -> bytes:
    """Return the envelope of *message* as the library writes it."""
    suite = PEPPOL.suite
    messaging = build_messaging(usermessage.build_user_message(message, _HREF), f"msg-{_PLAIN}")
    body = build_body(f"body-{_PLAIN}")
    attachment = Transform(ATTACHMENT_CONTENT_SIGNATURE)
    references = (
        element_reference(f"msg-{_PLAIN}", messaging.encode(), suite),
        element_reference(f"body-{_PLAIN}", body.encode(), suite),
        Reference(_HREF, (attachment,), suite.digest, sha256(payload).digest()),
    )
    wrapped = suite.content_key.wrap(content_key, recipient.public_key, b"")
    key = wssec.build_encrypted_key(recipient, *wrapped, suite=suite, nonce=_PLAIN)
    data = wssec.build_encrypted_data(_HREF, suite=suite, nonce=_PLAIN)
    security = wssec.build_security(
        references, signer=signer, suite=suite, nonce=_PLAIN, encryption=key + data
    )
    return build_envelope(messaging, security, body)
