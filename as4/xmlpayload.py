"""The signed digest of a payload that travels as XML, without gzip.

The signature transform for attachments canonicalises content of an XML media type before it is
digested; a gzip payload is taken as it is.  Peers that send XML uncompressed differ: some sign the
canonical form, as the profile of WS-Security says, others the bytes.  [WSS-SWA §5.4] [EXC-C14N §3]
"""

import hmac
from hashlib import sha256

from ubl.errors import MalformedXml
from ubl.xml import canonicalize, parse

# LIMIT: bytes of XML that are read into a tree for their digest; whoever sends more compresses it.
CANONICAL_BYTES_MAX = 2 << 20


def is_canonical_digest(payload: bytes, expected: bytes) -> bool:
    """Return whether *expected* is the SHA-256 of the exclusive canonical form of *payload*.

    *payload* was decrypted and its tag holds. What is no XML, or too large for a tree, has none.
    """
    # INTEROP(WSS4J 4.0): it signs the canonical form of application/xml.
    try:
        root = parse(payload, bytes_max=CANONICAL_BYTES_MAX)
    except MalformedXml:
        return False
    return hmac.compare_digest(sha256(canonicalize(root)).digest(), expected)
