"""Connections of strangers: how many, how long, and what is left of them."""

import asyncio
import contextlib
import gc
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from yarl import URL

from gateway.sandbox.loopback import serve_runner
from gateway.web import crowd
from gateway.web.crowd import CrowdRunner

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def served(*, seconds=60.0, wants_body=False):
    """A server whose only answer takes *seconds*; yield its port and an event that ends it."""
    enough = asyncio.Event()

    async def answer(request):
        async with asyncio.timeout(seconds):
            if wants_body:
                await request.read()
            await enough.wait()
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/", answer)
    async with serve_runner(CrowdRunner(app, shutdown_timeout=1)) as address:
        yield URL(address).port, enough


async def connect(port, first=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    await asyncio.sleep(0.05)
    return reader, writer


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(monkeypatch, first):
    monkeypatch.setattr(crowd, "HEAD_SECONDS_MAX", 0.3)
    async with served() as (port, _):
        reader, writer = await connect(port, first)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


async def test_the_most_silent_gives_its_place_and_who_is_answered_does_not(monkeypatch):
    monkeypatch.setattr(crowd, "CONNECTIONS_MAX", 3)
    async with served() as (port, enough):
        busy = await connect(port, GET)
        silent, other, last = [await connect(port) for _ in range(3)]
        async with asyncio.timeout(30):
            assert await silent[0].read() == b""
        enough.set()
        for reader, writer in (other, last):
            writer.write(GET)
            assert b"200" in await reader.readline()
        assert b"200" in await busy[0].readline()
        for _, writer in (busy, silent, other, last):
            writer.close()


async def test_nothing_is_kept_of_what_is_no_http():
    async with served() as (port, _):
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                reader, writer = await connect(port, GET[:-2] + b"X: " + b"x" * 3_000_000)
                # The answer may be lost behind what it answers: then the connection was reset.
                with contextlib.suppress(ConnectionError):
                    assert b"400" in await reader.readline()
                writer.close()
                await asyncio.sleep(0.1)
            kept = [each for each in gc.get_objects() if isinstance(each, crowd._CrowdProtocol)]
        finally:
            gc.enable()
        assert kept == []


async def test_a_body_that_turns_into_no_http_ends_the_connection_at_once():
    """Behind the last chunk, when the request is at work already and waits for the end."""
    async with served(wants_body=True) as (port, enough):
        reader, writer = await connect(port, CHUNKED + b"1\r\nx\r\n0\r\n")
        writer.write(b"X: y\r\n" * 20_000)
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                assert (await reader.read())[9:12] in (b"", b"400")
        assert not enough.is_set()
        writer.close()


async def test_who_sends_no_http_behind_a_whole_request_is_still_answered():
    async with served() as (port, enough):
        reader, writer = await connect(port, GET)
        writer.write(b"no HTTP\r\n\r\n")
        await asyncio.sleep(0.05)
        enough.set()
        async with asyncio.timeout(30):
            assert (await reader.read(4096)).startswith(b"HTTP/1.1 200 ")
        writer.close()
