"""Key agreement: the content key travels wrapped under a key that X25519 and HKDF agree on.

    EncryptedKey
    ├── EncryptionMethod             AES key wrap
    ├── KeyInfo / AgreementMethod    X25519
    │   ├── KeyDerivationMethod      HKDF: PRF, Salt, Info, KeyLength
    │   ├── OriginatorKeyInfo        the ephemeral public key
    │   └── RecipientKeyInfo         the recipient's certificate, as anywhere
    └── CipherData

[XMLENC §5.6] [RFC9231 §2.7] [RFC9231 §2.8.1] [EDELIVERY-AS4-2 §3]
"""

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from lxml import etree

from as4 import agreement
from as4.agreement import Originator
from as4.algorithms import AES128_KEY_WRAP, HKDF, HMAC_SHA256, X25519, EncryptedKey, KeyParts
from as4.certificates import PrivateKey
from as4.contentmodel import Exact, Model, leaf_bytes, leaf_text, local_name
from as4.errors import PolicyNoncompliance
from as4.namespaces import DS, DSIG11, MORE21, XENC, XENC11, qname
from as4.wssec.tokens import expect_algorithm, expect_method, find_reference, read_cipher, split_key
from as4.xmlenc import KEY_BYTES

# LIMIT: bytes of the ephemeral key, the salt and the info; peers send 44, 16 to 32, and none.
FIELD_BYTES_MAX = 1024

_E = PolicyNoncompliance
_AGREEMENT = qname(XENC, "AgreementMethod")
_DERIVATION = qname(XENC11, "KeyDerivationMethod")
_PARAMETERS = qname(MORE21, "HKDFParams")
_KEY_INFO_MODEL = Exact(_AGREEMENT, error=_E)
_AGREEMENT_MODEL = Exact(
    _DERIVATION, qname(XENC, "OriginatorKeyInfo"), qname(XENC, "RecipientKeyInfo"), error=_E
)
_DERIVATION_MODEL = Exact(_PARAMETERS, error=_E)
_PARAMETERS_MODEL = Model(
    (qname(MORE21, "PRF"), 1, 1), (qname(MORE21, "Salt"), 0, 1), (qname(MORE21, "Info"), 0, 1),
    (qname(MORE21, "KeyLength"), 1, 1), error=_E,
)  # fmt: skip
_ORIGINATOR_MODEL = Exact(qname(DSIG11, "DEREncodedKeyValue"), error=_E)


class X25519Agreement:
    """The `KeyMethod` of the second suite; its parameters are the fields of an `Originator`."""

    seed_bytes = agreement.SEED_BYTES

    def find_parts(self, key: etree._Element) -> KeyParts:
        """Read the EncryptedKey *key*; raises PolicyNoncompliance for any other method."""
        method, key_info, cipher, lists = split_key(key)
        expect_method(method, AES128_KEY_WRAP)
        expect_algorithm(method, AES128_KEY_WRAP)
        (agreed,) = _KEY_INFO_MODEL.read(key_info)
        derivation, originator, recipient = _AGREEMENT_MODEL.read(agreed)
        _expect_holder(agreed, X25519)
        _expect_holder(derivation, HKDF)
        salt, info = _read_parameters(_DERIVATION_MODEL.read(derivation)[0])
        (encoded,) = _ORIGINATOR_MODEL.read(originator)
        value, data = read_cipher(cipher, lists)
        parameters = Originator(leaf_bytes(encoded, _E), salt, info)
        self.check(parameters)
        return KeyParts(find_reference(recipient), value, data, parameters)

    def check(self, parameters: tuple[bytes, ...]) -> None:
        """Raise PolicyNoncompliance for a key, salt or info that is too long."""
        if max(map(len, parameters)) > FIELD_BYTES_MAX:
            raise PolicyNoncompliance(f"a value has more than {FIELD_BYTES_MAX} bytes")

    def describe(self, token_reference: str, parameters: tuple[bytes, ...]) -> str:
        """Return EncryptionMethod and KeyInfo of an EncryptedKey."""
        key, salt, info = parameters
        fields = _build_field("Salt", salt) + _build_field("Info", info)
        return (
            f'<xenc:EncryptionMethod Algorithm="{AES128_KEY_WRAP}"/>'
            f'<ds:KeyInfo xmlns:ds="{DS}"><xenc:AgreementMethod Algorithm="{X25519}">'
            f'<xenc11:KeyDerivationMethod xmlns:xenc11="{XENC11}" Algorithm="{HKDF}">'
            f'<more:HKDFParams xmlns:more="{MORE21}"><more:PRF Algorithm="{HMAC_SHA256}"/>{fields}'
            f"<more:KeyLength>{KEY_BYTES}</more:KeyLength></more:HKDFParams>"
            "</xenc11:KeyDerivationMethod><xenc:OriginatorKeyInfo>"
            f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{DSIG11}">{b64encode(key).decode()}'
            "</dsig11:DEREncodedKeyValue></xenc:OriginatorKeyInfo>"
            f"<xenc:RecipientKeyInfo>{token_reference}</xenc:RecipientKeyInfo>"
            "</xenc:AgreementMethod></ds:KeyInfo>"
        )

    def wrap(
        self, content_key: bytes, recipient: object, seed: bytes
    ) -> tuple[bytes, tuple[bytes, ...]]:
        """Return *content_key* for the owner of *recipient*, and the parameters."""
        return agreement.wrap_key(content_key, recipient, seed)

    def unwrap(self, key: EncryptedKey, private_key: PrivateKey, *, random_key: bytes) -> bytes:
        """Return the content key in *key*, or *random_key* when it cannot be opened."""
        if not isinstance(private_key, X25519PrivateKey):
            return random_key  # the message names a certificate of ours that opens nothing
        originator = Originator(*key.parameters)
        return agreement.unwrap_key(key.wrapped, private_key, originator, random_key=random_key)


def _read_parameters(parameters: etree._Element) -> tuple[bytes, bytes]:
    """Return salt and info of HKDF; each may be left out, the length of the key may not."""
    (prf,), salts, infos, (length,) = _PARAMETERS_MODEL.read(parameters)
    expect_algorithm(prf, HMAC_SHA256)
    if leaf_text(length, _E) != str(KEY_BYTES):
        raise PolicyNoncompliance(f"the KeyLength of HKDF is not {KEY_BYTES}")
    salt, info = (leaf_bytes(found[0], _E) if found else b"" for found in (salts, infos))
    return salt, info


def _expect_holder(element: etree._Element, algorithm: str) -> None:
    """Refuse an algorithm other than *algorithm* at *element*, whose children are read apart."""
    if element.get("Algorithm") != algorithm:
        name = f"{local_name(element)} {element.get('Algorithm')}"
        raise PolicyNoncompliance(f"{name} is refused")


def _build_field(name: str, value: bytes) -> str:
    return f"<more:{name}>{b64encode(value).decode()}</more:{name}>" if value else ""
