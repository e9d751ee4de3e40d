"""A peer cannot learn from our answers, or our haste, how far our private key came.

Haste is counted, not timed: every failure makes the same calls of the same primitives.
"""

import os
import sys

import pytest

from as4 import xmlenc
from as4.errors import FailedDecryption
from as4.unpack import MessageReader
from gateway.trust import KeyRing
from tests.support.messages import NOW, RANDOM_KEY, a_sealed_message, check_signer, key_pair
from tests.support.oracles import UNDECRYPTABLE

PAYLOAD = os.urandom(900_000)


class CountingKey:
    """A private key that counts how often it is used."""

    def __init__(self, key):
        self.key, self.used = key, 0
        self.key_size, self.public_key = key.key_size, key.public_key

    def decrypt(self, *arguments):
        self.used += 1
        return self.key.decrypt(*arguments)


def opened(sealed, find, *, step=None, watch=None):
    """Open *sealed* as the endpoint does, *watch* profiling what follows; return its failure."""
    reader = MessageReader(sealed.content_type, keep=step is None)
    first = sealed.attachment_offset if step else len(sealed.body)
    reader.feed(sealed.body[:first])
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    sys.setprofile(watch)
    try:
        reader.open_attachment(find, RANDOM_KEY)
        for start in range(first, len(sealed.body), step or 1):
            reader.feed(sealed.body[start : start + step])
        reader.close()
    except FailedDecryption as failure:
        return failure
    finally:
        sys.setprofile(None)
    raise AssertionError("it opened")


def work_of(sealed, find, step):
    """Return every call of a primitive that opening *sealed* makes, but for a hash's last block."""
    calls = []

    def watch(_frame, event, function):
        if event != "c_call":
            return
        owner = type(getattr(function, "__self__", None))
        if owner.__module__.startswith(("cryptography", "_hashlib", "builtins._rust")):
            calls.append(f"{owner.__qualname__}.{function.__name__}")

    opened(sealed, find, step=step, watch=watch)
    return tuple(call for call in calls if call != "HASH.digest")


@pytest.fixture(scope="module")
def ring():
    return KeyRing(key_pair("receiver"))


@pytest.mark.parametrize("name", UNDECRYPTABLE)
@pytest.mark.parametrize("step", [None, 1000])
def test_the_log_may_know_what_failed_and_the_peer_may_not(ring, name, step):
    spoil, step_failed = UNDECRYPTABLE[name]
    failure = opened(a_sealed_message(**spoil()), ring.opening_key, step=step)
    assert failure.step == step_failed
    assert (failure.detail, failure.error_detail) == (FailedDecryption().detail, None)


@pytest.mark.parametrize("name", UNDECRYPTABLE)
def test_a_private_key_is_used_once_whatever_fails(ring, name):
    keys = []

    def find(certificate):
        keys.append(CountingKey(ring.opening_key(certificate)))
        return keys[-1]

    opened(a_sealed_message(**UNDECRYPTABLE[name][0]()), find)
    assert [key.used for key in keys] == [1]


@pytest.mark.parametrize("step", [None, 1 << 16])
def test_every_failure_costs_the_same_work(ring, step):
    names = [name for name in UNDECRYPTABLE if name != "too short"]
    sealed = {name: a_sealed_message(payload=PAYLOAD, **UNDECRYPTABLE[name][0]()) for name in names}
    work = {name: work_of(message, ring.opening_key, step) for name, message in sealed.items()}
    assert set(work.values()) == {work["another digest"]}
    assert work["another digest"].count("RSAPrivateKey.decrypt") == 1


def test_the_tag_is_checked_over_all_of_the_attachment():
    sealed = xmlenc.encrypt(PAYLOAD, key=RANDOM_KEY, iv=bytes(12))
    for place in (12, len(sealed) // 2, len(sealed) - 17, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(FailedDecryption):
            xmlenc.decrypt(bytes(changed), key=RANDOM_KEY)
