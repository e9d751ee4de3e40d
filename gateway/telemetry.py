"""Logging: one JSON object per line in a pipe, one readable line on a terminal, always to stderr.

What a line carries beyond its message is given as `extra={...}` and becomes fields of their own.
Keys and document contents never reach a log: bytes are replaced by their length, and fields whose
name says that they hold a secret are hidden.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from itertools import filterfalse
from typing import TextIO

import msgspec

from gateway.clock import Clock

__all__ = ["Sparingly", "configure_logging", "reference", "with_reference"]

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_HIDDEN_WORDS = frozenset({"key", "password", "secret", "token", "authorization"})
_TEXT_MAX = 2_000  # LIMIT: characters of one field; a log line is not an archive.
_NAMES_MAX = 1_024  # LIMIT: field names whose meaning is remembered; our calls have some dozens.
_BYTES = (bytes, bytearray, memoryview)
_PLAIN = (bool, int, float, type(None))
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_REFERENCE: ContextVar[str] = ContextVar("reference", default="")


def configure_logging(
    level: str = "info", style: str = "auto", stream: TextIO | None = None
) -> None:
    """Send all logging to *stream* (stderr); *style*: json, text, or auto (text on a terminal)."""
    target = sys.stderr if stream is None else stream
    readable = style == "text" or (style == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(_TextLines() if readable else _JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it tells of every tick
    # No line shows these, and each message of a peer would pay for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - how logging's manual says not to look for the caller


class Sparingly:
    """Says when a line is due that would come every second: at once, then once in *seconds*."""

    def __init__(self, clock: Clock, seconds: float = 60.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._next: float | None = None

    def is_due(self) -> bool:
        """Say whether to write the line now."""
        now = self._clock.monotonic()
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._seconds
        return True


def reference() -> str:
    """Return the reference of the request or job in hand, or the empty string."""
    return _REFERENCE.get()


@contextmanager
def with_reference(value: str) -> Iterator[None]:
    """Put *value* as `reference` on every line that is logged inside."""
    token = _REFERENCE.set(value)
    try:
        yield
    finally:
        _REFERENCE.reset(token)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what *record* carries beyond the usual, safe to write down."""
    given = vars(record)
    fields = {
        name: _safe(given[name]) if shown else "***"
        for name in filterfalse(_OWN_FIELDS.__contains__, given)
        if (shown := _is_shown(name)) is not None
    }
    if current := _REFERENCE.get():
        fields.setdefault("reference", current)
    return fields


@lru_cache(_NAMES_MAX)
def _is_shown(name: str) -> bool | None:
    """Say whether a field is shown: False if it may hold a secret, None if it is none."""
    if name.startswith("_"):
        return None
    return _HIDDEN_WORDS.isdisjoint(name.lower().split("_"))


def _safe(value: object) -> object:
    """Return *value* as it may be logged."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT_MAX else value[:_TEXT_MAX]
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _BYTES):
        return f"<{len(value)} bytes>"
    return str(value)[:_TEXT_MAX]


def _one_line(text: str) -> str:
    """Return *text* with its line breaks and other controls written out, so it forges no line."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _instant(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03}+00:00"


@lru_cache(1)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _json(line: dict[str, object]) -> str:
    try:
        return msgspec.json.encode(line).decode()
    except (UnicodeEncodeError, OverflowError):  # half a character, or a giant number
        return _ENCODER.encode(line)


class _JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_TEXT_MAX],
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _json(line)


class _TextLines(logging.Formatter):
    """One line per record for a person: time of day, level, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        clock = _instant(record)[11:19]
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        text = f"{clock} {record.levelname.lower():<8}{record.getMessage()[:_TEXT_MAX]}"
        lines = [_one_line(f"{text}  {fields}" if fields else text)]
        if record.exc_info:
            lines.append(self.formatException(record.exc_info))
        return "\n".join(lines)
