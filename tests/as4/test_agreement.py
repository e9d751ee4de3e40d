"""The content key under X25519, HKDF and AES key wrap; whatever is wrong with it looks alike."""

import sys
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.agreement import SEED_BYTES, Originator, unwrap_key, wrap_key
from as4.algorithms import EncryptedKey
from as4.errors import FailedDecryption
from as4.pmode import FOUR_CORNERS
from as4.unpack import MessageReader
from as4.wssec.keyagreement import X25519Agreement
from tests.support.curves import NOW, RANDOM_KEY, SEED, check_signer, find_key, pair, seal
from tests.support.messages import CONTENT_KEY, cut, key_pair

OURS = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
THEIRS = X25519PrivateKey.from_private_bytes(SEED[:32])
START = bytes.fromhex("302a300506032b656e032100")
# Points that lead to zero, whoever's key they meet: canonical or not, with the high bit or not.
LOW_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "00" * 31 + "80",
    "01" + "00" * 30 + "80",
    "ec" + "ff" * 31,
    "ed" + "ff" * 31,
    "ee" + "ff" * 31,
]


def kek(secret, salt=SEED[32:], info=None, digest=None, length=16):
    return HKDF(digest or SHA256(), length, salt, info).derive(secret)


def shared():
    return THEIRS.exchange(OURS.public_key())


def origin(**changed):
    point = THEIRS.public_key().public_bytes_raw()
    return Originator(**{"key": START + point, "salt": SEED[32:], "info": b"", **changed})


def unwrap(wrapped, originator=None, key=OURS):
    return unwrap_key(wrapped, key, originator or origin(), random_key=RANDOM_KEY)


def test_a_wrapped_key_comes_back():
    """Agreed, derived, and wrapped.  [RFC7748 §6.1] [RFC5869 §2] [RFC3394 §2.2]"""
    wrapped, originator = wrap_key(CONTENT_KEY, OURS.public_key(), SEED)
    assert originator == origin()
    assert wrapped == aes_key_wrap(kek(shared()), CONTENT_KEY)
    assert unwrap(wrapped, originator) == CONTENT_KEY


@settings(max_examples=60, deadline=None)
@given(
    key=st.binary(min_size=16, max_size=16),
    seed=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES),
    ours=st.binary(min_size=32, max_size=32),
)
def test_any_key_comes_back(key, seed, ours):
    private = X25519PrivateKey.from_private_bytes(ours)
    wrapped, originator = wrap_key(key, private.public_key(), seed)
    assert unwrap(wrapped, originator, private) == key


@pytest.mark.parametrize("salt", [b"", b"s", bytes(1024)])
@pytest.mark.parametrize("info", [b"", b"context"])
def test_salt_and_info_are_the_senders_choice(salt, info):
    """[RFC5869 §2]"""
    wrapped = aes_key_wrap(kek(shared(), salt or None, info or None), CONTENT_KEY)
    assert unwrap(wrapped, origin(salt=salt, info=info)) == CONTENT_KEY


def flipped(data, place=0):
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


GOOD = aes_key_wrap(kek(shared()), CONTENT_KEY)
BAD = {
    "a flipped bit": (GOOD, {}, flipped),
    "nothing": (b"", {}, None),
    "too little": (GOOD[:23], {}, None),
    "too much": (GOOD + b"x", {}, None),
    "a key of 32 bytes": (aes_key_wrap(kek(shared()), CONTENT_KEY * 2), {}, None),
    "a key of 24 bytes": (aes_key_wrap(kek(shared()), bytes(24)), {}, None),
    "another salt": (GOOD, {"salt": b"another"}, None),
    "no salt": (GOOD, {"salt": b""}, None),
    "an info": (GOOD, {"info": b"info"}, None),
    "HKDF over SHA-1": (aes_key_wrap(kek(shared(), digest=SHA1()), CONTENT_KEY), {}, None),
    "no derivation": (aes_key_wrap(shared()[:16], CONTENT_KEY), {}, None),
    "a longer key, cut": (
        aes_key_wrap(kek(shared(), length=32)[16:], CONTENT_KEY),
        {},
        None,
    ),
    "a bare point": (GOOD, {"key": THEIRS.public_key().public_bytes_raw()}, None),
    "an empty point": (GOOD, {"key": START}, None),
    "nothing at all": (GOOD, {"key": b""}, None),
    "a long point": (GOOD, {"key": origin().key + b"x"}, None),
    "a start twice": (GOOD, {"key": START + origin().key}, None),
    "a point of Ed25519": (GOOD, {"key": origin().key.replace(b"\x65\x6e", b"\x65\x70")}, None),
    "a point of X448": (GOOD, {"key": origin().key.replace(b"\x65\x6e", b"\x65\x6f")}, None),
    "another point": (GOOD, {"key": START + OURS.public_key().public_bytes_raw()}, None),
}


@pytest.mark.parametrize("name", BAD)
def test_a_key_that_cannot_be_unwrapped_is_replaced_and_not_reported(name):
    """A point that is not written as X25519 writes it, too.  [XMLENC §6.1] [RFC8410 §4]"""
    wrapped, changed, change = BAD[name]
    wrapped = change(wrapped) if change else wrapped
    assert unwrap(wrapped, origin(**changed)) == RANDOM_KEY


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_secret_that_everybody_knows_opens_nothing(point):
    """An all-zero secret.  [RFC7748 §6.1]"""
    wrapped = aes_key_wrap(kek(bytes(32)), CONTENT_KEY)
    assert unwrap(wrapped, origin(key=START + bytes.fromhex(point))) == RANDOM_KEY


@pytest.mark.parametrize("point", LOW_ORDER)
def test_nothing_is_sealed_for_a_point_of_low_order(point):
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(point))
    with pytest.raises(ValueError, match="shared key"):
        wrap_key(CONTENT_KEY, public, SEED)


def test_a_content_key_of_another_length_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="instead of 64 and 16"):
        wrap_key(CONTENT_KEY * 2, OURS.public_key(), SEED)


@pytest.mark.parametrize("key", [pair("answerer").key, key_pair("receiver").key])
def test_a_key_of_ours_of_another_kind_opens_nothing(key):
    wrapped = EncryptedKey(b"", GOOD, origin())
    assert X25519Agreement().unwrap(wrapped, key, random_key=RANDOM_KEY) == RANDOM_KEY


# From outside: one answer, one path, one amount of work.


def message(wrapped=None, key=None, **changes):
    """A message of which the wrapped key or the ephemeral one is replaced."""
    hooks = []
    if wrapped is not None:
        tag = "xenc:CipherValue>"
        hooks.append(cut(f"<{tag}", f"</{tag}", f"<{tag}{b64encode(wrapped).decode()}</{tag}"))
    if key is not None:
        start, end = 'xmldsig11#">', "</dsig11:DER"
        hooks.append(cut(start, end, f"{start}{b64encode(key).decode()}{end}"))

    def soap(text):
        for hook in hooks:
            text = hook(text)
        return text

    return seal(soap=soap if hooks else None, **changes)


def wrapped_for_receiver(content_key=CONTENT_KEY):
    return wrap_key(content_key, pair("receiver").certificate.public_key, SEED)[0]


FAILURES = {
    "a flipped wrap": lambda: message(wrapped=flipped(wrapped_for_receiver())),
    "a short wrap": lambda: message(wrapped=b"short"),
    "a long wrap": lambda: message(wrapped=aes_key_wrap(bytes(16), bytes(32))),
    "a point of low order": lambda: message(key=START + bytes(32)),
    "a point that is none": lambda: message(key=b"x" * 44),
    "another point": lambda: message(key=START + OURS.public_key().public_bytes_raw()),
    "another key": lambda: message(wrapped=wrapped_for_receiver(bytes(16))),
    "an altered content": lambda: seal(attachment=lambda data: flipped(data, 40)),
    "an altered tag": lambda: seal(attachment=lambda data: flipped(data, -1)),
}


def opened(sealed, watch=None):
    """Open *sealed*, *watch* profiling what happens behind the signature; return its failure."""
    reader = MessageReader(sealed.content_type, keep=True, pmode=FOUR_CORNERS)
    reader.feed(sealed.body)
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    sys.setprofile(watch)
    try:
        reader.open_attachment(find_key, RANDOM_KEY)
        reader.close()
    except FailedDecryption as failure:
        return failure
    finally:
        sys.setprofile(None)
    raise AssertionError("it opened")


def work_of(sealed):
    """Return every call of a primitive that opening *sealed* makes, but for a hash's last block."""
    calls = []

    def watch(_frame, event, function):
        if event != "c_call":
            return
        owner = type(getattr(function, "__self__", None))
        known = owner.__module__.startswith(("cryptography", "_hashlib", "builtins._rust"))
        if known or function is aes_key_unwrap:
            calls.append(f"{owner.__qualname__}.{function.__name__}")

    opened(sealed, watch)
    return tuple(call for call in calls if call != "HASH.digest")


@pytest.mark.parametrize("name", FAILURES)
def test_whatever_fails_behind_our_key_has_one_answer(name):
    failure = opened(FAILURES[name]())
    assert (failure.code, failure.detail, failure.error_detail) == (
        "EBMS:0102",
        FailedDecryption().detail,
        None,
    )


def test_every_failure_costs_the_same_work():
    work = {name: work_of(build()) for name, build in FAILURES.items()}
    assert len(set(work.values())) == 1, work
    (calls,) = set(work.values())
    assert sum("exchange" in call for call in calls) == 1
    assert sum("aes_key_unwrap" in call for call in calls) == 1
