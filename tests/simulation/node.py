"""An access point of the simulated network: the gateway's own parts on ports of the simulation.

Receiving, sending, checking, delivering, publishing, the worker and its queue are the gateway's.
What lies outside the machine (peers, DNS, clock) is the simulation's, and so is how long its
processes live.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace

from as4.errors import Unreadable
from gateway.app import process
from gateway.app.parts import Parts
from gateway.errors import Unavailable
from gateway.exchange.checking import Checking
from gateway.exchange.discovery import EgressGetter, revocation_check
from gateway.exchange.inbound import Limits, build_inbound
from gateway.settings import Settings, Stage
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.locks import Locks
from gateway.store.participants import Service, delete_participant, put_participant
from gateway.store.pool import Database
from gateway.trust import Responders, RevocationLists, Trust
from gateway.web.app import ProblemRunner, build_api_app
from gateway.web.security import ensure_first_key
from gateway.web.smp import PREFIX, OwnEndpoint, StorePublisher
from gateway.worker import SWEEP, Worker, run_slot
from smp.address import PUBLIC
from smp.client import SmpClient
from smp.server import answer as answer_smp
from tests.simulation import keys
from tests.simulation.beside import a_checker
from tests.simulation.callers import Books
from tests.simulation.clock import SimulatedClock
from tests.simulation.loop import Life, begin
from tests.simulation.rules import ANSWERING, RESPONSE
from tests.simulation.sockets import an_egress
from tests.support.reception import Lists, NoResponder
from ubl.identifiers import BILLING, INVOICE

INLINE_BYTES_MAX = 12 * 1024
"""What is larger goes through files."""
CLOSE_SECONDS_MAX = 1.0
LIMITS = Limits(
    inline_bytes_max=INLINE_BYTES_MAX, message_bytes_max=1 << 20, envelope_bytes_max=4 << 20
)
NOBODY = begin(None)
ZONE = "sml.simulated."
SERVICES = Service(INVOICE, BILLING), Service(RESPONSE, ANSWERING)


class Press:
    """Shows documents in this process, for it is not to be killed over them."""

    @asynccontextmanager
    async def turn(self):
        yield self

    async def run(self, function, /, *args, **named):
        return function(*args, **named)

    async def close(self):
        pass


@dataclass(eq=False)
class Node:
    """An access point: what outlasts a crash, and *life*, which does not."""

    index: int
    world: object
    dsn: str
    folder: object
    clock: SimulatedClock
    generation: int = 0
    life: Life | None = None
    parts: Parts | None = None
    inbound: object = None
    server: object = None
    worker: Worker | None = None
    dispatcher: object = None
    """What takes connections to the API, in the present life."""
    books: list = field(default_factory=list)
    publisher: StorePublisher | None = None
    starts: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    database_is_away: bool = False
    following: object = None

    @property
    def name(self):
        return keys.seat_of(self.index)

    @property
    def url(self):
        return f"https://{self.host}"

    @property
    def host(self):
        return f"{self.name.lower()}.example"

    @property
    def dossier_id(self):
        """The gateway's own dossier."""
        return self.books[0].dossier_id

    @property
    def token(self):
        """The first key, which opens everything."""
        return self.books[0].token

    @property
    def is_up(self):
        return self.ready.is_set() and self.life is not None and not self.life.dead

    def start(self, *, dies_after=None):
        """Start it, as a process of its own; it dies after so many steps if that is given."""
        self.starts += 1
        self.ready = asyncio.Event()
        self.life = Life(f"{self.name}/{self.starts}", dies_after)
        self.life.node = self
        self.life.end = self.world.loop.create_future()
        context = begin(self.life)
        self.life.main = self.world.loop.create_task(self._run(), context=context)

    def run_in(self, coroutine):
        """Run *coroutine* as a task of the present life."""
        return self.world.loop.create_task(coroutine, context=begin(self.life))

    def restart(self):
        """Start it again if it is dead."""
        if self.life.dead:
            self.start()

    async def work(self, job):
        """Have whoever is up do *job*; say whether it was done, and not that he died over it.

        Raises what *job* raises, but Unavailable.
        """
        await self.ready.wait()
        if not self.is_up:
            return False
        task, life = self.run_in(job()), self.life
        ended = self.world.loop.create_future()
        for each in (task, life.end):
            each.add_done_callback(lambda _: ended.done() or ended.set_result(None), context=NOBODY)
        await ended
        if not task.done():
            return False
        try:
            task.result()
        except Unavailable:
            return False
        return True

    async def receive(self, content_type, chunks):
        """Answer one message that comes in *chunks*, as the web application does."""
        try:
            collected, size = [], 0
            chunks = aiter(chunks)
            async for chunk in chunks:
                collected.append(chunk)
                size += len(chunk)
                if size > INLINE_BYTES_MAX:
                    rest = _joined(b"".join(collected), chunks)
                    return await self.inbound.receive_stream(content_type, rest)
        except Unreadable as refusal:
            return self.inbound.refuse(refusal)
        return await self.inbound.receive(content_type, b"".join(collected))

    async def publish(self, raw_path):
        """Answer one question to the SMP; (status, body)."""
        request = SimpleNamespace(method="GET", raw_path=raw_path)
        try:
            response = await answer_smp(request, self.publisher, prefix=PREFIX)
        except Unavailable:
            return 503, b""
        return response.status, response.body or b""

    async def serve(self, participants, books=0):
        """Serve *participants*, in the dossier that is the *books*-th."""
        async with self.parts.db.transaction(self.books[books].dossier_id) as tx:
            for each in participants:
                await put_participant(tx, each, SERVICES, now=self.clock.now())

    async def stop_serving(self, participant, books=0):
        async with self.parts.db.transaction(self.books[books].dossier_id) as tx:
            await delete_participant(tx, participant)

    async def _run(self):
        while True:
            try:
                await self._serve_for_good()
            except* Unavailable:
                # As a supervisor does with a process that could not start.
                self.ready.clear()
                await asyncio.sleep(1.0)
            except* Exception as error:
                self.world.bug(f"{self.name} ends", error)
                raise

    async def _serve_for_good(self):
        async with self._open() as parts:
            self.parts = parts
            writer = self.world.mutants.writer(parts.db)
            self._compose(parts, writer)
            dossier = await ensure_default_dossier(
                parts.db, dossier_id=self.clock.uuid(), name="simulated", country="BE",
                now=self.clock.now(),
            )  # fmt: skip
            path = await ensure_first_key(parts.db, clock=self.clock, settings=parts.settings)
            self.books[:1] = [Books(dossier.id, path.read_text().strip())]
            worker = Worker(
                parts.db, self.world.mutants.handlers(self, process._handlers(parts)),
                clock=self.clock, schedules=(),
            )  # fmt: skip
            self.worker = worker
            async with self._answering(parts), asyncio.TaskGroup() as group:
                group.create_task(worker.run(asyncio.Event()))
                group.create_task(self._sweep(parts.db))
                if self.following is not None:
                    dispatcher = self.dispatcher = self.following.dispatcher(parts)
                    group.create_task(dispatcher.run(asyncio.Event()))
                self.ready.set()

    @asynccontextmanager
    async def _answering(self, parts):
        """Answer calls to the API inside the block."""
        services = replace(process._services(parts, asyncio.Event()), press=Press())
        app = build_api_app(services)
        runner = ProblemRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS_MAX)
        await runner.setup()
        self.server = runner.server
        try:
            yield
        finally:
            await runner.cleanup()

    async def _sweep(self, db):
        """Let the sweep come due, as the worker's own schedule does by the machine's clock."""
        while True:
            await asyncio.sleep(SWEEP.seconds)
            try:
                await run_slot(db, SWEEP, now=self.clock.now())
            except Unavailable:
                continue

    @asynccontextmanager
    async def _open(self):
        ring = keys.key_ring(self.index, self.generation)
        settings = Settings(
            stage=Stage.SANDBOX, data_dir=self.folder, public_url=self.url,
            inline_bytes_max=INLINE_BYTES_MAX, **self.world.settings,
        )  # fmt: skip
        trust, publishers = (
            Trust(
                anchors=anchors,
                keys=ring,
                lists=RevocationLists(
                    getter=Lists(), folder=self.folder / "crl", stale_grace=timedelta(days=1)
                ),
                responders=Responders(asker=NoResponder(), folder=self.folder / "ocsp"),
                accept_without_address=True,
            )
            for anchors in (keys.ap_anchors(), keys.smp_anchors())
        )
        db = await Database.open(self.dsn, max_size=4)
        locks = Locks(self.dsn)
        archive = Archive(self.folder / "archive")
        archive.sweep_leftovers()
        egress = an_egress(settings.send_timeout_seconds)
        checker = a_checker(settings, self.clock)
        finder = SmpClient(
            self.world.network.dns_of(self), EgressGetter(egress), zone=ZONE,
            check_signer=publishers.check_publisher,
            check_revocation=revocation_check(publishers.revocation), rules=PUBLIC,
        )  # fmt: skip
        try:
            yield Parts(
                settings=settings, clock=self.clock, db=db, locks=locks, archive=archive,
                egress=egress, trust=trust, publishers=publishers, finder=finder,
                checking=Checking(checker),
            )  # fmt: skip
        finally:
            await checker.close()
            await egress.close()
            await locks.close()
            await db.close()

    def _compose(self, parts, writer):
        self.inbound = build_inbound(
            db=parts.db, archive=parts.archive, clock=self.clock, trust=parts.trust, writer=writer,
            limits=LIMITS, seat_id=self.name, host=parts.host,
        )  # fmt: skip
        ring = parts.trust.keys
        self.publisher = StorePublisher(
            parts.db, self.clock, base_url=self.url + PREFIX,
            signing=lambda: keys.publisher_key(self.world.publisher_generation),
            endpoint=OwnEndpoint(address=f"{self.url}/as4", keys=lambda: ring.signing),
        )  # fmt: skip

    def roll_over(self):
        """Take the next key into use: the old one goes on opening messages."""
        self.generation += 1
        if self.is_up:
            self.parts.trust.keys.take_over(keys.key_ring(self.index, self.generation))


async def _joined(first, rest):
    yield first
    async for chunk in rest:
        yield chunk
