"""The wsse:Security header: who signed what, and how the attachment's key travels.

`parse_security` reads the one header for us and refuses whatever the profile does not use;
`check_coverage` ties the signature to the very elements that are used later; `verify_signature`
then proves it.  Elements are found by reference, whatever their order.
`build_security`, `build_encrypted_key` and `build_encrypted_data` write the same header.
[WSS §4] [WSS-X509 §3] [WSS-SWA §5] [PEPPOL-AS4 §2]

Opening the attachment with the key is the business of `as4.xmlenc` and `as4.unpack`.
"""

from as4.algorithms import EncryptedKey
from as4.wssec.reader import (
    SecurityHeader,
    is_same_cid,
    parse_security,
    parse_signature,
)
from as4.wssec.verification import check_coverage, check_signer, verify_signature
from as4.wssec.writer import build_encrypted_data, build_encrypted_key, build_security

__all__ = [
    "EncryptedKey",
    "SecurityHeader",
    "build_encrypted_data",
    "build_encrypted_key",
    "build_security",
    "check_coverage",
    "check_signer",
    "is_same_cid",
    "parse_security",
    "parse_signature",
    "verify_signature",
]
