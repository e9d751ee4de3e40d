"""The rounds of a crash run: load, kills at random moments, restarts, and the count.

In most rounds a foreign access point posts to red, and red is killed; in every fourth, documents
are handed to blue, and blue is killed.  In all of them software works in both corners through the
API alone (`software`).  The first kill is under load and takes gateway and database; the second
comes while work is caught up with, and takes one of them.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp

from as4.client import TransportFailure
from gateway.client import Document
from gateway.sandbox import pki as authorities
from gateway.sandbox.network import Corner, Network
from gateway.store.embedded import EmbeddedPostgres
from tests.crash.book import LATE_SECONDS_MAX, sha256_of, until_answered
from tests.crash.kills import Killer
from tests.crash.software import Software, open_software
from tests.support.peer import Peer, Sealed, an_invoice, post, tls_session
from tests.support.store import count_orphans
from ubl.routing import read_routing

MESSAGES = 20
STREAMED_EVERY = 7
DUPLICATED_EVERY = 4
SENDER_ROUND_EVERY = 4
STREAMED_BYTES = 900_000
PAUSE_SECONDS = 0.2
ANSWERS_MAX = 25
PROGRESS_SECONDS_MAX = 10.0
POLL_SECONDS = 0.01
WRONG_MAX = 40
EACH_MAX = 8
FINAL = ("delivered", "refused", "failed", "uncertain", "gave_up", "waiting")


@dataclass(slots=True)
class Tally:
    """What a crash run counted; *wrong* names each message that was lost or doubled.

    *orphans* are rows of the two databases that belong to a row that is not there.
    """

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    orphans: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One crash run on a network: its randomness, its foreign access point, its tally."""

    network: Network
    dice: random.Random
    peer: Peer
    session: aiohttp.ClientSession
    software: Software
    killer: Killer
    tally: Tally = field(default_factory=Tally)
    expected: dict[str, tuple[str, str]] = field(default_factory=dict)
    inbox: dict[UUID, Document] = field(default_factory=dict)
    digests: dict[UUID, str] = field(default_factory=dict)

    async def round(self, number: int) -> None:
        """Play round *number* and count it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.software.work(f"A{number}", self.dice))
            if number % SENDER_ROUND_EVERY == SENDER_ROUND_EVERY - 1:
                await self._sender_round(number)
            else:
                await self._receiver_round(number)
        await self.software.settle()
        self.tally.rounds += 1

    def facts(self) -> dict[str, Any]:
        """Return what the run counted, and what it found wrong."""
        software, tally = self.software, self.tally
        wrong = [
            *tally.wrong,
            *(line for lines in software.wrong.values() for line in sorted(lines)[:EACH_MAX]),
        ]
        return {
            "rounds": tally.rounds,
            "kills": dict(self.killer.kills),
            "acknowledged": tally.acknowledged,
            "late": tally.late,
            "answered": dict(software.answered()),
            "lost": tally.lost + software.count("lost"),
            "doubled": tally.doubled + software.count("doubled"),
            "orphans": tally.orphans,
            "refused": software.count("refused"),
            "changed": software.count("changed"),
            "webhooks": {
                "wanted": software.wanted,
                "arrived": software.arrived,
                "doubled": software.again,
                "unstable": software.count("unstable"),
            },
            "wrong": wrong[:WRONG_MAX],
        }

    async def recount(self) -> None:
        """Read all that is in red again and count every message of all rounds anew."""
        self.tally.lost, self.tally.doubled, self.tally.wrong = 0, 0, []
        self.inbox.clear()
        self.digests.clear()
        await self._count(self.expected)
        self.tally.orphans = 0
        for corner in self.network.corners():
            self.tally.orphans += await count_orphans(EmbeddedPostgres(corner.folder / "data").dsn)

    async def _receiver_round(self, number: int) -> None:
        sealed = [
            self.peer.seal(
                f"R{number}-{i}",
                attachment_bytes=STREAMED_BYTES if i % STREAMED_EVERY == 3 else 0,
            )
            for i in range(MESSAGES)
        ]
        restarted = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for i, message in enumerate(sealed):
                for _ in range(2 if i % DUPLICATED_EVERY == 1 else 1):
                    group.create_task(self._post_until_receipt(message, restarted))
            await self._kill(self.network.red, number, restarted)
        # A peer that lost our receipt posts again, long after: acknowledged, not delivered again.
        await self._post_until_receipt(self.dice.choice(sealed), restarted)
        expected = {m.message.message_id: (m.number, sha256_of(m.document)) for m in sealed}
        self.expected.update(expected)
        await self._count(expected)

    async def _post_until_receipt(self, sealed: Sealed, restarted: asyncio.Event) -> None:
        """Post the same bytes until their receipt is verified; count it, also when it is late."""
        await asyncio.sleep(self.dice.uniform(0.0, 0.8))
        async with asyncio.timeout(LATE_SECONDS_MAX):
            while True:
                try:
                    answer = await post(self.session, self.network.red.as4_url, sealed.message)
                    if answer.status == 200:
                        self.peer.check(sealed.message, answer)
                        break
                except TransportFailure:
                    pass
                await asyncio.sleep(PAUSE_SECONDS)
        self.tally.acknowledged += 1
        self.tally.late += restarted.is_set()

    async def _sender_round(self, number: int) -> None:
        """Hand documents to blue and kill it; all it accepted arrive once, under one identity."""
        invoices = {f"S{number}-{i}": an_invoice(number=f"S{number}-{i}") for i in range(MESSAGES)}
        accepted: dict[str, UUID] = {}
        async with asyncio.TaskGroup() as group:
            for name, invoice in invoices.items():
                group.create_task(self._submit(name, invoice, accepted))
            await self._kill(self.network.blue, number, asyncio.Event())
        expected = {}
        async with self.network.blue.client() as blue:
            for name, identity in accepted.items():
                # Its gateway or database may be on their way back from the last kill.
                sent = await until_answered(
                    blue.wait_for, identity, FINAL, timeout_seconds=LATE_SECONDS_MAX
                )
                self.tally.acknowledged += sent.status == "delivered"
                data = invoices[name]
                routing = read_routing(data)
                digest = sha256_of(data[routing.root_offset : routing.root_end])
                expected[sent.message_id or f"none of {name}"] = (name, digest)
        self.expected.update(expected)
        await self._count(expected)

    async def _submit(self, name: str, invoice: bytes, accepted: dict[str, UUID]) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, 0.8))
        async with self.network.blue.client() as blue:
            document = await until_answered(
                lambda: blue.send_document(invoice, idempotency_key=name)
            )
        accepted[name] = document.id

    async def _count(self, expected: dict[str, tuple[str, str]]) -> None:
        """Count *expected* (message id to number and digest) against what red's inbox holds."""
        await until_answered(self._read_inbox)
        by_message: dict[str, list[str]] = {}
        by_number = Counter(document.number for document in self.inbox.values())
        for document in self.inbox.values():
            by_message.setdefault(document.message_id or "", []).append(self.digests[document.id])
        for message_id, (number, digest) in expected.items():
            found = by_message.get(message_id, [])
            if digest not in found:
                self.tally.lost += 1
                self.tally.wrong.append(f"{number} lost: {len(found)} under {message_id}")
            if by_number[number] > 1:
                self.tally.doubled += 1
                self.tally.wrong.append(f"{number} doubled: {by_number[number]} in the inbox")

    async def _read_inbox(self) -> None:
        """Read what is new in red's inbox, each document back from it, until a known page."""
        async with self.network.red.client() as red:
            cursor = None
            while True:
                page = await red.list_documents(direction="in", cursor=cursor, limit=100)
                new = [document for document in page.documents if document.id not in self.inbox]
                for document in new:
                    ready = await red.wait_for(
                        document.id, ("delivered", "broken"), timeout_seconds=LATE_SECONDS_MAX
                    )
                    self.inbox[document.id] = ready
                    self.digests[document.id] = sha256_of(await red.ubl(document.id))
                if not new or not page.has_more:
                    return
                cursor = page.next_cursor

    async def _kill(self, corner: Corner, number: int, restarted: asyncio.Event) -> None:
        """Kill *corner* twice: all of it under load, a part of it while it catches up."""
        await self._progress(corner)
        await self.killer.cut_power(corner)
        restarted.set()
        await self._progress(corner)
        kill = self.killer.kill_database if number % 2 else self.killer.kill_gateway
        await kill(corner)

    async def _progress(self, corner: Corner) -> None:
        """Wait until *corner* has answered some more requests, or a while: no two kills alike."""
        wanted = self._answers(corner) + self.dice.randint(1, ANSWERS_MAX)
        ends = time.monotonic() + PROGRESS_SECONDS_MAX
        while self._answers(corner) < wanted and time.monotonic() < ends:  # noqa: ASYNC110 - counted in many places
            await asyncio.sleep(POLL_SECONDS)

    def _answers(self, corner: Corner) -> int:
        (company,) = (each for each in self.software.companies if each.corner is corner)
        return self.tally.acknowledged + company.book.answered.total()


@asynccontextmanager
async def open_run(network: Network, seed: int) -> AsyncIterator[Run]:
    """Yield a run on *network*, with software at work in it."""
    now = datetime.now(UTC)
    identity = await asyncio.to_thread(
        authorities.issue_access_point, network.pki, "PBE000003", now=now
    )
    red = authorities.read_identity(network.red.folder, "as4")
    peer, dice = Peer.of(network.pki, identity, red), random.Random(seed)
    async with tls_session(network.pki.tls_ca) as session, open_software(network) as software:
        yield Run(network, dice, peer, session, software, Killer(dice))
