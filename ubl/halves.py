"""Half characters in JSON: an escaped surrogate alone is JSON and no text.  [RFC8259 §8.2]

The decoder refuses them without a place; here the place is found.  [RFC6901 §3]
"""

import json
from typing import Any, Final

from ubl.pointers import step

__all__ = ["HALF", "find_half"]

HALF: Final = "text must not hold half a character (a lone surrogate)"

_BYTES_MAX: Final = 1024 * 1024  # LIMIT: of more the place is not looked for.


def find_half(data: bytes) -> str | None:
    """Return the JSON pointer of half a character in the JSON *data*, as ``/lines/0/name``.

    A name that holds one is told by what it is in.  None when there is none, or *data* is no JSON,
    or too long to look for it.
    """
    if len(data) > _BYTES_MAX:
        return None
    try:
        return _find(json.loads(data), "")
    except (ValueError, RecursionError):
        return None


def _find(value: Any, place: str) -> str | None:
    if isinstance(value, str):
        return place if any("\ud800" <= each <= "\udfff" for each in value) else None
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        if _find("".join(value), place) is not None:
            return place
        children = [(place + step(name), child) for name, child in value.items()]
    elif isinstance(value, list):
        children = [(place + step(number), child) for number, child in enumerate(value)]
    found = (_find(child, where) for where, child in children)
    return next((where for where in found if where is not None), None)
