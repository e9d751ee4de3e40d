"""The identifiers of the Peppol network: participants, document types, processes, seats.

They are checked where they are made, so that one at hand is well-formed.  Participants compare
without regard to case, everything else exactly.  Which identifiers are active, and whose a number
is, the code lists and registers know; a wrong check digit is a warning here.  [PEPPOL-ID]
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from ubl.errors import BadIdentifier
from ubl.registers import check_number

PARTICIPANT_SCHEME: Final = "iso6523-actorid-upis"
EXACT_SCHEME: Final = "busdox-docid-qns"
WILDCARD_SCHEME: Final = "peppol-doctype-wildcard"
PROCESS_SCHEME: Final = "cenbii-procid-ubl"

# The name of an access point or an SMP in its certificate, such as PBE000123.  [PEPPOL-PKI]
SEAT_ID: Final = re.compile(r"P[A-Z]{2}[0-9]{6}")

# LIMIT: the lengths of the identifier policy.  [PEPPOL-ID]
DOCUMENT_TYPE_CHARS_MAX: Final = 500
PROCESS_CHARS_MAX: Final = 200

# LIMIT: participants remembered; a message names each of its two in both of its headers.
PARTICIPANTS_MAX: Final = 1024
# LIMIT: document types and processes remembered; a network has some hundreds.
TYPES_MAX: Final = 256

# A four-digit code of ISO 6523, then 1 to 130 unreserved characters.  [ISO6523]
_PARTICIPANT: Final = re.compile(r"([0-9]{4}):([A-Za-z0-9._~-]{1,130})")
_SCHEME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_PRINTABLE: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True, eq=False)
class ParticipantId:
    """Whoever sends or receives documents, such as ``0208:0123456749``."""

    scheme: str
    value: str

    def __post_init__(self) -> None:
        if self.scheme != PARTICIPANT_SCHEME:
            raise BadIdentifier(
                f"the scheme of a participant is {PARTICIPANT_SCHEME}, not {self.scheme!r}"
            )
        if _PARTICIPANT.fullmatch(self.value) is None:
            raise BadIdentifier(
                f"{self.value!r} is not a participant identifier: write four digits, a colon and"
                " up to 130 letters, digits, or any of -._~ (as in 0208:0123456749)"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParticipantId):
            return NotImplemented
        return self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.value

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``iso6523-actorid-upis::0208:0123456749`` or ``0208:0123456749``."""
        scheme, separator, value = text.partition("::")
        return cls(scheme, value) if separator else cls(PARTICIPANT_SCHEME, text)

    @property
    def uri(self) -> str:
        """The identifier with its scheme, as the SMP and the logs name it."""
        return f"{self.scheme}::{self.value}"

    @property
    def icd(self) -> str:
        """The code of the register that gave the number, such as ``0208``."""
        return self.value[:4]

    @property
    def key(self) -> str:
        """The one spelling to compare, hash and look up by: lower case."""
        return self.value.lower()


known_participant: Final = lru_cache(PARTICIPANTS_MAX)(ParticipantId)
"""Makes a ParticipantId, or returns the one made of the same scheme and value before."""


@dataclass(frozen=True, slots=True)
class DocumentTypeId:
    """The type of a document: its root element, the customization it follows, the version."""

    scheme: str
    value: str

    def __post_init__(self) -> None:
        _check_scheme("document type", self.scheme)
        _check_value("document type", self.value, DOCUMENT_TYPE_CHARS_MAX)

    def __str__(self) -> str:
        return self.uri

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``busdox-docid-qns::urn:oasis:…::2.1``."""
        return cls(*_split("document type", text, EXACT_SCHEME))

    @classmethod
    def for_root(
        cls, *, root_namespace: str, local_name: str, customization: str, version: str
    ) -> Self:
        """Make the identifier of a document from what it says of itself.

        International invoices (PINT) are in the scheme that knows wildcards, all others in the
        exact one.
        """
        scheme = WILDCARD_SCHEME if customization.startswith("urn:peppol:pint:") else EXACT_SCHEME
        return cls(scheme, f"{root_namespace}::{local_name}##{customization}::{version}")

    @property
    def uri(self) -> str:
        """The identifier with its scheme, as the SMP names it."""
        return f"{self.scheme}::{self.value}"

    @property
    def root_namespace(self) -> str:
        """The namespace of the root element; of what is no XML, the name of the syntax."""
        return self.split()[0]

    @property
    def local_name(self) -> str:
        """The name of the root element; empty for what is no XML."""
        return self.split()[1]

    @property
    def customization(self) -> str:
        """The specification that the document follows (BT-24 of an invoice)."""
        return self.split()[2]

    @property
    def version(self) -> str:
        """The version of the syntax, ``2.1`` for UBL."""
        return self.split()[3]

    @property
    def has_wildcard(self) -> bool:
        """Whether there is a ``*`` in it, which only an SMP may publish."""
        return "*" in self.value

    def candidates(self) -> "list[DocumentTypeId]":
        """Return what a receiver may have published to take this type, the best first.

        That is the type itself and, in the scheme that knows wildcards, ever fewer parts of the
        customization followed by ``*``.  [PEPPOL-ID]
        """
        if self.scheme != WILDCARD_SCHEME or self.has_wildcard:
            return [self]
        before, separator, _ = self.value.partition("##")
        customization, version = self.customization, self.version
        if not separator or not customization or not version:
            return [self]
        parts = customization.split("@")
        wildcards = [
            DocumentTypeId(self.scheme, f"{before}##{'@'.join(parts[:count])}*::{version}")
            for count in range(len(parts), 0, -1)
        ]
        return [self, *wildcards]

    def matches(self, published: "DocumentTypeId") -> bool:
        """Tell whether whoever published *published* takes documents of this type.

        A wildcard stands for whole parts of the customization, never for half of one.
        """
        return not self.has_wildcard and published in self.candidates()

    @lru_cache(TYPES_MAX)  # noqa: B019 - bounded, and of values
    def split(self) -> tuple[str, str, str, str]:
        """Return namespace, local name, customization and version; empty where there is none."""
        root, separator, rest = self.value.partition("##")
        if not separator:
            return "", "", "", ""
        namespace, separator, name = root.rpartition("::")
        if not separator:
            namespace, name = root, ""
        customization, _, version = rest.rpartition("::")
        return namespace, name, customization, version


@dataclass(frozen=True, slots=True)
class ProcessId:
    """The business process that a document belongs to."""

    scheme: str
    value: str

    def __post_init__(self) -> None:
        _check_scheme("process", self.scheme)
        _check_value("process", self.value, PROCESS_CHARS_MAX)

    def __str__(self) -> str:
        return self.uri

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0``."""
        return cls(*_split("process", text, PROCESS_SCHEME))

    @property
    def uri(self) -> str:
        """The identifier with its scheme."""
        return f"{self.scheme}::{self.value}"


parsed_participant: Final = lru_cache(PARTICIPANTS_MAX)(ParticipantId.parse)
parsed_document_type: Final = lru_cache(TYPES_MAX)(DocumentTypeId.parse)
parsed_process: Final = lru_cache(TYPES_MAX)(ProcessId.parse)
"""These parse an identifier, or return the one parsed from the same text before."""


def check_participant(participant: ParticipantId) -> list[str]:
    """Return warnings about the number in *participant*: its shape and check digits.

    They are reasons to refuse a registration, but not a message.
    """
    return check_number(participant.icd, participant.value[5:])


def is_seat_id(text: str) -> bool:
    """Tell whether *text* is the seat id of a service provider, such as ``PBE000123``."""
    return SEAT_ID.fullmatch(text) is not None


def _check_scheme(what: str, scheme: str) -> None:
    if _SCHEME.fullmatch(scheme) is None:
        raise BadIdentifier(f"{scheme!r} is not the scheme of a {what} identifier")


def _check_value(what: str, value: str, chars_max: int) -> None:
    if len(value) > chars_max:
        raise BadIdentifier(
            f"the {what} identifier has {len(value)} characters, at most {chars_max} are allowed"
        )
    if _PRINTABLE.fullmatch(value) is None:
        raise BadIdentifier(
            f"{value!r} is not a {what} identifier: it must not be empty or hold any space"
        )


def _split(what: str, text: str, scheme_usual: str) -> tuple[str, str]:
    scheme, separator, value = text.partition("::")
    if not separator or _SCHEME.fullmatch(scheme) is None:
        raise BadIdentifier(
            f"{text!r} is not a {what} identifier: write its scheme before it"
            f" (as in {scheme_usual}::{text})"
        )
    return scheme, value


# The types and processes that the project speaks of by name.
_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_BILLING_3: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_SELF_BILLING_3: Final = _BILLING_3.replace(":billing:", ":selfbilling:")


def _ubl(name: str, customization: str) -> DocumentTypeId:
    return DocumentTypeId(EXACT_SCHEME, f"{_UBL}{name}-2::{name}##{customization}::2.1")


INVOICE: Final = _ubl("Invoice", _BILLING_3)
CREDIT_NOTE: Final = _ubl("CreditNote", _BILLING_3)
SELF_BILLING_INVOICE: Final = _ubl("Invoice", _SELF_BILLING_3)
SELF_BILLING_CREDIT_NOTE: Final = _ubl("CreditNote", _SELF_BILLING_3)
INVOICE_RESPONSE: Final = _ubl(
    "ApplicationResponse", "urn:fdc:peppol.eu:poacc:trns:invoice_response:3"
)
MESSAGE_LEVEL_STATUS: Final = _ubl("ApplicationResponse", "urn:peppol:edec:mls:1.0")

BILLING: Final = ProcessId(PROCESS_SCHEME, "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
SELF_BILLING: Final = ProcessId(PROCESS_SCHEME, "urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0")
INVOICE_RESPONSE_PROCESS: Final = ProcessId(
    PROCESS_SCHEME, "urn:fdc:peppol.eu:poacc:bis:invoice_response:3"
)
MESSAGE_LEVEL_STATUS_PROCESS: Final = ProcessId(PROCESS_SCHEME, "urn:peppol:edec:mls")
