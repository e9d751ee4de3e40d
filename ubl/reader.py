"""From bytes to a document: an invoice, a credit note, or a response.

A document that is as it should be is read along its tags (`ubl.orderly`), any other here, in one
pass over the elements of its tree; what both read is the same.
What the model has no place for (other elements and attributes, a second value where there is one,
text between elements, an empty element around nothing, a comment inside a value) is listed by its
XPath, never dropped in silence.
The value of an element that a comment interrupts is what XPath says: all of its text.  [XML §2.5]
Whether the content is right is not judged here, but what is no number, no date, or is missing
although the schema asks for it cannot be read at all.  [UBL] [EN16931-3-2]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from lxml import etree

from ubl.binding import CREDIT_NOTE, INVOICE, RESPONSE, Fixed, Group, Leaf, Need, Part, Wrapper
from ubl.binding.parts import ADVICE, Located, expand
from ubl.errors import BadContent, UnknownDocument
from ubl.invoice import Invoice
from ubl.location import Places, name_of, path_of
from ubl.orderly import read_orderly
from ubl.response import ApplicationResponse
from ubl.xml import parse_document

__all__ = ["DOCUMENT_BYTES_MAX", "Document", "Reading", "read_document", "read_root"]

Document = Invoice | ApplicationResponse

# LIMIT: bytes of a document that is made a tree; a tree takes some ten times as much memory.
DOCUMENT_BYTES_MAX: Final = 100 << 20

_SPACE: Final = " \t\r\n"
# LIMIT: characters of a wrong value that an error repeats.
_SHOWN_CHARS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """A *document*, and the XPaths of what it could not take up."""

    document: Document
    unheld: tuple[str, ...]


def read_document(data: bytes) -> Reading:
    """Read an invoice, a credit note or a response of UBL 2.1.

    MalformedXml if *data* is no XML that is read here, UnknownDocument if it is another document,
    BadContent if a value cannot be read.
    """
    root = parse_document(data, bytes_max=DOCUMENT_BYTES_MAX)
    document = read_orderly(root, data)
    return read_root(root) if document is None else Reading(document, ())


def read_root(root: etree._Element) -> Reading:
    """Read the document whose tree *root* is; as `read_document`, without parsing."""
    group = _ROOTS.get(root.tag)
    if group is None:
        raise UnknownDocument(
            f"{root.tag} is neither an invoice, a credit note nor a response of UBL 2.1",
            element=path_of(root),
        )
    unheld = _Unheld()
    document = _reader_of(group.tag).make(root, unheld)
    return Reading(document, tuple(unheld.paths))


_ROOTS: Final[Mapping[str, Group]] = {
    INVOICE.tag: INVOICE,
    CREDIT_NOTE.tag: CREDIT_NOTE,
    RESPONSE.tag: RESPONSE,
}


class _Unheld:
    """The paths of what is not held, and the values that belong to the document as a whole."""

    __slots__ = ("_places", "lifted", "paths")

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.lifted: dict[str, Any] = {}
        self._places = Places()

    def __call__(self, element: etree._Element, below: str = "") -> None:
        path = self._places.path_of(element)
        self.paths.append(f"{path}/{below}" if below else path)


_Values = dict[str, Any]


class _Read(Protocol):
    """Takes one child element and puts what it says into the values."""

    def __call__(self, element: etree._Element, values: _Values, unheld: _Unheld, /) -> None: ...


def _leaf_reader(leaf: Leaf) -> _Read:
    """Return what reads an element that has a value.

    Nearly all elements are plain: they stand once, hold text alone, and have the attribute that
    their form asks for or none.  Those are read at once, and all others with care.
    """
    with_care = _LeafReader(leaf).read
    quick = leaf.form.quick
    if leaf.many or leaf.lifted or leaf.attributes or quick is None:
        return with_care
    name, asked = leaf.name, leaf.form.asked
    made: Callable[[Any, str], Any] = leaf.form.made

    def read_bare(element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        if name in values or len(element) or element.keys():
            with_care(element, values, unheld)
            return
        try:
            values[name] = quick(element.text or "")
        except ValueError:
            with_care(element, values, unheld)

    def read_with_attribute(element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        found = element.items()
        if name in values or len(element) or len(found) != 1 or found[0][0] != asked:
            with_care(element, values, unheld)
            return
        try:
            values[name] = made(quick(element.text or ""), str(found[0][1]))
        except ValueError:
            with_care(element, values, unheld)

    return read_bare if asked is None else read_with_attribute


class _LeafReader:
    """Reads an element that has a value, whatever it may look like."""

    __slots__ = ("_known", "_leaf")

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf
        self._known = leaf.form.attributes.union(leaf.attributes)

    def read(self, element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        leaf = self._leaf
        if leaf.lifted:
            values = unheld.lifted
        if leaf.name in values and not leaf.many:
            unheld(element)
            return
        text = _joined(element, unheld) if len(element) else element.text or ""
        _check_attributes(element, self._known, unheld)
        attributes = {str(name): str(value) for name, value in element.items()}
        value = self._convert(text, attributes, element, unheld)
        for name, field in leaf.attributes.items():
            if name in attributes:
                values[field] = attributes[name]
        if leaf.many:
            values.setdefault(leaf.name, []).append(value)
        else:
            values[leaf.name] = value

    def _convert(
        self, text: str, attributes: dict[str, str], element: etree._Element, unheld: _Unheld
    ) -> Any:
        form = self._leaf.form
        try:
            value = form.read(text, attributes)
        except ValueError as error:
            raise BadContent(f"{_shown(text)} {error}", location=path_of(element)) from None
        except KeyError as error:
            location = f"{path_of(element)}/@{error.args[0]}"
            raise BadContent("is missing", location=location) from None
        if form.exact and form.write(value)[0] != text.strip(_SPACE):
            unheld(element)
        return value


class _FixedReader:
    """Reads an element that says what is known."""

    __slots__ = ("texts",)

    def __init__(self, fixed: Fixed) -> None:
        self.texts = fixed.texts

    def read(self, element: etree._Element, _values: _Values, unheld: _Unheld) -> None:
        if (element.text or "").strip(_SPACE) not in self.texts or _is_repeated(element):
            unheld(element)
        elif element.keys():
            _check_attributes(element, frozenset(), unheld)


class _Inside:
    """Reads the children of an element, each with the reader of its name."""

    __slots__ = ("decisive", "readers")

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.readers: dict[object, _Read] = {expand(p.tag): _make_reader(p) for p in parts}
        self.decisive = tuple(
            (expand(p.tag), p.texts) for p in parts if isinstance(p, Fixed) and p.decisive
        )

    def fill(self, element: etree._Element, values: _Values, unheld: _Unheld) -> bool:
        """Read *element* into *values*, or return False if it is not what it seemed to be."""
        if self.decisive and not self._is_meant(element):
            unheld(element)
            return False
        if element.keys():
            _check_attributes(element, frozenset(), unheld)
        get = self.readers.get
        text = element.text
        if text and text.strip(_SPACE):
            unheld(element, "text()")
        for child in element:
            tag = child.tag
            reader = get(tag)
            if reader is not None:
                reader(child, values, unheld)
            elif isinstance(tag, str):
                unheld(child)
            text = child.tail
            if text and text.strip(_SPACE):
                unheld(element, "text()")
        return True

    def _is_meant(self, element: etree._Element) -> bool:
        return all(
            (element.findtext(tag) or "").strip(_SPACE) in texts for tag, texts in self.decisive
        )


def _wrapper_reader(wrapper: Wrapper) -> _Read:
    """Return what reads an element whose content belongs to what is around it.

    Most of them have one child, which is read at once.
    """
    with_care = _WrapperReader(wrapper.parts).read
    first = wrapper.parts[0]
    says_nothing_new = isinstance(first, Fixed)
    tag, read_child = expand(first.tag), _make_reader(first)

    def read(element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        if says_nothing_new and _is_repeated(element):
            unheld(element)
            return
        if len(element) == 1 and not element.keys():
            child = element[0]
            around = (element.text or "") + (child.tail or "")
            if child.tag == tag and not around.strip(_SPACE):
                read_child(child, values, unheld)
                return
        with_care(element, values, unheld)

    return with_care if any(isinstance(p, Fixed) and p.decisive for p in wrapper.parts) else read


class _WrapperReader(_Inside):
    """Reads an element whose content belongs to what is around it."""

    __slots__ = ()

    def read(self, element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        if len(element):
            self.fill(element, values, unheld)
        else:
            unheld(element)


class _GroupReader(_Inside):
    """Reads an element that is a value by itself."""

    __slots__ = ("_group", "_is_located", "_is_many", "_manies", "_name", "_needs")

    def __init__(self, group: Group) -> None:
        super().__init__(group.parts)
        self._group = group
        self._name = group.name
        self._is_many = group.many
        self._is_located = group.type is Located
        self._manies, self._needs = _survey(group.parts)

    def read(self, element: etree._Element, values: _Values, unheld: _Unheld) -> None:
        if self._name in values and not self._is_many:
            unheld(element)
            return
        value = self.make(element, unheld)
        if value is None:
            return
        if self._is_many:
            values.setdefault(self._name, []).append(value)
        else:
            values[self._name] = value

    def make(self, element: etree._Element, unheld: _Unheld) -> Any:
        """Return what *element* says, or None if it cannot be held."""
        values: _Values = {}
        if not self.fill(element, values, unheld):
            return None
        for name in self._manies:
            if name in values:
                values[name] = tuple(values[name])
        for name in self._needs:
            if name not in values:
                return self._miss(name, element, unheld)
        if self._is_located:
            located = Located(values)
            located.element = element
            return located
        group = self._group
        if group.assemble is not None:
            if element.getparent() is None:
                values |= unheld.lifted
            group.assemble(values, unheld)
        return group.type(**values)

    def _miss(self, name: str, element: etree._Element, unheld: _Unheld) -> None:
        """Say that *element* cannot be held without *name*, or that nothing can."""
        path, need = self._needs[name]
        if need is Need.SCHEMA:
            raise BadContent("is missing", location=f"{path_of(element)}/{path}")
        unheld(element)


@cache
def _reader_of(tag: str) -> _GroupReader:
    """Return the reader of the documents whose root is *tag*."""
    return _GroupReader(_ROOTS[tag])


def _make_reader(part: Part) -> _Read:
    match part:
        case Leaf():
            return _leaf_reader(part)
        case Fixed():
            return _FixedReader(part).read
        case Wrapper():
            return _wrapper_reader(part)
        case Group():
            return _GroupReader(part).read


def _survey(parts: tuple[Part, ...]) -> tuple[list[str], dict[str, tuple[str, Need]]]:
    """Return the names that there can be many of, and those that are needed with their paths."""
    manies: list[str] = []
    needs: dict[str, tuple[str, Need]] = {}
    for part in parts:
        match part:
            case Wrapper():
                inner_manies, inner_needs = _survey(part.parts)
                manies += inner_manies
                needs |= {
                    n: (f"{part.tag}/{path}", need) for n, (path, need) in inner_needs.items()
                }
            case Leaf() | Group():
                if part.many:
                    manies.append(part.name)
                if part.need is not Need.NONE:
                    needs[part.name] = (part.tag, part.need)
    return manies, needs


def _is_repeated(element: etree._Element) -> bool:
    """Say whether an element of the same name stands before *element*."""
    return next(element.itersiblings(element.tag, preceding=True), None) is not None


def _joined(element: etree._Element, unheld: _Unheld) -> str:
    """Return all text of a value that is interrupted, and say what interrupts it."""
    texts = [element.text or ""]
    for child in element:
        unheld(child)
        texts.append(child.tail or "")
    return "".join(texts)


def _check_attributes(element: etree._Element, known: frozenset[str], unheld: _Unheld) -> None:
    for name in element.keys():  # noqa: SIM118 - an element is a list, not a mapping
        if name not in known and name not in ADVICE:
            unheld(element, f"@{name_of(str(name))}")


def _shown(text: str) -> str:
    """Return *text* as an error repeats it."""
    return repr(text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…")
