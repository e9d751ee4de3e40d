"""What spoils a text: a hook takes it and returns it changed.

A hook that changes nothing would make a test lie, so it raises `Unspoiled` instead.
"""

from collections.abc import Callable

__all__ = ["Hook", "Unspoiled", "cut", "hooked", "swap", "twice"]

Hook = Callable[[str], str]


class Unspoiled(Exception):  # noqa: N818 - it says what happened
    """A hook found nothing to change; the text says what it looked for."""


def swap(old: str, new: str) -> Hook:
    """Return a hook that puts *new* in place of the first *old*, which must be there."""

    def hook(text: str) -> str:
        if old not in text:
            raise Unspoiled(f"{old!r} is not there to be replaced")
        return text.replace(old, new, 1)

    return hook


def cut(start: str, end: str, new: str = "") -> Hook:
    """Return a hook that puts *new* in place of the first stretch from *start* to *end*.

    Both ends are part of the stretch.
    """

    def hook(text: str) -> str:
        first, last = _stretch(text, start, end)
        return text[:first] + new + text[last:]

    return hook


def twice(start: str, end: str) -> Hook:
    """Return a hook that repeats the first stretch from *start* to *end*."""

    def hook(text: str) -> str:
        first, last = _stretch(text, start, end)
        return text[:last] + text[first:last] + text[last:]

    return hook


def hooked(hook: Hook | None, text: str) -> str:
    """Return what *hook* makes of *text*; raises Unspoiled when that is the same."""
    if hook is None:
        return text
    changed = hook(text)
    if changed == text:
        raise Unspoiled("the hook changed nothing")
    return changed


def _stretch(text: str, start: str, end: str) -> tuple[int, int]:
    first = text.find(start)
    last = text.find(end, first + len(start))
    if first < 0 or last < 0:
        raise Unspoiled(f"there is no stretch from {start!r} to {end!r}")
    return first, last + len(end)
