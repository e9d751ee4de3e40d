"""Who follows what happens at an access point: a webhook, and a caller who reads the feed.

One access point of each schedule has them.  The webhook's machine is as bad to reach as all others;
the caller keeps its place in the feed and comes back with it, whoever died in between.
"""

import asyncio
from datetime import timedelta

from gateway.webhooks.dispatcher import Dispatcher

FOLLOWED = 0
"""The access point that is followed."""
HOOK = "hook.example"
PAGE = 7
READ_SECONDS = 1.5
CALM_SECONDS = 3.0


class Following:
    """What the webhook of *node* was sent, and what the feed said: all events, in their order."""

    address = "93.184.217.1"

    def __init__(self, world, node, dice):
        self._world, self._node, self._dice = world, node, dice
        self._cursor = ""
        self.endpoints = []
        self.events = []
        self.notices = []

    def dispatcher(self, parts):
        """Return what sends webhooks in one life of the node."""
        return Dispatcher(
            parts.db, parts.locks, parts.clock, parts.egress, timeout_seconds=5.0,
            keep=timedelta(days=30),
        )  # fmt: skip

    async def begin(self):
        """Make an endpoint in each dossier, which is told everything from now on."""
        callers, node = self._world.callers, self._node
        for nth, books in enumerate(node.books):
            wanted = {"url": f"https://{HOOK}/{nth}"}
            path = "/v1/webhook-endpoints"
            made = await callers.post(node, path, books.token, wanted, f"hook-{nth}")
            self.endpoints.append(made.json["id"])

    async def follow(self):
        """Read the feed again and again, with the place that was reached."""
        while True:
            await asyncio.sleep(READ_SECONDS)
            await self._read_on()

    async def read_to_the_end(self):
        """Read until there is no more; webhooks have a moment for the same."""
        await asyncio.sleep(CALM_SECONDS)
        before = -1
        while before != len(self.events):
            before = len(self.events)
            await self._read_on()

    def accepts(self, sender):
        """Say whether the webhook's machine takes a connection, now."""
        del sender
        return self._dice.random() >= self._world.network.weather.chance / 3

    def ask(self, sender, method, path, headers, body):
        """Take a webhook; return the future of the answer, which may be lost."""
        del sender, method
        chance = self._world.network.weather.chance
        self.notices.append((path, headers["webhook-id"], body))
        answer = self._world.loop.create_future()
        if self._dice.random() < chance / 2:
            answer.set_exception(ConnectionResetError("the webhook's answer was lost"))
        else:
            answer.set_result((503 if self._dice.random() < chance / 2 else 204, "", b""))
        return answer

    async def _read_on(self):
        """Read one page, and keep the cursor that it gives."""
        node, place = self._node, f"&cursor={self._cursor}" if self._cursor else ""
        path = f"/v1/events?limit={PAGE}{place}"
        page = (await self._world.callers.get(node, path, node.token)).json
        self._cursor = page["next_cursor"]
        self.events += [each["id"] for each in page["events"]]
