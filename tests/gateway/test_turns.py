"""A dossier has few requests at work; slow clients hold up nobody but who shares their key."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiohttp import web

from gateway.clock import SystemClock
from gateway.errors import Fault
from gateway.sandbox.loopback import serve_runner
from gateway.web import problems, streams, turns
from gateway.web.services import SERVICES
from gateway.web.turns import AT_ONCE, WAITING_MAX, WITH_CLIENT, Pace, Turns
from tests.support.api import a_key, an_invoice, ask, post, run_api

US, THEM = uuid4(), uuid4()
OUR_KEY, OTHER_KEY = uuid4(), uuid4()


def is_empty(all_turns):
    return all_turns.at_work.lines == {} == all_turns.with_client.lines


async def test_a_dossier_has_few_requests_at_work_and_another_finds_room():
    all_turns, ended, running = Turns(), asyncio.Event(), []

    async def work(who):
        async with all_turns.take(who, OUR_KEY):
            running.append(who)
            await ended.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE + WAITING_MAX):
            group.create_task(work(US))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert running == [US] * AT_ONCE
        with pytest.raises(Fault) as caught:
            await work(US)
        assert caught.value.code == "too-many-at-once"
        theirs = group.create_task(work(THEM))
        await asyncio.sleep(0)
        assert running[-1] == THEM
        ended.set()
    assert theirs.done()
    assert running.count(US) == AT_ONCE + WAITING_MAX
    assert is_empty(all_turns)


async def test_who_gives_up_waiting_leaves_no_place_taken():
    all_turns, ended = Turns(), asyncio.Event()

    async def work():
        async with all_turns.take(US, OUR_KEY):
            await ended.wait()

    first = [asyncio.create_task(work()) for _ in range(AT_ONCE + 2)]
    await asyncio.sleep(0)
    for task in first[-2:]:
        task.cancel()
    await asyncio.gather(*first[-2:], return_exceptions=True)
    ended.set()
    await asyncio.gather(*first[:-2])
    async with asyncio.timeout(30):
        await work()
    assert is_empty(all_turns)


async def test_who_waits_for_his_client_is_not_at_work():
    all_turns, heard = Turns(), asyncio.Event()

    async def hear(key):
        async with all_turns.take(US, key) as turn:
            await turn.await_client()
            await turn.await_client()
            await heard.wait()
            await turn.work()
            await turn.work()

    async with asyncio.TaskGroup() as group:
        for _ in range(3 * WITH_CLIENT):
            group.create_task(hear(OUR_KEY))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert all_turns.with_client.lines[OUR_KEY].running == WITH_CLIENT
        async with asyncio.timeout(30), all_turns.take(US, OTHER_KEY) as turn:
            await turn.await_client()
        heard.set()
    assert is_empty(all_turns)


async def test_a_client_keeps_a_pace_that_its_own_waiting_alone_counts_for(monkeypatch):
    class Clock:
        seconds = 0.0

        def monotonic(self):
            return self.seconds

    clock = Clock()
    pace = Pace(clock)

    async def step(seconds, size):
        clock.seconds += seconds
        return b"x" * size

    async def silent():
        await asyncio.sleep(0)
        return b""

    monkeypatch.setattr(turns, "SILENT_SECONDS_MAX", 1000.0)
    await pace.hear(step(turns.GRACE_SECONDS, turns.BYTES_A_SECOND_MIN * 5))
    clock.seconds += 1_000_000
    await pace.hear(step(6, 1))
    with pytest.raises(TimeoutError):
        await pace.hear(silent())
    # What came meanwhile counts, however late it is looked at.
    assert await pace.hear(step(0, 1)) == b"x"


async def test_a_client_is_not_silent_for_long(monkeypatch):
    monkeypatch.setattr(turns, "SILENT_SECONDS_MAX", 0.0)
    with pytest.raises(TimeoutError):
        await Pace(SystemClock()).tell(asyncio.Event().wait(), 0)


@asynccontextmanager
async def connected(url, head, *, buffer=None):
    """A connection that has sent *head*."""
    parts = urlsplit(url)
    sock = socket.socket()
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    try:
        writer.write(head)
        await writer.drain()
        yield reader, writer
    finally:
        writer.transport.abort()


def slow_upload(key, path="/v1/validate", media="application/xml"):
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {media}\r\nContent-Length: 100000\r\n\r\n<"
    ).encode()


UPLOADS = [
    ("/v1/validate", "application/xml"),
    ("/v1/documents", "application/xml"),
    ("/v1/documents", "application/json"),
    ("/v1/documents/batch", "application/json"),
    ("/v1/imports", "application/x-ndjson"),
    ("/v1/webhook-endpoints", "application/json"),
]


@pytest.mark.parametrize(("path", "media"), UPLOADS)
async def test_slow_bodies_stop_no_other_key_of_the_dossier(api, database, path, media):
    await a_key(database, "gk_test_slow", api.dossier)
    async with AsyncExitStack() as stack:
        for _ in range(AT_ONCE + WITH_CLIENT):
            head = slow_upload("gk_test_slow", path, media)
            await stack.enter_async_context(connected(api.url, head))
        async with asyncio.timeout(15):
            assert (await ask(api, "GET", "/v1/documents"))[0] == 200
            assert (await ask(api, "GET", "/v1/documents", key="gk_test_slow"))[0] == 200
            report = await ask(
                api, "POST", "/v1/validate", data=an_invoice() + b" " * 200_000,
                headers={"Content-Type": "application/xml"},
            )  # fmt: skip
            assert report[0] == 200


async def test_a_body_that_does_not_come_is_refused_and_leaves_nothing(api, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "SILENT_SECONDS_MAX", 0.2)
    for path, media in UPLOADS:
        async with connected(api.url, slow_upload(api.key, path, media)) as (reader, _):
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 408 "), path
            assert b"problem+json" in answer
    assert not [each for each in (tmp_path / "archive").rglob("*") if each.is_file()]


LONG = b"<!--" + b"x" * 99 + b"-->"


async def a_large_document(api):
    """Hand in a document that no buffer holds; return its address."""
    async with api.client() as client:
        await client.register_participant("0208:0123456749")
    large = an_invoice().replace(b"<cbc:ID>", LONG * 300_000 + b"<cbc:ID>", 1)
    status, _, document = await post(api, large)
    assert status == 202
    return f"/v1/documents/{document['id']}/ubl"


def a_question(path, key):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


async def test_slow_readers_stop_no_other_request_of_the_dossier(database, tmp_path):
    async with run_api(database, tmp_path, document_bytes_max=60_000_000) as api:
        await a_key(database, "gk_test_slow", api.dossier)
        head = a_question(await a_large_document(api), "gk_test_slow")
        async with AsyncExitStack() as stack:
            readers = [
                (await stack.enter_async_context(connected(api.url, head, buffer=4096)))[0]
                for _ in range(AT_ONCE)
            ]
            for reader in readers:
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(15):
                assert (await ask(api, "GET", "/v1/documents"))[0] == 200
                assert (await ask(api, "GET", "/v1/documents", key="gk_test_slow"))[0] == 200


async def test_who_reads_what_is_streamed_too_slowly_is_cut_off(database, tmp_path, monkeypatch):
    is_cut = asyncio.Event()

    async def watched(*given):
        try:
            await streams.send(*given)
        except ConnectionResetError:
            is_cut.set()
            raise

    async with run_api(database, tmp_path, document_bytes_max=60_000_000) as api:
        head = a_question(await a_large_document(api), api.key)
        monkeypatch.setattr("gateway.web.api.send", watched)
        monkeypatch.setattr(turns, "SILENT_SECONDS_MAX", 0.2)
        async with connected(api.url, head, buffer=4096) as (reader, _), asyncio.timeout(60):
            await is_cut.wait()
            assert len(await reader.read()) < 30_000_000


async def test_who_reads_a_whole_answer_too_slowly_is_cut_off(monkeypatch):
    async def large(_):
        return web.Response(body=b"x" * 30_000_000)

    monkeypatch.setattr(problems, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(problems, "BYTES_A_SECOND_MIN", 1e12)
    app = web.Application()
    app[SERVICES] = SimpleNamespace(clock=SystemClock())
    app.router.add_get("/", large)
    runner = problems.ProblemRunner(app)
    async with (
        serve_runner(runner) as url,
        connected(url, a_question("/", "k"), buffer=4096) as (reader, _),
        asyncio.timeout(60),
    ):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        while runner.server.connections:  # noqa: ASYNC110 - asked of a server
            await asyncio.sleep(0.01)
        assert len(await reader.read()) < 30_000_000
