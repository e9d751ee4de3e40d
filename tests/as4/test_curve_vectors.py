"""Keys and signatures of Curve25519, as the standards themselves write them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from as4.algorithms import is_ed25519_signature, sign_ed25519
from as4.certificates import UnusableMaterial, load_curve_key

SIGNED = {
    "nothing": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "one byte": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
}
"""The first two examples of RFC 8032, section 7.1: key, message, R and S of the signature."""

KEY = b"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
PUBLIC_KEY = b"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
"""The example of RFC 8410, section 10: a private key, and its public one."""


def pem(text):
    return b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % text


@pytest.mark.parametrize(("key", "data", "r", "s"), SIGNED.values(), ids=SIGNED)
def test_a_signature_is_that_of_the_standard(key, data, r, s):
    """[RFC8032 §5.1.6] [RFC8032 §5.1.7]"""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    data, signature = bytes.fromhex(data), bytes.fromhex(r + s)
    assert sign_ed25519(private, data) == signature
    assert is_ed25519_signature(private.public_key(), signature, data)
    assert not is_ed25519_signature(private.public_key(), signature, data + b"!")


def test_a_private_key_is_read_as_the_standard_writes_it():
    """An octet string in an octet string; the public key follows.  [RFC8410 §7]"""
    key, certificate = load_curve_key(pem(KEY))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (base64.b64encode(public), certificate) == (PUBLIC_KEY, None)


def test_a_private_key_with_parameters_is_refused():
    """The algorithm has no parameters, not even NULL.  [RFC8410 §3]"""
    der = base64.b64decode(KEY)
    spoiled = b"\x30\x30" + der[2:5] + b"\x30\x07" + der[7:12] + b"\x05\x00" + der[12:]
    with pytest.raises(UnusableMaterial):
        load_curve_key(pem(base64.b64encode(spoiled)))
