"""Lists of the API from their first row to their last, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar

__all__ = ["Page", "each"]

Row_co = TypeVar("Row_co", covariant=True)
Row = TypeVar("Row")


class Page(Protocol[Row_co]):
    """A page of a list: its rows, and where the next one begins."""

    @property
    def has_more(self) -> bool:
        """Whether rows follow now."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """What asks for those that follow."""
        ...

    def __iter__(self) -> Iterator[Row_co]:
        """Give the rows."""
        ...


async def each(ask: Callable[..., Awaitable[Page[Row]]], **query: Any) -> AsyncIterator[Row]:
    """Yield all rows of a list in its order, as long as there are more.

    *ask* is the client's method that returns one page (`client.inbox`), *query* what it is asked
    with.  Rows that come meanwhile are met or not, and none is met twice, unless it changes during
    a walk by `updated_after`; what is taken out of the list meanwhile (a document that is
    acknowledged) disturbs nothing.  Raises as *ask* does.
    """
    cursor = query.pop("cursor", None)
    while True:
        page = await ask(**query, cursor=cursor)
        for row in page:
            yield row
        if not page.has_more:
            return
        cursor = page.next_cursor
