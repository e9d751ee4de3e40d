"""One document among several: an entry of a batch or an import, accepted on its own.

What is read here is JSON: the form of an invoice, or an item that holds a form or a UBL document
and says beside it what a request says in its query and headers.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar
from uuid import UUID

import msgspec

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.intake import Accepted, Intake, Submission
from ubl.errors import BadIdentifier
from ubl.halves import HALF, find_half
from ubl.identifiers import ParticipantId
from ubl.pointers import complaint_of

__all__ = ["Item", "accept_item", "read_item", "read_item_or_form"]

_KEY: Final = re.compile(r"[!-~]{1,255}")
_NOTHING: Final = msgspec.Raw(b"")
Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Item:
    """A document, as UBL or as the JSON form of an invoice, and what was said beside it."""

    data: bytes
    is_form: bool
    submission: Submission


class _Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item as it is written; `gateway.client.bulkmodel.BatchItem` describes it."""

    ubl: bytes | None = None
    invoice: msgspec.Raw = _NOTHING
    idempotency_key: str | None = None
    to: str | None = None
    duplicate: Literal["allow"] | None = None


class _Peek(msgspec.Struct, frozen=True, kw_only=True):
    """What tells an item from a form: no form has these fields."""

    ubl: msgspec.Raw = _NOTHING
    invoice: msgspec.Raw = _NOTHING


def read_item(data: bytes | msgspec.Raw, *, language: str) -> Item:
    """Return the item in the JSON *data*; *language* is that of hints.

    Raises Fault (INVALID) with the place of what is wrong.
    """
    item = _decode(data, _Item)
    is_form = bytes(item.invoice) not in {b"", b"null"}
    if is_form == (item.ubl is not None):
        raise _bad("bad-json", "", "an item has either ubl or invoice")
    if item.idempotency_key is not None and not _KEY.fullmatch(item.idempotency_key):
        message = "an idempotency key has 1 to 255 visible ASCII characters"
        raise _bad("bad-idempotency-key", "/idempotency_key", message)
    submission = Submission(
        idempotency_key=item.idempotency_key,
        to=_receiver(item.to),
        duplicate=item.duplicate is not None,
        language=language,
    )
    return Item(bytes(item.invoice) if is_form else item.ubl or b"", is_form, submission)


def read_item_or_form(data: bytes, *, language: str) -> Item:
    """Return the item in the JSON *data*, or the item that holds the form in it; as `read_item`."""
    peek = _decode(data, _Peek)
    if peek.ubl == _NOTHING and peek.invoice == _NOTHING:
        return Item(data, is_form=True, submission=Submission(language=language))
    return read_item(data, language=language)


async def accept_item(
    intake: Intake, dossier_id: UUID, item: Item, *, key: str | None = None
) -> Accepted:
    """Accept the document of *item*, under *key* where it names none.

    Raises as `Forms.build`, `Intake.read` and `Intake.accept` do.
    """
    submission = item.submission
    if submission.idempotency_key is None:
        submission = replace(submission, idempotency_key=key)
    data = await intake.forms.build(item.data) if item.is_form else item.data
    async with intake.read(_once(data)) as upload:
        return await intake.accept(dossier_id, upload, submission)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _decode(data: bytes | msgspec.Raw, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise _bad("bad-json", *complaint_of(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        if (half := find_half(bytes(data))) is not None:
            raise _bad("bad-text", half, HALF) from error
        raise _bad("not-json", "", str(error)) from error


def _receiver(text: str | None) -> ParticipantId | None:
    try:
        return None if text is None else ParticipantId.parse(text)
    except BadIdentifier as error:
        raise _bad("bad-identifier", "/to", error.detail) from error


def _bad(code: str, place: str, message: str) -> Fault:
    problem = Problem(rule=code, location=place, message=message, hint="see the API's reference")
    return Fault(Kind.INVALID, code, f"the item cannot be used: {message}", errors=[problem])
