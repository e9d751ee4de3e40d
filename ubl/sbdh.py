"""The business envelope (SBD): a header around one business document, read and written in bytes.

The document inside is never parsed into a tree nor written anew: `build_envelope` gives the bytes
to put before and after it, `EnvelopeReader` says where it starts and ends.  [PEPPOL-BME] [SBDH]

What the header says must agree with the document.  Whether it agrees with the message that carried
it is for the message's reader to check.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ubl.businessheader import (
    COUNTRY_SCOPE,
    DOCUMENT_TYPE_SCOPE,
    MANDATORY_SCOPES,
    PROCESS_SCOPE,
    Sbdh,
    Scope,
    check_sbdh,
    read_sbdh,
)
from ubl.errors import BadBusinessHeader, MalformedXml, UblError
from ubl.identifiers import ParticipantId
from ubl.opening import XML_SPACE, Openings, wanted_of
from ubl.xml import VALUE_CHARS_MAX, Paths, Scanner

__all__ = ["NAMESPACE", "SCOPES_MAX", "EnvelopeReader", "Sbdh", "Scope", "build_envelope"]
__all__ += ["read_envelope"]

NAMESPACE: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"

# LIMIT: the reserved scopes are eight; the rest is room for extensions.
SCOPES_MAX: Final = 64

# What is written as a reference: markup, and what a parser would make a line feed of.  [XML §2.11]
_REFERENCES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ROOT: Final = f"{{{NAMESPACE}}}StandardBusinessDocument"
_HEADER: Final = f"{{{NAMESPACE}}}StandardBusinessDocumentHeader"


def _in_header(*paths: str) -> dict[tuple[str, ...], str]:
    return {
        (_ROOT, _HEADER, *(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))): path
        for path in paths
    }


_SCOPE: Final = "BusinessScope/Scope"
_SCOPE_TYPE: Final = f"{_SCOPE}/Type"
_SCOPE_INSTANCE: Final = f"{_SCOPE}/InstanceIdentifier"
_SCOPE_SCHEME: Final = f"{_SCOPE}/Identifier"
_VALUES: Final = _in_header(
    "Sender/Identifier",
    "Receiver/Identifier",
    "DocumentIdentification/Standard",
    "DocumentIdentification/TypeVersion",
    "DocumentIdentification/InstanceIdentifier",
    "DocumentIdentification/Type",
    "DocumentIdentification/CreationDateAndTime",
    _SCOPE_TYPE,
    _SCOPE_INSTANCE,
    _SCOPE_SCHEME,
)
_GROUPS: Final = _in_header(_SCOPE)
_PATHS: Final = Paths(_VALUES, groups=_GROUPS)
_AUTHORITIES: Final = {
    f"{role}/Identifier": f"{role}/Identifier/@Authority" for role in ("Sender", "Receiver")
}
_WANTED: Final = wanted_of(_VALUES, _GROUPS, _AUTHORITIES, 2)
_OPENINGS: Final = Openings(_ROOT, _HEADER, _WANTED)
_SPACE: Final = XML_SPACE.encode()
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG_NAME: Final = re.compile(rb"<([^\s/>]+)")
# LIMIT: elements whose text is remembered; most values are the same in header after header.
WRITTEN_MAX: Final = 256


def build_envelope(header: Sbdh) -> tuple[bytes, bytes]:
    """Return the bytes to put before and after a document's root element, or BadBusinessHeader.

    The envelope's namespace has a prefix, so that no name inside the document changes its meaning.
    """
    check_sbdh(header, payload_name=f"{{{header.standard}}}{header.type}")
    if any(scope.type in MANDATORY_SCOPES for scope in header.scopes):
        raise BadBusinessHeader("a mandatory scope is given twice", rule="repeated-scope")
    scopes = (
        Scope(DOCUMENT_TYPE_SCOPE, header.document_type.value, header.document_type.scheme),
        Scope(PROCESS_SCOPE, header.process.value, header.process.scheme),
        Scope(COUNTRY_SCOPE, header.country_c1),
        *header.scopes,
    )
    before = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<sh:StandardBusinessDocument xmlns:sh="{NAMESPACE}">'
        "<sh:StandardBusinessDocumentHeader>"
        "<sh:HeaderVersion>1.0</sh:HeaderVersion>"
        f"{_write_partner('Sender', header.sender)}"
        f"{_write_partner('Receiver', header.receiver)}"
        "<sh:DocumentIdentification>"
        f"{_write('Standard', header.standard)}"
        f"{_write('TypeVersion', header.type_version)}"
        f"{_write('InstanceIdentifier', header.instance_identifier)}"
        f"{_write('Type', header.type)}"
        f"{_write('CreationDateAndTime', header.created_at)}"
        "</sh:DocumentIdentification>"
        f"<sh:BusinessScope>{''.join(map(_write_scope, scopes))}</sh:BusinessScope>"
        "</sh:StandardBusinessDocumentHeader>"
    )
    return before.encode(), b"</sh:StandardBusinessDocument>"


def read_envelope(sbd: bytes, *, whole: bool) -> "EnvelopeReader":
    """Read the envelope *sbd*: its header, and where the document in it starts.

    With *whole*, the document is scanned to its end, which is then known, too.  Without, what is
    broken inside the document stays unseen; a second document is refused all the same.
    """
    reader = EnvelopeReader(read_header_only=not whole)
    reader.feed(sbd)
    reader.close()
    if not whole and not reader.is_surely_alone(sbd):
        _refuse_second_payload(sbd)
    return reader


class EnvelopeReader:
    """Reads an envelope in chunks of any size.

    *header* is set, and checked against the payload's start tag, as soon as that was met;
    *payload_name* (``{namespace}local``) and *payload_offset* with it.  *read_header_only* stops
    there; otherwise *payload_end* is set at the end of the payload, and a second one is refused.

    Everything wrong up to the payload's start tag is BadBusinessHeader.  XML that breaks later is
    MalformedXml: whoever only has to acknowledge the header may stop feeding then.
    """

    def __init__(self, *, read_header_only: bool) -> None:
        self.header: Sbdh | None = None
        self.payload_name: str | None = None
        self.payload_offset: int | None = None
        self.payload_end: int | None = None
        self._read_header_only = read_header_only
        self._root_tag = b""
        self._payload_tag = b""
        self._has_header = False
        self._values: dict[str, str] = {}
        self._scope: dict[str, str] = {}
        self._scopes: list[Scope] = []
        self._scanner: Scanner | None = None

    def feed(self, data: bytes) -> None:
        """Read the next *data*; nothing happens once the reader has stopped."""
        if self._scanner is None:
            if self._is_done():
                return
            if self._read_header_only and self._read_at_once(data):
                return
            self._scanner = Scanner(self._open, self._close, self._value, paths=_PATHS)
        try:
            self._scanner.feed(data)
        except MalformedXml as error:
            raise self._translate(error) from error

    def close(self) -> None:
        """Say that there is no more: now the envelope must be complete."""
        if self._scanner is None:
            if self._is_done():
                return
            self._scanner = Scanner(self._open, self._close, self._value, paths=_PATHS)
        try:
            self._scanner.close()
        except MalformedXml as error:
            raise self._translate(error) from error

    def is_surely_alone(self, sbd: bytes) -> bool:
        """Tell by the last tags of *sbd*, without a scan, that no second payload follows.

        That is so if the payload's end tag is there once, and nothing but the envelope's after it.
        Use it when the header was read.
        """
        assert self.payload_offset is not None
        if self._payload_tag.endswith(b"/>"):
            return False
        last = b"</" + _tag_name(self._payload_tag)
        place = sbd.rfind(last, self.payload_offset)
        # A search from behind costs half of counting.
        if place < 0 or sbd.rfind(last, self.payload_offset, place) >= 0:
            return False
        end, _, after = sbd[place + len(last) :].partition(b"</")
        name = _tag_name(self._root_tag)
        ends = (end.strip(_SPACE), after[: len(name)], after[len(name) :].strip(_SPACE))
        return ends == (b">", name, b">")

    def _is_done(self) -> bool:
        return self._read_header_only and self.header is not None

    def _read_at_once(self, data: bytes) -> bool:
        """Read a plain opening in one go; say whether it was one."""
        opening = _OPENINGS.read(data)
        if opening is None:
            return False
        if len(opening.groups) > SCOPES_MAX:
            return False
        self._values = opening.values
        self._scopes = [_read_scope(values) for values in opening.groups]
        self._root_tag, self._payload_tag = opening.root_tag, opening.payload_tag
        self._take_header(opening.payload_name, opening.payload_offset)
        return True

    def _translate(self, error: MalformedXml) -> UblError:
        if self.header is not None:
            return error
        rule = "value-interrupted" if error.kind == "interrupted" else "not-well-formed"
        return BadBusinessHeader(f"the envelope cannot be read: {error}", rule=rule)

    def _open(self, name: str, _attributes: Mapping[str, str], offset: int, depth: int) -> None:
        if depth == 0:
            self._open_root(name)
        elif self.header is not None:
            raise BadBusinessHeader(
                f"there is a second document in the envelope: {name}", rule="two-payloads"
            )
        elif self._has_header:
            self._open_payload(name, offset)
        elif name == _HEADER:
            self._has_header = True
        else:
            raise BadBusinessHeader(
                f"the envelope has no header: it starts with {name}", rule="no-sbdh"
            )

    def _open_root(self, name: str) -> None:
        if name != _ROOT:
            raise BadBusinessHeader(
                f"there is no business envelope: the root element is {name}", rule="no-sbdh"
            )
        assert self._scanner is not None
        self._root_tag = self._scanner.read_tag()

    def _open_payload(self, name: str, offset: int) -> None:
        assert self._scanner is not None
        self._take_header(name, offset)
        self._payload_tag = self._scanner.read_tag()
        if self._read_header_only:
            self._scanner.stop()

    def _take_header(self, payload_name: str, offset: int) -> None:
        if payload_name == _HEADER:
            raise BadBusinessHeader("the envelope has two headers", rule="two-headers")
        self.header = read_sbdh(self._values, self._scopes, payload_name=payload_name)
        self.payload_name = payload_name
        self.payload_offset = offset

    def _close(self, end: int, depth: int, _text: str | None) -> None:
        if self.header is not None:
            if depth == 1:
                self.payload_end = end
        elif depth == 0:
            rule = "no-payload" if self._has_header else "no-sbdh"
            raise BadBusinessHeader("there is no document in the envelope", rule=rule)

    def _value(self, path: str, text: str | None, attributes: Mapping[str, str]) -> None:
        if text is None:
            self._close_scope()
            return
        values = self._scope if path.startswith(_SCOPE) else self._values
        if path in values:
            raise BadBusinessHeader(f"{path} is there twice", rule="repeated-element")
        values[path] = text.strip(XML_SPACE)
        authority = attributes.get("Authority")
        if authority is not None and path in _AUTHORITIES:
            values[_AUTHORITIES[path]] = authority.strip(XML_SPACE)

    def _close_scope(self) -> None:
        if len(self._scopes) == SCOPES_MAX:
            raise BadBusinessHeader(
                f"the header has more than {SCOPES_MAX} scopes", rule="too-many-scopes"
            )
        self._scopes.append(_read_scope(self._scope))
        self._scope = {}


def _read_scope(values: Mapping[str, str]) -> Scope:
    return Scope(
        values.get(_SCOPE_TYPE, ""), values.get(_SCOPE_INSTANCE, ""), values.get(_SCOPE_SCHEME)
    )


def _refuse_second_payload(sbd: bytes) -> None:
    reader = EnvelopeReader(read_header_only=False)
    try:
        reader.feed(sbd)
        reader.close()
    except MalformedXml:
        # Broken inside the document: that is found where the document is read, not here.
        return


def _tag_name(tag: bytes) -> bytes:
    found = _TAG_NAME.match(tag)
    assert found is not None
    return found.group(1)


def _write_partner(role: str, participant: ParticipantId) -> str:
    return (
        f'<sh:{role}><sh:Identifier Authority="{participant.scheme}">{participant.value}'
        f"</sh:Identifier></sh:{role}>"
    )


def _write_scope(scope: Scope) -> str:
    identifier = "" if scope.identifier is None else _write("Identifier", scope.identifier)
    return (
        f"<sh:Scope>{_write('Type', scope.type)}"
        f"{_write('InstanceIdentifier', scope.instance_identifier)}{identifier}</sh:Scope>"
    )


@lru_cache(WRITTEN_MAX)
def _write(name: str, value: str) -> str:
    if value != value.strip(XML_SPACE) or not 0 < len(value) <= VALUE_CHARS_MAX:
        raise BadBusinessHeader(
            f"{name} must have 1 to {VALUE_CHARS_MAX} characters and no space around them",
            rule="unwritable-value",
        )
    if _NOT_IN_XML.search(value) is not None:
        raise BadBusinessHeader(
            f"{name} holds a character that XML has no place for", rule="unwritable-value"
        )
    return f"<sh:{name}>{value.translate(_REFERENCES)}</sh:{name}>"
