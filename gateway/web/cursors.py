"""Cursors: where the next page of a list begins, and which list that is.

A cursor is a place and a mark. The mark is made of the place, the books and the address of the
list, so that a cursor of other books, of another list or of one's own making is refused and not
taken for a place. It protects from slips: whoever computes it sees rows of his own all the same.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar
from uuid import UUID

from aiohttp import web

from gateway.errors import Fault
from gateway.store.documents import Cursor
from gateway.web.access import ACCESS, DOSSIER
from gateway.web.parameters import refused

__all__ = ["bad_cursor", "cut_page", "mark", "read_place", "read_row", "row_place", "write_place"]

_ROW: Final = re.compile(r"([0-9]{1,16})\.([0-9a-f]{32})")
_MARK_CHARACTERS: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Listed(Protocol):
    """A row of a list, as a cursor names it."""

    @property
    def id(self) -> UUID:
        """Which one it is."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made: lists are in that order."""
        ...


Row = TypeVar("Row", bound=Listed)


def read_place(request: web.Request) -> str | None:
    """Return the place that the cursor of *request* names, if it has one.

    Raises Fault (`bad-cursor`) when no page of this list gave it.
    """
    text = request.query.get("cursor")
    if text is None:
        return None
    place, _, _ = text.rpartition(".")
    if text != write_place(request, place):
        raise bad_cursor()
    return place


def write_place(request: web.Request, place: str) -> str:
    """Return the cursor that asks the list of *request* to go on at *place*."""
    if DOSSIER in request:
        books = str(request[DOSSIER])
    else:
        key = request[ACCESS].key
        within = "all" if key.dossiers is None else " ".join(sorted(map(str, key.dossiers)))
        books = f"{key.is_test} {within}"
    return f"{place}.{mark(books, request.path, place)}"


def mark(books: str, path: str, place: str) -> str:
    """Return the mark of a *place* in the list at *path* of these *books*."""
    made = hashlib.sha256(f"{books}\n{path}\n{place}".encode())
    return made.hexdigest()[:_MARK_CHARACTERS]


def read_row(request: web.Request) -> Cursor | None:
    """Return where the page begins, in a list in the order of making: after that row."""
    place = read_place(request)
    if place is None:
        return None
    found = _ROW.fullmatch(place)
    if found is None:
        raise bad_cursor()
    return Cursor(_EPOCH + timedelta(microseconds=int(found[1])), UUID(found[2]))


def cut_page(
    request: web.Request, found: Sequence[Row], limit: int
) -> tuple[Sequence[Row], bool, str | None]:
    """Return of one row more than *limit* the page, whether there is more, and the cursor of it."""
    page, has_more = found[:limit], len(found) > limit
    if not has_more:
        return page, False, None
    return page, True, write_place(request, row_place(page[-1].created_at, page[-1].id))


def row_place(created_at: datetime, identifier: UUID) -> str:
    """Return the place behind the row made then, with that id."""
    return f"{(created_at - _EPOCH) // timedelta(microseconds=1)}.{identifier.hex}"


def bad_cursor() -> Fault:
    """Return the refusal of a cursor that no page of this list gave."""
    return refused("bad-cursor", "cursor", "pass next_cursor of the page before, unchanged")
