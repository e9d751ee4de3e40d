"""Messages that fail in our hands alone, each at another step behind our private key."""

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from as4.xmlenc import wrap_key
from tests.support.messages import CONTENT_KEY, cut, key_pair


def _wrapped(value):
    """A hook that puts *value* in place of the wrapped content key."""
    tag = "xenc:CipherValue>"
    return {"soap": cut(f"<{tag}", f"</{tag}", f"<{tag}{b64encode(value).decode()}</{tag}")}


def _our_key():
    return key_pair("receiver").certificate.public_key


def _flipped(place):
    def change(data):
        changed = bytearray(data)
        changed[place] ^= 1
        return bytes(changed)

    return {"attachment": change}


def _other_digest(references):
    *others, attachment = references
    return [*others, attachment._replace(digest_value=bytes(32))]


_SHA1_MASK = padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA256(), label=None)

UNDECRYPTABLE = {
    "the padding of PKCS #1 1.5": (
        lambda: _wrapped(_our_key().encrypt(CONTENT_KEY, padding.PKCS1v15())),
        "key",
    ),
    "another mask": (lambda: _wrapped(_our_key().encrypt(CONTENT_KEY, _SHA1_MASK)), "key"),
    "a key of 32 bytes": (lambda: _wrapped(wrap_key(CONTENT_KEY * 2, _our_key())), "key"),
    "a key wrapped for another": (
        lambda: _wrapped(wrap_key(CONTENT_KEY, key_pair("third").certificate.public_key)),
        "key",
    ),
    "encrypted for somebody else": (lambda: {"recipient": "third"}, "key"),
    "another key": (lambda: _wrapped(wrap_key(bytes(16), _our_key())), "tag"),
    "an altered content": (lambda: _flipped(40), "tag"),
    "an altered tag": (lambda: _flipped(-1), "tag"),
    "another digest": (lambda: {"references": _other_digest}, "digest"),
    "too short": (lambda: {"attachment": lambda data: data[:27]}, "length"),
}
"""Name → (what spoils a message, the step that fails)."""
