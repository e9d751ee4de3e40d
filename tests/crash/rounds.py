"""The rounds of a crash run: load, a kill at a random moment, restart, and the count.

In most rounds a foreign access point posts to red, and red is killed; in every fifth, documents
are handed to blue, and blue is killed.  A kill is SIGKILL for the gateway and its database.
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from as4.client import TransportFailure
from gateway.errors import Unavailable
from gateway.sandbox import pki as authorities
from gateway.sandbox.network import Corner, Network
from tests.support.peer import Peer, Sealed, an_invoice, post, tls_session
from ubl.routing import read_routing

MESSAGES = 20
STREAMED_EVERY = 7
DUPLICATED_EVERY = 4
SENDER_ROUND_EVERY = 5
STREAMED_BYTES = 900_000
LATE_SECONDS_MAX = 90.0
PAUSE_SECONDS = 0.2
FINAL = ("delivered", "refused", "failed", "uncertain", "gave_up", "waiting")


@dataclass(slots=True)
class Tally:
    """What a crash run counted; *wrong* names each message that was lost or doubled."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, number: str, found: list[str], expected: str) -> None:
        """Count one acknowledged message by the digests of what was *found* of it."""
        if expected not in found:
            self.lost += 1
            self.wrong.append(f"{number} lost: {len(found)} found")
        if len(found) > 1:
            self.doubled += 1
            self.wrong.append(f"{number} doubled: {len(found)} found")


@dataclass(slots=True)
class Run:
    """One crash run on a network: its randomness, its foreign access point, its tally."""

    network: Network
    dice: random.Random
    peer: Peer
    session: aiohttp.ClientSession
    tally: Tally = field(default_factory=Tally)

    async def round(self, number: int) -> None:
        """Play round *number* and count it."""
        if number % SENDER_ROUND_EVERY == SENDER_ROUND_EVERY - 1:
            await self._sender_round(number)
        else:
            await self._receiver_round(number)
        self.tally.rounds += 1

    async def _receiver_round(self, number: int) -> None:
        sealed = [
            self.peer.seal(
                f"R{number}-{i}",
                attachment_bytes=STREAMED_BYTES if i % STREAMED_EVERY == 3 else 0,
            )
            for i in range(MESSAGES)
        ]
        first_wave = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for i, message in enumerate(sealed):
                for _ in range(2 if i % DUPLICATED_EVERY == 1 else 1):
                    group.create_task(self._post_until_receipt(message, first_wave))
            await self._kill_and_restart(self.network.red, self.dice.uniform(0.0, 0.5))
            first_wave.set()
        await self._count_received({m.message.message_id: m for m in sealed})

    async def _post_until_receipt(self, sealed: Sealed, restarted: asyncio.Event) -> None:
        """Post the same bytes until their receipt is verified; count it, also when it is late."""
        await asyncio.sleep(self.dice.uniform(0.0, 0.4))
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

    async def _count_received(self, expected: dict[str, Sealed]) -> None:
        found = await self._received()
        for message_id, sealed in expected.items():
            digest = hashlib.sha256(sealed.document).hexdigest()
            self.tally.count(sealed.number, found.get(message_id, []), digest)

    async def _received(self) -> dict[str, list[str]]:
        """Digests of all documents in red's inbox, read back from it, by message id."""
        found: dict[str, list[str]] = {}
        async with self.network.red.client() as red:
            cursor = None
            while True:
                page = await red.list_documents(direction="in", cursor=cursor, limit=100)
                for document in page.documents:
                    await red.wait_for(document.id, ("delivered", "broken"), timeout_seconds=60)
                    data = await red.ubl(document.id)
                    digests = found.setdefault(document.message_id or "", [])
                    digests.append(hashlib.sha256(data).hexdigest())
                if page.next_cursor is None or not page.has_more:
                    return found
                cursor = page.next_cursor

    async def _sender_round(self, number: int) -> None:
        """Hand documents to blue and kill it; all it accepted arrive once, under one identity."""
        invoices = {f"S{number}-{i}": an_invoice(number=f"S{number}-{i}") for i in range(MESSAGES)}
        accepted: dict[str, tuple] = {}
        async with asyncio.TaskGroup() as group:
            for name, invoice in invoices.items():
                group.create_task(self._submit(name, invoice, accepted))
            await self._kill_and_restart(self.network.blue, self.dice.uniform(0.0, 0.8))
        async with self.network.blue.client() as blue:
            sent = {
                name: await blue.wait_for(identity, FINAL, timeout_seconds=LATE_SECONDS_MAX)
                for name, identity in accepted.items()
            }
        received = await self._received()
        by_number = await self._received_numbers()
        for name, document in sent.items():
            self.tally.acknowledged += document.status == "delivered"
            data = invoices[name]
            routing = read_routing(data)
            digest = hashlib.sha256(data[routing.root_offset : routing.root_end]).hexdigest()
            self.tally.count(name, received.get(document.message_id or "", []), digest)
            if by_number.get(name, 0) > 1:
                self.tally.doubled += 1
                self.tally.wrong.append(f"{name} arrived under {by_number[name]} identities")

    async def _submit(self, name: str, invoice: bytes, accepted: dict) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, 0.5))
        async with asyncio.timeout(LATE_SECONDS_MAX):
            while True:
                try:
                    async with self.network.blue.client() as blue:
                        document = await blue.send_document(invoice, idempotency_key=name)
                except (Unavailable, OSError, aiohttp.ClientError):
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    accepted[name] = document.id
                    return

    async def _received_numbers(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        async with self.network.red.client() as red:
            cursor = None
            while True:
                page = await red.list_documents(direction="in", cursor=cursor, limit=100)
                for document in page.documents:
                    counts[document.number or ""] = counts.get(document.number or "", 0) + 1
                if page.next_cursor is None or not page.has_more:
                    return counts
                cursor = page.next_cursor

    async def _kill_and_restart(self, corner: Corner, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        corner.kill()
        if corner.process is not None:
            await corner.process.wait()
        await asyncio.sleep(self.dice.uniform(0.0, 0.2))
        await corner.start()


async def open_run(network: Network, seed: int) -> Run:
    """Return a run on *network*; the caller closes its session."""
    now = datetime.now(UTC)
    identity = await asyncio.to_thread(
        authorities.issue_access_point, network.pki, "PBE000003", now=now
    )
    red = authorities.read_identity(network.red.folder, "as4")
    peer = Peer.of(network.pki, identity, red)
    return Run(network, random.Random(seed), peer, tls_session(network.pki.tls_ca))
