"""The answer to a document, as a person reads it: a status, why, and about what.  [BIS3]"""

from collections.abc import Iterator
from typing import Final

from gateway.rendering.parties import view_party
from gateway.rendering.view import Party, Row, Section, View
from gateway.rendering.wording import Wording
from ubl.response import ApplicationResponse, DocumentResponse, Response, Status

__all__ = ["view_response"]

_INVOICE_RESPONSE: Final = "invoice_response"
_ACTIONS: Final = "OPStatusAction"


def view_response(answer: ApplicationResponse, words: Wording) -> View:
    """Return the view of *answer*."""
    is_invoice = _INVOICE_RESPONSE in (answer.customization or "")
    head = [Row(words.word("head.issue_date"), words.day(answer.issued_on))]
    if answer.issued_at is not None:
        head.append(Row(words.word("head.issue_time"), answer.issued_at.isoformat()))
    return View(
        language=words.language,
        title=words.word("title.invoice_response" if is_invoice else "title.message_response"),
        number=answer.id,
        head=tuple(head),
        parties=tuple(_parties(answer, words)),
        sections=tuple(
            Section(title=words.word("response.table"), rows=tuple(_rows(each, words)))
            for each in answer.responses
        ),
        notes=(answer.note,) if answer.note else (),
    )


def _parties(answer: ApplicationResponse, words: Wording) -> Iterator[Party]:
    yield view_party(answer.sender, "sender", words)
    yield view_party(answer.receiver, "receiver", words)
    for each in answer.responses:
        if each.issuer is not None:
            yield view_party(each.issuer, "issuer", words)
        if each.recipient is not None:
            yield view_party(each.recipient, "recipient", words)


def _rows(answer: DocumentResponse, words: Wording) -> Iterator[Row]:
    yield from _response_rows(answer.response, words)
    for each in answer.documents:
        yield Row(words.word("response.about"), words.numbered(each.id, each.issued_on))
    for line in answer.lines:
        yield Row(words.word("response.field"), line.line)
        for response in line.responses:
            yield from _response_rows(response, words)


def _response_rows(response: Response, words: Wording) -> Iterator[Row]:
    if response.code:
        yield Row(words.word("response.status"), words.code("status", response.code))
    if response.description:
        yield Row(words.word("response.description"), response.description)
    if response.effective_on is not None:
        yield Row(words.word("response.date"), words.day(response.effective_on))
    for each in response.statuses:
        yield from _status_rows(each, words)


def _status_rows(status: Status, words: Wording) -> Iterator[Row]:
    list_name = "action" if status.list_id == _ACTIONS else "reason"
    meaning = words.code(list_name, status.reason_code) if status.reason_code else None
    said = list(dict.fromkeys(each for each in (meaning, status.reason) if each))
    if said:
        yield Row(words.word(f"response.{list_name}"), ": ".join(said))
    for each in status.conditions:
        yield Row(each.attribute, each.description or "")
