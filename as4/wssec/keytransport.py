"""Key transport: the content key travels under RSA-OAEP with SHA-256.  [XMLENC §5.5.2]"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from lxml import etree

from as4 import xmlenc
from as4.algorithms import MGF1_SHA256, RSA_OAEP, SHA256, EncryptedKey, KeyParts
from as4.certificates import PrivateKey
from as4.contentmodel import Exact, Shape
from as4.errors import PolicyNoncompliance
from as4.namespaces import DS, XENC, XENC11, qname
from as4.wssec.tokens import (
    CIPHER_DATA,
    CIPHER_VALUE,
    DATA_REFERENCE,
    KEY_INFO,
    METHOD,
    REFERENCE_LIST,
    STR,
    TOKEN_REFERENCE,
    expect_algorithm,
    expect_method,
    find_reference,
    read_cipher,
    split_key,
)

_DIGEST_METHOD = qname(DS, "DigestMethod")
_MGF = qname(XENC11, "MGF")

# What it always is; the models say what is wrong with any other.
_SHAPE = Shape(
    (qname(XENC, "EncryptedKey"), 4), (METHOD, 2), (_DIGEST_METHOD, 0), (_MGF, 0),
    (KEY_INFO, 1), (STR, 1), (TOKEN_REFERENCE, 0), (CIPHER_DATA, 1), (CIPHER_VALUE, 0),
    (REFERENCE_LIST, 1), (DATA_REFERENCE, 0),
)  # fmt: skip
_OAEP_MODEL = Exact(_DIGEST_METHOD, _MGF, error=PolicyNoncompliance)


class RsaOaep:
    """The `KeyMethod` of the first suite; the padding draws its own random bytes."""

    seed_bytes = 0

    def find_parts(self, key: etree._Element) -> KeyParts:
        """Read the EncryptedKey *key*; raises PolicyNoncompliance for any other method."""
        usual = _SHAPE.match(key)
        if usual is not None:
            _, method, digest, mask, _, _, reference, _, value, _, listed = usual
            expect_method(method, RSA_OAEP)
            parts = KeyParts(reference, value, listed, ())
        else:
            method, key_info, cipher, lists = split_key(key)
            expect_method(method, RSA_OAEP)
            # Without DigestMethod and MGF, SHA-1 would be meant: both must be there.
            digest, mask = _OAEP_MODEL.read(method)
            value, data = read_cipher(cipher, lists)
            parts = KeyParts(find_reference(key_info), value, data, ())
        expect_algorithm(digest, SHA256)
        expect_algorithm(mask, MGF1_SHA256)
        return parts

    def check(self, parameters: tuple[bytes, ...]) -> None:
        """Do nothing: there are no parameters."""

    def describe(self, token_reference: str, _parameters: tuple[bytes, ...]) -> str:
        """Return EncryptionMethod and KeyInfo of an EncryptedKey."""
        return (
            f'<xenc:EncryptionMethod Algorithm="{RSA_OAEP}">'
            f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="{SHA256}"/>'
            f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{MGF1_SHA256}"/>'
            f'</xenc:EncryptionMethod><ds:KeyInfo xmlns:ds="{DS}">{token_reference}</ds:KeyInfo>'
        )

    def wrap(
        self, content_key: bytes, recipient: object, seed: bytes
    ) -> tuple[bytes, tuple[bytes, ...]]:
        """Return *content_key* for the owner of *recipient*; there are no parameters, no *seed*."""
        if seed:
            raise ValueError("this key method takes no seed")
        return xmlenc.wrap_key(content_key, recipient), ()

    def unwrap(self, key: EncryptedKey, private_key: PrivateKey, *, random_key: bytes) -> bytes:
        """Return the content key in *key*, or *random_key* when it cannot be opened."""
        if isinstance(private_key, (Ed25519PrivateKey, X25519PrivateKey)):
            return random_key  # the message names a certificate of ours that opens nothing
        return xmlenc.unwrap_key(key.wrapped, private_key, random_key=random_key)
