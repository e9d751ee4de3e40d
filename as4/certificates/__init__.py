"""The Peppol public key infrastructure as an access point sees it.  [PEPPOL-PKI] [RFC5280]

Certificates read once into a value, pinned authorities, what a leaf may be used for, revocation
lists, and our own key with its certificate.
Nothing here fetches or remembers anything: *now* and every byte are arguments.
"""

from as4.certificates.anchors import Anchors, Use, check_certificate, check_leaf
from as4.certificates.certificate import Certificate, load_certificate
from as4.certificates.keypair import KeyPair, load_key, load_key_pair
from as4.certificates.revocation import Crl, Revocation, parse_crl, revocation_of
from as4.errors import FailedAuthentication, UnusableMaterial

__all__ = [
    "Anchors",
    "Certificate",
    "Crl",
    "FailedAuthentication",
    "KeyPair",
    "Revocation",
    "UnusableMaterial",
    "Use",
    "check_certificate",
    "check_leaf",
    "load_certificate",
    "load_key",
    "load_key_pair",
    "parse_crl",
    "revocation_of",
]
