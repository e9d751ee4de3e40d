"""Write a business envelope in another way; the document in it stays as it is, byte for byte.

Prefixes, white space and the order of scopes are free in an SBDH.  [SBDH §3] [PEPPOL-BME §4]
"""

from dataclasses import dataclass
from typing import Final

from conformance.awkward.dice import Dice
from conformance.awkward.markup import Style, draw_style, write
from ubl import xml
from ubl.sbdh import NAMESPACE, read_envelope

__all__ = ["Business", "draw_business", "rewrite"]

SCOPES_MAX: Final = 8  # LIMIT: scopes that are put into another order; there are three or four.
_SCOPES: Final = f".//{{{NAMESPACE}}}BusinessScope"


@dataclass(frozen=True, slots=True)
class Business:
    """How a business envelope is written; *order* is that of its scopes."""

    style: Style
    order: tuple[float, ...]


def draw_business(dice: Dice) -> Business:
    """Return how the next business envelope is written."""
    return Business(
        style=draw_style(dice, (NAMESPACE,)),
        order=tuple(dice.random() for _ in range(SCOPES_MAX)),
    )


def rewrite(envelope: bytes, how: Business) -> bytes:
    """Return *envelope* as *how* says, with the same document in it.

    Raises what `ubl.sbdh.read_envelope` raises.
    """
    found = read_envelope(envelope, whole=True)
    assert found.payload_end is not None, "it was read to its end"
    document = envelope[found.payload_offset : found.payload_end]
    root = xml.parse(envelope[: found.payload_offset] + envelope[found.payload_end :])
    for holder in root.iterfind(_SCOPES):
        scopes = list(holder)
        pairs = sorted(zip(how.order, range(len(scopes)), strict=False))
        holder[:] = [scopes[at] for _, at in pairs]
    text = write(root, how.style)
    end = text.rindex("</")
    return text[:end].encode() + document + text[end:].encode()
