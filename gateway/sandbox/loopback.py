"""An HTTP application on a free port of this machine, for as long as a block runs."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import web

SHUTDOWN_SECONDS_MAX = 0.1  # LIMIT: at the end of a block nobody waits for answers any more.


def serve_application(
    application: web.Application, *, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[str]:
    """Serve *application* on a free port of 127.0.0.1, without an access log; yield its address.

    The address has no path and no slash at its end; with *tls* it is one of https.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS_MAX)
    return serve_runner(runner, tls=tls)


@asynccontextmanager
async def serve_runner(
    runner: web.AppRunner, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve what *runner* was made for, like `serve_application`."""
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
