"""What an answer to a message means: a receipt, a refusal, or neither.

A refusal is an ebMS error, a SOAP fault or an HTTP status from 400 to 499.  A server that breaks
(HTTP 500 without any of them) or hangs up has not refused.  [EBMS3 §6] [SOAP12 §5.4]
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from as4.certificates import Certificate
from as4.errors import Unreadable
from as4.mimeheaders import SOAP
from as4.signal import ErrorSignal, Receipt, read_signal
from conformance.suite.wire import Answer

__all__ = ["Reply", "read_reply"]

CheckSigner = Callable[[bytes, datetime], Certificate]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the signal in it; *unreadable* says why there is none."""

    answer: Answer
    signal: Receipt | ErrorSignal | None
    unreadable: str = ""

    @property
    def code(self) -> str:
        """The code of the first ebMS error, empty when there is none."""
        if isinstance(self.signal, ErrorSignal) and self.signal.errors:
            return self.signal.errors[0].code
        return ""

    @property
    def detail(self) -> str:
        """The ErrorDetail of the first ebMS error, empty when there is none."""
        if isinstance(self.signal, ErrorSignal) and self.signal.errors:
            return self.signal.errors[0].error_detail or ""
        return ""

    @property
    def is_receipt(self) -> bool:
        """Whether it says that the message was received, signed or not."""
        return isinstance(self.signal, Receipt)

    @property
    def is_refusal(self) -> bool:
        """Whether it says that the message was refused."""
        return isinstance(self.signal, ErrorSignal) or (
            self.signal is None and 400 <= self.answer.status <= 499
        )

    @property
    def words(self) -> str:
        """What came back, for people."""
        answer, signal = self.answer, self.signal
        if not answer.status:
            return f"no answer: {answer.trouble}"
        if isinstance(signal, Receipt):
            return "a receipt" if answer.status // 100 == 2 else f"a receipt with {answer.status}"
        if isinstance(signal, ErrorSignal):
            named = [f"{each.code} {each.error_detail or ''}".strip() for each in signal.errors]
            return "the error " + ", ".join(named) if named else f"the SOAP fault {signal.fault!r}"
        broken = f", {answer.trouble}" if answer.trouble else ""
        return f"HTTP {answer.status} without ebMS ({self.unreadable}{broken})"


def read_reply(answer: Answer, *, check_signer: CheckSigner, now: datetime) -> Reply:
    """Read what *answer* says; *check_signer* judges who signed it.  Raises nothing."""
    if not answer.status:
        return Reply(answer, None)
    if not answer.body:
        return Reply(answer, None, "the answer is empty")
    if answer.trouble:
        return Reply(answer, None, "it broke off")
    if answer.content_type not in (SOAP, "text/xml", "application/xml", ""):
        return Reply(answer, None, f"it is {answer.content_type}")
    try:
        return Reply(answer, read_signal(answer.body, check_signer=check_signer, now=now))
    except Unreadable as error:
        return Reply(answer, None, error.detail)
