"""The only XML parser of the project, in its two forms: a tree (lxml) and a scan (expat).

Both refuse the same: a DOCTYPE of any kind (so there are no entities, external or recursive),
any encoding but UTF-8, the character NUL, deep nesting, unbound prefixes.  A network is never
asked, a file never opened.  [XML §2.8] [XML §4.3.3]

- `parse` makes a tree of a small document: an envelope, metadata.
- `Scanner` goes through a document of any size in bounded memory.
- `read_text` is the way to read a value from a tree: it is the whole value, or an error.
- `parse_document` makes a tree of a document that is to be checked, attachments included.
- `parse_linked` makes trees of our own schemas, which name each other.
- `canonicalize` is the canonical form that signatures are made over.

Schemas and business rules are not checked here.
"""

import ctypes
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from lxml import etree

from ubl.errors import MalformedKind, MalformedXml
from ubl.scan import (
    DEPTH_MAX,
    HAS_NUL,
    NOT_UTF8,
    TOO_DEEP,
    VALUE_CHARS_MAX,
    WIDE,
    Paths,
    Scanner,
    refuse_declaration,
)

__all__ = [
    "DEPTH_MAX",
    "TREE_BYTES_MAX",
    "VALUE_CHARS_MAX",
    "Paths",
    "Scanner",
    "canonicalize",
    "parse",
    "parse_document",
    "parse_linked",
    "read_text",
]

# LIMIT: trees are made of messages' SOAP parts, at most 1 MiB, and of metadata, which is smaller.
TREE_BYTES_MAX: Final = 2 << 20
# LIMIT: namespace declarations in a tree; messages and metadata have some fifty.  The cost of a
# canonical form grows with their square: 30,000 of them took a quarter of a minute.
NAMESPACES_MAX: Final = 1024
# LIMIT: libxml2 reads no text longer than this unless it is told to; an attachment may be longer.
LONG_TEXT_BYTES: Final = 10_000_000
# LIMIT: bytes of XML read into trees before the names in them are forgotten.
READ_BYTES_MAX: Final = 2 << 20

_DOCTYPE: Final = b"<!DOCTYPE"
_CHUNK_BYTES: Final = 1 << 16
_LINKED: Final = "linked:///"
_NOT_TEXT: Final[Mapping[object, str]] = {
    etree.Comment: "a comment",
    etree.ProcessingInstruction: "a processing instruction",
}
_USUAL_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_DECLARATION: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s+version\s*=\s*["']([^"']*)["']"""
    rb"""(?:\s+encoding\s*=\s*["']([^"']*)["'])?"""
)


def parse(data: bytes, *, bytes_max: int = TREE_BYTES_MAX) -> etree._Element:
    """Return the root element of *data*, or raise MalformedXml.

    Comments and processing instructions stay in the tree, for signatures may cover them: read
    values with `read_text`.
    """
    _check_bytes(data, bytes_max)
    # Each declaration is ten bytes or more; counting single bytes is cheap, and each has a "=".
    may_be_many = len(data) > 10 * NAMESPACES_MAX and data.count(b"=") > NAMESPACES_MAX
    if may_be_many and data.count(b"xmlns") > NAMESPACES_MAX:
        raise MalformedXml(
            f"the document declares more than {NAMESPACES_MAX} namespaces", kind="too_large"
        )
    if _DOCTYPE in data:
        # The same characters are harmless inside text, so let the scan decide what this is.
        _refuse_doctype(data)
    try:
        return etree.fromstring(data, _TREES.take_parser(len(data)))
    except etree.XMLSyntaxError as error:
        raise _explain_syntax_error(data, error) from error


def parse_document(data: bytes, *, bytes_max: int) -> etree._Element:
    """Return the root element of a business document, or raise MalformedXml.

    It refuses what `parse` refuses, but attachments of any length up to *bytes_max* are read, and
    there may be any number of namespace declarations: the tree is not for canonicalisation.
    """
    _check_bytes(data, bytes_max)
    long = len(data) > LONG_TEXT_BYTES
    if long or _DOCTYPE in data:
        # Without libxml2's own limits the scan is what refuses deep nesting.
        _refuse_doctype(data, whole=long)
    try:
        parser = _TREES.take_parser(len(data))
        return etree.fromstring(data, _make_parser(huge_tree=True) if long else parser)
    except etree.XMLSyntaxError as error:
        raise _explain_syntax_error(data, error) from error


def parse_linked(name: str, sources: Mapping[str, bytes]) -> etree._ElementTree:
    """Return the tree of *name*, one of *sources*, which include and import each other.

    *sources* are files of ours, by their paths below one folder.  What they name is looked for
    there and nowhere else: a name that is not in *sources* raises MalformedXml when it is read.
    """

    class _Sources(etree.Resolver):
        def resolve(self, system_url: str, _public_id: str, *context: object) -> object:
            found = sources.get(system_url.removeprefix(_LINKED))
            if found is None:
                raise MalformedXml(f"{system_url} is not among the files given", kind="syntax")
            resolve_string: Callable[..., object] = self.resolve_string
            return resolve_string(found, *context, base_url=system_url)

    parser = _make_parser(huge_tree=False)
    parser.resolvers.add(_Sources())
    root = etree.fromstring(sources[name], parser, base_url=f"{_LINKED}{name}")
    return root.getroottree()


def read_text(element: etree._Element) -> str:
    """Return the text of *element*, or raise MalformedXml if anything but text is inside.

    A comment in the middle of a value would cut it short for one reader and not for another,
    while the canonical form, and so the signature, stays the same.
    """
    if len(element):
        name = etree.QName(element).localname
        inside = _NOT_TEXT.get(element[0].tag, "an element")
        line: int | None = getattr(element, "sourceline", None)
        raise MalformedXml(
            f"the value of {name} is interrupted by {inside}", kind="interrupted", line=line
        )
    return element.text or ""


def canonicalize(
    element: etree._Element, *, exclusive: bool = True, prefixes: Sequence[str] = ()
) -> bytes:
    """Return the canonical form of *element* without comments.  [EXC-C14N §3] [C14N §2]

    *prefixes* is the InclusiveNamespaces PrefixList of the exclusive form, ``#default`` included.
    The inclusive form does not bring along ``xml:`` attributes of ancestors.
    """
    if not exclusive:
        # lxml's own inclusive form of a subtree writes a spurious xmlns="" into children that
        # inherit a default namespace.  The exclusive form with every prefix named is the same.
        prefixes = sorted(_prefixes_within(element))
    if "#default" in prefixes:
        _TREES.know_default()
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=list(prefixes) or None,
    )


class _Trees:
    """Keeps a parser, and a bound on the names that lxml remembers.

    libxml2 keeps every name it has ever read (of elements, attributes, prefixes, namespaces) in a
    dictionary, and lxml has one for each thread, for as long as the thread lives.  Peers whom
    nobody has checked yet send us names: a message of 1 MB would leave 2 MB behind for ever.
    lxml has no way to start afresh, but it does so when its own record of the thread is gone and
    a new parser comes.  Trees hold the dictionary they were read with for as long as they live.
    """

    def __init__(self) -> None:
        self._left = READ_BYTES_MAX
        self._parser = self._make_parser()

    def take_parser(self, size: int) -> etree.XMLParser:
        """Return the parser for a document of *size* bytes."""
        self._left -= size
        if self._left < 0:
            self._left = READ_BYTES_MAX
            _thread_state().pop("_ParserDictionaryContext", None)
            self._parser = self._make_parser()
            self.know_default()
        return self._parser

    def know_default(self) -> None:
        """Put ``#default`` into this thread's dictionary, without which libxml2 ignores it.

        Names of namespaces are kept there.
        """
        etree.fromstring(b'<d xmlns="#default"/>', self._parser)

    def _make_parser(self) -> etree.XMLParser:
        # One for many documents, because making one costs a tenth of reading one.  lxml locks it
        # while it reads, so that threads may share it.
        return _make_parser(huge_tree=False)


def _make_parser(*, huge_tree: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=huge_tree,
        collect_ids=False,
    )


_TREES: Final = _Trees()


def _thread_state() -> dict[str, object]:
    """Return the dictionary in which extension modules keep what belongs to this thread."""
    get_dict = ctypes.pythonapi.PyThreadState_GetDict
    get_dict.restype = ctypes.c_void_p
    return cast("dict[str, object]", ctypes.cast(get_dict(), ctypes.py_object).value)


def _check_bytes(data: bytes, bytes_max: int) -> None:
    """Raise MalformedXml for what no parser has to look at: too long, not UTF-8, U+0000."""
    if len(data) > bytes_max:
        raise MalformedXml(
            f"the document has {len(data)} bytes, more than the {bytes_max} allowed",
            kind="too_large",
        )
    _check_first_bytes(data)
    if b"\0" in data:
        line, column = _place(data, data.index(b"\0"))
        raise MalformedXml(HAS_NUL, kind="nul", line=line, column=column)


def _check_first_bytes(data: bytes) -> None:
    if data.startswith(_USUAL_DECLARATION):
        return
    if data.startswith(WIDE):
        raise MalformedXml(NOT_UTF8, kind="encoding", line=1, column=1)
    declaration = _DECLARATION.match(data)
    if declaration is not None:
        version, encoding = (
            None if word is None else word.decode("ascii", "replace")
            for word in declaration.group(1, 2)
        )
        detail = refuse_declaration(version or "", encoding)
        if detail is not None:
            kind: MalformedKind = "encoding" if encoding else "syntax"
            raise MalformedXml(detail, kind=kind, line=1, column=1)


def _refuse_doctype(data: bytes, *, whole: bool = False) -> None:
    """Scan *data* up to its first element, or as a *whole*, and raise MalformedXml as it says."""

    def stop(*_opened: object) -> None:
        if not whole:
            scanner.stop()

    scanner = Scanner(stop, lambda *_closed: None, span_depth=0)
    if not whole:
        scanner.feed(data)
        return
    for start in range(0, len(data), _CHUNK_BYTES):
        scanner.feed(data[start : start + _CHUNK_BYTES])
    scanner.close()


def _explain_syntax_error(data: bytes, error: etree.XMLSyntaxError) -> MalformedXml:
    line, column = error.lineno, (error.offset or 0) + 1
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as broken:
        line, column = _place(data, broken.start)
        return MalformedXml(NOT_UTF8, kind="encoding", line=line, column=column)
    if getattr(error, "code", None) == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        # libxml2 has one code for all its limits.
        if "depth" in error.msg:
            return MalformedXml(TOO_DEEP, kind="too_deep", line=line, column=column)
        detail = f"the document is too large to be read: {error.msg}"
        return MalformedXml(detail, kind="too_large", line=line, column=column)
    detail = f"the document is not well-formed: {error.msg}"
    return MalformedXml(detail, kind="syntax", line=line, column=column)


def _place(data: bytes, offset: int) -> tuple[int, int]:
    return data.count(b"\n", 0, offset) + 1, offset - data.rfind(b"\n", 0, offset)


def _prefixes_within(element: etree._Element) -> set[str]:
    return {prefix or "#default" for node in element.iter(etree.Element) for prefix in node.nsmap}
