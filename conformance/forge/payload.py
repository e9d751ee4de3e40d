"""Messages whose payload is wrong: its compression, its business envelope, whom it is for."""

import re
from collections.abc import Callable
from typing import Any, Final

from as4.compression import gzip_compress
from conformance.forge.hooks import cut, swap
from conformance.forge.messages import Forge
from conformance.forge.recipes import Recipe, Table, addressed, enveloped, paid, rows, spoiled
from ubl.identifiers import DocumentTypeId, ProcessId

__all__ = [
    "ADDRESSES",
    "BUSINESS",
    "DECOMPRESSION",
    "ENVELOPES",
    "NOT_SERVED",
    "OTHER_PROCESS",
    "SERVED",
    "other_type",
]

NOT_SERVED: Final = "EBMS:0004 PEPPOL:NOT_SERVICED"
OTHER_PROCESS: Final = ProcessId.parse("cenbii-procid-ubl::urn:other")


def other_type(forge: Forge) -> DocumentTypeId:
    """Return a document type like that of *forge* that nobody takes."""
    kind = forge.document_type
    return DocumentTypeId.parse(f"{kind.uri.rpartition('::')[0]}#urn:other::{kind.version}")


def _gzipped(forge: Forge) -> bytes:
    return gzip_compress(forge.envelope())


DECOMPRESSION: Final[Table] = rows(
    {
        "not gzip": paid(lambda f: f.envelope()),
        "gzip cut short": paid(lambda f: _gzipped(f)[:-9]),
        "a wrong checksum": paid(lambda f: _gzipped(f)[:-8] + bytes(8)),
        "bytes behind": paid(lambda f: _gzipped(f) + b"!"),
        "a second member": paid(lambda f: _gzipped(f) * 2),
        "an unknown compression": spoiled(messaging=swap("application/gzip", "application/zip")),
    },
    "EBMS:0303",
)
"""What cannot be decompressed."""


def _property(name: str) -> Recipe:
    return spoiled(messaging=cut(f'<eb:Property name="{name}"', "</eb:Property>"))


def _in_envelope(old: bytes, new: bytes) -> Recipe:
    return enveloped(lambda sbd: sbd.replace(old, new, 1))


def _scope(name: bytes) -> Recipe:
    """A message one of whose mandatory scopes is called otherwise."""
    return _in_envelope(b">%b<" % name, b">X%b<" % name)


def _scope_twice(sbd: bytes) -> bytes:
    return re.sub(rb"(<sh:Scope><sh:Type>COUNTRY_C1.*?</sh:Scope>)", rb"\1\1", sbd)


def _commented(sbd: bytes) -> bytes:
    """Put a comment inside the first participant."""
    return re.sub(rb'(<sh:Identifier Authority="[^"]+">..)', rb"\1<!-- -->", sbd, count=1)


def _opened(forge: Forge) -> bytes:
    """Return the start tag of the document, as an element of its own."""
    return forge.document[: forge.document.index(b">")] + b"/>"


ENVELOPES: Final[Table] = rows(
    {
        "no envelope": paid(lambda f: gzip_compress(f.document)),
        "no XML": paid(lambda _: gzip_compress(b"%PDF-1.7")),
        "no payload": enveloped(document=lambda _: b""),
        "two payloads": enveloped(document=lambda f: f.document * 2),
        "two unlike payloads": enveloped(document=lambda f: f.document + b'<x xmlns="urn:x"/>'),
        "an empty payload and another": enveloped(document=lambda f: _opened(f) + f.document),
        "broken before the payload": _in_envelope(b"</sh:Sender>", b""),
        "a document type in the envelope": _in_envelope(
            b"<sh:StandardB", b"<!DOCTYPE x><sh:StandardB"
        ),
        "no scope of the process": _scope(b"PROCESSID"),
        "no scope of the document": _scope(b"DOCUMENTID"),
        "no country": _scope(b"COUNTRY_C1"),
        "a malformed country": enveloped(
            lambda sbd: re.sub(rb">[A-Z]{2}</sh:Inst", b">Belgium</sh:Inst", sbd)
        ),
        "a scope twice": enveloped(_scope_twice),
        "a wildcard as document": enveloped(
            lambda sbd: re.sub(rb"(::[^:<]+</sh:InstanceIdentifier>)", rb"*\1", sbd, count=1)
        ),
        "another Standard": _in_envelope(b"</sh:Standard>", b"-other</sh:Standard>"),
        "another Type": _in_envelope(b"</sh:Type>", b"Other</sh:Type>"),
        "another TypeVersion": _in_envelope(b"</sh:TypeVersion>", b"1</sh:TypeVersion>"),
        "a comment inside a participant": enveloped(_commented),
    },
    "EBMS:0004",
)
"""Business envelopes that are not what they must be.  [PEPPOL-BME §4]"""

ADDRESSES: Final[Table] = rows(
    {
        "not for us": addressed(lambda _: {"to_party": "PBE999999"}),
        "no original sender": _property("originalSender"),
        "an untyped original sender": spoiled(
            messaging=swap('"originalSender" type="iso6523-actorid-upis"', '"originalSender"')
        ),
        "no final recipient": _property("finalRecipient"),
        "another original sender": addressed(lambda f: {"original_sender": f.stranger}),
        "another final recipient": addressed(lambda f: {"final_recipient": f.stranger}),
        "another action": addressed(lambda f: {"action": other_type(f).uri}),
        "another service": addressed(lambda _: {"service": OTHER_PROCESS}),
        "an untyped service": spoiled(
            messaging=swap('<eb:Service type="cenbii-procid-ubl">', "<eb:Service>")
        ),
    },
    "EBMS:0004",
)
"""Headers that name nobody, or not whom the business envelope names.  [PEPPOL-AS4 §2.2]"""

BUSINESS: Final[Table] = {**ADDRESSES, **ENVELOPES}


_FIELDS = {"document_type": "action", "process": "service", "receiver": "final_recipient"}
"""What a field of the business header is called in the header of the message."""


def _unserved(change: Callable[[Forge], dict[str, Any]]) -> Recipe:
    """A message that agrees with itself and asks for what the receiver does not serve."""

    def header(forge: Forge) -> dict[str, Any]:
        return {
            _FIELDS[name]: getattr(value, "uri", value) if name == "document_type" else value
            for name, value in change(forge).items()
        }

    return addressed(header, lambda f: gzip_compress(f.envelope(**change(f))))


SERVED: Final[Table] = rows(
    {
        "an unknown participant": _unserved(lambda f: {"receiver": f.stranger}),
        "a document type we do not take": _unserved(lambda f: {"document_type": other_type(f)}),
        "a process we do not take": _unserved(lambda _: {"process": OTHER_PROCESS}),
    },
    NOT_SERVED,
)
"""What the receiver does not serve.  [PEPPOL-AS4 §2.3]"""
