"""Attachments sealed and opened, in one piece or as a stream; no oracle for the private key."""

import base64
import hashlib
import json
import random
import re
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from as4 import xmlenc
from as4.compression import inflate
from as4.errors import FailedDecryption
from as4.mime import PartData, open_body
from as4.xmlenc import (
    Decryptor,
    Encryptor,
    Redecryptor,
    decrypt,
    encrypt,
    unwrap_key,
    wrap_key,
)

KEY = bytes(range(16))
IV = bytes(range(100, 112))
CONTENT = random.Random(1).randbytes(5000)
RANDOM_KEY = b"r" * 16


@cache
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def cut(data, step):
    return [data[start : start + step] for start in range(0, len(data), step)]


def encrypt_stream(content, step):
    encryptor = Encryptor(key=KEY, iv=IV)
    return b"".join([*map(encryptor.feed, cut(content, step)), encryptor.close()])


def decrypt_stream(sealed, step, opener=None):
    decryptor = opener or Decryptor(key=KEY)
    content = b"".join(map(decryptor.feed, cut(sealed, step)))
    decryptor.close()
    return content


@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_the_layout_is_iv_ciphertext_and_tag(content):
    """[XMLENC §5.2.4]"""
    sealed = encrypt(content, key=KEY, iv=IV)
    assert sealed[:12] == IV
    assert len(sealed) == len(content) + xmlenc.OVERHEAD_BYTES
    assert AESGCM(KEY).decrypt(IV, sealed[12:], None) == content
    assert decrypt(sealed, key=KEY) == content


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400), step=st.integers(1, 450))
def test_any_cut_of_a_stream_equals_the_one_shot(content, step):
    sealed = encrypt(content, key=KEY, iv=IV)
    assert encrypt_stream(content, step) == sealed
    assert decrypt_stream(sealed, step) == content


@pytest.mark.parametrize("place", [0, 11, 12, 100, -17, -16, -1])
@pytest.mark.parametrize("step", [1, 64, 10_000])
def test_one_flipped_bit_fails_the_tag(place, step):
    sealed = bytearray(encrypt(CONTENT, key=KEY, iv=IV))
    sealed[place] ^= 1
    with pytest.raises(FailedDecryption):
        decrypt(bytes(sealed), key=KEY)
    with pytest.raises(FailedDecryption):
        decrypt_stream(bytes(sealed), step)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27, 28, 100])
def test_a_truncated_attachment_fails(length):
    sealed = encrypt(CONTENT, key=KEY, iv=IV)[:length]
    with pytest.raises(FailedDecryption):
        decrypt(sealed, key=KEY)
    with pytest.raises(FailedDecryption):
        decrypt_stream(sealed, 7)


def test_another_key_fails():
    sealed = encrypt(CONTENT, key=KEY, iv=IV)
    with pytest.raises(FailedDecryption):
        decrypt(sealed, key=RANDOM_KEY)
    with pytest.raises(FailedDecryption):
        decrypt_stream(sealed, 1000, Decryptor(key=RANDOM_KEY))


def test_the_tag_is_never_taken_for_content():
    decryptor = Decryptor(key=KEY)
    sealed = encrypt(CONTENT, key=KEY, iv=IV)
    assert decryptor.feed(sealed) == CONTENT
    decryptor = Decryptor(key=KEY)
    assert decryptor.feed(sealed[:-1]) == CONTENT[:-1]


@pytest.mark.parametrize(("key", "iv"), [(b"k" * 32, IV), (KEY, b"i" * 16), (b"", IV)])
def test_keys_and_ivs_of_other_lengths_are_a_mistake_of_ours(key, iv):
    with pytest.raises(ValueError, match="instead of 16 and 12"):
        encrypt(b"", key=key, iv=iv)
    with pytest.raises(ValueError, match="instead of 16 and 12"):
        Encryptor(key=key, iv=iv)


# The key's journey.


def test_a_wrapped_key_comes_back():
    """RSA-OAEP with SHA-256.  [XMLENC §5.5.2]"""
    wrapped = wrap_key(KEY, private_key().public_key())
    assert unwrap_key(wrapped, private_key(), random_key=RANDOM_KEY) == KEY


def wrap_otherwise(content_key, *, mgf=SHA256, digest=SHA256, label=None):
    oaep = padding.OAEP(mgf=padding.MGF1(mgf()), algorithm=digest(), label=label)
    return private_key().public_key().encrypt(content_key, oaep)


BAD_KEYS = {
    "SHA-1 for the mask": lambda: wrap_otherwise(KEY, mgf=SHA1),
    "SHA-1 for the digest": lambda: wrap_otherwise(KEY, digest=SHA1),
    "a label": lambda: wrap_otherwise(KEY, label=b"label"),
    "the padding of PKCS #1 1.5": lambda: (
        private_key().public_key().encrypt(KEY, padding.PKCS1v15())
    ),
    "a key of 32 bytes": lambda: wrap_otherwise(KEY * 2),
    "an empty key": lambda: wrap_otherwise(b""),
    "a flipped bit": lambda: flip(wrap_otherwise(KEY)),
    "nothing": lambda: b"",
    "too little": lambda: b"x" * 255,
    "too much": lambda: b"x" * 257,
    "a number above the modulus": lambda: b"\xff" * 256,
}


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_cannot_be_unwrapped_is_replaced_and_not_reported(name):
    """Nobody learns whether the padding was right.  [XMLENC §6.1]"""
    assert unwrap_key(BAD_KEYS[name](), private_key(), random_key=RANDOM_KEY) == RANDOM_KEY


def test_a_bad_key_and_a_bad_tag_fail_with_one_text():
    sealed = encrypt(CONTENT, key=KEY, iv=IV)
    wrong_key = unwrap_key(flip(wrap_otherwise(KEY)), private_key(), random_key=RANDOM_KEY)
    with pytest.raises(FailedDecryption) as bad_key:
        decrypt(sealed, key=wrong_key)
    with pytest.raises(FailedDecryption) as bad_tag:
        decrypt(flip(sealed), key=KEY)
    with pytest.raises(FailedDecryption) as too_short:
        decrypt(b"", key=KEY)
    assert str(bad_key.value) == str(bad_tag.value) == str(too_short.value)


class WatchedKey:
    """A private key that keeps what it was asked to decrypt."""

    def __init__(self):
        self.key_size, self.public_key = private_key().key_size, private_key().public_key
        self.seen = []

    def decrypt(self, wrapped, scheme):
        self.seen.append(wrapped)
        return private_key().decrypt(wrapped, scheme)


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_private_key_works_once_and_fully_on_whatever_comes(name):
    key = WatchedKey()
    unwrap_key(BAD_KEYS[name](), key, random_key=RANDOM_KEY)
    (wrapped,) = key.seen
    modulus = private_key().public_key().public_numbers().n
    # OpenSSL refuses any other at once.
    assert len(wrapped) == 256
    assert 1 < int.from_bytes(wrapped) < modulus


def test_a_ciphertext_written_with_the_modulus_added_is_refused():
    modulus = private_key().public_key().public_numbers().n
    number = modulus
    while number + modulus >= 1 << 2048:
        number = int.from_bytes(wrap_key(KEY, private_key().public_key()))
    again = (number + modulus).to_bytes(256)
    assert unwrap_key(again, private_key(), random_key=RANDOM_KEY) == RANDOM_KEY


@pytest.mark.parametrize(("encoding", "wrap"), [("binary", bytes), ("base64", base64.encodebytes)])
@pytest.mark.parametrize("step", [1, 57, 100_000])
def test_a_stored_attachment_opens_again(encoding, wrap, step):
    stored = wrap(encrypt(CONTENT, key=KEY, iv=IV))
    opener = Redecryptor(key=KEY, transfer_encoding=encoding)
    assert decrypt_stream(stored, step, opener) == CONTENT


@pytest.mark.parametrize(
    ("encoding", "stored"),
    [
        ("binary", flip(encrypt(CONTENT, key=KEY, iv=IV))),
        ("base64", b"$$$$"),
        ("base64", base64.b64encode(encrypt(CONTENT, key=KEY, iv=IV)) + b"Y"),
        ("base64", b""),
    ],
)
def test_a_damaged_archive_shows(encoding, stored):
    with pytest.raises(FailedDecryption):
        decrypt_stream(stored, 100, Redecryptor(key=KEY, transfer_encoding=encoding))


# What another implementation sealed.


@pytest.mark.captured
def test_captured_messages_of_another_implementation_open(test_data):
    folder = test_data / "phase4-captured"
    receiver = load_pem_private_key((folder / "pki" / "PBE000002.key.pem").read_bytes(), None)
    opened = 0
    for entry in json.loads((folder / "index.json").read_text())["files"]:
        found = entry.get("found", {})
        if found.get("decrypts") is not True or "edelivery2" in entry["file"]:
            continue
        key, sealed = captured_seal((folder / entry["file"]).read_bytes(), receiver)
        content = decrypt(sealed, key=key)
        assert decrypt_stream(sealed, 1000, Decryptor(key=key)) == content
        assert hashlib.sha256(inflate(content)).hexdigest() == found["payload_sha256"]
        opened += 1
    assert opened == 16


@pytest.mark.captured
def test_a_captured_message_with_a_changed_byte_does_not_open(test_data):
    folder = test_data / "phase4-captured"
    receiver = load_pem_private_key((folder / "pki" / "PBE000002.key.pem").read_bytes(), None)
    request = (folder / "messages" / "tampered.request.http").read_bytes()
    key, sealed = captured_seal(request, receiver)
    with pytest.raises(FailedDecryption):
        decrypt(sealed, key=key)


def captured_seal(request, private_key):
    """Return the content key and the encrypted attachment in *request*."""
    head, _, body = request.partition(b"\r\n\r\n")
    content_type = re.search(r"(?im)^content-type: *(.*)\r?$", head.decode())[1]
    events = open_body(content_type).feed(body)
    soap, sealed = [event.data for event in events if isinstance(event, PartData)]
    wrapped = base64.b64decode(re.search(rb"CipherValue>([^<]+)<", soap)[1])
    return unwrap_key(wrapped, private_key, random_key=RANDOM_KEY), sealed
