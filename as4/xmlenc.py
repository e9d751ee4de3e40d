"""Attachment encryption of the Peppol profile: AES-128-GCM under an RSA-OAEP wrapped key.

An encrypted attachment is `IV (12 bytes) ‖ ciphertext ‖ tag (16 bytes)`, without additional
authenticated data.  [XMLENC §5.2.4] [PEPPOL-AS4 §2]
The XML that names algorithms and keys is written and read by `as4.wssec`.

Plaintext that an incremental decryptor hands out is *not authenticated* until its `close` has
returned: nothing of it may be parsed, kept as good or acknowledged before.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256

from as4.errors import FailedDecryption
from as4.mimeheaders import BadHeader, open_decoder

KEY_BYTES = 16
IV_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = IV_BYTES + TAG_BYTES

_OPENS_NOTHING = 2
"""A ciphertext below every modulus; that it holds a key is as likely as guessing one."""


def encrypt(data: bytes, *, key: bytes, iv: bytes) -> bytes:
    """Return *data* as an encrypted attachment under *key* (16 bytes) and *iv* (12 bytes).

    The same *iv* must never serve twice under one *key*.
    """
    _check_lengths(key, iv)
    return iv + AESGCM(key).encrypt(iv, data, None)


def decrypt(data: bytes, *, key: bytes) -> bytes:
    """Return the content of an encrypted attachment; raises FailedDecryption."""
    if len(data) < OVERHEAD_BYTES:
        raise FailedDecryption(step="length")
    view = memoryview(data)
    try:
        return AESGCM(key).decrypt(view[:IV_BYTES], view[IV_BYTES:], None)
    except InvalidTag as exc:
        raise FailedDecryption(step="tag") from exc


class Encryptor:
    """Encrypts a stream into the layout of an encrypted attachment."""

    def __init__(self, *, key: bytes, iv: bytes) -> None:
        _check_lengths(key, iv)
        self._cipher = Cipher(AES(key), GCM(iv)).encryptor()
        self._prefix = iv

    def feed(self, chunk: bytes) -> bytes:
        """Return the encrypted bytes that *chunk* adds; the first call puts the IV before."""
        encrypted = self._prefix + self._cipher.update(chunk)
        self._prefix = b""
        return encrypted

    def close(self) -> bytes:
        """Return the last bytes: the tag, after the IV when nothing was fed."""
        self._cipher.finalize()
        return self._prefix + self._cipher.tag


class Decryptor:
    """Decrypts a streamed attachment; see the module's warning about unverified plaintext."""

    def __init__(self, *, key: bytes) -> None:
        self._algorithm = AES(key)
        self._cipher: AEADDecryptionContext | None = None
        # The IV first, then always the last 16 bytes, which may be the tag.
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the unverified plaintext that *chunk* completes."""
        data = self._held + chunk
        if self._cipher is None:
            if len(data) < OVERHEAD_BYTES:
                self._held = data
                return b""
            self._cipher = Cipher(self._algorithm, GCM(data[:IV_BYTES])).decryptor()
            data = data[IV_BYTES:]
        self._held = data[-TAG_BYTES:]
        return self._cipher.update(memoryview(data)[:-TAG_BYTES])

    def close(self) -> None:
        """Check the tag; raises FailedDecryption, and then all plaintext must be dropped."""
        if self._cipher is None:
            raise FailedDecryption(step="length")
        try:
            self._cipher.finalize_with_tag(self._held)
        except InvalidTag as exc:
            raise FailedDecryption(step="tag") from exc


class Redecryptor:
    """Opens an attachment again from its stored wire bytes and its content key.

    Undoes the transfer encoding, then decrypts; feeds and warnings as for Decryptor.
    """

    def __init__(self, *, key: bytes, transfer_encoding: str) -> None:
        self._decoder = open_decoder(transfer_encoding)
        self._decryptor = Decryptor(key=key)

    def feed(self, chunk: bytes) -> bytes:
        """Return the unverified plaintext that *chunk* completes; raises FailedDecryption."""
        if self._decoder is not None:
            try:
                chunk = self._decoder.feed(chunk)
            except BadHeader as exc:
                raise FailedDecryption(step="encoding") from exc
        return self._decryptor.feed(chunk)

    def close(self) -> None:
        """Check that the attachment ends where it should; raises FailedDecryption."""
        if self._decoder is not None:
            try:
                self._decoder.close()
            except BadHeader as exc:
                raise FailedDecryption(step="encoding") from exc
        self._decryptor.close()


def wrap_key(content_key: bytes, recipient: object) -> bytes:
    """Return *content_key* encrypted for *recipient*: RSA-OAEP, SHA-256.  [XMLENC §5.5.2]

    Raises TypeError if the public key *recipient* is not RSA.
    """
    if not isinstance(recipient, RSAPublicKey):
        raise TypeError(f"rsa-oaep needs an RSA key, not {type(recipient).__name__}")
    return recipient.encrypt(content_key, _oaep())


def unwrap_key(wrapped: bytes, private_key: RSAPrivateKey, *, random_key: bytes) -> bytes:
    """Return the content key in *wrapped*, or *random_key* when it cannot be opened.

    A peer must not learn whether the padding was right, so there is no error here: the random
    key leads to the failure that a wrong tag gives, on the same path.  [XMLENC §6.1]
    *random_key* is 16 bytes drawn by the caller for this one call.
    """
    size = (private_key.key_size + 7) // 8
    modulus = private_key.public_key().public_numbers().n
    if len(wrapped) != size or int.from_bytes(wrapped) >= modulus:
        # OpenSSL refuses this without using the key, and sooner: the answer would tell of the
        # modulus, or that a key stands in for one we do not have.
        wrapped = _OPENS_NOTHING.to_bytes(size)
    try:
        content_key = private_key.decrypt(wrapped, _oaep())
    except ValueError:
        content_key = b""
    return content_key if len(content_key) == KEY_BYTES else random_key


def _oaep() -> OAEP:
    return OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def _check_lengths(key: bytes, iv: bytes) -> None:
    """Refuse what the profile has no use for; a caller's mistake."""
    if len(key) != KEY_BYTES or len(iv) != IV_BYTES:
        raise ValueError(f"key of {len(key)} and IV of {len(iv)} bytes instead of 16 and 12")
