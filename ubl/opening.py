"""The opening of an envelope, up to the payload's start tag, read in one go where it is plain.

Almost every envelope has a short header without comments right at its start.  Such an opening is
read as one small tree: the header, and the payload's start tag closed on the spot.  That says the
same as a scan, tag by tag, at half its cost; whatever is not plain is left to the scan, which also
has the exact words for what is wrong.  [SBDH] [PEPPOL-BME]

And almost every header is like one before it, but for a dozen values: `Openings` keeps the shapes.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from lxml import etree

from ubl import xml
from ubl.errors import MalformedXml
from ubl.scan import VALUE_CHARS_MAX
from ubl.shape import Shape

__all__ = ["XML_SPACE", "Opening", "Openings", "Values", "Wanted", "read_opening", "wanted_of"]

# LIMIT: a longer opening is no plain one; headers have some 2 KB.
OPENING_BYTES_MAX: Final = 16 * 1024
# LIMIT: shapes of headers that are kept; each access point's software has one or two.
SHAPES_MAX: Final = 32
# LIMIT: of the headers of no known shape, one in so many is learned.
LEARNED_EVERY: Final = 32
# LIMIT: payloads' start tags remembered; each invoicing software writes one per type of document.
TAGS_MAX: Final = 128

_ROOT_TAG: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:<\?xml[^<>]*\?>)?\s*(<([^\s<>/!?]+)[^<>]*>)")
_START_TAG: Final = re.compile(
    rb"""\s*(<[^\s<>/!?"'][^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*>)"""
)

XML_SPACE: Final = " \t\r\n"


class Leaf(NamedTuple):
    """A value to take: what it is called, and what its Authority is called; None: not wanted."""

    name: str
    authority: str | None


class Branch(NamedTuple):
    """An element to look into; where *name* is not None, what is inside makes a group."""

    name: str | None
    inner: "Wanted"


Wanted = Mapping[str, Leaf | Branch]
"""What to take of an element's children, by the names of these."""

Values = dict[str, str]
"""Texts without the white space around them, by what they are called."""


class Opening(NamedTuple):
    """An opening: what its header says, and the tags of envelope and payload as written.

    *values* are those outside any group, *groups* those inside, group by group.
    *payload_name* is ``{namespace}local``; *payload_offset* counts bytes from the start.
    """

    values: Values
    groups: list[Values]
    payload_name: str
    payload_offset: int
    root_tag: bytes
    payload_tag: bytes


class Openings:
    """Reads openings as `read_opening` does, those of a known shape by their values alone."""

    def __init__(self, root_name: str, header_name: str, wanted: Wanted) -> None:
        self._names = (root_name, header_name)
        self._wanted = wanted
        self._known: tuple[_Familiar, ...] = ()
        self._missed = 0

    def read(self, data: bytes) -> Opening | None:
        """Return the opening of the envelope that starts with *data*; None if it is not plain."""
        known = self._known
        for familiar in known:
            found = familiar.read(data)
            if found is not None:
                if familiar is not known[0]:
                    self._known = (familiar, *(each for each in known if each is not familiar))
                return found
        opening = self._parse(data)
        if opening is not None:
            self._learn(data, opening)
        return opening

    def _parse(self, data: bytes) -> Opening | None:
        return read_opening(data, *self._names, self._wanted)

    def _learn(self, data: bytes, opening: Opening) -> None:
        """Keep the shape of *data*, if the parser reads the same out of another text of it."""
        self._missed += 1
        if self._missed % LEARNED_EVERY != 1:
            return
        try:
            familiar = _Familiar(data, opening)
        except ValueError:
            return
        other = familiar.write_probe()
        if familiar.read(data) == opening and familiar.read(other) == self._parse(other) != opening:
            self._known = (familiar, *self._known[: SHAPES_MAX - 1])


class _Familiar:
    """The shape of a header with its root's start tag, and what it was learned from."""

    def __init__(self, data: bytes, opening: Opening) -> None:
        self._first = opening
        # Only white space stands between the header and the payload.
        self._end = len(data[: opening.payload_offset].rstrip())
        header = data[: self._end]
        self._end_tag = header[header.rindex(b"</") :]
        self._payload_start = data[self._end : opening.payload_offset] + opening.payload_tag
        # The names of each group's values in the shape, and in the group.
        self._groups = [
            [(f"{number} {name}", name) for name in group]
            for number, group in enumerate(opening.groups)
        ]
        texts = {name: value for name, value in opening.values.items() if "@" not in name}
        for number, group in enumerate(opening.groups):
            texts |= {f"{number} {name}": value for name, value in group.items()}
        self._shape = Shape(header.decode("ascii"), texts, {})
        if not self._shape.complete:
            raise ValueError("not all values stand for themselves in the text")

    def read(self, data: bytes) -> Opening | None:
        """Return the opening at the start of *data* if its header is of this shape."""
        end = data.find(self._end_tag, 0, OPENING_BYTES_MAX) + len(self._end_tag)
        found = self._shape.read(data[:end].decode("latin-1"))
        if found is None:
            return None
        first = self._first
        values = {name: found.get(name, fixed) for name, fixed in first.values.items()}
        groups = [{name: found[value] for value, name in group} for group in self._groups]
        if data.startswith(self._payload_start, end):
            tag, name = first.payload_tag, first.payload_name
            offset = end + len(self._payload_start) - len(tag)
            return Opening(values, groups, name, offset, first.root_tag, tag)
        start_tag = _START_TAG.match(data, end, end + OPENING_BYTES_MAX)
        if start_tag is None:
            return None
        tag = start_tag[1]
        payload_name = _read_payload_name(first.root_tag, tag)
        if payload_name is None:
            return None
        return Opening(values, groups, payload_name, start_tag.start(1), first.root_tag, tag)

    def write_probe(self) -> bytes:
        """Return the opening that this was learned from with other values."""
        probe = {
            name: f"probe.{same.replace(' ', '.')}" for name, same in self._shape.firsts.items()
        }
        return self._shape.fill(probe).encode() + self._payload_start


def read_opening(data: bytes, root_name: str, header_name: str, wanted: Wanted) -> Opening | None:
    """Return the opening of the envelope that starts with *data*; None where it is not plain.

    *wanted* says what to take of the header.  None says nothing about right or wrong: the scan
    decides.
    """
    root_tag = _ROOT_TAG.match(data)
    if root_tag is None:
        return None
    end = _find_header_end(data, root_tag.end(), root_tag[2], header_name)
    start_tag = _START_TAG.match(data, end, end + OPENING_BYTES_MAX) if end else None
    if start_tag is None:
        return None
    offset, tag = start_tag.start(1), start_tag[1]
    try:
        root = xml.parse(b"".join((data[:offset], _closed(tag), b"</", root_tag[2], b">")))
    except MalformedXml:
        return None
    values: Values = {}
    groups: list[Values] = []
    is_plain = len(root) == 2 and root.tag == root_name and root[0].tag == header_name
    if not is_plain or not _collect(root[0], wanted, values, groups):
        return None
    return Opening(values, groups, root[1].tag, offset, root_tag[1], tag)


@lru_cache(TAGS_MAX)
def _read_payload_name(root_tag: bytes, payload_tag: bytes) -> str | None:
    """Return the name of the element that *payload_tag* starts inside *root_tag*, None if bad."""
    name = root_tag[1:-1].split()[0]
    try:
        return xml.parse(b"".join((root_tag, _closed(payload_tag), b"</", name, b">")))[0].tag
    except MalformedXml:
        return None


def _closed(tag: bytes) -> bytes:
    return tag if tag.endswith(b"/>") else tag[:-1] + b"/>"


def _find_header_end(data: bytes, start: int, root_tag_name: bytes, header_name: str) -> int:
    """Return where the header ends, if it has the prefix of the root; 0 if it does not."""
    prefix, colon, _ = root_tag_name.rpartition(b":")
    tag = b"</%b%b%b>" % (prefix, colon, header_name.rpartition("}")[2].encode())
    found = data.find(tag, start, OPENING_BYTES_MAX)
    return 0 if found < 0 else found + len(tag)


def wanted_of(
    values: Mapping[tuple[str, ...], str],
    groups: Mapping[tuple[str, ...], str],
    authorities: Mapping[str, str],
    depth: int,
) -> Wanted:
    """Return *values* and *groups*, which have whole paths, as a tree from *depth* on.

    *authorities* says what the Authority of a value is called, by what the value is called.
    """
    tree: dict[str, Any] = {}
    for path, label in values.items():
        level = tree
        for end in range(depth + 1, len(path)):
            level = level.setdefault(path[end - 1], Branch(groups.get(path[:end]), {})).inner
        level[path[-1]] = Leaf(label, authorities.get(label))
    return tree


def _collect(element: etree._Element, wanted: Wanted, values: Values, groups: list[Values]) -> bool:
    """Add the values below *element*; say whether all is plain, and nothing there twice."""
    for child in element:
        node = wanted.get(child.tag)
        if node is None:
            if not isinstance(cast("object", child.tag), str):  # a comment, an instruction
                return False
        elif isinstance(node, Leaf):
            text = child.text or ""
            if len(child) or len(text) > VALUE_CHARS_MAX or node.name in values:
                return False
            values[node.name] = text.strip(XML_SPACE)
            if node.authority is not None:
                authority = child.get("Authority")
                if authority is not None:
                    values[node.authority] = authority.strip(XML_SPACE)
        else:
            inside = values
            if node.name is not None:
                inside = {}
                groups.append(inside)
            if not _collect(child, node.inner, inside, groups):
                return False
    return True
