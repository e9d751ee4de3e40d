"""The Peppol public key infrastructure as an access point sees it.  [PEPPOL-PKI] [RFC5280]

Certificates read once into a value, pinned authorities, what a leaf may be used for, revocation
lists and responders' answers, and our own key with its certificate.
Nothing here fetches or remembers anything: *now* and every byte are arguments.
"""

from as4.certificates.anchors import Anchors, Use, check_certificate, check_leaf
from as4.certificates.certificate import Certificate, load_certificate
from as4.certificates.keypair import (
    CurvePair,
    KeyPair,
    Signer,
    load_curve_key,
    load_curve_pair,
    load_key,
    load_key_pair,
)
from as4.certificates.kinds import CURVE_KEYS, RSA_KEYS, KeyKinds, PrivateKey, PublicKey
from as4.certificates.ocsp import (
    OcspAnswer,
    build_ocsp_request,
    ocsp_revocation_of,
    parse_ocsp,
)
from as4.certificates.revocation import Crl, Revocation, parse_crl, revocation_of
from as4.errors import FailedAuthentication, UnusableMaterial

__all__ = [
    "CURVE_KEYS",
    "RSA_KEYS",
    "Anchors",
    "Certificate",
    "Crl",
    "CurvePair",
    "FailedAuthentication",
    "KeyKinds",
    "KeyPair",
    "OcspAnswer",
    "PrivateKey",
    "PublicKey",
    "Revocation",
    "Signer",
    "UnusableMaterial",
    "Use",
    "build_ocsp_request",
    "check_certificate",
    "check_leaf",
    "load_certificate",
    "load_curve_key",
    "load_curve_pair",
    "load_key",
    "load_key_pair",
    "ocsp_revocation_of",
    "parse_crl",
    "parse_ocsp",
    "revocation_of",
]
