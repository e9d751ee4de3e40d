"""A small HTTP server on loopback, for tests of clients."""

import asyncio
from contextlib import asynccontextmanager, suppress

from aiohttp import web


@asynccontextmanager
async def serve_app(handler):
    """Answer every request with *handler*; yields the base address."""
    app = web.Application()
    app.router.add_route("*", "/{path:(?s:.*)}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


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
