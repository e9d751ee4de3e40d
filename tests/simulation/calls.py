"""Requests to the API of an access point: its real application, and no socket.

    answer = await line.ask(node, Call("GET", "/v1/documents", token))

What a caller sends is read by the server's own protocol in the life of the access point, piece by
piece and on the virtual clock; what that writes until it closes is the answer.  A process that dies
takes its connections with it, and the network does to requests what it does to messages.
"""

import asyncio
import http.client
import io
import json
from dataclasses import dataclass, field
from functools import cached_property

from tests.simulation.loop import begin
from tests.simulation.transport import Transport

SECONDS_MAX = 30.0
"""How long a caller waits for an answer."""
PIECES_MAX, PIECE_BYTES_MIN = 4, 2_000
FATES = ("caller refused", "caller cut", "caller hung up", "caller's answer lost")
"""What becomes of a request to the API: never sent, sent by half, or its answer not heard."""


NOBODY = begin(None)


class NoAnswer(Exception):  # noqa: N818 - it is what happened, not what is wrong
    """Nobody knows whether the request was carried out."""


@dataclass(frozen=True)
class Call:
    """A request to the API, with the API key *token*, and *key* if it may be repeated."""

    method: str
    path: str
    token: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    key: str = ""
    headers: tuple = ()

    def written(self):
        """Return it as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: gateway", "Connection: close"]
        lines += [f"Authorization: Bearer {self.token}", f"Content-Length: {len(self.body)}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        if self.key:
            lines.append(f"Idempotency-Key: {self.key}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    headers: object = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """What the problem is called, if it is one."""
        is_problem = self.headers.get_content_type() == "application/problem+json"
        return self.json["code"] if is_problem else ""


class Line:
    """What lies between callers and access points: it takes time, and it breaks, by *dice*."""

    def __init__(self, world, dice):
        self._world, self._dice = world, dice

    async def ask(self, node, call):
        """Return the answer of *node*; raises NoAnswer where none was heard."""
        fate = self._draw_fate()
        await self.travel()
        if fate == "caller refused" or not node.is_up:
            raise NoAnswer("nobody listens")
        connection = _Connection(self, self._world.loop.create_future(), node)
        node.life.end.add_done_callback(connection.break_off, context=NOBODY)
        node.run_in(connection.serve(call.written(), fate))
        try:
            async with asyncio.timeout(SECONDS_MAX):
                said = await connection.heard
        except TimeoutError:
            raise NoAnswer("no answer in time") from None
        await self.travel()
        if fate:
            raise NoAnswer(fate)
        return _read(said)

    async def travel(self):
        await asyncio.sleep(self._dice.uniform(0.001, 0.05))

    def _draw_fate(self):
        if self._dice.random() >= self._world.network.weather.chance / 2:
            return ""
        fate = self._dice.choice(FATES)
        self._world.faults[fate] += 1
        return fate


class _Connection(Transport):
    """The server's end of a connection; what was written to it is *heard* when it is closed."""

    def __init__(self, line, heard, node):
        super().__init__()
        self.heard = heard
        self._line, self._node = line, node
        self._said = bytearray()

    async def serve(self, data, fate):
        """Let the server of the node hear *data* in pieces, as far as it comes."""
        self._protocol = self._node.server()
        self._protocol.connection_made(self)
        if fate == "caller cut":
            data = data[: len(data) // 2]
        size = max(PIECE_BYTES_MIN, len(data) // PIECES_MAX + 1)
        for start in range(0, len(data), size):
            if self._closed:
                return
            self._protocol.data_received(data[start : start + size])
            await self._line.travel()
        if fate in ("caller cut", "caller hung up"):
            self.hang_up()

    def break_off(self, _ended):
        """Note that the process died."""
        if not self.heard.done():
            self.heard.set_exception(NoAnswer("the process died"))

    def hang_up(self):
        """Let the caller go away."""
        if self._closed:
            return
        self._closed = True
        self._protocol.connection_lost(ConnectionResetError("the caller went away"))
        self._end()

    def write(self, data):
        if not self._closed:
            self._said += data

    def close(self):
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
            self._end()

    abort = close

    def _end(self):
        if not self.heard.done():
            self.heard.set_result(bytes(self._said))
        self._node.life.end.remove_done_callback(self.break_off)


class _Said:
    def __init__(self, data):
        self._data = data

    def makefile(self, _mode):
        return io.BytesIO(self._data)


def _read(said):
    response = http.client.HTTPResponse(_Said(said))
    try:
        response.begin()
        body = response.read()
    except http.client.HTTPException as error:
        raise NoAnswer(f"the answer broke off: {error!r}") from error
    return Answer(response.status, response.headers, body)
