"""Text from a stranger, made fit to be shown: what would act on its surroundings becomes visible.

Control characters, and the marks that turn the direction of whatever follows, are shown as the
replacement character.  Marks that only say which way their own word runs stay: Arabic and Hebrew
need them, and every value is laid out in isolation.  [UAX9 §2]
"""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

__all__ = ["REPLACEMENT", "clean", "clean_all", "length_of"]

T = TypeVar("T")

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_NEW_LINE: Final = re.compile("\r\n?|[\u0085\u2028\u2029\f\v]")
_ACTING: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufff9-\ufffb"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)


def clean(text: str) -> str:
    """Return *text* with one kind of line end, and nothing in it that acts."""
    return _ACTING.sub(REPLACEMENT, _NEW_LINE.sub("\n", text)).strip()


def clean_all(value: T) -> T:
    """Return a dataclass, tuple or text with every text in it cleaned."""
    if isinstance(value, str):
        return clean(value)  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(clean_all(each) for each in value)  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: clean_all(getattr(value, each.name)) for each in fields(value)}
        return replace(value, **named)
    return value


def length_of(value: Any) -> int:
    """Return how many characters all texts in *value* have together."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, tuple):
        return sum(map(length_of, value))
    if is_dataclass(value):
        return sum(length_of(getattr(value, each.name)) for each in fields(value))
    return 0
