"""Post an awkward message, on a connection of its own, and read what comes back.  [AS4 §3.2]"""

import asyncio
import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from conformance.awkward.dials import Resend
from conformance.awkward.http11 import HEAD_BYTES_MAX, BadHttp, read_message, send_message
from conformance.awkward.sending import Awkward
from conformance.awkward.transfer import Sleep
from conformance.suite.wire import Answer

__all__ = ["deliver", "post"]

EXCHANGE_SECONDS_MAX: Final = 60.0  # LIMIT: who has not answered by then never will.


async def post(
    awkward: Awkward, url: str, *, tls: ssl.SSLContext | None = None, sleep: Sleep = asyncio.sleep
) -> Answer:
    """Post *awkward* to *url*, which *tls* is for if it is https; never raises for what comes back.

    Each call sends the same bytes, so that a second one is a duplicate.
    """
    try:
        async with asyncio.timeout(EXCHANGE_SECONDS_MAX):
            return await _exchange(awkward, url, tls, sleep)
    except (BadHttp, OSError, EOFError, ValueError) as error:
        return Answer(trouble=str(error) or type(error).__name__)


async def deliver(
    awkward: Awkward,
    url: str,
    how: Resend,
    *,
    tls: ssl.SSLContext | None = None,
    sleep: Sleep = asyncio.sleep,
) -> tuple[Answer, ...]:
    """Post *awkward* as often as *how* says, some of it broken off; return what came of the rest.

    All copies of a message are under way at the same time.
    """
    for share in how.broken_at:
        with suppress(OSError):
            async with asyncio.timeout(EXCHANGE_SECONDS_MAX):
                await _break_off(awkward, url, tls, share)
    async with asyncio.TaskGroup() as group:
        copies = [
            group.create_task(post(awkward, url, tls=tls, sleep=sleep)) for _ in range(how.copies)
        ]
    return tuple(copy.result() for copy in copies)


async def _break_off(awkward: Awkward, url: str, tls: ssl.SSLContext | None, share: float) -> None:
    """Send *share* (0 to 1) of the message, and reset the connection."""
    _, writer = await _open(url, tls)
    body = awkward.message.body
    headers = [*_headers(awkward, url), ("Content-Length", str(len(body)))]
    lines = [_line(url), *(f"{name}: {value}" for name, value in headers), "", ""]
    writer.write("\r\n".join(lines).encode("latin-1") + body[: int(share * len(body))])
    await writer.drain()
    writer.transport.abort()


async def _open(
    url: str, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    secure = tls if address.scheme == "https" else None
    port = address.port or (443 if secure else 80)
    return await asyncio.open_connection(address.hostname, port, ssl=secure, limit=HEAD_BYTES_MAX)


def _line(url: str) -> str:
    return f"POST {urlsplit(url).path or '/'} HTTP/1.1"


def _headers(awkward: Awkward, url: str) -> list[tuple[str, str]]:
    return [("Host", urlsplit(url).netloc), ("Content-Type", awkward.message.content_type)]


async def _exchange(awkward: Awkward, url: str, tls: ssl.SSLContext | None, sleep: Sleep) -> Answer:
    how = awkward.variation.transfer
    reader, writer = await _open(url, tls)
    headers = [*_headers(awkward, url), *how.asking]
    try:
        await send_message(writer, _line(url), headers, awkward.message.body, how, sleep)
        message = await read_message(reader)
    finally:
        writer.close()
    return Answer(message.status, message.headers, message.body)
