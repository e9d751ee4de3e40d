"""The scan of an XML document of any size, in bounded memory (expat).

It says where elements start and end, in bytes, because documents travel as they came: cut by
offset, never written anew.  `ubl.xml` is the place to import it from, and says what is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn
from xml.parsers import expat

from ubl.errors import MalformedKind, MalformedXml

# LIMIT: 256 levels is what libxml2 allows; UBL needs fewer than 20.
DEPTH_MAX: Final = 256
# LIMIT: one tag, comment or processing instruction; only text may be longer.
TOKEN_BYTES_MAX: Final = 256 << 10
# LIMIT: names (elements, attributes, prefixes) are kept for as long as a scan lasts; the whole of
# UBL 2.1 has about 3,000.
NAMES_MAX: Final = 20_000
# LIMIT: a value that is collected during a scan; identifiers have at most 500 characters.
VALUE_CHARS_MAX: Final = 4096

# How much is given to expat at once: after `stop` it still reads to the end of the slice, so the
# first slices, where a header ends, are small.
_SLICE_BYTES_FIRST: Final = 2048
_SLICE_BYTES: Final = 16 << 10
# Unfinished tokens from this size on wait for as much again before they are read anew, so that
# a long token in many small chunks does not cost the square of its length.
_REPARSE_BYTES_MIN: Final = 1024

_TAG: Final = re.compile(rb"""<[^>"']*(?:(?:"[^"]*"|'[^']*')[^>"']*)*>""")

# How a document in UTF-16 or UTF-32 starts.
WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<", b"\0\0\0<")
NOT_UTF8: Final = "the document is not UTF-8: save or convert it as UTF-8 and send it again"
HAS_DOCTYPE: Final = "a document type declaration (<!DOCTYPE) is not accepted: remove it"
HAS_NUL: Final = "the character NUL is not allowed in XML: remove it"
TOO_DEEP: Final = f"elements are nested more than {DEPTH_MAX} levels deep"

OnOpen = Callable[[str, Mapping[str, str], int, int], bool | None]
OnClose = Callable[[int, int, str | None], None]
OnValue = Callable[[str, str | None, Mapping[str, str]], None]


class Paths:
    """The elements of a document whose text is wanted, by their path from the root.

    *values* names each path (a tuple of ``{namespace}local``) as `Scanner` shall report it.
    A path in *groups* is reported, too, when its end is met, without text.
    """

    __slots__ = ("children", "collected", "label")

    def __init__(
        self,
        values: Mapping[tuple[str, ...], str] | None = None,
        groups: Mapping[tuple[str, ...], str] | None = None,
    ) -> None:
        self.label: str | None = None
        self.collected = False
        self.children: dict[str, Paths] = {}
        for path, label in (values or {}).items():
            node = self._descend(path)
            node.label, node.collected = label, True
        for path, label in (groups or {}).items():
            self._descend(path).label = label

    def _descend(self, path: tuple[str, ...]) -> "Paths":
        node = self
        for name in path:
            # expat writes the namespace, a space, and the local name.
            raw = " ".join(name[1:].split("}")) if name.startswith("{") else name
            node = node.children.setdefault(raw, Paths())
        return node


_NO_PATHS: Final = Paths()


class Scanner:
    """A scan through XML of any size, in chunks of any size, in bounded memory.

    Elements down to *span_depth* (the root is 0) are reported by *on_open* (name, attributes,
    offset, depth), where *offset* is the byte at which the start tag starts, and *on_close* (end,
    depth, text), where *end* is the byte after the end tag.  Names are ``{namespace}local``.
    *text* is None unless *on_open* returned True.
    Elements in *paths*, at any depth, are reported by *on_value* (label, text, attributes) at
    their end.
    An element whose text is wanted must hold text alone, at most VALUE_CHARS_MAX characters.
    Attributes in a namespace are named ``namespace local``.

    `feed` and `close` raise MalformedXml, and whatever the callbacks raise; after that every
    further call raises the same again.
    """

    def __init__(
        self,
        on_open: OnOpen,
        on_close: OnClose,
        on_value: OnValue | None = None,
        *,
        paths: Paths = _NO_PATHS,
        span_depth: int = 1,
    ) -> None:
        self._on_open = on_open
        self._on_close = on_close
        self._on_value = on_value
        self._span_depth = span_depth
        # The place in the paths for each open element, None once it has left them.
        self._places: list[Paths | None] = [paths]
        self._collecting = False
        self._text = ""
        self._attributes: Mapping[str, str] = {}
        self._empty_tag = False
        self._tail = b""
        self._held = bytearray()
        # The first bytes are held back until they tell an encoding other than UTF-8.
        self._wanted = 4
        self._fed = 0
        self._stopped = False
        self._failure: Exception | None = None
        self._names: dict[str, str] = {}
        self._parser = self._make_parser()

    @property
    def line(self) -> int:
        """The line, from 1, of the tag being reported: of a value, that is its end tag."""
        return self._parser.CurrentLineNumber

    def feed(self, data: bytes) -> None:
        """Scan the next *data*; nothing happens once the scan is stopped."""
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            return
        if self._wanted:
            self._held += data
            if len(self._held) < self._wanted:
                return
            data = self._take_held()
        start = 0
        while start < len(data):
            end = start + (_SLICE_BYTES_FIRST if self._fed < _SLICE_BYTES else _SLICE_BYTES)
            if not self._parse(data[start:end]):
                return
            start = end

    def close(self) -> None:
        """Say that there is no more; raise MalformedXml if the document is not complete."""
        if self._failure is not None:
            raise self._failure
        if not self._stopped:
            self._parse(self._take_held(), final=True)
            self._let_go()

    def stop(self) -> None:
        """End the scan from a callback: the rest is neither reported nor checked."""
        self._stopped = True
        self._let_go()

    def read_tag(self) -> bytes:
        """Return the bytes of the start tag being reported; for use in *on_open* alone."""
        found = _TAG.match(self._context())
        assert found is not None
        return found.group()

    def _make_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("UTF-8", " ", self._names)
        parser.buffer_text = True
        # Newer expats may wait for more bytes before they report a tag they have seen whole; what
        # is cut by offset needs each report with the piece that completes it.
        if (defer := getattr(parser, "SetReparseDeferralEnabled", None)) is not None:
            defer(False)  # noqa: FBT003 - the library takes it by position
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        # Called for nothing but that the prefixes and namespaces be counted among the names.
        parser.StartNamespaceDeclHandler = _ignore
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        return parser

    def _let_go(self) -> None:
        """Drop what refers to each other, so that all is freed at once and not by a collector."""
        parser = self._parser
        parser.XmlDeclHandler = None
        parser.StartDoctypeDeclHandler = None
        parser.StartElementHandler = None
        parser.EndElementHandler = None
        parser.CharacterDataHandler = None
        parser.CommentHandler = None
        parser.ProcessingInstructionHandler = None
        self._on_open, self._on_close, self._on_value = _ignore, _ignore, _ignore

    def _take_held(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held

    def _parse(self, data: bytes, *, final: bool = False) -> bool:
        """Give *data* to expat; tell whether the scan goes on."""
        if self._fed == 0 and data.startswith(WIDE):
            # expat would follow a byte order mark whatever encoding it is told.
            self._failure = MalformedXml(NOT_UTF8, kind="encoding", line=1, column=1)
            raise self._failure
        self._fed += len(data)
        self._tail = self._tail[-3:] + data
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            if self._stopped:
                return False
            self._failure = self._explain(error)
            raise self._failure from error
        except Exception as error:
            self._failure = error
            raise
        if self._stopped:
            return False
        pending = self._fed - self._parser.CurrentByteIndex
        self._wanted = pending if pending >= _REPARSE_BYTES_MIN else 0
        if pending > TOKEN_BYTES_MAX:
            self._fail("a tag or comment is too long")
        # expat keeps every name it meets until the scan ends, and so does this dictionary.
        if len(self._names) > NAMES_MAX:
            self._fail("the document has too many different names")
        return True

    def _fail(self, detail: str) -> NoReturn:
        self._failure = self._refusal(detail, "too_large")
        raise self._failure

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        detail = refuse_declaration(version, encoding)
        if detail is not None:
            raise self._refusal(detail, "encoding" if encoding else "syntax")

    def _doctype(self, *_declared: object) -> None:
        raise self._refusal(HAS_DOCTYPE, "doctype")

    def _start(self, raw: str, attributes: dict[str, str]) -> None:
        if self._collecting:
            raise self._interrupted("an element")
        places = self._places
        place = places[-1]
        if place is not None:
            place = place.children.get(raw)
        depth = len(places) - 1
        places.append(place)
        wanted = place is not None and place.collected
        if depth <= self._span_depth:
            wanted = bool(self._open(raw, attributes, depth)) or wanted
        elif depth == DEPTH_MAX:
            raise self._refusal(TOO_DEEP, "too_deep")
        if wanted:
            self._collecting = True
            self._text = ""
            self._attributes = attributes
            self._parser.CharacterDataHandler = self._characters

    def _open(self, raw: str, attributes: Mapping[str, str], depth: int) -> bool | None:
        namespace, space, local = raw.rpartition(" ")
        name = f"{{{namespace}}}{local}" if space else local
        self._empty_tag = self.read_tag().endswith(b"/>")
        return self._on_open(name, attributes, self._parser.CurrentByteIndex, depth)

    def _end(self, _raw: str) -> None:
        places = self._places
        place = places.pop()
        text = None
        if self._collecting:
            self._collecting = False
            self._parser.CharacterDataHandler = None
            text = self._text
        if place is not None and place.label is not None:
            assert self._on_value is not None
            self._on_value(place.label, text, {} if text is None else self._attributes)
        depth = len(places) - 1
        if depth <= self._span_depth:
            self._on_close(self._measure_end(), depth, text)
        self._empty_tag = False

    def _measure_end(self) -> int:
        # expat stands at the start of an end tag, but after the tag of an empty element.
        at = self._parser.CurrentByteIndex
        if self._empty_tag:
            return at
        return at + self._context().index(b">") + 1

    def _context(self) -> bytes:
        """Return what expat holds, from the token being reported on."""
        context = self._parser.GetInputContext()
        assert context is not None
        return context

    def _characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > VALUE_CHARS_MAX:
            raise self._refusal(f"a value is longer than {VALUE_CHARS_MAX} characters", "too_large")

    def _comment(self, _data: str) -> None:
        if self._collecting:
            raise self._interrupted("a comment")

    def _instruction(self, _target: str, _data: str) -> None:
        if self._collecting:
            raise self._interrupted("a processing instruction")

    def _interrupted(self, by: str) -> MalformedXml:
        return self._refusal(f"a value is interrupted by {by}", "interrupted")

    def _refusal(self, detail: str, kind: MalformedKind) -> MalformedXml:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return MalformedXml(detail, kind=kind, line=line, column=column)

    def _explain(self, error: expat.ExpatError) -> MalformedXml:
        kind: MalformedKind = "syntax"
        detail = f"the document is not well-formed: {expat.ErrorString(error.code)}"
        at = len(self._tail) - (self._fed - self._parser.ErrorByteIndex)
        if _is_broken_utf8(self._tail[at : at + 4]):
            kind, detail = "encoding", NOT_UTF8
        elif self._tail[at : at + 1] == b"\0":
            kind, detail = "nul", HAS_NUL
        return MalformedXml(detail, kind=kind, line=error.lineno, column=error.offset + 1)


def _ignore(*_declared: object) -> None:
    pass


def refuse_declaration(version: str, encoding: str | None) -> str | None:
    """Say what is wrong with an XML declaration, if anything is."""
    if encoding is not None and encoding.lower() not in {"utf-8", "utf8"}:
        return f"the document declares the encoding {encoding}: convert it to UTF-8"
    if version != "1.0":
        return f"the document declares XML version {version}: only 1.0 is read"
    return None


def _is_broken_utf8(sequence: bytes) -> bool:
    """Tell whether *sequence* (up to four bytes) starts with something that is not UTF-8."""
    if sequence[:1] < b"\x80":
        return False
    try:
        sequence.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start == 0
    return False
