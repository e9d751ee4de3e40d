"""The part of a schema that usual documents need: it is compiled in a fiftieth of the time.  [XSD]

The schemas of UBL declare thousands of elements, of which an invoice holds some dozens.  Left out
is what nobody reads but people, each optional element that is not wanted, and every declaration
that nothing refers to any more.  So what the narrow schema takes, the whole one takes as well.
What it refuses is not wrong for that: then the whole schema is asked.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final
from urllib.parse import urljoin

from lxml import etree

from ubl.binding import CREDIT_NOTE, INVOICE, RESPONSE, Part
from ubl.binding.parts import expand
from ubl.xml import parse_linked

__all__ = ["held_elements", "narrow_schema"]

_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
_REFERENCES: Final = ("ref", "type", "base", "itemType", "memberTypes", "substitutionGroup")
_TYPES: Final = frozenset({"complexType", "simpleType"})
# What other declarations than those that are referred to could have a say in.
_OPEN: Final = (f"{_XSD}any", f"{_XSD}anyAttribute", f"{_XSD}redefine")

# A declaration: what it declares (element, type, group, ...), and its {namespace}name.
_Key = tuple[str, str]


def held_elements() -> frozenset[str]:
    """Return the names of all elements that the model holds, as {namespace}name."""
    return frozenset(_tags((INVOICE, CREDIT_NOTE, RESPONSE)))


def narrow_schema(
    sources: Mapping[str, bytes], name: str, root: str, wanted: Collection[str]
) -> dict[str, bytes] | None:
    """Return what remains of *sources* for documents whose root element is *root*.

    *sources* are files by their paths below one folder, of which *name* declares *root*; *wanted*
    are the elements that are kept though a document may do without them.  None is returned where
    the schema is too open to be narrowed: parts of it take any element.
    """
    files = _collect(sources, name)
    for file in files.values():
        etree.strip_elements(file, f"{_XSD}annotation", etree.Comment)
        for element in list(file.iter(f"{_XSD}element")):
            reference = element.get("ref")
            if reference is None or element.get("minOccurs") != "0":
                continue
            if _resolve(element, reference) not in wanted:
                _parent_of(element).remove(element)
    _remove_unused(files.values(), ("element", root))
    if any(next(file.iter(*_OPEN), None) is not None for file in files.values()):
        return None
    return {path: etree.tostring(file) for path, file in files.items()}


def _tags(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        yield expand(part.tag)
        yield from _tags(getattr(part, "parts", ()))


def _collect(sources: Mapping[str, bytes], name: str) -> dict[str, etree._Element]:
    """Return the trees of *name* and of what it imports and includes, by their paths."""
    files: dict[str, etree._Element] = {}
    paths = [name]
    while paths:
        path = paths.pop()
        if path not in files:
            file = files[path] = parse_linked(path, sources).getroot()
            locations = (each.get("schemaLocation") for each in file)
            paths += [urljoin(f"/{path}", each)[1:] for each in locations if each]
    return files


def _remove_unused(files: Collection[etree._Element], root: _Key) -> None:
    """Remove every declaration from *files* that *root* does not need."""
    declared: dict[_Key, list[etree._Element]] = {}
    for file in files:
        namespace = file.get("targetNamespace")
        for each in file.iterchildren(etree.Element):
            name = each.get("name")
            if name is not None:
                key = _kind(each), f"{{{namespace}}}{name}" if namespace else name
                declared.setdefault(key, []).append(each)
    keys = [root]
    while keys:
        for declaration in declared.pop(keys.pop(), ()):
            keys += _needs(declaration)
    for unused in declared.values():
        for each in unused:
            _parent_of(each).remove(each)


def _needs(declaration: etree._Element) -> Iterator[_Key]:
    """Yield what *declaration* refers to."""
    for node in declaration.iter(etree.Element):
        for attribute in _REFERENCES:
            for reference in node.get(attribute, "").split():
                is_alike = attribute in ("ref", "substitutionGroup")
                yield _kind(node) if is_alike else "type", _resolve(node, reference)


def _kind(node: etree._Element) -> str:
    name = etree.QName(node).localname
    return "type" if name in _TYPES else name


def _resolve(node: etree._Element, reference: str) -> str:
    """Return the {namespace}name that *reference* stands for inside *node*."""
    prefix, _, local = reference.rpartition(":")
    namespace = node.nsmap.get(prefix or None)
    return f"{{{namespace}}}{local}" if namespace else local


def _parent_of(node: etree._Element) -> etree._Element:
    parent = node.getparent()
    assert parent is not None
    return parent
