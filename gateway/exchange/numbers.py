"""The second guard against sending a document twice, for callers who lost their key for the first.

Two documents are the same one when sender, kind, number and year are.  In self-billing the number
is the seller's, though the buyer sends: two sellers may well have the same.
"""

import hashlib
import re
from typing import Final
from uuid import UUID

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.retry import RULES, Reach
from gateway.store.documents import Document
from gateway.store.numbers import Number, find_holders, hold_number
from gateway.store.pool import Transaction
from ubl.routing import Routing

__all__ = ["check_number", "guard_number", "number_of"]

_DATE: Final = re.compile(r"([0-9]{4})-[0-9]{2}-[0-9]{2}")
_HARMLESS: Final = [
    str(what) for what, rule in RULES.items() if rule.reach in (Reach.NOTHING, Reach.REFUSED)
]
"""How attempts end after which the receiver has not got the message."""
_CHARACTERS_MAX: Final = 200  # LIMIT: of a number as it is kept; an index takes no long text.


async def guard_number(
    tx: Transaction, routing: Routing, document_id: UUID, *, anyway: bool = False
) -> None:
    """Let the document *document_id* hold the number that *routing* names; *anyway*: knowingly.

    Raises Fault (CONFLICT, `duplicate-number`) when another document has it that was sent, is on
    its way, or may have arrived.
    """
    number = number_of(routing)
    if number is None:
        return
    holder = await hold_number(tx, number, document_id, anyway=anyway, harmless=_HARMLESS)
    if holder is not None:
        named = f"{routing.root_name} {(routing.number or '')[:_CHARACTERS_MAX]}"
        message = f"document {holder} is {named} of {number.sender} in {number.year}"
        raise _duplicate(f"{named} of {number.year}", message, holder)


async def check_number(tx: Transaction, document: Document) -> None:
    """Refuse to send *document* again when another one has its number by now.

    Raises Fault (CONFLICT, `duplicate-number`).  One that has no number, or no date beside it, was
    never held to one.
    """
    if document.kind is None or document.number is None:
        return
    parties = sorted({document.sender, document.receiver})
    holders = await find_holders(tx, parties, document.kind, _kept(document.number))
    if holders and document.id not in holders:
        named = f"{document.kind} {document.number[:_CHARACTERS_MAX]}"
        raise _duplicate(named, f"{named} was sent anew, as document {holders[0]}", holders[0])


def number_of(routing: Routing) -> Number | None:
    """Return what identifies the document to a bookkeeper; None without a number or a date."""
    date = _DATE.match(routing.issued_on or "")
    if routing.number is None or date is None:
        return None
    number = _kept(routing.number)
    issuer = routing.receiver if routing.is_self_billing else routing.sender
    return Number(issuer.value, routing.root_name, number, int(date[1]))


def _kept(number: str) -> str:
    """Return *number* as it is kept."""
    if len(number) <= _CHARACTERS_MAX:
        return number
    return "sha256:" + hashlib.sha256(number.encode()).hexdigest()


def _duplicate(named: str, message: str, holder: UUID) -> Fault:
    problem = Problem(
        rule="duplicate-number",
        location="cbc:ID",
        message=message,
        hint=(
            f"look at it first: GET /v1/documents/{holder}; if this is another document, give it"
            " its own number, or send it again with duplicate=allow in the query"
        ),
    )
    detail = f"{named} was handed in before, as document {holder}"
    return Fault(Kind.CONFLICT, "duplicate-number", detail, errors=[problem])
