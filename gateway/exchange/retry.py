"""What to do after a step of sending ended one way or another: decided by kind, never by text.

One table says for each kind in which phase it arises, whether trying again can help, and what it
tells about the message: that nothing reached the peer, that the peer refused it, or that nobody
knows. Pure: the instant and the jitter are arguments, and what went before is a `History`.

The same MessageId and the same bytes are sent again until a receipt arrives or the time is over.
[PEPPOL-AS4 §2.5] [AS4 §3.2]
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

__all__ = [
    "RULES",
    "Again",
    "Deliver",
    "Failed",
    "GiveUp",
    "History",
    "Outcome",
    "Phase",
    "Reach",
    "Refused",
    "Retry",
    "RetryRules",
    "Uncertain",
    "Verdict",
    "Waiting",
    "What",
    "decide",
    "http_kind",
    "signal_kind",
]

HTTP_REFUSALS_MAX = 6  # LIMIT: 4xx answers without ebMS; a gateway being configured comes round.
EXPONENT_MAX = 30  # LIMIT: keeps the power small; the longest pause is reached long before.

_TEMPORARY = frozenset({"EBMS:0005", "EBMS:0202"})
_BUSY_STATUS = frozenset({408, 425, 429})
# INTEROP(phase4 4.5): it answers a message it already has with EBMS:0004 or, newer, its own 4001.
_ALREADY_THERE = frozenset({"EBMS:0004", "EBMS:4001", "4001"})
_NOT_SERVICED = "PEPPOL:NOT_SERVICED"


class Phase(StrEnum):
    """How far sending came."""

    DOCUMENT = "document"
    LOOKUP = "look-up"
    CERTIFICATE = "certificate"
    CONNECT = "connect"
    TLS = "tls"
    HTTP = "http"
    SIGNAL = "signal"
    RECEIPT = "receipt"


class Reach(StrEnum):
    """What is known about the message at the peer."""

    NOTHING = "nothing"
    """The peer does not have it."""
    UNKNOWN = "unknown"
    """It may have it."""
    REFUSED = "refused"
    """It signed that it does not take it."""
    ARRIVED = "arrived"
    """It signed that it has it."""


class What(StrEnum):
    """The kinds of ending; the timeline and the attempts store these words."""

    RECEIPT = "receipt"
    NO_RECEIPT = "no-receipt"
    BAD_RECEIPT = "bad-receipt"
    UNSENDABLE = "unsendable"
    NOT_REGISTERED = "not-registered"
    LOOKUP_DOWN = "look-up-unavailable"
    OTHER_ACCESS_POINT = "other-access-point"
    CERTIFICATE_REFUSED = "certificate-refused"
    REVOCATION_UNKNOWN = "revocation-unknown"
    ADDRESS_REFUSED = "address-refused"
    NOT_CONNECTED = "not-connected"
    TLS_FAILED = "tls-failed"
    BROKEN_OFF = "broken-off"
    INTERRUPTED = "interrupted"
    HTTP_REFUSED = "http-refused"
    HTTP_BUSY = "http-unavailable"
    UNSIGNED_SIGNAL = "unsigned-signal"
    SIGNED_TEMPORARY = "temporary-refusal"
    SIGNED_REFUSAL = "refusal"
    ALREADY_THERE = "refusal-or-duplicate"
    NOT_SERVICED = "not-serviced"


class Again(StrEnum):
    """Whether trying again can help."""

    DONE = "done"
    YES = "yes"
    FEW = "few"
    REFRESHED = "refreshed"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    phase: Phase
    again: Again
    reach: Reach


RULES: Mapping[What, Rule] = MappingProxyType(
    {
        What.RECEIPT: Rule(Phase.RECEIPT, Again.DONE, Reach.ARRIVED),
        What.NO_RECEIPT: Rule(Phase.RECEIPT, Again.YES, Reach.UNKNOWN),
        What.BAD_RECEIPT: Rule(Phase.RECEIPT, Again.YES, Reach.UNKNOWN),
        What.UNSENDABLE: Rule(Phase.DOCUMENT, Again.NO, Reach.NOTHING),
        What.NOT_REGISTERED: Rule(Phase.LOOKUP, Again.NO, Reach.NOTHING),
        What.LOOKUP_DOWN: Rule(Phase.LOOKUP, Again.YES, Reach.NOTHING),
        What.OTHER_ACCESS_POINT: Rule(Phase.LOOKUP, Again.NO, Reach.NOTHING),
        What.CERTIFICATE_REFUSED: Rule(Phase.CERTIFICATE, Again.NO, Reach.NOTHING),
        What.REVOCATION_UNKNOWN: Rule(Phase.CERTIFICATE, Again.YES, Reach.NOTHING),
        What.ADDRESS_REFUSED: Rule(Phase.CONNECT, Again.NO, Reach.NOTHING),
        What.NOT_CONNECTED: Rule(Phase.CONNECT, Again.YES, Reach.NOTHING),
        What.TLS_FAILED: Rule(Phase.TLS, Again.YES, Reach.NOTHING),
        What.BROKEN_OFF: Rule(Phase.HTTP, Again.YES, Reach.UNKNOWN),
        What.INTERRUPTED: Rule(Phase.HTTP, Again.YES, Reach.UNKNOWN),
        # A 4xx without ebMS says that the request was not taken, but not who says so.
        What.HTTP_REFUSED: Rule(Phase.HTTP, Again.FEW, Reach.NOTHING),
        What.HTTP_BUSY: Rule(Phase.HTTP, Again.YES, Reach.UNKNOWN),
        # INTEROP(Oxalis-AS4): some production peers do not sign their errors; anybody could have
        # written them, so they prove nothing either way.  [EBMS3 §6.4]
        What.UNSIGNED_SIGNAL: Rule(Phase.SIGNAL, Again.YES, Reach.UNKNOWN),
        What.SIGNED_TEMPORARY: Rule(Phase.SIGNAL, Again.YES, Reach.REFUSED),
        What.SIGNED_REFUSAL: Rule(Phase.SIGNAL, Again.NO, Reach.REFUSED),
        What.ALREADY_THERE: Rule(Phase.SIGNAL, Again.NO, Reach.REFUSED),
        What.NOT_SERVICED: Rule(Phase.SIGNAL, Again.REFRESHED, Reach.REFUSED),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended: *what* decides; *code* and *detail* are for the timeline.

    *asked_seconds* is the pause that the peer asked for, if it did.
    """

    what: What
    detail: str
    code: str = ""
    asked_seconds: float = 0.0

    @property
    def rule(self) -> Rule:
        """The row of the table for this kind."""
        return RULES[self.what]


@dataclass(frozen=True, slots=True)
class Deliver:
    """It arrived, and the receipt proves it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after *after_seconds*; *refresh* the look-up first."""

    after_seconds: float
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiving access point refused it for good."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be sent; nothing reached the peer."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The peer most likely has it, but gave no receipt; it is not sent again."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It may have arrived, and sending on could double it: a person decides."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The time, or the number of tries, is used up."""


Verdict = Deliver | Retry | Refused | Failed | Uncertain | Waiting | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """The pauses between attempts, and when to stop; all in seconds."""

    first_seconds: float
    max_seconds: float
    give_up_seconds: float

    def pause(self, failures: int, jitter: float, asked_seconds: float = 0.0) -> float:
        """Return the pause after the *failures*-th failure in a row, *jitter* in [0, 1).

        It doubles from the first up to the longest, give or take a quarter, so that the peers of
        an access point that comes back do not all call at the same moment. A peer that asks for a
        longer pause gets it, up to the longest; none can make us call more often.
        [RFC9110 §10.2.3]
        """
        doubled = self.first_seconds * (1 << min(max(failures - 1, 0), EXPONENT_MAX))
        ours = min(doubled, self.max_seconds) * (0.75 + jitter / 2)
        return min(max(ours, asked_seconds * (1 + jitter / 4)), self.max_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What became of this document so far.

    *failures*: endings that allowed another try. *unknown*: whether the message sealed at present
    may already be at the peer. *counts*: how often each kind ended a step.
    """

    accepted_at: datetime
    failures: int = 0
    unknown: bool = False
    counts: Mapping[What, int] = field(default_factory=dict)

    @classmethod
    def of(cls, accepted_at: datetime, kinds: Iterable[What], *, unknown: bool) -> "History":
        """Fold the *kinds* of all endings so far."""
        ended = list(kinds)
        return cls(
            accepted_at=accepted_at,
            failures=sum(RULES[kind].again is not Again.DONE for kind in ended),
            unknown=unknown,
            counts=MappingProxyType(Counter(ended)),
        )


def decide(
    outcome: Outcome, history: History, rules: RetryRules, *, now: datetime, jitter: float
) -> Verdict:
    """Return what to do after *outcome*; *history* is what was before it."""
    match outcome.rule.again:
        case Again.DONE:
            return Deliver()
        case Again.NO:
            return _final(outcome, history)
        case Again.REFRESHED if history.counts.get(outcome.what, 0):
            return Refused()
        case Again.REFRESHED:
            return Retry(0.0, refresh=True)
        case Again.FEW if history.counts.get(outcome.what, 0) + 1 >= HTTP_REFUSALS_MAX:
            return GiveUp()
        case _:
            return _again(outcome, history, rules, now, jitter)


def signal_kind(errors: Iterable[tuple[str, str | None]], *, authenticated: bool) -> What:
    """Return the kind of an error signal from the (errorCode, ErrorDetail) of its failures.

    With several errors the one that ends more counts. *authenticated*: signed by a valid
    certificate of the party addressed, about our message.  [EBMS3 §6.2]
    """
    if not authenticated:
        return What.UNSIGNED_SIGNAL
    kinds = {_error_kind(code, detail) for code, detail in errors}
    order = (What.SIGNED_REFUSAL, What.NOT_SERVICED, What.ALREADY_THERE, What.SIGNED_TEMPORARY)
    return next((kind for kind in order if kind in kinds), What.NO_RECEIPT)


def http_kind(status: int) -> What:
    """Return the kind of an answer that holds no ebMS signal, by its HTTP *status*."""
    if status in _BUSY_STATUS or status >= 500:
        return What.HTTP_BUSY
    if status >= 300:
        return What.HTTP_REFUSED
    return What.NO_RECEIPT


def _error_kind(code: str, detail: str | None) -> What:
    if code in _TEMPORARY:
        return What.SIGNED_TEMPORARY
    if code == "EBMS:0004" and (detail or "").strip() == _NOT_SERVICED:
        return What.NOT_SERVICED
    return What.ALREADY_THERE if code in _ALREADY_THERE else What.SIGNED_REFUSAL


def _final(outcome: Outcome, history: History) -> Verdict:
    """Return the end of a document that trying again cannot help."""
    if outcome.what is What.ALREADY_THERE and history.unknown:
        return Uncertain()
    if outcome.rule.reach is Reach.REFUSED:
        return Refused()
    return Waiting() if history.unknown else Failed()


def _again(
    outcome: Outcome, history: History, rules: RetryRules, now: datetime, jitter: float
) -> Verdict:
    """Return the next try: the last one is made when the time is over, not before."""
    left = history.accepted_at + timedelta(seconds=rules.give_up_seconds) - now
    if left <= timedelta(0):
        return GiveUp()
    pause = rules.pause(history.failures + 1, jitter, outcome.asked_seconds)
    return Retry(min(pause, left.total_seconds()))
