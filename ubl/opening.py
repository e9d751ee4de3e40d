"""The opening of an envelope, up to the payload's start tag, read in one go where it is plain.

Almost every envelope has a short header without comments right at its start.  Such an opening is
read as one small tree: the header, and the payload's start tag closed on the spot.  That says the
same as a scan, tag by tag, at half its cost; whatever is not plain is left to the scan, which also
has the exact words for what is wrong.  [SBDH] [PEPPOL-BME]
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

from lxml import etree

from ubl import xml
from ubl.errors import MalformedXml
from ubl.scan import VALUE_CHARS_MAX

__all__ = ["Opening", "read_opening"]

# LIMIT: a longer opening is no plain one; headers have some 2 KB.
OPENING_BYTES_MAX: Final = 16 * 1024

_ROOT_TAG: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:<\?xml[^<>]*\?>)?\s*(<([^\s<>/!?]+)[^<>]*>)")
_HEADER_END: Final = re.compile(rb"</(?:[^\s/<>:]+:)?StandardBusinessDocumentHeader\s*>\s*")
_START_TAG: Final = re.compile(rb"""<[^\s<>/!?"'][^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*>""")


_NOT_PLAIN: Final = ("", None, MappingProxyType({"plain": "no"}))

Names = tuple[str, ...]
"""The names of an element and of those around it, from the root on."""

Value = tuple[str, str | None, Mapping[str, str]]
"""What a path is called, the text there (None: a group ends), and the Authority if it has one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening: what its header says, and the tags of envelope and payload as written.

    *payload_name* is ``{namespace}local``; *payload_offset* counts bytes from the start.
    """

    values: tuple[Value, ...]
    payload_name: str
    payload_offset: int
    root_tag: bytes
    payload_tag: bytes


def read_opening(
    data: bytes, header: Names, paths: Mapping[Names, str], groups: Mapping[Names, str]
) -> Opening | None:
    """Return the opening of the envelope that starts with *data*; None where it is not plain.

    *header* names the root and the header; *paths* are the values wanted, *groups* the elements
    whose end is reported.  None says nothing about right or wrong: the scan decides.
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
    if len(root) != 2 or (root.tag, root[0].tag) != header:
        return None
    values = tuple(_walk(root[0], header, paths, groups))
    if _NOT_PLAIN in values:
        return None
    return Opening(values, root[1].tag, offset, root_tag[1], tag)


def _walk(
    element: etree._Element, names: Names, paths: Mapping[Names, str], groups: Mapping[Names, str]
) -> Iterator[Value]:
    """Yield the values below *element* as a scan would report them."""
    for child in element:
        if not isinstance(cast("object", child.tag), str):  # a comment, a processing instruction
            yield _NOT_PLAIN
            return
        here = (*names, child.tag)
        label = paths.get(here)
        if label is None:
            yield from _walk(child, here, paths, groups)
            if (group := groups.get(here)) is not None:
                yield group, None, {}
            continue
        text = child.text or ""
        if len(child) or len(text) > VALUE_CHARS_MAX:
            yield _NOT_PLAIN
            return
        authority = child.get("Authority")
        yield label, text, {} if authority is None else {"Authority": authority}
