"""The answer to a document: message level status, message level response, invoice response.

All of them are ApplicationResponse in UBL; *customization* tells them apart.  [PEPPOL-MLS]
[BIS3-IMR]
"""

from dataclasses import dataclass
from datetime import date, time

from ubl.party import Party

__all__ = [
    "ApplicationResponse",
    "DocumentResponse",
    "LineResponse",
    "RespondedDocument",
    "Response",
    "Status",
    "StatusCondition",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCondition:
    """What a reason is about: which term is wrong, or what it should be."""

    attribute: str
    """The term, such as BT-48."""
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Why, or what to do: a code, words, and details."""

    reason_code: str | None = None
    """Of a status: BV, BW, FD or SV; of an invoice response: a reason or an action."""
    list_id: str | None = None
    """Which of the two lists the code is of: OPStatusReason or OPStatusAction."""
    reason: str | None = None
    conditions: tuple[StatusCondition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: a code, words, and reasons."""

    code: str | None = None
    """Of a status: AP, AB or RE; of an invoice response: AB, AP, RE, IP, UQ, CA or PD."""
    description: str | None = None
    effective_on: date | None = None
    statuses: tuple[Status, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondedDocument:
    """What is answered; of a status *id* is the identifier of the envelope."""

    id: str
    issued_on: date | None = None
    type_code: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResponse:
    """An answer about one place of a document."""

    line: str
    """The place: an XPath, or ``NA``."""
    responses: tuple[Response, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResponse:
    """The answer about one document."""

    response: Response
    documents: tuple[RespondedDocument, ...] = ()
    issuer: Party | None = None
    """Who issued the document."""
    recipient: Party | None = None
    """Whom it was issued to."""
    lines: tuple[LineResponse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationResponse:
    """A message level status or response, or an invoice response."""

    customization: str | None = None
    profile: str | None = None
    id: str
    issued_on: date
    issued_at: time | None = None
    note: str | None = None
    sender: Party
    receiver: Party
    responses: tuple[DocumentResponse, ...] = ()
