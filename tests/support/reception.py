"""A receiving access point for tests: the real public application on a real database.

async with a_receiver(database, tmp_path) as receiver:
    answer = await receiver.post(a_sealed_message())
    assert answer.receipt ...
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp

from as4.signal import ErrorSignal, Receipt, read_signal
from gateway.clock import SystemClock
from gateway.errors import Unavailable
from gateway.exchange.checking import Checking
from gateway.exchange.delivery import Delivery
from gateway.exchange.inbound import Inbound, Limits, build_inbound
from gateway.exchange.writer import BatchWriter
from gateway.sandbox.loopback import serve_application
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.participants import Service, put_participant
from gateway.store.pool import Database
from gateway.trust import KeyRing, Responders, RevocationLists, Trust
from gateway.web.app import build_public_app
from gateway.web.as4 import As4Endpoint
from tests.support.checking import a_checking
from tests.support.messages import C4, DOCUMENT_TYPE, PROCESS, anchors, check_signer, key_pair
from tests.support.pki import NOW, RECEIVER

MIB = 1024 * 1024
LIMITS = Limits(inline_bytes_max=MIB, message_bytes_max=24 * MIB, envelope_bytes_max=64 * MIB)


class FixedClock(SystemClock):
    """The machine's clock, except that now is *instant* until a test moves it."""

    def __init__(self, instant=NOW):
        super().__init__()
        self.instant = instant

    def now(self):
        return self.instant


class Lists:
    """An HTTP getter over a dict of bodies; counts what it was asked, and can be away."""

    def __init__(self, bodies=None):
        self.bodies = dict(bodies or {})
        self.asked = []
        self.first = asyncio.Event()

    async def get(self, url, *, bytes_max, timeout_seconds):
        self.asked.append(url)
        self.first.set()
        await asyncio.sleep(0)
        body = self.bodies.get(url)
        if body is None:
            raise Unavailable(f"{url} does not answer")
        return body


class NoResponder:
    """An HTTP asker that nobody answers."""

    async def ask(self, url, **_):
        raise Unavailable(f"{url} does not answer")


def a_trust(folder: Path, *, getter=None, asker=None, known=None, keys=None, accept=True) -> Trust:
    lists = RevocationLists(
        getter=getter or Lists(), folder=folder / "crl", stale_grace=timedelta(days=1)
    )
    return Trust(
        anchors=known or anchors(),
        keys=keys or KeyRing(key_pair("receiver")),
        lists=lists,
        responders=Responders(asker=asker or NoResponder(), folder=folder / "ocsp"),
        accept_without_address=accept,
    )


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict
    body: bytes

    @property
    def signal(self) -> Receipt | ErrorSignal:
        return read_signal(self.body, check_signer=lambda der, now: check_signer(der), now=NOW)

    @property
    def verdict(self) -> str:
        """`receipt`, an ebMS code (with its detail), or the HTTP status."""
        if self.status != 200 or not self.headers["Content-Type"].startswith("application/soap"):
            return str(self.status)
        signal = self.signal
        if isinstance(signal, Receipt):
            return "receipt"
        assert signal.authenticated, "our errors are signed"
        error = signal.errors[0]
        return f"{error.code} {error.error_detail}" if error.error_detail else error.code


@dataclass
class Receiver:
    """A running receiver: where it listens, and what it works on."""

    url: str
    db: Database
    archive: Archive
    folder: Path
    clock: FixedClock
    inbound: Inbound
    dossier_id: UUID
    session: aiohttp.ClientSession
    writer: BatchWriter
    extra: dict = field(default_factory=dict)
    checking: Checking | None = None

    async def post(self, sealed, *, headers=None, chunked=False) -> Answer:
        """Post *sealed* (anything with content_type and body), whole or chunked."""
        return await self.send(
            _pieces(sealed.body) if chunked else sealed.body,
            {"Content-Type": sealed.content_type, **(headers or {})},
        )

    async def send(self, data, headers=None, *, method="POST") -> Answer:
        async with self.session.request(
            method, self.url, data=data, headers=headers or {}
        ) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def rows(self, query: str, *arguments):
        """Read what is stored, as the exchange role may."""
        async with self.db.exchange_statements() as xtx:
            return await xtx.connection.fetch(query, *arguments)

    async def count(self) -> tuple[int, int]:
        """Return how many messages and documents are stored."""
        messages = await self.rows("SELECT count(*) FROM messages WHERE direction = 'in'")
        documents = await self.rows("SELECT count(id) FROM documents WHERE direction = 'in'")
        return messages[0][0], documents[0][0]

    def files(self) -> list[str]:
        """Return every file that receiving left behind, kept or not."""
        return sorted(
            str(f.relative_to(self.folder)) for f in self.folder.rglob("*") if f.is_file()
        )

    def delivery(self) -> Delivery:
        return Delivery(
            db=self.db,
            archive=self.archive,
            clock=self.clock,
            checking=self.checking or a_checking(),
            envelope_bytes_max=self.inbound.limits.envelope_bytes_max,
        )

    async def deliver(self) -> None:
        """Do the job for every document that waits for it."""
        waiting = await self.rows(
            "SELECT dossier_id, id FROM documents WHERE direction = 'in' AND status = 'received'"
        )
        payload = {"documents": [[str(row["dossier_id"]), str(row["id"])] for row in waiting]}
        await self.delivery().process_received(payload)


async def serve_participant(
    db: Database, *, participant=C4, services=((DOCUMENT_TYPE, PROCESS),), name="Acme"
) -> UUID:
    """Let the default dossier serve *participant*; return its id."""
    dossier = await ensure_default_dossier(db, dossier_id=uuid4(), name=name, country="BE", now=NOW)
    async with db.transaction(dossier.id) as tx:
        wanted = [Service(*service) for service in services]
        await put_participant(tx, participant, wanted, now=NOW)
    return dossier.id


@asynccontextmanager
async def a_receiver(
    db: Database,
    folder: Path,
    *,
    trust: Trust | None = None,
    limits: Limits = LIMITS,
    seat_id: str = RECEIVER,
    clock: FixedClock | None = None,
    writer: BatchWriter | None = None,
    services=((DOCUMENT_TYPE, PROCESS),),
):
    """Run a receiver on loopback until the end of the block."""
    clock = clock or FixedClock()
    archive = Archive(folder / "archive")
    dossier_id = await serve_participant(db, services=services)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        writer = writer or BatchWriter(db)
        writing = group.create_task(writer.run(stop))
        inbound = build_inbound(
            db=db, archive=archive, clock=clock, trust=trust or a_trust(folder),
            writer=writer, limits=limits, seat_id=seat_id, host="red.example",
        )  # fmt: skip
        try:
            async with serve_application(build_public_app(As4Endpoint(inbound).routes())) as url:
                yield Receiver(
                    f"{url}/as4", db, archive, folder / "archive", clock, inbound, dossier_id,
                    session, writer,
                )  # fmt: skip
        finally:
            stop.set()
            await writing


async def _pieces(body: bytes, size: int = 60_000):
    for start in range(0, len(body), size):
        yield body[start : start + size]
