"""What an access point's answer says about the message we sent: receipt, refusal, or nothing sure.

A signal is read on any HTTP status and under any Content-Type. It counts only if a valid,
unrevoked certificate of the party we addressed signed it, and if it names our message; everything
else may come from anybody.
[PEPPOL-AS4 §2.5] [AS4 §5.1.8] [EBBPSIG §3.2]
"""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from as4.certificates import Certificate, Revocation
from as4.client import HttpAnswer, TransportFailure
from as4.errors import InvalidReceipt, MissingReceipt, Severity, Unreadable
from as4.signal import ErrorSignal, Receipt, SignalError, check_receipt, read_signal
from as4.xmldsig import Reference
from gateway.exchange.retry import Outcome, What, http_kind, signal_kind
from gateway.trust import Trust

__all__ = ["Judgement", "Sent", "judge_answer", "judge_failure"]

TEXT_MAX = 1_000  # LIMIT: characters of a peer's words on our timeline.
DIGITS_MAX = 9  # LIMIT: of a Retry-After; no pause is as long as that by far.

_LOG = logging.getLogger(__name__)
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What of our message an answer must fit."""

    message_id: str
    to_party: str
    references: Sequence[Reference]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the attempt ended, and who signed the answer, if that was somebody we believe."""

    outcome: Outcome
    signer: Certificate | None = None


def judge_failure(exc: Exception) -> Outcome:
    """Return the outcome of an exchange that broke before an answer was judged.

    What is no TransportFailure is an error of our own. It may carry what the document says, so
    neither the outcome nor the log has its words.
    """
    if not isinstance(exc, TransportFailure):
        frames = "".join(traceback.format_tb(exc.__traceback__))
        _LOG.error("an attempt to send failed: %s at\n%s", type(exc).__name__, frames)
        detail = f"an error of this gateway, {type(exc).__name__}; its log has more"
        return Outcome(what=What.INTERRUPTED, code="internal-error", detail=detail)
    if exc.sent:
        what = What.BROKEN_OFF
    else:
        what = What.TLS_FAILED if exc.phase == "tls" else What.NOT_CONNECTED
    return Outcome(what=what, code=f"transport-{exc.phase}", detail=exc.detail[:TEXT_MAX])


async def judge_answer(answer: HttpAnswer, sent: Sent, *, trust: Trust, now: datetime) -> Judgement:
    """Return how *answer* ends the attempt to deliver *sent*."""
    judgement = await _judge(answer, sent, trust, now)
    asked = read_retry_after(answer.retry_after, now)
    if not asked:
        return judgement
    return replace(judgement, outcome=replace(judgement.outcome, asked_seconds=asked))


def read_retry_after(text: str, now: datetime) -> float:
    """Return the seconds from *now* that a Retry-After of *text* asks for; 0 for none.

    [RFC9110 §10.2.3]
    """
    if not text:
        return 0.0
    if text.isascii() and text.isdigit():
        return float(text[:DIGITS_MAX])
    try:
        until = parsedate_to_datetime(text)
        return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)
    except (ValueError, OverflowError):
        return 0.0


async def _judge(answer: HttpAnswer, sent: Sent, trust: Trust, now: datetime) -> Judgement:
    if not _claims_xml(answer) and not answer.body.lstrip(_BEFORE_XML).startswith(b"<"):
        return Judgement(_without_signal(answer))
    try:
        signal = read_signal(answer.body, check_signer=trust.check_signer, now=now)
    except Unreadable as error:
        return Judgement(_unreadable(answer, error.detail))
    problem = await _signer_problem(signal.signer, trust, now)
    if isinstance(signal, Receipt):
        return _judge_receipt(signal, sent, problem)
    return _judge_error(signal, sent, problem)


async def _signer_problem(signer: Certificate | None, trust: Trust, now: datetime) -> str | None:
    """Return why the certificate that signed an answer does not count, if it does not."""
    if signer is None:
        return None
    answer = await trust.revocation(signer, now)
    if answer is Revocation.REVOKED:
        return f"the certificate of {signer.subject_cn} was revoked"
    if answer is not Revocation.GOOD:
        return f"nobody says whether the certificate of {signer.subject_cn} was revoked"
    return None


def _judge_receipt(receipt: Receipt, sent: Sent, problem: str | None) -> Judgement:
    detail = f"the receipt proves nothing: {problem}" if problem else _receipt_fault(receipt, sent)
    if detail is not None:
        outcome = Outcome(what=What.BAD_RECEIPT, code=InvalidReceipt.code, detail=detail[:TEXT_MAX])
        return Judgement(outcome, None if problem else receipt.signer)
    detail = f"{sent.to_party} signed a receipt for exactly what was sent"
    return Judgement(Outcome(what=What.RECEIPT, detail=detail), receipt.signer)


def _receipt_fault(receipt: Receipt, sent: Sent) -> str | None:
    """Return why *receipt* does not prove that *sent* arrived; None when it does."""
    try:
        check_receipt(receipt, sent.references, message_id=sent.message_id, to_party=sent.to_party)
    except InvalidReceipt as error:
        return error.detail
    return None


def _judge_error(signal: ErrorSignal, sent: Sent, problem: str | None) -> Judgement:
    doubt = problem or _doubt(signal, sent)
    failures = [error for error in signal.errors if error.severity != Severity.WARNING]
    codes = [(error.code, error.error_detail) for error in failures]
    what = signal_kind(codes, authenticated=doubt is None)
    words = "; ".join(_words(error) for error in failures) or signal.fault or "only warnings"
    outcome = Outcome(
        what=what,
        code=", ".join(dict.fromkeys(code for code, _ in codes)) or MissingReceipt.code,
        detail=(words if doubt is None else f"unauthenticated, {doubt}: {words}")[:TEXT_MAX],
    )
    return Judgement(outcome, None if problem else signal.signer)


def _doubt(signal: ErrorSignal, sent: Sent) -> str | None:
    """Return why *signal* does not count as an answer of the party addressed, if it does not."""
    if signal.signer is None:
        return signal.problem or "it is not signed"
    if signal.signer.subject_cn != sent.to_party:
        return f"it is signed by {signal.signer.subject_cn}, not {sent.to_party}"
    if signal.ref_to_message_id != sent.message_id:
        return f"it is about the message {signal.ref_to_message_id}"
    return None


def _words(error: SignalError) -> str:
    parts = (error.short_description, error.description, error.error_detail)
    return ": ".join([error.code, *(part for part in parts if part)])


def _without_signal(answer: HttpAnswer) -> Outcome:
    """Return the outcome of an answer that holds no signal: EBMS:0301 if it should have."""
    what = http_kind(answer.status)
    code = MissingReceipt.code if what is What.NO_RECEIPT else f"http-{answer.status}"
    return Outcome(what=what, code=code, detail=f"HTTP {answer.status} without receipt or error")


def _unreadable(answer: HttpAnswer, detail: str) -> Outcome:
    """Return the outcome of an XML answer that is no signal: EBMS:0302 where a receipt was due."""
    if http_kind(answer.status) is not What.NO_RECEIPT or not _claims_xml(answer):
        return _without_signal(answer)
    return Outcome(what=What.BAD_RECEIPT, code=InvalidReceipt.code, detail=detail[:TEXT_MAX])


def _claims_xml(answer: HttpAnswer) -> bool:
    return bool(answer.body) and "xml" in answer.content_type.lower()
