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
from typing import TextIO

__all__ = ["configure_logging", "reference", "with_reference"]

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_HIDDEN_WORDS = frozenset({"key", "password", "secret", "token", "authorization"})
_TEXT_MAX = 2_000  # LIMIT: characters of one field; a log line is not an archive.
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
    fields = {
        name: _safe(name, value)
        for name, value in vars(record).items()
        if name not in _OWN_FIELDS and not name.startswith("_")
    }
    if current := _REFERENCE.get():
        fields.setdefault("reference", current)
    return fields


def _safe(name: str, value: object) -> object:
    """Return *value* as it may be logged under *name*."""
    if not _HIDDEN_WORDS.isdisjoint(name.lower().split("_")):
        return "***"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_TEXT_MAX]


def _one_line(text: str) -> str:
    """Return *text* with its line breaks and other controls written out, so it forges no line."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


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
        return _ENCODER.encode(line)


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
