"""Lists from their first row to their last, whatever happens to them meanwhile."""

import pytest

from gateway.client import each
from tests.support.api import an_invoice


class Shelf:
    """A list of numbers in pages of three; its cursor is the last number that was shown."""

    def __init__(self, numbers):
        self.numbers, self.asked = list(numbers), []

    async def ask(self, *, cursor=None, **query):
        self.asked.append((cursor, query))
        left = [number for number in self.numbers if cursor is None or number > int(cursor)]
        return Shown(left[:3], len(left) > 3)


class Shown(list):
    def __init__(self, rows, has_more):
        super().__init__(rows)
        self.has_more = has_more

    @property
    def next_cursor(self):
        return str(self[-1]) if self else None


async def test_all_rows_come_once_and_in_order():
    shelf = Shelf(range(10))
    assert [row async for row in each(shelf.ask, status="new")] == list(range(10))
    assert shelf.asked == [(at, {"status": "new"}) for at in (None, "2", "5", "8")]


async def test_it_goes_on_behind_a_cursor():
    assert [row async for row in each(Shelf(range(10)).ask, cursor="6")] == [7, 8, 9]


async def test_rows_that_are_taken_out_meanwhile_disturb_nothing():
    shelf, met = Shelf(range(10)), []
    async for row in each(shelf.ask):
        met.append(row)
        shelf.numbers.remove(row)
    assert met == list(range(10))


async def test_an_empty_list_has_no_rows():
    assert [row async for row in each(Shelf([]).ask)] == []


@pytest.mark.usefixtures("registered")
async def test_documents_of_a_gateway_are_walked(client):
    sent = [(await client.send_document(an_invoice(number=f"W-{at}"))).id for at in range(5)]
    found = [document.id async for document in each(client.list_documents, limit=2)]
    assert found == sent[::-1]
