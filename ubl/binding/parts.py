"""What a binding is made of: leaves that hold values, and elements that hold other elements.

Names of elements are written with the usual prefixes of UBL, ``cac:`` and ``cbc:``; parts stand in
the order of the schema.  [UBL]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from ubl.binding.forms import TEXT, Form

__all__ = [
    "ADVICE",
    "NAMESPACES",
    "Fixed",
    "Group",
    "Leaf",
    "Located",
    "Need",
    "Part",
    "Wrapper",
    "expand",
]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMESPACES: Final[Mapping[str, str]] = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
}

# Where a schema may be found is advice to whoever reads, not content.
ADVICE: Final = frozenset(
    f"{{http://www.w3.org/2001/XMLSchema-instance}}{name}"
    for name in ("schemaLocation", "noNamespaceSchemaLocation")
)

Values = dict[str, Any]


class Need(Enum):
    """What follows when a part is missing."""

    NONE = "nothing follows"
    SCHEMA = "the document cannot be read: the schema asks for it, too"
    MODEL = "the element around it is not held: the schema would do without"


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element with a value, which goes to *name*; *attributes* go to fields of their own.

    A *lifted* value belongs to the document, though the element stands deeper.
    """

    tag: str
    name: str
    form: Form = TEXT
    attributes: Mapping[str, str] = field(default_factory=dict)
    many: bool = False
    need: Need = Need.NONE
    lifted: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """An element whose value is always the first of *texts*; others mean the same.

    If it is *decisive* and has another value, or none, the element around it is not held.
    """

    tag: str
    texts: tuple[str, ...]
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class Wrapper:
    """An element that is not in the model: what is inside belongs to what is around.

    With *each*, it has one part of which there can be many, and stands around each of them.
    """

    tag: str
    parts: "tuple[Part, ...]"
    each: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An element that is a value of *type*, which goes to *name*.

    Where element and type differ in structure, *assemble* turns what was read into the fields of
    the type, and *take_apart* the type into what is written.
    """

    tag: str
    name: str
    type: Callable[..., Any]
    parts: "tuple[Part, ...]"
    many: bool = False
    need: Need = Need.NONE
    assemble: "Callable[[Values, Callable[..., None]], None] | None" = None
    take_apart: "Callable[[Any], Values] | None" = None


Part = Leaf | Fixed | Wrapper | Group


class Located(dict[str, Any]):
    """Values of an element that *assemble* sorts out; *element* is where they came from."""

    __slots__ = ("element",)
    element: Any


def expand(tag: str) -> str:
    """Return the name of an element as lxml has it: ``{namespace}local``."""
    prefix, _, local = tag.rpartition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}" if prefix in NAMESPACES else tag
