"""The software of those who use an access point: it calls the API, and asks until it is answered.

`Callers` keeps the book of all of them: what was answered 2xx is a promise, and whoever repeats the
request under its key is told the same, whatever happened in between.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from tests.simulation.calls import Call, Line, NoAnswer

PAUSE_SECONDS = 0.5
IN_FLIGHT, REUSED = "idempotency-key-in-flight", "idempotency-key-reused"
INTERNAL = 500


@dataclass(frozen=True)
class Books:
    """A dossier as its software knows it: its id, and a key that opens it."""

    dossier_id: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Promise:
    """A request that was answered 2xx, and the answer."""

    node: int
    call: Call
    status: int
    body: bytes = field(repr=False)
    location: str | None


class Callers:
    """Everybody who calls the API in *world*, and what they were promised."""

    def __init__(self, world, dice):
        self._world = world
        self._line = Line(world, dice)
        self._said = defaultdict(set)
        self.promises = {}

    async def ask(self, node, call):
        """Ask *node* until it answers; a 5xx, a 429 and `…-in-flight` are no final answers."""
        whose = self._note(node, call)
        while True:
            try:
                answer = await self._line.ask(node, call)
            except NoAnswer:
                answer = None
            if answer is not None and not self._is_passing(node, call, answer):
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if whose is not None:
            self._compare(node, call, answer, whose)
        return answer

    async def get(self, node, path, token, **headers):
        """Ask for what is at *path*."""
        return await self.ask(node, Call("GET", path, token, headers=tuple(headers.items())))

    async def post(self, node, path, token, value, key):
        """Send *value* as JSON, under *key*."""
        body = json.dumps(value).encode()
        return await self.ask(node, Call("POST", path, token, body, "application/json", key))

    async def open_books(self, node, count):
        """Let *node* have so many dossiers; the first is its own."""
        for nth in range(len(node.books), count):
            wanted = {"name": f"Dossier {nth}", "country": "BE"}
            made = await self.post(node, "/v1/dossiers", node.token, wanted, f"dossier-{nth}")
            dossier_id = made.json["id"]
            wanted = {"name": f"key {nth}", "scopes": ["*"], "dossiers": [dossier_id]}
            key = await self.post(node, "/v1/api-keys", node.token, wanted, f"token-{nth}")
            node.books.append(Books(dossier_id, key.json["key"]))

    def _is_passing(self, node, call, answer):
        if answer.status == INTERNAL:
            self._world.bug(f"{node.name} answers {call.method} {call.path}", answer.json)
        return answer.status >= INTERNAL or answer.status == 429 or answer.code == IN_FLIGHT

    def _note(self, node, call):
        """Note what is said under the key of *call*; return whose key it is."""
        if not call.key:
            return None
        whose = node.index, call.token, call.key
        self._said[whose].add(_fingerprint(call))
        return whose

    def _compare(self, node, call, answer, whose):
        """Hold *answer* against what was promised before, or note that it is a promise."""
        before = self.promises.get(whose)
        location = answer.headers["Location"]
        now = Promise(node.index, call, answer.status, answer.body, location)
        who = f"{node.name} {call.method} {call.path} {call.key}"
        if answer.code == REUSED:
            ours = before is not None and _same(before.call, call)
            if ours or len(self._said[whose]) == 1:
                self._world.violate("23", f"{who} is called another request")
        elif before is None:
            if answer.status < 300:
                self.promises[whose] = now
        elif not _same(before.call, call):
            self._world.violate("23", f"{who} is answered {answer.status} to another request")
        elif (before.status, before.body) != (now.status, now.body):
            self._world.violate("23", f"{who} was answered {before.status}, and now {now.status}")


def _same(one, other):
    return _fingerprint(one) == _fingerprint(other)


def _fingerprint(call):
    return hashlib.sha256(f"{call.method} {call.path}\n".encode() + call.body).digest()
