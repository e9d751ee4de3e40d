"""Commands while the gateway cannot be asked: nothing is lost, and who follows goes on."""

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from gateway.client import EventPage, Fault, FeedEvent, Unavailable
from gateway.commands.events import follow
from gateway.commands.files import write_pieces
from gateway.commands.remote import an_instant
from gateway.errors import Kind
from tests.support.command import run_beside
from tests.support.store import NOW

ID = UUID(int=7)
STOP = Fault(Kind.DENIED, "stop", "the test is over")


async def pieces_of(*pieces):
    for each in pieces:
        if isinstance(each, Exception):
            raise each
        yield each


async def test_a_file_stays_as_it_was_when_the_gateway_is_down(capsys, tmp_path):
    (tmp_path / "key").write_text("k")
    (tmp_path / "it.pdf").write_bytes(b"before")
    access = ("--url", "http://127.0.0.1:1", "--api-key-file", tmp_path / "key")
    for words in (("fetch", ID, "pdf"), ("attachment", ID, 1)):
        ended = await run_beside(capsys, "documents", *words, "-o", tmp_path / "it.pdf", *access)
        assert ended.code == 3
    assert (tmp_path / "it.pdf").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2


async def test_a_file_is_there_when_all_of_it_came(tmp_path):
    path = tmp_path / "it.pdf"
    with pytest.raises(Unavailable):
        await write_pieces(path, pieces_of(b"half", Unavailable("it broke off")))
    assert list(tmp_path.iterdir()) == []
    written = await write_pieces(path, pieces_of(b"all", b" of it"))
    assert written == {"file": str(path), "size_bytes": 9}
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"all of it"]


async def test_what_is_no_file_is_written_to_as_it_is():
    reading, writing = os.pipe()
    try:
        await write_pieces(Path(f"/dev/fd/{writing}"), pieces_of(b"x"))
        assert os.read(reading, 10) == b"x"
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(Fault) as caught:
        await write_pieces(tmp_path / "missing" / "it.pdf", pieces_of(b"x"))
    assert caught.value.code == "file-unwritable"


class Changeable:
    """A gateway that gives *answers* in turn: pages, and what it raises."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.cursors = []

    async def events(self, *, limit, cursor, since):
        self.cursors.append((cursor, limit, since))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def a_page(cursor, *, has_more=False):
    event = FeedEvent(
        id=f"evt_{cursor}", type="document.received", at=NOW, document_id=ID, seq=1, detail={}
    )
    return EventPage(events=(event,), has_more=has_more, next_cursor=cursor)


async def follow_until_stopped(*answers):
    gateway, slept = Changeable(*answers, STOP), []

    async def sleep(seconds):
        slept.append(seconds)

    args = argparse.Namespace(cursor=None, limit=None, since=None, json=True)
    with pytest.raises(Fault):
        await follow(gateway, args, sleep)
    return [cursor for cursor, _, _ in gateway.cursors], slept


async def test_following_goes_on_where_it_was_after_an_outage(capsys):
    down = Unavailable("no connection", 2.0)
    cursors, slept = await follow_until_stopped(a_page("a"), down, a_page("b", has_more=True))
    assert cursors == [None, "a", "a", "b"]
    assert len(slept) == 2
    shown = capsys.readouterr()
    assert [json.loads(line)["id"] for line in shown.out.splitlines()] == ["evt_a", "evt_b"]
    assert shown.err == "no connection; asking again in 2 s\n"


async def test_pauses_double_up_to_a_bound_and_are_as_long_as_the_gateway_asks():
    short, long = Unavailable("no connection", 0.5), Unavailable("busy", 90.0)
    page = a_page("a", has_more=True)
    _, slept = await follow_until_stopped(*[short] * 8, long, page, short)
    assert slept == [1, 2, 4, 8, 16, 32, 60, 60, 90, 1]


def test_an_instant_without_an_offset_is_in_utc_wherever_the_machine_is(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert an_instant("2026-11-22T10:00") == ten
        assert an_instant("2026-11-22T11:00+01:00") == ten
    finally:
        monkeypatch.undo()
        time.tzset()
