"""Revocation lists over the network and on disk: which one is taken, and what is kept."""

import asyncio
import os
import time

import pytest
from cryptography import x509

from gateway.trust.kept import KeptFiles
from gateway.trust.revocation import (
    KEPT_MAX,
    LISTS_MAX,
    REFRESH_AFTER,
    RETRY_AFTER,
    RevocationLists,
)
from tests.as4.test_revocation import a_point
from tests.support.books import LIST, Books, a_crl, a_list
from tests.support.certificates import DAY, an_authority, key
from tests.support.pki import NOW
from tests.support.responder import HOUR

CA = an_authority()
NEWER, OLDER = a_list(5, at=NOW - HOUR, days=9), a_list(at=NOW - 2 * HOUR, days=9)


def numbered(number, *serials):
    return a_crl(*serials, this_update=NOW - HOUR, extensions=[(x509.CRLNumber(number), False)])


def lists_in(folder, books):
    return RevocationLists(getter=books, folder=folder, stale_grace=DAY)


def revoked(crl):
    return [entry.serial_number for entry in crl.x509]


@pytest.mark.parametrize(
    "offered",
    [
        OLDER,
        b"",
        b"<html>moved</html>",
        NEWER[:-1] + bytes([NEWER[-1] ^ 1]),
        a_crl(this_update=NOW, signed_with=key("other")),
        a_crl(this_update=NOW, issuer="A root"),
        a_crl(this_update=NOW + DAY, next_update=NOW + 2 * DAY),
        a_crl(this_update=NOW, extensions=[(x509.DeltaCRLIndicator(1), True)]),
        a_crl(this_update=NOW, extensions=[(a_point(indirect_crl=True), True)]),
    ],
    ids=["older", "empty", "html", "damaged", "forged", "other", "future", "delta", "indirect"],
)
async def test_a_list_that_does_not_count_never_takes_the_place_of_one_that_does(tmp_path, offered):
    books = Books(listed=NEWER)
    lists = lists_in(tmp_path, books)
    await lists.get(LIST, CA, NOW)
    books.bodies[LIST] = offered
    later = NOW + 2 * HOUR
    await lists.refresh_due(later)
    assert len(books.asked) == 2
    assert revoked(lists.find(LIST, CA)) == [5]
    # Nor does it reach the disk, and so the next start.
    books.bodies.clear()
    assert revoked(await lists_in(tmp_path, books).get(LIST, CA, later)) == [5]


async def test_of_two_lists_of_one_instant_the_higher_number_is_newer(tmp_path):
    books = Books(listed=numbered(2, 5))
    lists = lists_in(tmp_path, books)
    await lists.get(LIST, CA, NOW)
    for number, serial, taken in ((1, 6, 5), (3, 7, 7)):
        books.bodies[LIST] = numbered(number, serial)
        await lists.refresh_due(NOW + number * 2 * HOUR)
        assert revoked(lists.find(LIST, CA)) == [taken]


async def test_a_list_is_fetched_again_before_it_ends(tmp_path):
    short = a_crl(this_update=NOW, next_update=NOW + HOUR)
    books = Books(listed=short)
    lists = lists_in(tmp_path, books)
    await lists.get(LIST, CA, NOW)
    await lists.refresh_due(NOW + 0.8 * HOUR)
    assert len(books.asked) == 1
    await lists.refresh_due(NOW + 0.95 * HOUR)
    assert len(books.asked) == 2


async def test_what_another_process_kept_is_taken_when_it_is_newer(tmp_path):
    ours, theirs = Books(listed=OLDER), Books(listed=NEWER)
    one, other = lists_in(tmp_path, ours), lists_in(tmp_path, theirs)
    await one.get(LIST, CA, NOW)
    assert revoked(one.find(LIST, CA)) == []
    await other.refresh_due(NOW)
    await other.get(LIST, CA, NOW)
    ours.bodies[LIST] = a_list(6, at=NOW - 1.5 * HOUR, days=9)
    theirs.bodies[LIST] = NEWER
    await other.refresh_due(NOW + 2 * HOUR)
    await one.refresh_due(NOW + 2 * HOUR)
    assert revoked(one.find(LIST, CA)) == [5]
    assert revoked(await lists_in(tmp_path, Books()).get(LIST, CA, NOW)) == [5]


async def test_the_same_list_again_is_not_read_again(tmp_path):
    books = Books(listed=NEWER)
    lists = lists_in(tmp_path, books)
    first = await lists.get(LIST, CA, NOW)
    generation = lists.generation
    await lists.refresh_due(NOW + REFRESH_AFTER)
    assert len(books.asked) == 2
    assert lists.find(LIST, CA) is first
    assert lists.generation == generation


async def test_two_who_refresh_at_once_fetch_once(tmp_path):
    books = Books(listed=NEWER)
    lists = lists_in(tmp_path, books)
    await lists.get(LIST, CA, NOW)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(lists.refresh_due(NOW + 2 * HOUR))
    assert len(books.asked) == 2


async def test_a_host_that_hangs_keeps_no_other_list_waiting(tmp_path, monkeypatch):
    books = Books(listed=NEWER)
    lists = lists_in(tmp_path, books)
    await lists.get("http://hangs.test", CA, NOW)
    await lists.get(LIST, CA, NOW)
    renewed, never, real = asyncio.Event(), asyncio.Event(), books.get

    async def get(url, **arguments):
        if url != LIST:
            await never.wait()
        body = await real(url, **arguments)
        renewed.set()
        return body

    monkeypatch.setattr(books, "get", get)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lists.refresh_due(NOW + 2 * HOUR))
        async with asyncio.timeout(30):
            await renewed.wait()
        task.cancel()


async def test_a_clock_that_was_set_back_does_not_stop_the_fetching(tmp_path):
    books = Books()
    lists = lists_in(tmp_path, books)
    assert await lists.get(LIST, CA, NOW + 30 * DAY) is None
    books.bodies[LIST] = NEWER
    assert await lists.get(LIST, CA, NOW) is not None


async def test_after_a_failure_the_next_try_waits(tmp_path):
    books = Books()
    lists = lists_in(tmp_path, books)
    for passed, asked in ((0, 1), (0.9, 1), (1, 2)):
        await lists.get(LIST, CA, NOW + passed * RETRY_AFTER)
        assert len(books.asked) == asked


async def test_the_folder_is_ours_alone_and_bounded(tmp_path):
    folder = tmp_path / "revocation"
    books = Books()
    urls = [f"http://crl.test/{n}.crl" for n in range(KEPT_MAX + 3)]
    books.bodies = dict.fromkeys(urls, NEWER)
    lists = lists_in(folder, books)
    for url in urls:
        await lists.get(url, CA, NOW)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(lists._entries) == LISTS_MAX
    assert len(list(folder.iterdir())) == KEPT_MAX


def test_the_oldest_files_go_first_and_leftovers_with_them(tmp_path):
    kept = KeptFiles(tmp_path, "crl", files_max=2)
    (tmp_path / "x.crl.99.part").write_bytes(b"half a list")
    kept.write("a", b"1")
    for age, name in ((300, "x.crl.99.part"), (200, "a.crl")):
        os.utime(tmp_path / name, times=(time.time() - age,) * 2)
    kept.write("b", b"2")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.crl", "b.crl"]
    kept.write("c", b"3")
    assert kept.read("a", 10) is None
    assert (kept.read("b", 10), kept.read("c", 10)) == (b"2", b"3")


def test_a_write_that_fails_leaves_the_old_content_and_no_other_file(tmp_path, monkeypatch):
    kept = KeptFiles(tmp_path, "crl", files_max=2)
    kept.write("a", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        kept.write("a", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.crl"]
    assert kept.read("a", 10) == b"old"


def test_of_a_file_that_has_grown_no_more_is_read_than_may_be(tmp_path):
    kept = KeptFiles(tmp_path, "crl", files_max=2)
    kept.write("a", b"x" * 100)
    assert kept.read("a", 10) == b"x" * 11
