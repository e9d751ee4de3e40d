"""Texts that are alike but for some values: learned from one, then read without a parser.

A machine writes all its envelopes alike.  A `Shape` is such a text with gaps where values stand.
What fits it differs from it by these values alone, and they are so plain that they change nothing
of its structure: what the parser made of the first text holds for all of them.  [XML §2.4]

Whoever learns a shape must let the parser confirm it; `as4.familiar` does.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Final

__all__ = ["Shape"]

# LIMIT: characters of all plain values together; longer ones are left to the parser.
PLAIN_CHARS_MAX: Final = 2048

# Printable ASCII that XML writes as it is, wherever it stands.
_PLAIN: Final = bytes(set(range(0x21, 0x7F)) - set(b"&<>'\""))
# What a text must not have: references, comments, CDATA, apostrophes around attributes.
_ODD: Final = ("&", "<!", "'")


class Shape:
    """The shape of *text*, with gaps for some of its values.

    *texts* are contents of elements, *attributes* values of attributes, which may stand behind a
    "#" as well; both by the name of the gap.  *bulk* names those that may be of any length.
    What has the same value here must have in every text of this shape: *firsts* says for each
    name by which one it goes.
    Raises ValueError for a text that is not plain XML.
    """

    __slots__ = ("_befores", "_end", "_gaps", "_names", "_pattern", "_plain", "_repeats", "firsts")

    def __init__(
        self,
        text: str,
        texts: Mapping[str, str],
        attributes: Mapping[str, str],
        *,
        bulk: Collection[str] = (),
    ) -> None:
        if not text.isascii() or "<?" in text[1:] or any(sign in text for sign in _ODD):
            raise ValueError("the text has more than plain tags and characters")
        if not all((*texts.values(), *attributes.values())):
            raise ValueError("an empty value stands everywhere")
        self.firsts = {**_firsts(texts), **_firsts(attributes)}
        self._repeats = [(name, first) for name, first in self.firsts.items() if name != first]
        firsts = set(self.firsts.values())
        # All gaps in order, what stands before each, and each name where it is first.
        self._gaps: list[str] = []
        self._befores: list[str] = []
        self._names: list[str] = []
        pattern: list[str] = []
        position = 0
        for start, value, after, name in sorted(_find_gaps(text, texts, attributes)):
            if name not in firsts:
                continue
            if start < position:
                raise ValueError(f"the value of {name} overlaps another")
            before = text[position:start]
            pattern += re.escape(before), self._pattern_of(name, after)
            self._befores.append(before)
            self._gaps.append(name)
            position = start + len(value)
        self._end = text[position:]
        self._pattern = re.compile("".join((*pattern, re.escape(self._end))))
        self._plain = sorted(firsts.intersection(self._names).difference(bulk))

    def _pattern_of(self, name: str, after: str) -> str:
        """Return the pattern of a gap: any value at first, the same value wherever it recurs."""
        if name in self._names:
            return f"(?:\\{self._names.index(name) + 1})"
        self._names.append(name)
        # It takes all up to what ends it and gives nothing back: matching is linear.
        return f"([^{after}]++)"

    @property
    def complete(self) -> bool:
        """Whether each value has a gap."""
        return set(self._names) == set(self.firsts.values())

    def read(self, text: str) -> dict[str, str] | None:
        """Return the values of *text* by name; None if it is not of this shape.

        Values named in bulk are not looked at: the caller must refuse any that is not base64 as
        it stands.
        """
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        values = dict(zip(self._names, found.groups(), strict=True))
        plain = "".join(map(values.__getitem__, self._plain))
        if len(plain) > PLAIN_CHARS_MAX or not _is_plain(plain):
            return None
        for name, first in self._repeats:
            values[name] = values[first]
        return values

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text of this shape with *values*; raise KeyError if one is missing."""
        pairs = zip(self._befores, map(values.__getitem__, self._gaps), strict=True)
        return "".join(chain.from_iterable(pairs)) + self._end


def _is_plain(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _PLAIN)


def _firsts(values: Mapping[str, str]) -> dict[str, str]:
    """Return for each name the first one that has the same value."""
    firsts: dict[str, str] = {}
    return {name: firsts.setdefault(value, name) for name, value in values.items()}


def _find_gaps(
    text: str, texts: Mapping[str, str], attributes: Mapping[str, str]
) -> Iterator[tuple[int, str, str, str]]:
    """Yield where each value stands, the value, what ends it, and its name."""
    for name, value in texts.items():
        for start in _find_all(text, ">", f"{value}<"):
            yield start, value, "<", name
    for name, value in attributes.items():
        for before in ('="', '="#'):
            for start in _find_all(text, before, f'{value}"'):
                yield start, value, '"', name


def _find_all(text: str, before: str, wanted: str) -> Iterator[int]:
    found = text.find(before + wanted)
    while found >= 0:
        yield found + len(before)
        found = text.find(before + wanted, found + 1)
