"""The suites of algorithms, one constant each.

[PEPPOL-AS4 §2] [EDELIVERY-AS4 §3] [EDELIVERY-AS4-2 §3]
"""

from as4.algorithms import (
    AES128_GCM,
    ED25519,
    EXCLUSIVE_C14N,
    RSA_SHA256,
    SHA256,
    AlgorithmSuite,
    is_ed25519_signature,
    is_signature,
    sign,
    sign_ed25519,
)
from as4.certificates import CURVE_KEYS, RSA_KEYS
from as4.wssec.keyagreement import X25519Agreement
from as4.wssec.keytransport import RsaOaep

EDELIVERY_1 = AlgorithmSuite(
    name="edelivery-1-rsa",
    canonicalization=EXCLUSIVE_C14N,
    digest=SHA256,
    signature=RSA_SHA256,
    data_encryption=AES128_GCM,
    sign=sign,
    is_signature=is_signature,
    content_key=RsaOaep(),
    kinds=RSA_KEYS,
)
"""The suite of the Peppol AS4 profile 2.0, which is that of the eDelivery AS4 profile 1.x."""

EDELIVERY_2 = AlgorithmSuite(
    name="edelivery-2-curve25519",
    canonicalization=EXCLUSIVE_C14N,
    digest=SHA256,
    signature=ED25519,
    data_encryption=AES128_GCM,
    sign=sign_ed25519,
    is_signature=is_ed25519_signature,
    content_key=X25519Agreement(),
    kinds=CURVE_KEYS,
)
"""The suite of the common usage profile of eDelivery AS4 2.0; Peppol does not use it yet."""

SUITES = (EDELIVERY_1, EDELIVERY_2)
"""All of them, for those who explain a message whatever it was made for."""
