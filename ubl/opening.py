"""The opening of an envelope, up to the payload's start tag, read in one go where it is plain.

Almost every envelope has a short header without comments right at its start.  Such an opening is
read as one small tree: the header, and the payload's start tag closed on the spot.  That says the
same as a scan, tag by tag, at half its cost; whatever is not plain is left to the scan, which also
has the exact words for what is wrong.  [SBDH] [PEPPOL-BME]
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

from lxml import etree

from ubl import xml
from ubl.errors import MalformedXml
from ubl.scan import VALUE_CHARS_MAX

__all__ = ["Opening", "Wanted", "read_opening", "wanted_of"]

# LIMIT: a longer opening is no plain one; headers have some 2 KB.
OPENING_BYTES_MAX: Final = 16 * 1024

_ROOT_TAG: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:<\?xml[^<>]*\?>)?\s*(<([^\s<>/!?]+)[^<>]*>)")
_HEADER_END: Final = re.compile(rb"</(?:[^\s/<>:]+:)?StandardBusinessDocumentHeader\s*>\s*")
_START_TAG: Final = re.compile(rb"""<[^\s<>/!?"'][^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*>""")


_BARE: Final[Mapping[str, str]] = MappingProxyType({})

Wanted = Mapping[str, "str | tuple[str | None, Wanted]"]
"""What to take of an element's children, by name: a value and what it is called, or an element to
look into, whose end is reported where it is called something."""

Value = tuple[str, str | None, Mapping[str, str]]
"""What a path is called, the text there (None: a group ends), and the Authority if it has one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening: what its header says, and the tags of envelope and payload as written.

    *payload_name* is ``{namespace}local``; *payload_offset* counts bytes from the start.
    """

    values: list[Value]
    payload_name: str
    payload_offset: int
    root_tag: bytes
    payload_tag: bytes


def read_opening(data: bytes, root_name: str, header_name: str, wanted: Wanted) -> Opening | None:
    """Return the opening of the envelope that starts with *data*; None where it is not plain.

    *wanted* says what to take of the header.  None says nothing about right or wrong: the scan
    decides.
    """
    root_tag = _ROOT_TAG.match(data)
    header_end = _HEADER_END.search(data, 0, OPENING_BYTES_MAX)
    if root_tag is None or header_end is None:
        return None
    offset = header_end.end()
    start_tag = _START_TAG.match(data, offset, offset + OPENING_BYTES_MAX)
    if start_tag is None:
        return None
    tag = start_tag[0]
    closed = tag if tag.endswith(b"/>") else tag[:-1] + b"/>"
    try:
        root = xml.parse(b"".join((data[:offset], closed, b"</", root_tag[2], b">")))
    except MalformedXml:
        return None
    if len(root) != 2 or root.tag != root_name or root[0].tag != header_name:
        return None
    values: list[Value] = []
    if not _collect(root[0], wanted, values):
        return None
    return Opening(values, root[1].tag, offset, root_tag[1], tag)


def wanted_of(
    values: Mapping[tuple[str, ...], str], groups: Mapping[tuple[str, ...], str], depth: int
) -> Wanted:
    """Return *values* and *groups*, which have whole paths, as a tree from *depth* on."""
    tree: dict[str, Any] = {}
    for path, label in values.items():
        level = tree
        for end in range(depth + 1, len(path)):
            level = level.setdefault(path[end - 1], (groups.get(path[:end]), {}))[1]
        level[path[-1]] = label
    return tree


def _collect(element: etree._Element, wanted: Wanted, values: list[Value]) -> bool:
    """Add the values below *element* as a scan would report them; say whether all is plain."""
    for child in element:
        name = child.tag
        node = wanted.get(name)
        if node is None:
            if not isinstance(cast("object", name), str):  # a comment, a processing instruction
                return False
        elif isinstance(node, str):
            text = child.text or ""
            if len(child) or len(text) > VALUE_CHARS_MAX:
                return False
            authority = child.get("Authority")
            values.append((node, text, _BARE if authority is None else {"Authority": authority}))
        else:
            group, inner = node
            if not _collect(child, inner, values):
                return False
            if group is not None:
                values.append((group, None, _BARE))
    return True
