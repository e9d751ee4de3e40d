"""JSON Pointers: how the place of what is wrong with JSON is written.  [RFC6901 §3]"""

import re
from typing import Final

import msgspec

__all__ = ["complaint_of", "step"]

_AT: Final = re.compile(r"(.*?)(?: - at `\$([^`]*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def step(part: str | int) -> str:
    """Return what leads a pointer on to the member or element *part*.  [RFC6901 §4]"""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


def complaint_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return the pointer of what *error* is about, and what it says; an unknown field is named."""
    found = _AT.fullmatch(str(error))
    assert found is not None
    message, place = found[1], found[2] or ""
    pointer = "".join(step(name or number) for name, number in _STEP.findall(place))
    unknown = _UNKNOWN.fullmatch(message)
    return pointer + step(unknown[1]) if unknown else pointer, message
