"""Bodies as they come and go, at the pace of the client, while others work.

Who is too slow is told so (408), or cut off where the answer has begun.
"""

from collections.abc import AsyncIterator, Awaitable
from typing import Final

from aiohttp import web

from gateway.errors import Fault, Kind
from gateway.web.services import SERVICES
from gateway.web.turns import BYTES_A_SECOND_MIN, SILENT_SECONDS_MAX, Pace, Turn

__all__ = ["TURN", "arriving", "read_all", "send"]

CHUNK_BYTES: Final = 64 * 1024
TURN: Final = web.RequestKey("turn", Turn)
"""The turn of the request among those of its dossier."""


async def arriving(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body of *request*; at its end the request has its turn at work.

    Raises Fault: TOO_SLOW, or TOO_MANY where too many wait.
    """
    pace, turn, content = Pace(request.app[SERVICES].clock), request[TURN], request.content
    while True:
        if not content.is_eof():  # some of it has not come yet
            await turn.await_client()
        piece = await _heard(pace, content.read(CHUNK_BYTES))
        if not piece:
            break
        yield piece
    await turn.work()


async def read_all(request: web.Request) -> bytes:
    """Return the whole of a small body, as often as it is asked for.

    Raises as `arriving`, and HTTPRequestEntityTooLarge.
    """
    if not request.content.is_eof():
        await request[TURN].await_client()
    body = await _heard(Pace(request.app[SERVICES].clock), request.read())
    await request[TURN].work()
    return body


async def send(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]
) -> None:
    """Send *response* with the body that *pieces* are.

    The first is made before the head, so that trouble can still be a problem; the request has its
    turn at work until then.  Raises ConnectionResetError when the client reads too slowly.
    """
    pace = Pace(request.app[SERVICES].clock)
    first = await anext(pieces, b"")
    await request[TURN].await_client()
    try:
        await pace.tell(response.prepare(request), 0)
        await pace.tell(response.write(first), len(first))
        async for piece in pieces:
            await pace.tell(response.write(piece), len(piece))
        await pace.tell(response.write_eof(), 0)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client reads too slowly") from None


async def _heard(pace: Pace, step: Awaitable[bytes]) -> bytes:
    try:
        return await pace.hear(step)
    except TimeoutError:
        detail = (
            f"the body came too slowly: nothing for {SILENT_SECONDS_MAX:.0f} s, or less than"
            f" {BYTES_A_SECOND_MIN} bytes a second"
        )
        raise Fault(Kind.TOO_SLOW, "body-too-slow", detail) from None
