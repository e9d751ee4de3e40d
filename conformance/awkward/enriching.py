"""What a header may say besides: properties in any order and number, the default channel named.

The profile names two properties of a message and two of a payload; others may stand beside them,
and nobody has to understand them.  [EBMS3 §5.2.2.9] [AS4 §3.1] [PEPPOL-AS4 §2.2]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from as4.namespaces import EBMS, qname
from as4.pmode import PEPPOL
from conformance.awkward.dice import Dice, often

__all__ = ["Extras", "draw_extras", "enrich"]

_PROPERTY: Final = qname(EBMS, "Property")
_OF_MESSAGES: Final = (
    ("trackingIdentifier", "a/b c&d <e>", ""),
    ("ORIGINALSENDER", "another name than originalSender", "urn:example"),
    ("n\u00b0", "\u20ac 1", "urn:example"),
)
_OF_PARTS: Final = (("CharacterSet", "utf-8", ""), ("CharacterSet", "UTF-8", ""), ("x", "1", ""))


@dataclass(frozen=True, slots=True)
class Extras:
    """What a header says that it need not; *order* is that of the properties."""

    of_message: tuple[tuple[str, str, str], ...]
    of_part: tuple[tuple[str, str, str], ...]
    order: tuple[float, ...]
    names_channel: bool


def draw_extras(dice: Dice) -> Extras:
    """Return what the next header says besides."""
    return Extras(
        of_message=tuple(dice.sample(_OF_MESSAGES, dice.choice((0, 0, 1, 2)))),
        of_part=tuple(dice.sample(_OF_PARTS, dice.choice((0, 0, 1)))),
        order=tuple(dice.random() for _ in range(2 + len(_OF_MESSAGES))),
        names_channel=often(dice, 0.3),
    )


def enrich(root: etree._Element, how: Extras) -> None:
    """Add to the user message in the envelope *root* what *how* says, before it is signed."""
    for message in root.iter(qname(EBMS, "UserMessage")):
        if how.names_channel:
            message.set("mpc", PEPPOL.default_mpc)
    for holder in root.iter(qname(EBMS, "MessageProperties")):
        _add(holder, how.of_message, how.order)
    for holder in root.iter(qname(EBMS, "PartProperties")):
        _add(holder, how.of_part, how.order)


def _add(
    holder: etree._Element,
    properties: Sequence[tuple[str, str, str]],
    order: Sequence[float],
) -> None:
    for name, value, kind in properties:
        added = etree.SubElement(holder, _PROPERTY, {"name": name})
        added.text = value
        if kind:
            added.set("type", kind)
    children = list(holder)
    holder[:] = [children[at] for _, at in sorted(zip(order, range(len(children)), strict=False))]
