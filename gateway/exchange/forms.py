"""An invoice that comes as the small JSON form: made into UBL, then accepted like any other.

Making it takes some milliseconds for each kilobyte: a small one is made in a thread, a larger one
in a process of its own, which is bounded in time and memory.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.lanes import InLanes, Lanes, ProcessEnded, TookTooLong
from ubl.builder import build_invoice
from ubl.errors import BadForm
from ubl.form import read_form
from ubl.writer import write_document

__all__ = ["FORM_BYTES_MAX", "Forms"]

FORM_BYTES_MAX = 32 * 1024 * 1024  # LIMIT: a form with its attachments; larger documents are UBL.
HERE_BYTES_MAX: Final = 16 * 1024  # LIMIT: a form that is made into UBL in a thread of ours.
COUNT: Final = 1  # LIMIT: processes that make UBL, of each process of the gateway.
WAITING_MAX: Final = 32  # LIMIT: larger forms that wait for one; the next is told to come back.
SECONDS_MAX: Final = 60.0  # LIMIT: for one form; the largest that is allowed takes some seconds.
START_SECONDS_MAX: Final = 30.0  # LIMIT: until a process is there, on a machine that is busy.
MEMORY_BYTES_MAX: Final = 1 << 30  # LIMIT: of a process.
PROBLEMS_MAX: Final = 100  # LIMIT: what one refusal tells.
_RETRY_SECONDS: Final = 10.0


class Forms(InLanes):
    """Where forms become UBL; who makes it closes it."""

    def __init__(self) -> None:
        lanes = Lanes(
            _prepare,
            None,
            count=COUNT,
            seconds_max=SECONDS_MAX,
            start_seconds_max=START_SECONDS_MAX,
            waiting_max=WAITING_MAX,
            memory_bytes_max=MEMORY_BYTES_MAX,
        )
        super().__init__(lanes)

    async def build(self, form: bytes) -> bytes:
        """Return the UBL of the invoice that the JSON *form* describes.

        Raises Fault: INVALID with the JSON pointer of what is wrong, TOO_LARGE when it takes too
        much time or memory; Unavailable when too many wait or no process can be had.
        """
        if len(form) <= HERE_BYTES_MAX:
            return await asyncio.to_thread(_build, form)
        try:
            made: bytes = await self._lanes.ask(form)
        except (TookTooLong, MemoryError) as error:
            detail = "to make UBL of the form takes too much time or memory; send it as UBL"
            raise Fault(Kind.TOO_LARGE, "form-too-large", detail) from error
        except ProcessEnded as error:
            raise Unavailable("the process that makes UBL was ended", _RETRY_SECONDS) from error
        return made


def _prepare(_: None) -> Callable[[Any], Any]:
    return _build


def _build(form: bytes) -> bytes:
    try:
        return write_document(build_invoice(read_form(form)))
    except BadForm as error:
        raise _refusal(error) from error


def _refusal(error: BadForm) -> Fault:
    told = error.problems[:PROBLEMS_MAX]
    problems = [
        Problem(
            rule="bad-form",
            location=problem.pointer,
            message=problem.message,
            hint="change it in the JSON; the OpenAPI document describes the form",
        )
        for problem in told
    ]
    detail = f"no invoice can be made of the form: {BadForm(told).detail}"
    return Fault(Kind.INVALID, "bad-form", detail, errors=problems)
