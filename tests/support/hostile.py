"""A gateway under attack: a whole `gateway serve` process, watched for what it stores and needs.

    async with a_target(folder) as target:
        await target.attack("unsigned", sealed, "EBMS:0103")
        await target.deliver_a_good_one()
    print(target.report())

Attacks are noted, not asserted one by one, so that one run shows all that is wrong.
"""

import asyncio
import collections
import contextlib
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import psutil

from as4.compression import gzip_compress
from gateway.client import GatewayClient, Service
from gateway.clock import SystemClock
from gateway.store.embedded import EmbeddedPostgres
from tests.bench.process import peak_mib, reset_peak, resident_mib
from tests.support.gateways import running, write_settings
from tests.support.messages import (
    C4,
    DOCUMENT_TYPE,
    INVOICE,
    PROCESS,
    a_business_envelope,
    a_sealed_message,
    a_user_message,
)
from tests.support.pki import RECEIVER
from tests.support.reception import Answer

TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname NOT LIKE '\\_pogo%' AND relname NOT LIKE 'pgqueuer%'
    AND relname <> 'schedule_slots'
"""
"""Where something could stay; what the timetable does in the meantime is no attack's work."""
WAITING = "SELECT count(*) FROM documents WHERE status = 'received'"
WARM_UP = 20
ANSWER = aiohttp.ClientTimeout(total=60)
"""Who has no answer by then never gets one; how long an answer took is told, and not judged."""


@dataclass(frozen=True)
class Attempt:
    """One attack: what it should have earned, what it got, and how long that took."""

    name: str
    expected: str
    got: str
    ms: float

    @property
    def bounced(self):
        return self.got in self.expected.split(" or ")


@dataclass(frozen=True)
class Stored:
    """How many rows each table has, and which files the archive holds."""

    rows: collections.Counter
    files: list[str]

    def __sub__(self, earlier):
        rows = collections.Counter(self.rows)
        rows.subtract(earlier.rows)
        return Stored(rows, [each for each in self.files if each not in earlier.files])


@dataclass
class Target:
    """The gateway under attack."""

    pid: int
    url: str
    log: object
    archive: object
    session: aiohttp.ClientSession
    database: asyncpg.Connection
    attempts: list[Attempt] = field(default_factory=list)
    good: list[float] = field(default_factory=list)
    idle_mib: float = 0.0
    peak_mib: float = 0.0

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    async def attack(self, name, sealed, expected):
        """Post *sealed* and note what came back; *expected* may name several with `or`."""
        started = time.perf_counter()
        answer = await self.send(sealed.body, {"Content-Type": sealed.content_type})
        self.note(name, expected, answer.verdict, started)
        if answer.verdict.startswith("EBMS"):
            assert answer.headers["Content-Type"] == "application/soap+xml; charset=UTF-8"
        return answer

    def note(self, name, expected, got, started):
        ms = (time.perf_counter() - started) * 1000
        self.attempts.append(Attempt(name, expected, got, ms))

    async def send(self, data, headers, *, method="POST"):
        async with self.session.request(method, self.url, data=data, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def deliver_a_good_one(self):
        """Post a message that nothing is wrong with; it must get its receipt."""
        sealed = a_good_message()
        started = time.perf_counter()
        answer = await self.send(sealed.body, {"Content-Type": sealed.content_type})
        self.good.append((time.perf_counter() - started) * 1000)
        assert answer.verdict == "receipt", answer
        return sealed

    async def deliver_apart(self, sealed):
        """Post the good message *sealed* over a connection of its own, in two pieces."""

        async def pieces():
            yield sealed.body[:3000]
            await asyncio.sleep(0.1)
            yield sealed.body[3000:]

        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url, data=pieces(), headers={"Content-Type": sealed.content_type}
            ) as response,
        ):
            answer = Answer(response.status, dict(response.headers), await response.read())
        assert answer.verdict == "receipt", answer

    async def warm_up(self, bad=()):
        """Let the gateway do each kind of work once; return what a good message leaves behind."""
        before = await self.settled()
        for _ in range(WARM_UP):
            await self.deliver_a_good_one()
        kept = await self.settled() - before
        for sealed in bad:
            await self.send(sealed.body, {"Content-Type": sealed.content_type})
        self.good.clear()
        self.idle_mib = self.resident()
        return collections.Counter({name: rows // WARM_UP for name, rows in kept.rows.items()})

    async def settled(self):
        """Return what is stored once the jobs of good messages are done."""
        async with asyncio.timeout(60):
            while await self.database.fetchval(WAITING):  # noqa: ASYNC110 - another process works
                await asyncio.sleep(0.05)
        counted = {
            row["relname"]: await self.database.fetchval(f"SELECT count(*) FROM {row['relname']}")
            for row in await self.database.fetch(TABLES)
        }
        files = sorted(str(each) for each in self.archive.rglob("*") if each.is_file())
        return Stored(collections.Counter(counted), files)

    def log_lines(self):
        """Return how many messages the log says were answered: the evidence of the attempts."""
        return self.log.read_text().count('"message answered"')

    def connections(self):
        """Return how many connections the gateway's public port has."""
        port = self.address[1]
        open_ones = psutil.Process(self.pid).net_connections("tcp")
        return sum(
            each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in open_ones
        )

    def resident(self):
        return resident_mib(self.pid)

    @contextlib.contextmanager
    def measured(self):
        """Measure the peak of the gateway's memory inside the block."""
        reset_peak(self.pid)
        yield
        self.peak_mib = max(self.peak_mib, peak_mib(self.pid))

    async def calm(self):
        """Return the resident memory some seconds later, or as soon as it is what it was."""
        for _ in range(50):
            if self.resident() <= self.idle_mib:
                break
            await asyncio.sleep(0.1)
        return self.resident()

    def failures(self):
        return [attempt for attempt in self.attempts if not attempt.bounced]

    def report(self, *, whole=False):
        """Return what was tried, what it earned and what it cost; *whole* names each attack."""
        groups = collections.Counter(
            (attempt.name.partition(":")[0], attempt.expected) for attempt in self.attempts
        )
        rows = [
            (group, expected, f"{count:8} tried") for (group, expected), count in groups.items()
        ]
        if whole:
            rows = [(each.name, each.expected, f"{each.ms:8.1f} ms") for each in self.attempts]
        width = max(len(row[0]) for row in rows)
        lines = [f"{name:<{width}}  {expected:<28} {cost}" for name, expected, cost in rows]
        lines += [f"{each.name}: {each.got}, not {each.expected}" for each in self.failures()]
        slowest = max(self.attempts, key=lambda attempt: attempt.ms)
        lines += [
            f"{len(self.attempts)} attacks tried, {len(self.failures())} not bounced;",
            f"slowest answer: {slowest.name}, {slowest.ms:.0f} ms",
            f"memory in MiB: idle {self.idle_mib:.0f}, peak {self.peak_mib:.0f},",
            f"after {self.resident():.0f}; good messages meanwhile: {len(self.good)},",
            f"slowest {max(self.good, default=0):.0f} ms",
        ]
        return "\n".join(lines)


def a_good_message(document=INVOICE, **changes):
    """A message like no other before it, with *document*; *changes*: see `a_sealed_message`."""
    clock = SystemClock()
    message = a_user_message(message_id=f"{clock.uuid()}@blue.example")
    payload = gzip_compress(a_business_envelope(document, instance_identifier=str(clock.uuid())))
    return a_sealed_message(message, payload=payload, **changes)


@contextlib.asynccontextmanager
async def a_target(folder, *flags, **settings):
    """Start a gateway of RECEIVER with its own PostgreSQL that serves C4, at the instant NOW."""
    config = write_settings(folder, identity="receiver", seat_id=RECEIVER, **settings)
    async with running(config, *flags) as gateway:
        key = (gateway.data / "api-key").read_text().strip()
        async with GatewayClient(gateway.ready["api"], key) as client:
            service = Service(document_type=DOCUMENT_TYPE.uri, process=PROCESS.uri)
            await client.register_participant(C4.uri, [service])
        database = await asyncpg.connect(EmbeddedPostgres(gateway.data).dsn)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=ANSWER) as session:
            target = Target(
                gateway.pid, f"{gateway.ready['public']}/as4", gateway.log,
                gateway.data / "archive", session, database,
            )  # fmt: skip
            try:
                yield target
            finally:
                await database.close()


@contextlib.contextmanager
def shown(request, target):
    """Print the report of *target* at the end of the block, past pytest's capture."""
    try:
        yield
    finally:
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            whole = request.config.get_verbosity() > 0
            print("\n" + target.report(whole=whole))
