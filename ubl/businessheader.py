"""What the header of a business envelope says, and the rules it keeps.

`ubl.sbdh` reads it from bytes and writes it; here are the values.  [PEPPOL-BME] [SBDH]
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from ubl.errors import BadBusinessHeader, BadIdentifier
from ubl.identifiers import (
    EXACT_SCHEME,
    PROCESS_SCHEME,
    DocumentTypeId,
    ParticipantId,
    ProcessId,
    known_participant,
)

DOCUMENT_TYPE_SCOPE: Final = "DOCUMENTID"
PROCESS_SCOPE: Final = "PROCESSID"
COUNTRY_SCOPE: Final = "COUNTRY_C1"
MANDATORY_SCOPES: Final = (DOCUMENT_TYPE_SCOPE, PROCESS_SCOPE, COUNTRY_SCOPE)

_COUNTRY: Final = re.compile(r"[A-Z0-9]{2}")
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)

# LIMIT: identifiers remembered; nearly all documents are of the same few types.
KNOWN_MAX: Final = 128

_T = TypeVar("_T")

_document_type: Final = lru_cache(KNOWN_MAX)(DocumentTypeId)
_process: Final = lru_cache(KNOWN_MAX)(ProcessId)


class Scope(NamedTuple):
    """A scope of the header: a key, its value, and the scheme of the value if it has one."""

    type: str
    instance_identifier: str
    identifier: str | None = None


@dataclass(slots=True)
class Sbdh:
    """What a header says.

    *instance_identifier* is the envelope's own, not the invoice's number.
    *created_at* is the text of an XML dateTime, as written.
    *scopes* are those beside the document type, the process and the country of the sender.
    Nobody changes a header; to freeze it would double what it costs to make one.
    """

    sender: ParticipantId
    receiver: ParticipantId
    standard: str
    type_version: str
    instance_identifier: str
    type: str
    created_at: str
    document_type: DocumentTypeId
    process: ProcessId
    country_c1: str
    scopes: tuple[Scope, ...] = ()

    def find_scope(self, scope_type: str) -> Scope | None:
        """Return the first further scope with exactly that key."""
        return next((scope for scope in self.scopes if scope.type == scope_type), None)


def read_sbdh(values: Mapping[str, str], scopes: Sequence[Scope], *, payload_name: str) -> Sbdh:
    """Return the header made of *values* (by path) and *scopes*, or raise BadBusinessHeader.

    *payload_name* is the root element of the document in the envelope.
    """
    document_type, process, country = _find_mandatory(scopes)
    header = Sbdh(
        sender=_read_partner(values, "Sender"),
        receiver=_read_partner(values, "Receiver"),
        standard=_require(values, "DocumentIdentification/Standard"),
        type_version=_require(values, "DocumentIdentification/TypeVersion"),
        instance_identifier=_require(values, "DocumentIdentification/InstanceIdentifier"),
        type=_require(values, "DocumentIdentification/Type"),
        created_at=_require(values, "DocumentIdentification/CreationDateAndTime"),
        document_type=_identify(
            _document_type, document_type, document_type.identifier or EXACT_SCHEME
        ),
        process=_identify(_process, process, process.identifier or PROCESS_SCHEME),
        country_c1=country.instance_identifier,
        scopes=tuple(scope for scope in scopes if scope.type not in MANDATORY_SCOPES),
    )
    # INTEROP(senders without a zone): BME asks for one; the time is kept as text and decides
    # nothing here, so a good document is not sent back for it.
    check_sbdh(header, payload_name=payload_name, zone_required=False)
    return header


def check_sbdh(header: Sbdh, *, payload_name: str, zone_required: bool = True) -> None:
    """Raise BadBusinessHeader if *header* contradicts itself or its payload."""
    moment = _DATE_TIME.fullmatch(header.created_at)
    if moment is None or (zone_required and moment["zone"] is None):
        raise BadBusinessHeader(
            f"CreationDateAndTime is {header.created_at!r}: write a date, a time and a time zone"
            " (as in 2026-01-02T03:04:05Z)",
            rule="bad-creation-time",
        )
    if _COUNTRY.fullmatch(header.country_c1) is None:
        raise BadBusinessHeader(
            f"the scope {COUNTRY_SCOPE} is {header.country_c1!r}: write the two-letter code of"
            " the sender's country (as in BE)",
            rule="bad-country",
        )
    if header.document_type.has_wildcard:
        raise BadBusinessHeader(
            f"the scope {DOCUMENT_TYPE_SCOPE} holds a *: only what is published may, a document"
            " has one type",
            rule="wildcard",
        )
    _check_agreement(header, payload_name)


def _check_agreement(header: Sbdh, payload_name: str) -> None:
    root_namespace, root_name, _, version = header.document_type.split()
    namespace, _, local_name = payload_name.removeprefix("{").rpartition("}")
    said = (header.standard, header.type, header.type_version, root_namespace, root_name)
    if said == (namespace, local_name, version, namespace, local_name):
        return
    scope = f"in the scope {DOCUMENT_TYPE_SCOPE}"
    agreements = (
        ("Standard", header.standard, "the payload's namespace", namespace),
        ("Type", header.type, "the payload's root element", local_name),
        ("TypeVersion", header.type_version, f"the version {scope}", version),
        (f"the namespace {scope}", root_namespace, "the payload's namespace", namespace),
        (f"the root element {scope}", root_name, "the payload's root element", local_name),
    )
    for what, found, other, expected in agreements:
        if found != expected:
            raise BadBusinessHeader(
                f"{what} is {found!r}, but {other} is {expected!r}: they must be the same",
                rule="unlike-payload" if "payload" in other else "unlike-version",
            )


def _find_mandatory(scopes: Sequence[Scope]) -> list[Scope]:
    names = [scope.type for scope in scopes]
    found = []
    for name in MANDATORY_SCOPES:
        count = names.count(name)
        scope = scopes[names.index(name)] if count else None
        if scope is None or not scope.instance_identifier:
            raise BadBusinessHeader(f"the scope {name} is missing", rule="missing-scope")
        if count > 1:
            raise BadBusinessHeader(f"the scope {name} is there twice", rule="repeated-scope")
        found.append(scope)
    return found


def _read_partner(values: Mapping[str, str], role: str) -> ParticipantId:
    value = _require(values, f"{role}/Identifier")
    authority = _require(values, f"{role}/Identifier/@Authority")
    try:
        return known_participant(authority, value)
    except BadIdentifier as error:
        raise BadBusinessHeader(f"{role}: {error.detail}", rule="bad-identifier") from error


def _require(values: Mapping[str, str], path: str) -> str:
    value = values.get(path)
    if not value:
        raise BadBusinessHeader(f"{path} is missing or empty", rule="missing-element")
    return value


def _identify(make: Callable[[str, str], _T], scope: Scope, scheme: str) -> _T:
    try:
        return make(scheme, scope.instance_identifier)
    except BadIdentifier as error:
        raise BadBusinessHeader(f"{scope.type}: {error.detail}", rule="bad-identifier") from error
