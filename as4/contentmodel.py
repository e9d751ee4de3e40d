"""Which child elements an element has, in which order and how often: a schema's sequence, in code.

The headers of AS4 are few and fixed, so their content models are written beside the code that
reads them, and reading and checking are one walk.
What a schema says beyond sequences (types of values) is checked where the value is read.
"""

import binascii

from lxml import etree

from as4.errors import As4Error, InvalidHeader

ANY = 1 << 16
"""An upper bound for elements that may repeat without limit; the envelope's size bounds them."""


class Model:
    """A sequence of elements, each with its least and greatest number of occurrences.

    *particles* are (name, least, greatest) in order; no name may come twice.
    *error* is raised when an element does not follow the model.
    """

    __slots__ = ("_error", "_names", "_particles")

    def __init__(
        self, *particles: tuple[str, int, int], error: type[As4Error] = InvalidHeader
    ) -> None:
        self._particles = particles
        self._names = [name for name, _, _ in particles]
        self._error = error

    def read(self, element: etree._Element) -> list[list[etree._Element]]:
        """Return the children of *element*: for each name of the model, a list.

        Raises the model's error when a child is missing, repeated, unknown or out of order.
        """
        children = list(element)
        tags = [child.tag for child in children]
        if tags == self._names:
            return [[child] for child in children]
        return self._match(element, children)

    def _match(
        self, element: etree._Element, children: list[etree._Element]
    ) -> list[list[etree._Element]]:
        names, position = self._names, 0
        found: list[list[etree._Element]] = [[] for _ in names]
        for child in children:
            tag: object = child.tag
            if not isinstance(tag, str):
                continue  # a comment or a processing instruction
            while position < len(names) and names[position] != tag:
                position += 1
            if position == len(names):
                raise self._error(f"{_local(child)} is out of place in {_local(element)}")
            found[position].append(child)
        for (name, least, most), matches in zip(self._particles, found, strict=True):
            if not least <= len(matches) <= most:
                wanted = f"{least}" if least == most else f"{least} to {most}"
                count = f"{len(matches)} {name.rpartition('}')[2]}"
                raise self._error(f"{_local(element)} has {count}, not {wanted}")
        return found


class Exact:
    """A sequence of elements that must all be there, once each: the common case, and the fast one.

    *error* is raised when an element does not follow the model.
    """

    __slots__ = ("_model", "_names")

    def __init__(self, *names: str, error: type[As4Error] = InvalidHeader) -> None:
        self._names = list(names)
        self._model = Model(*((name, 1, 1) for name in names), error=error)

    def read(self, element: etree._Element) -> list[etree._Element]:
        """Return the children of *element*, one for each name; raise the model's error."""
        children = list(element)
        if [child.tag for child in children] == self._names:
            return children
        return [child for (child,) in self._model.read(element)]


class Shape:
    """The whole tree that an element nearly always is, to read it in one step.

    *outline* are (name, number of children) of all its elements, in document order.
    It is a shortcut beside models: what does not match is for them to read or to refuse.
    """

    __slots__ = ("_counts", "_names")

    def __init__(self, *outline: tuple[str, int]) -> None:
        self._names = [name for name, _ in outline]
        self._counts = [count for _, count in outline]

    def match(self, element: etree._Element) -> list[etree._Element] | None:
        """Return the elements of the tree in document order, None if it is not of this shape.

        Comments and processing instructions count as children, so that a tree with any does not
        match.
        """
        elements = list(element.iter())
        if [node.tag for node in elements] != self._names:
            return None
        return elements if [len(node) for node in elements] == self._counts else None


def leaf_text(element: etree._Element, error: type[As4Error] = InvalidHeader) -> str:
    """Return the whole text of *element*, without the white space around it.

    Raises *error* if anything but text stands inside: lxml's text ends at a comment, which
    canonicalisation then drops, so that a comment could hide the end of a signed value.
    """
    if len(element):
        raise error(f"{_local(element)} holds more than text")
    return (element.text or "").strip()


def leaf_bytes(element: etree._Element, error: type[As4Error] = InvalidHeader) -> bytes:
    """Return the bytes that *element* holds in base64; raise *error* if it is not base64.

    Each value has one way to be written, but for white space: the bits that pad the last
    character are zero.  [RFC4648 §3.5] [RFC4648 §4]
    """
    text = leaf_text(element, error)
    try:
        return decode_base64(text)
    except ValueError:
        pass
    try:
        # White space between the characters is common (lines of 76) and means nothing.
        return decode_base64("".join(text.split()))
    except ValueError as cause:
        raise error(f"{_local(element)} is not base64") from cause


def decode_base64(text: str) -> bytes:
    """Return what *text* encodes; raise ValueError unless it is how an encoder writes it.

    White space is none of it.  [RFC4648 §3.5] [RFC4648 §4]
    """
    encoded = text.encode("ascii")
    value = binascii.a2b_base64(encoded, strict_mode=True)
    if encoded.endswith(b"="):
        last = value[len(value) - len(value) % 3 :]
        if binascii.b2a_base64(last, newline=False) != encoded[-4:]:
            raise ValueError("the padding holds bits")
    return value


def local_name(element: etree._Element) -> str:
    """Return the name of *element* without its namespace, for messages to people."""
    return _local(element)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
