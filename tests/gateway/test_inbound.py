"""What receiving does with good messages, duplicates and outages, over HTTP and on a database."""

from tests.support.messages import a_sealed_message
from tests.support.reception import a_receiver


async def test_a_good_message_is_stored_before_its_receipt(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(a_sealed_message())
        assert answer.verdict == "receipt"
        assert answer.headers["Content-Type"] == "application/soap+xml; charset=UTF-8"
        assert await receiver.count() == (1, 1)
