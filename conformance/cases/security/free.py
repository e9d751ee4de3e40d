"""Rows of the forge that no specification forbids a target to take.

A strict reader refuses them, and does well: each is one more way to be read in two ways.  Who takes
one must read all of it, which its receipt proves; that it was taken is remarked.
"""

from typing import Final

from conformance.forge import replay, wrapping

__all__ = ["FREE"]

_DOUBLED: Final = frozenset(name for name in wrapping.DOUBLED if ", as u:Id of " not in name)
"""Of all names for an id, wsu:Id alone is unique by its specification.  [WSS §4.2]"""

FREE: Final[dict[str, frozenset[str]]] = {
    "structure.xml": frozenset(
        {
            # What a media type says of a part's encoding or start is advice.  [RFC2387 §3.2]
            "SOAP in UTF-16",
            "a start that is not first",
            # Nobody says how much is too much.
            "one part's header of 20 KB",
            "a SOAP part over its bound",
        }
    ),
    # Receivers should refuse instructions, and need not.  [SOAP12 §5]
    "structure.header": frozenset({"an instruction inside a value"}),
    # What is attached is one encrypted part, whatever its type is called.  [WSS-SWA §5]
    "structure.parts": frozenset({"parts inside a part"}),
    # One signature that covers all is enough, and it may cover more.  [XMLDSIG §3.2]
    "policy": frozenset({"two signatures", "one reference too many"}),
    "downgrade.coverage": frozenset(
        {
            "a signature over all, and Messaging again alone",
            "a signature over all, and the attachment again alone",
        }
    ),
    # A comment does not end a value.  [XML §2.5]
    "envelope": frozenset({"a comment inside a participant"}),
    "wrapping.comments": frozenset(wrapping.COMMENTED),
    # How long duplicates are remembered is the receiver's choice.  [AS4 §3.2]
    "replay.aged": frozenset(replay.AGED),
    "wrapping.doubled-ids": _DOUBLED,
    # What Security holds beside what is used may be passed over.  [WSS §5]
    "wrapping.second": frozenset({"something included"}),
    # Nobody says how much is too much.
    "bulk.markup": frozenset(
        {
            "30,000 namespaces",
            "25,000 namespaces at the envelope",
            "60,000 attributes",
            "200,000 elements",
            "100,000 comments",
            "100,000 instructions",
            "5,000 signed properties",
            "a name of 900 KB",
            "a text of 900 KB",
        }
    ),
    # A preamble is passed over, however long; of two boundaries nobody says which counts.
    "bulk.parts": frozenset({"a preamble of 20 KB", "a boundary twice", "a boundary of blanks"}),
}
"""By the name of the case, without `security.`."""
