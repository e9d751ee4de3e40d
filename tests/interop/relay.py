"""A relay of ours in front of a publisher: it notes what is asked, and can change the answers."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from gateway.sandbox.loopback import serve_application

Change = Callable[[bytes], bytes]


@dataclass(slots=True)
class Relay:
    """The relay to *target*; reset it before each look-up with `start_over`.

    *instead* is the path and *coding* the content coding that is asked for, whatever the client
    asked; *status* is answered without asking at all; *change* is done to the body of each good
    answer.
    """

    target: str
    url: str = ""
    change: Change | None = None
    instead: str | None = None
    status: int | None = None
    coding: str | None = None
    paths: list[str] = field(default_factory=list)
    codings: list[str] = field(default_factory=list)

    def start_over(
        self,
        *,
        change: Change | None = None,
        instead: str | None = None,
        status: int | None = None,
        coding: str | None = None,
    ) -> None:
        """Forget what was asked, and do this from now on."""
        self.change, self.instead, self.status = change, instead, status
        self.coding = coding
        self.paths.clear()
        self.codings.clear()

    async def pass_on(self, request: web.Request) -> web.Response:
        self.paths.append(request.raw_path)
        if self.status is not None:
            location = {"Location": self.target + request.raw_path} if self.status == 302 else {}
            return web.Response(status=self.status, text="Not now.\n", headers=location)
        # The path goes on as it came: decoded and encoded again it might look right by chance.
        target = URL(self.target + (self.instead or request.raw_path), encoded=True)
        wanted = self.coding or request.headers.get("Accept-Encoding", "identity")
        coding = {"Accept-Encoding": "identity" if self.change else wanted}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(target, headers=coding, allow_redirects=False) as answer,
        ):
            body = await answer.read()
            kept = {
                name: answer.headers[name]
                for name in ("Content-Type", "Content-Encoding")
                if name in answer.headers
            }
            self.codings.append(answer.headers.get("Content-Encoding", "identity"))
        if self.change is not None and answer.status == 200:
            body = self.change(body)
        return web.Response(status=answer.status, body=body, headers=kept)


@asynccontextmanager
async def relay_to(target: str) -> AsyncIterator[Relay]:
    """Listen on a free port of 127.0.0.1 and pass every GET on to *target*, unless told else."""
    relay = Relay(target)
    application = web.Application()
    application.router.add_get("/{path:(?s:.*)}", relay.pass_on)
    async with serve_application(application) as relay.url:
        yield relay


def flip_after(mark: bytes) -> Change:
    """Return what turns the lowest bit of the byte that follows *mark*."""

    def change(body: bytes) -> bytes:
        at = body.index(mark) + len(mark)
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]

    return change


def flip_encoded(mark: bytes, *, at: int) -> Change:
    """Return what turns a bit of byte *at* of the base64 value that begins after *mark*.

    The value is still base64 afterwards, whatever its letters are.
    """

    def change(body: bytes) -> bytes:
        start = body.index(mark) + len(mark)
        end = body.index(b"<", start)
        lines = body[start:end].replace(b"&#13;", b"")  # the end of a line, as Java writes it
        value = bytearray(base64.b64decode(lines))
        value[at] ^= 1
        return body[:start] + base64.b64encode(value) + body[end:]

    return change
