"""Whether two documents say the same.

Nobody is obliged to keep the bytes of a business document: who writes its XML anew keeps what a
signature over it covers, and that is its canonical form.  [EXC-C14N §2]
"""

from typing import Final

from ubl.errors import UblError
from ubl.xml import canonicalize, parse_document

__all__ = ["is_same"]

DOCUMENT_BYTES_MAX: Final = 128 << 20  # LIMIT: of a document that is compared as XML.


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether *one* and *other* are the same, as bytes or as XML; what is no XML is not."""
    return one == other or _canonical(one) == _canonical(other) is not None


def _canonical(document: bytes) -> bytes | None:
    try:
        return canonicalize(parse_document(document, bytes_max=DOCUMENT_BYTES_MAX))
    except UblError:
        return None
