"""The rules of a folder as they are now: `gateway rules` may change them while a gateway runs."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.rules.packs import ASIDE, is_hidden
from gateway.rules.rulebook import Rulebook

if TYPE_CHECKING:
    from gateway.settings import Settings

__all__ = ["Shelf", "prepare_folder"]

# The folder of each pack: its name, its number on the disk, and when it was written.
_State = frozenset[tuple[str, int, int]]


class Shelf:
    """The rulebook of *rules_dir*, read anew where packs were installed, replaced or removed."""

    def __init__(self, rules_dir: Path) -> None:
        self._rules_dir: Final = rules_dir
        self._book: Rulebook | None = None
        self._state: _State | None = None

    def find_current(self) -> Rulebook | None:
        """Return the rulebook if it was read and is as the folder is, which costs a few `stat`."""
        if self._book is None:
            return None
        state = _state_of(self._rules_dir)
        return self._book if state is None or state == self._state else None

    def take(self) -> Rulebook:
        """Return the rulebook of what is there now, or raise Fault where it cannot be used."""
        book = self.find_current()
        if book is None:
            # Looked at first: what changes while it is read is seen the next time.
            state = _state_of(self._rules_dir)
            book = self._book = Rulebook(self._rules_dir)
            self._state = state
        return book


def prepare_folder(settings: "Settings") -> None:
    """Make the folder of packs in the data folder of a gateway: compiled rules are kept there."""
    if settings.rules_dir is None and settings.data_dir.is_dir():
        with suppress(OSError):
            settings.rules_folder.mkdir(mode=0o700, exist_ok=True)


def _state_of(rules_dir: Path) -> _State | None:
    """Return what packs *rules_dir* has, or None while one of them is between old and new."""
    found, aside = set(), set()
    try:
        with os.scandir(rules_dir) as entries:
            for entry in entries:
                if entry.name.endswith(ASIDE):
                    aside.add(entry.name[1:].rpartition("-")[0])
                elif not is_hidden(entry.name):
                    status = entry.stat()
                    found.add((entry.name, status.st_ino, status.st_mtime_ns))
    except FileNotFoundError:
        # There is no folder; or else a pack was there a moment ago.
        return None if found or aside else frozenset()
    return frozenset(found) if aside <= {name for name, *_ in found} else None
