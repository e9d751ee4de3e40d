"""The steps of sending as they stand on a document's timeline, and what they add up to.

Every step is one event: a name, a sentence for people (`text`) and data for programs. The endings
of steps carry their kind (`gateway.exchange.retry.What`), so the timeline is also the memory from
which the next decision is made; there is no second copy of it to disagree with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from gateway.exchange.retry import (
    RULES,
    Deliver,
    Failed,
    GiveUp,
    History,
    Outcome,
    Phase,
    Reach,
    Refused,
    Retry,
    Uncertain,
    Verdict,
    Waiting,
    What,
)
from gateway.exchange.route import Route
from gateway.exchange.states import Status
from gateway.store.messages import SealedRow, StoredMessage

__all__ = [
    "ENCRYPTION_RENEWED",
    "LOOKED_UP",
    "RETRIED",
    "SEALED",
    "SEALED_ANEW",
    "SENDING",
    "WILL_RETRY",
    "Progress",
    "describe_ending",
    "describe_renewal",
    "describe_route",
    "describe_sealing",
    "read_progress",
    "status_after",
]

LOOKED_UP = "looked_up"
SEALED = "sealed"
SEALED_ANEW = "sealed_anew"
ENCRYPTION_RENEWED = "encryption_renewed"
SENDING = "sending"
WILL_RETRY = "will_retry"
RETRIED = "retried"

_KINDS = frozenset(What)
_ENDS: Mapping[type[Verdict], tuple[Status, str]] = {
    Deliver: (Status.DELIVERED, "Delivered: the receiving access point signed for it"),
    Refused: (Status.REFUSED, "Refused by the receiving access point"),
    Failed: (Status.FAILED, "It cannot be sent; nothing reached the receiver"),
    Uncertain: (Status.UNCERTAIN, "Probably delivered, but there is no receipt"),
    Waiting: (Status.WAITING, "It may have arrived already; somebody has to decide"),
    GiveUp: (Status.GAVE_UP, "Given up: no attempt succeeded in time"),
}


class EventLike(Protocol):
    """What is read of an event."""

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def detail(self) -> Mapping[str, Any]:
        """Its data."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What has happened to a document since it was accepted, or since a person had it tried again.

    *kinds* are those of all endings, *since_sealed* of them are of the present message. When a
    person decided, that was at *retried_at*; *unknown_before*: whether the present message may have
    arrived before that; *may_move*: whether it may all the same go elsewhere as a new one.
    """

    kinds: tuple[What, ...] = ()
    since_sealed: int = 0
    retried_at: datetime | None = None
    unknown_before: bool = False
    may_move: bool = False

    @property
    def refresh(self) -> bool:
        """Whether the last word was that the receiver is not served there: look up anew."""
        return self.kinds[-1:] == (What.NOT_SERVICED,)

    @property
    def unknown(self) -> bool:
        """Whether the present message may be at the receiver already."""
        present = self.kinds[len(self.kinds) - self.since_sealed :]
        return self.unknown_before or any(RULES[kind].reach is Reach.UNKNOWN for kind in present)

    def history(self, accepted_at: datetime) -> History:
        """Return what `gateway.exchange.retry` wants to know."""
        begun = self.retried_at or accepted_at
        return History.of(begun, self.kinds, unknown=self.unknown)

    def sealed(self) -> "Progress":
        """Return the progress once a message was sealed: nothing happened to that one yet."""
        return Progress(self.kinds, retried_at=self.retried_at)

    def after(self, what: What) -> "Progress":
        """Return the progress once one more step has ended as *what*."""
        return replace(
            self,
            kinds=(*self.kinds, what),
            since_sealed=self.since_sealed + 1,
            may_move=self.may_move and RULES[what].reach is not Reach.UNKNOWN,
        )

    def retried(self, at: datetime) -> "Progress":
        """Return the progress once a person has decided, *at* that time, that it is tried again."""
        return Progress(retried_at=at, unknown_before=self.unknown, may_move=True)


def read_progress(events: Iterable[EventLike]) -> Progress:
    """Fold a timeline, first event first, into what it adds up to."""
    progress = Progress()
    for event in events:
        if event.name in (SEALED, SEALED_ANEW):
            progress = progress.sealed()
        elif event.name == RETRIED:
            progress = progress.retried(event.at)
        elif (kind := event.detail.get("kind")) in _KINDS:
            progress = progress.after(What(kind))
    return progress


def status_after(verdict: Verdict) -> Status | None:
    """Return the status in which *verdict* leaves a document; None: it is tried again."""
    return None if isinstance(verdict, Retry) else _ENDS[type(verdict)][0]


def describe_ending(
    outcome: Outcome, verdict: Verdict, *, unknown: bool, now: datetime, **data: Any
) -> tuple[str, dict[str, Any]]:
    """Return name and data of the event for a step that ended as *outcome*, and what follows.

    *unknown*: whether the message may be at the receiver; said wherever it is not sure.
    *data* are further facts of the event, such as the number of the attempt.
    """
    detail: dict[str, Any] = {
        "phase": outcome.rule.phase,
        "kind": outcome.what,
        "code": outcome.code,
        "detail": outcome.detail,
        **data,
    }
    if outcome.rule.phase in (Phase.SIGNAL, Phase.RECEIPT):
        detail["authenticated"] = outcome.rule.reach in (Reach.REFUSED, Reach.ARRIVED)
    if isinstance(verdict, Retry):
        retry_at = now + timedelta(seconds=verdict.after_seconds)
        detail["retry_at"] = retry_at.isoformat(timespec="seconds")
        detail["text"] = f"Not yet ({outcome.rule.phase}): {outcome.detail}"
        return WILL_RETRY, detail
    status, sentence = _ENDS[type(verdict)]
    if not isinstance(verdict, Deliver):
        detail["may_have_arrived"] = unknown
        sentence = f"{sentence} ({outcome.rule.phase}: {outcome.detail})"
    detail["text"] = sentence
    return status, detail


def describe_route(route: Route) -> dict[str, Any]:
    """Return the data of the event that says where the document goes."""
    access_point = route.recipient.subject_cn
    how = "given by the caller" if route.smp_url is None else f"published at {route.smp_url}"
    return {
        "text": f"The receiver's access point is {access_point} at {route.address} ({how})",
        "phase": Phase.LOOKUP,
        "access_point": access_point,
        "endpoint": route.address,
        "smp": route.smp_url,
        "certificate_sha256": route.recipient.fingerprint.hex(),
    }


def describe_sealing(row: SealedRow) -> dict[str, Any]:
    """Return the data of the event that says what was made to be sent."""
    return {
        "text": f"Wrapped, compressed, signed and encrypted for {row.receiving_ap}",
        "message_id": row.message_id,
        "instance_identifier": row.instance_identifier,
        "access_point": row.receiving_ap,
        "wire_bytes": row.body.wire_length,
    }


def describe_renewal(message: StoredMessage, route: Route) -> dict[str, Any]:
    """Return the data of the event that says that only the encryption changed."""
    return {
        "text": f"Encrypted anew: {message.receiving_ap} has another certificate",
        "message_id": message.message_id,
        "access_point": message.receiving_ap,
        "certificate_sha256": route.recipient.fingerprint.hex(),
    }
