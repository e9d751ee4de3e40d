"""Small HTTP servers on loopback for tests of clients, and ports for servers of others."""

import asyncio
import random
import socket
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from gateway.sandbox.loopback import serve_application

PORTS = range(20_000, 32_000)
"""Below those that a system gives to outgoing connections, which could take one in between."""


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port among 100 of {PORTS}")


def serve_app(handler):
    """Answer every request with *handler*; yields the base address."""
    app = web.Application()
    app.router.add_route("*", "/{path:(?s:.*)}", handler)
    return serve_application(app)


@asynccontextmanager
async def serve_raw(respond):
    """Answer each connection once with the bytes that *respond* (request line → bytes) gives."""

    async def handle(reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(respond(head.split(b"\r\n", 1)[0].decode()))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
