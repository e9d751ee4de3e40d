"""Where something stands in a document, as an XPath for people.

The prefixes are the usual ones of UBL: ``ubl:`` for the root's namespace, ``cac:`` and ``cbc:``;
other names are written out, as ``Q{namespace}name``.  [UBL]
"""

from collections import Counter
from typing import Final

from lxml import etree

__all__ = ["Places", "name_of", "path_of"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_PREFIXES: Final = {
    f"{_UBL}CommonAggregateComponents-2": "cac:",
    f"{_UBL}CommonBasicComponents-2": "cbc:",
    f"{_UBL}Invoice-2": "ubl:",
    f"{_UBL}CreditNote-2": "ubl:",
    f"{_UBL}ApplicationResponse-2": "ubl:",
}


def path_of(element: etree._Element) -> str:
    """Return the path of *element*, with a number where there are several of its name."""
    return Places().path_of(element)


class Places:
    """The paths of many elements of a document that does not change meanwhile.

    The elements within one are counted once, however many of them are asked for.
    """

    def __init__(self) -> None:
        self._paths: dict[etree._Element, str] = {}

    def path_of(self, element: etree._Element) -> str:
        """Return the path of *element*, as the function of that name does."""
        parent = element.getparent()
        if parent is None:
            return f"/{_name(element)}"
        if element not in self._paths:
            self._write_within(parent, self.path_of(parent))
        return self._paths[element]

    def _write_within(self, parent: etree._Element, path: str) -> None:
        total, met = Counter(child.tag for child in parent), Counter[object]()
        for child in parent:
            met[child.tag] += 1
            number = f"[{met[child.tag]}]" if total[child.tag] > 1 else ""
            self._paths[child] = f"{path}/{_name(child)}{number}"


def name_of(name: str) -> str:
    """Return the ``{namespace}local`` *name* of an element or an attribute as it is written."""
    if not name.startswith("{"):
        return name
    namespace, _, local = name[1:].partition("}")
    prefix = _PREFIXES.get(namespace)
    return f"Q{{{namespace}}}{local}" if prefix is None else prefix + local


def _name(element: etree._Element) -> str:
    tag: object = element.tag
    if tag is etree.Comment:
        return "comment()"
    if tag is etree.ProcessingInstruction:
        return "processing-instruction()"
    return name_of(str(tag))
