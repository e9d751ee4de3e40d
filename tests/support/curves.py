"""Messages of eDelivery AS4 2.0 for tests: identities on Curve25519, sealing with hooks, reading.

    sealed = seal(signed_info=swap("…", "…"))   # signed like that
    sealed = seal(soap=swap("…", "…"))          # spoiled afterwards
    received = read(sealed)

Hooks are those of `tests.support.messages`; one that changes nothing fails the test.
"""

import base64
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from as4 import pack, xmldsig
from as4.certificates import (
    CURVE_KEYS,
    Anchors,
    Certificate,
    CurvePair,
    Use,
    check_certificate,
    load_certificate,
)
from as4.compression import gzip_compress
from as4.errors import As4Error
from as4.namespaces import DS
from as4.pmode import FOUR_CORNERS, PEPPOL, PMode
from as4.suites import EDELIVERY_2
from as4.unpack import MessageReader, ReceivedMessage
from tests.support.certificates import a_certificate, key_usage, name_of
from tests.support.messages import (
    CONTENT_KEY,
    IV,
    NONCE,
    NOW,
    RANDOM_KEY,
    RECEIVER,
    SENDER,
    Hook,
    a_business_envelope,
    a_user_message,
)
from ubl import xml

PEPPOL_NEXT = replace(PEPPOL, suite=EDELIVERY_2)
"""What Peppol would be, were it to change its algorithms and nothing else."""
SEED = bytes(range(64))
PAYLOAD = gzip_compress(a_business_envelope())
SIGN, AGREE = key_usage("digital_signature"), key_usage("key_agreement")
_DAY = timedelta(days=1)

# Name → kind of key, common name, what else is odd.
_LEAVES = {
    "sender": (Ed25519PrivateKey, SENDER, {}),
    "receiver": (X25519PrivateKey, RECEIVER, {}),
    "answerer": (Ed25519PrivateKey, RECEIVER, {}),
    "third": (Ed25519PrivateKey, "PBE000003", {}),
    "third receiver": (X25519PrivateKey, "PBE000003", {}),
    "expired": (Ed25519PrivateKey, SENDER, {"end": NOW - _DAY, "start": NOW - 2 * _DAY}),
    "not yet valid": (Ed25519PrivateKey, SENDER, {"start": NOW + _DAY, "end": NOW + 2 * _DAY}),
    "foreign": (Ed25519PrivateKey, SENDER, {"signed_with": Ed25519PrivateKey.generate()}),
    "no seat": (Ed25519PrivateKey, "ap.example", {}),
    "agrees": (X25519PrivateKey, SENDER, {}),
    "agrees and may sign": (X25519PrivateKey, SENDER, {"usage": SIGN}),
    "may not sign": (Ed25519PrivateKey, SENDER, {"usage": AGREE}),
    "may not agree": (X25519PrivateKey, RECEIVER, {"usage": SIGN}),
    "signs for the receiver": (Ed25519PrivateKey, RECEIVER, {"usage": AGREE}),
    "authority": (Ed25519PrivateKey, SENDER, {"ca": True}),
}


@cache
def authority_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def certify(public, common_name: str, **odd) -> x509.Certificate:
    """A leaf of the authority "A CA" for the owner of *public*, whatever its kind."""
    usage = AGREE if isinstance(public, X25519PrivateKey) else SIGN
    values = {"signed_with": authority_key("A CA"), "usage": usage, "digest": None, **odd}
    return a_certificate(subject=name_of(common_name), public_key=public, **values)


@cache
def pair(name: str) -> CurvePair:
    """Key and certificate of the leaf *name*."""
    kind, common_name, odd = _LEAVES[name]
    key = kind.generate()
    return CurvePair(key, load(certify(key, common_name, **odd)))


def load(certificate: x509.Certificate) -> Certificate:
    return load_certificate(certificate.public_bytes(Encoding.DER), CURVE_KEYS)


@cache
def anchors() -> Anchors:
    """The root and the authority above the leaves."""
    files = []
    for name, issuer in (("A root", "A root"), ("A CA", "A root")):
        authority = a_certificate(
            subject=name_of(name), issuer=name_of(issuer), public_key=authority_key(name),
            signed_with=authority_key(issuer), digest=None, ca=True,
            usage=key_usage("key_cert_sign", "crl_sign"),
        )  # fmt: skip
        files.append(authority.public_bytes(Encoding.PEM))
    return Anchors.load(*files, kinds=CURVE_KEYS)


def check_signer(der: bytes, now=NOW) -> Certificate:
    return check_certificate(der, anchors=anchors(), now=now, use=Use.SIGN)


def find_key(der: bytes):
    receiver = pair("receiver")
    return receiver.key if der == receiver.certificate.der else None


def seal(
    message=None,
    *,
    signer=None,
    recipient="receiver",
    pmode: PMode = FOUR_CORNERS,
    signed_info: Hook | None = None,
    soap: Hook | None = None,
    attachment=None,
    **changes,
) -> pack.SealedMessage:
    """An invoice from SENDER to RECEIVER, sealed by `pack.seal` unless a hook spoils it."""
    signer = signer or pair("sender")
    sealed = pack.seal(
        a_user_message() if message is None else message,
        PAYLOAD,
        signer=signer,
        recipient=pair(recipient).certificate,
        pmode=pmode,
        **{"content_key": CONTENT_KEY, "iv": IV, "nonce": NONCE, "key_seed": SEED, **changes},
    )
    text = sealed.body[: sealed.attachment_offset].decode()
    if signed_info:
        text = _sign_again(text, signed_info, signer.key)
    text = _hooked(soap, text)
    end = sealed.attachment_offset + sealed.attachment_length
    encrypted = sealed.body[sealed.attachment_offset : end]
    encrypted = _hooked(attachment, encrypted)
    return replace(
        sealed,
        body=text.encode() + encrypted + sealed.body[end:],
        attachment_offset=len(text.encode()),
        attachment_length=len(encrypted),
    )


def read(
    sealed, *, pmode: PMode = FOUR_CORNERS, find=find_key, step=None, now=NOW, check=check_signer
) -> ReceivedMessage:
    """Read *sealed* as a receiver of *pmode* does, in pieces of *step* bytes or in one."""
    reader = MessageReader(sealed.content_type, keep=True, pmode=pmode)
    step = step or len(sealed.body)
    pieces = iter([sealed.body[at : at + step] for at in range(0, len(sealed.body), step)])
    for piece in pieces:
        reader.feed(piece)
        if reader.soap_ready:
            break
    reader.open_envelope(anchors_check=check, now=now)
    reader.open_attachment(find, RANDOM_KEY)
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


def refused_unopened(sealed, **changes) -> As4Error:
    """The error *sealed* is refused with before a key for its attachment was looked for."""

    def find(_der):
        raise AssertionError("a key was looked for before the signature was checked")

    with pytest.raises(As4Error) as caught:
        read(sealed, find=find, **changes)
    assert caught.value.ref_to_message_id == sealed.message_id
    return caught.value


def _hooked(hook, value):
    if hook is None:
        return value
    changed = hook(value)
    assert changed != value, "the hook changed nothing"
    return changed


def _sign_again(text: str, hook: Hook, key) -> str:
    start, end = text.index("<ds:SignedInfo>"), text.index("</ds:SignedInfo>") + 16
    changed = _hooked(hook, text[start:end])
    element = xml.parse(f'<ds:Signature xmlns:ds="{DS}">{changed}</ds:Signature>'.encode())[0]
    value = EDELIVERY_2.sign(key, xmldsig.canonicalize(element))
    rest = text[text.index("</ds:SignatureValue>") :]
    encoded = base64.b64encode(value).decode()
    return f"{text[:start]}{changed}<ds:SignatureValue>{encoded}{rest}"
