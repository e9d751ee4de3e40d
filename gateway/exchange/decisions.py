"""What a person decides about a document whose sending has stopped: try again, or let it be.

Sending stops by itself where going on is of no use (failed, gave_up) or could double a document
(waiting). A decision is a step of the timeline like any other, so the next attempt knows of it.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from gateway.errors import Fault, Kind
from gateway.exchange import timeline as steps
from gateway.exchange.numbers import check_number
from gateway.exchange.retry import Phase
from gateway.exchange.states import Status, check_move
from gateway.store.documents import Step
from gateway.store.jobs import DocumentRef, Job, document_job, enqueue_all
from gateway.store.pool import Transaction
from gateway.store.sendings import Move, Outgoing, load_outgoing, move_documents

__all__ = ["cancel_sending", "retry_sending"]

_TEXTS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.FAILED: "To be tried again: somebody asked for it",
        Status.GAVE_UP: "To be tried again: somebody asked for it",
        Status.WAITING: "To be sent on: somebody decided so, though it may have arrived before",
    }
)
"""What the timeline says of a retry, by where the document stood."""


async def retry_sending(tx: Transaction, document_id: UUID, *, now: datetime) -> None:
    """Have a document tried again that failed, was given up, or waits for this decision.

    What was sealed is sent as it is, under its MessageId, to whoever had it; if the receiver has
    another access point by now, a new message is made for that one. The time for trying begins
    anew.  Raises Fault (CONFLICT) when it stands elsewhere, or another document took its number.
    """
    loaded = await _load(tx, document_id)
    status = Status(loaded.document.status)
    if status not in _TEXTS:
        raise _not_stopped("retry", status, _TEXTS)
    onward = Status.ACCEPTED if loaded.message is None else Status.SEALED
    detail = {"text": _TEXTS[status], "may_have_arrived": _unknown(loaded)}
    await _move(tx, loaded, onward, Step(now, steps.RETRIED, detail))
    # After the move, which holds its row: nobody takes the number from it any more.
    await check_number(tx, loaded.document)
    ref = DocumentRef(loaded.document.dossier_id, loaded.document.id)
    await enqueue_all(tx, [document_job(Job.SEND_DOCUMENT, ref)])


async def cancel_sending(tx: Transaction, document_id: UUID, *, now: datetime) -> None:
    """End the sending of a document that waits for this decision; what has arrived stays there.

    Raises Fault (CONFLICT) when it does not wait.
    """
    loaded = await _load(tx, document_id)
    status = Status(loaded.document.status)
    if status is not Status.WAITING:
        raise _not_stopped("cancel", status, (Status.WAITING,))
    detail: dict[str, Any] = {
        "text": "Cancelled: somebody decided that it is not sent on",
        "phase": Phase.DOCUMENT,
        "code": "cancelled",
        "may_have_arrived": _unknown(loaded),
    }
    await _move(tx, loaded, Status.FAILED, Step(now, Status.FAILED, detail))


async def _load(tx: Transaction, document_id: UUID) -> Outgoing:
    found = (await load_outgoing(tx, [document_id])).get(document_id)
    if found is None:
        detail = "it was received; only what is sent can be tried again or cancelled"
        raise Fault(Kind.CONFLICT, "not-outgoing", detail)
    return found


async def _move(tx: Transaction, loaded: Outgoing, to: Status, step: Step) -> None:
    status = Status(loaded.document.status)
    check_move(status, to)
    move = Move(
        document_id=loaded.document.id,
        from_status=status,
        to_status=to,
        steps=[step],
        at=step.at,
    )
    if not await move_documents(tx, [move]):
        raise Fault(Kind.CONFLICT, "status-changed", f"the document is no longer {status}")


def _unknown(loaded: Outgoing) -> bool:
    return steps.read_progress(loaded.events).unknown


def _not_stopped(what: str, status: Status, where: Mapping[Status, str] | tuple[Status]) -> Fault:
    detail = f"it is {status}; there is something to {what} when it is {' or '.join(where)}"
    return Fault(Kind.CONFLICT, "nothing-to-decide", detail)
