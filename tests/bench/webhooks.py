"""How fast events reach webhooks: a dispatcher with its PostgreSQL, and receivers beside it.

The receivers are in this process and verify nothing, so that the figures are those of the sender.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.clock import SystemClock
from gateway.egress import Egress, EgressRules, tls_context
from gateway.sandbox.loopback import serve_application
from gateway.store.documents import Step, append_steps, insert_document
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.locks import Locks
from gateway.store.migrate import upgrade
from gateway.store.pool import Database
from gateway.store.webhooks.endpoints import add_secret, insert_endpoint
from gateway.store.webhooks.reading import find_behind
from gateway.webhooks.dispatcher import Dispatcher
from gateway.webhooks.relay import Relay
from tests.support.store import a_document, a_dossier

CLOCK = SystemClock()


class Counter:
    """Counts what comes, and knows when it is enough."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.done = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.left -= 1
        if self.left <= 0:
            self.done.set()
        return web.Response(status=204)


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory(prefix="peppol-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        dsn = await server.start()
        try:
            await upgrade(dsn)
            db = await Database.open(dsn)
            yield db
            await db.close()
        finally:
            await server.stop()


async def endpoints(db: Database, url: str, *, dossiers: int, each: int) -> None:
    """Make dossiers with *each* endpoints, and something that happens in each dossier."""
    for _ in range(dossiers):
        dossier = await a_dossier(db)
        async with db.transaction(dossier) as tx:
            for _ in range(each):
                endpoint = CLOCK.uuid()
                now = CLOCK.now()
                await insert_endpoint(
                    tx, endpoint, url=url, description=None, event_types=(), now=now
                )
                await add_secret(tx, endpoint, bytes(32), now=now, others_until=now)


async def happen(db: Database, *, events: int) -> None:
    """Let *events* happen to a document of each dossier that has endpoints."""
    async with db.exchange_statements() as xtx:
        rows = await xtx.connection.fetch("SELECT DISTINCT dossier_id FROM webhook_endpoints")
    for row in rows:
        async with db.transaction(row["dossier_id"]) as tx:
            document = await insert_document(tx, a_document())
            steps = [Step(CLOCK.now(), "sending", {"text": "Attempt"})] * events
            await append_steps(tx, document.id, steps)


async def fan_out(db: Database, *, dossiers: int, each: int, events: int) -> dict[str, Any]:
    """Tell *each* endpoints of *dossiers* dossiers of *events* events."""
    wanted = dossiers * each * events
    counter, locks = Counter(wanted), Locks(db.dsn)
    application = web.Application()
    application.router.add_post("/", counter.take)
    rules = EgressRules(sandbox=True)
    async with (
        serve_application(application) as url,
        Egress(rules, tls=tls_context(), post_timeout_seconds=5) as egress,
    ):
        await endpoints(db, f"{url}/", dossiers=dossiers, each=each)
        await happen(db, events=events)
        relay, begun = Relay(db, locks, CLOCK), time.monotonic()
        while await relay.run_once():
            pass
        read = time.monotonic() - begun
        dispatcher = Dispatcher(
            db, locks, CLOCK, egress, timeout_seconds=15, keep=timedelta(days=30)
        )
        stop, begun = asyncio.Event(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(dispatcher.run(stop))
            await counter.done.wait()
            told = time.monotonic() - begun
            stop.set()
    await locks.close()
    return {
        "endpoints": dossiers * each,
        "read_per_second": round(wanted / read),
        "told_per_second": round(wanted / told),
    }


async def idle(db: Database) -> float:
    """Return the milliseconds that one look at all endpoints takes when nothing is new."""
    async with db.exchange_statements() as xtx:
        begun = time.monotonic()
        for _ in range(5):
            assert await find_behind(xtx, limit=100) == []
        return round((time.monotonic() - begun) * 200, 1)


async def _measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    async with database() as db:
        say("webhooks: one endpoint")
        events = 300 if quick else 1000
        figures["one_endpoint"] = await fan_out(db, dossiers=1, each=1, events=events)
        say("webhooks: many endpoints")
        figures["many_endpoints"] = await fan_out(
            db, dossiers=50, each=4, events=5 if quick else 20
        )
        say("webhooks: nothing new for 2000 endpoints")
        await endpoints(db, "https://hook.example/", dossiers=450, each=4)
        figures["idle_look_ms_2000_endpoints"] = await idle(db)
    return figures


def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of the area webhooks."""
    return asyncio.run(_measure(quick=quick, say=say))
