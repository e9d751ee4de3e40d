"""One setting: its row in the table, how its value is read, and how it is shown."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Stage(StrEnum):
    """Which Peppol network this gateway belongs to."""

    SANDBOX = "sandbox"
    TEST = "test"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of a key beside its type: its meaning, its bounds, and who may see it."""

    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    address: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table with its *name*, the *kind* of its value and its *default*."""

    name: str
    kind: str
    default: Any
    row: Row


def host_and_port(text: str) -> tuple[str, int]:
    """Split `host:port` (an IPv6 host in brackets), or raise ValueError saying what is wrong."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError(f"{text!r} is not host:port")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{port!r} is not a port")
    return bare, int(port)


def shown(key: Key, value: Any) -> Any:
    """Return *value* as JSON can carry it, hidden when it is a secret."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple):
        return [shown(key, item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return _hidden(key, str(value)) if key.row.secret else str(value)


def _hidden(key: Key, text: str) -> str:
    """Return *text* without its secret: of an address, the password and the query alone."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "***"
    if not key.row.address or not parts.hostname:
        return "***"
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}:***@" if parts.username else ""
    return urlunsplit((parts.scheme, user + host, parts.path, "", ""))


def read_value(key: Key, raw: Any, folder: Path | None) -> Any:
    """Return *raw* as a value of *key*, or raise ValueError that says what it must be."""
    if key.kind.startswith("list of "):
        kind = key.kind.removeprefix("list of ")
        items = [item.strip() for item in raw.split(",")] if isinstance(raw, str) else raw
        if not isinstance(items, list | tuple):
            raise ValueError("must be a list")
        return tuple(_read_one(key, kind, item, folder) for item in items if item != "")
    return _read_one(key, key.kind, raw, folder)


def _read_one(key: Key, kind: str, raw: Any, folder: Path | None) -> Any:
    value = _READERS[kind](raw)
    if isinstance(value, Path) and folder is not None:
        return folder / value
    if key.row.choices and value not in key.row.choices:
        raise ValueError(f"must be one of {', '.join(key.row.choices)}, not {value!r}")
    low, high = key.row.low, key.row.high
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"must be from {low} to {high}, not {value}")
    return value


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw or "\0" in raw:
        raise ValueError("must be text")
    return raw


def _boolean(raw: Any) -> bool:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in values:
        return values[raw.lower()]
    raise ValueError("must be true or false")


def _integer(raw: Any) -> int:
    if isinstance(raw, str) and re.fullmatch(r"-?[0-9][0-9_]{0,18}", raw):
        return int(raw.replace("_", ""))
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise ValueError("must be a whole number")


def _number(raw: Any) -> float:
    try:
        value = float(raw) if isinstance(raw, str | int | float) else math.nan
    except ValueError:
        value = math.nan
    if isinstance(raw, bool) or not math.isfinite(value):
        raise ValueError("must be a number")
    return value


def _stage(raw: Any) -> Stage:
    try:
        return Stage(raw)
    except ValueError:
        raise ValueError("must be sandbox, test or production") from None


def _instant(raw: Any) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(_text(raw))
    except ValueError:
        raise ValueError("must be an instant like 2026-01-31T12:00:00Z") from None
    if value.tzinfo is None:
        raise ValueError("must name its time zone, as in 2026-01-31T12:00:00Z")
    return value.astimezone(UTC)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "str": _text,
    "path": lambda raw: Path(raw) if isinstance(raw, Path) else Path(_text(raw)),
    "bool": _boolean,
    "int": _integer,
    "float": _number,
    "stage": _stage,
    "datetime": _instant,
}
