"""One process of the gateway, from open parts to the last job finished.

On the way out nothing new is taken; requests and jobs under way have a bounded time to end; the
writer ends after the requests that wait for it.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import socket

from aiohttp import web

from gateway.app.listening import CLOSE_SECONDS_MAX, ServerTls, UnderWay, server_tls
from gateway.app.parts import Parts, make_clock, open_parts, smp_key_files
from gateway.app.reloading import keep_fresh, watched_files
from gateway.app.webhooks import telling
from gateway.errors import Unavailable
from gateway.exchange.delivery import Delivery
from gateway.exchange.imports import Imports
from gateway.exchange.inbound import Limits, build_inbound
from gateway.exchange.outbound import Outbound
from gateway.exchange.ping import Pinger
from gateway.exchange.preparation import Preparation
from gateway.exchange.rehearsal import Rehearsal
from gateway.exchange.retry import RetryRules
from gateway.exchange.writer import BatchWriter
from gateway.settings import Settings, Stage
from gateway.store.jobs import Job
from gateway.web.app import ProblemRunner, Services, build_api_app, build_public_app
from gateway.web.as4 import PATH, As4Endpoint
from gateway.web.crowd import CrowdRunner
from gateway.web.intakes import build_intake
from gateway.web.smp import PREFIX, KeyFiles, OwnEndpoint, StorePublisher, smp_routes
from gateway.worker import Handler, Worker

JOBS_SECONDS_MAX = 20.0  # LIMIT: what is left to jobs when we stop; they run again anyway.
BACKLOG_MAX = 1024  # LIMIT: connections that wait to be accepted.
COLLECT_AFTER = 5_000  # LIMIT: objects made, less those freed, before the collector looks.
IMPORTS_MAX = 2  # LIMIT: imports that one process works on at a time; the others take turns.
ENVELOPE_OVERHEAD_BYTES = 64 * 1024
"""What an envelope may add to a document."""

_LOG = logging.getLogger(__name__)

__all__ = ["Listeners", "run_gateway", "run_worker", "settle_memory"]


@dataclass(frozen=True, slots=True)
class Listeners:
    """The bound sockets of one process."""

    public: socket
    api: socket


@dataclass(frozen=True, slots=True)
class _Listening:
    """The sockets of one process, and what the public one says in a TLS handshake."""

    sockets: Listeners
    tls: ServerTls | None


async def run_gateway(
    settings: Settings,
    dsn: str,
    listeners: Listeners,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    look: asyncio.Event | None = None,
) -> None:
    """Serve peers and the API, and run jobs if the settings say so, until *stop*.

    *on_ready* is called once everything listens; *look*, when set, asks to look at once whether
    keys or certificates were replaced.  Raises BadSettings.
    """
    tls = server_tls(settings)
    async with open_parts(settings, dsn, make_clock(settings)) as parts:
        writer = BatchWriter(parts.db)
        await asyncio.to_thread(parts.trust.keys.prepare)
        async with (
            _background(parts, writer),
            _fresh_keys(parts, tls, look),
            _jobs(parts, stop, wanted=settings.worker),
            telling(parts, stop, wanted=settings.worker),
            _serving(parts, writer, _Listening(listeners, tls), stop),
        ):
            settle_memory()
            on_ready()
            await stop.wait()
            _LOG.info("stopping")


async def run_worker(
    settings: Settings,
    dsn: str,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    look: asyncio.Event | None = None,
) -> None:
    """Run jobs, and nothing else, until *stop*; *look* as in `run_gateway`."""
    async with (
        open_parts(settings, dsn, make_clock(settings)) as parts,
        _background(parts, None),
        _fresh_keys(parts, None, look),
        _jobs(parts, stop, wanted=True),
        telling(parts, stop, wanted=True),
    ):
        settle_memory()
        on_ready()
        await stop.wait()


def settle_memory() -> None:
    """Let the collector pass over what is here for good: modules, settings, pools.

    Looking through all of it again and again cost a fifth of every message.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


@asynccontextmanager
async def _background(parts: Parts, writer: BatchWriter | None) -> AsyncIterator[None]:
    """Run what requests and jobs lean on; it ends after them."""
    ending = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        if writer is not None:
            group.create_task(writer.run(ending))
        refreshing = [
            group.create_task(trust.run(parts.clock, ending))
            for trust in (parts.trust, parts.publishers)
        ]
        try:
            yield
        finally:
            ending.set()
            for task in refreshing:
                # It may be waiting for a server that does not answer, and has nothing to finish.
                task.cancel()


@asynccontextmanager
async def _fresh_keys(
    parts: Parts, tls: ServerTls | None, look: asyncio.Event | None
) -> AsyncIterator[None]:
    """Take up replaced keys and certificates inside the block."""
    ending = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(keep_fresh(watched_files(parts, tls), ending, look))
        try:
            yield
        finally:
            ending.set()
            looking.cancel()


@asynccontextmanager
async def _jobs(parts: Parts, stop: asyncio.Event, *, wanted: bool) -> AsyncIterator[None]:
    """Run the worker inside the block; at the end its jobs have a bounded time."""
    if not wanted:
        yield
        return
    limits = {Job.IMPORT_DOCUMENTS: IMPORTS_MAX}
    worker = Worker(parts.db, _handlers(parts), clock=parts.clock, limits=limits)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()
            done, _ = await asyncio.wait({task}, timeout=JOBS_SECONDS_MAX)
            if not done:
                _LOG.warning("jobs were cut off; they run again at the next start")
                task.cancel()


def _handlers(parts: Parts) -> Mapping[Job, Handler]:
    """Return who does which job."""
    settings = parts.settings
    delivery = Delivery(
        db=parts.db,
        archive=parts.archive,
        clock=parts.clock,
        checking=parts.checking,
        envelope_bytes_max=settings.document_bytes_max + ENVELOPE_OVERHEAD_BYTES,
    )
    return {
        Job.SEND_DOCUMENT: build_outbound(parts).send,
        Job.PROCESS_RECEIVED: delivery.process_received,
        Job.IMPORT_DOCUMENTS: _build_imports(parts).work,
    }


def _build_imports(parts: Parts) -> Imports:
    """Put the parts of importing together."""
    intake = build_intake(
        parts.settings,
        db=parts.db,
        archive=parts.archive,
        clock=parts.clock,
        checking=parts.checking,
        forms=parts.forms,
    )
    return Imports(db=parts.db, archive=parts.archive, clock=parts.clock, intake=intake)


def build_outbound(parts: Parts) -> Outbound:
    """Put the parts of sending together."""
    settings = parts.settings
    preparation = Preparation(
        archive=parts.archive,
        clock=parts.clock,
        keys=parts.trust.keys,
        host=parts.host,
        inline_bytes_max=settings.inline_bytes_max,
    )
    return Outbound(
        db=parts.db,
        locks=parts.locks,
        archive=parts.archive,
        clock=parts.clock,
        trust=parts.trust,
        finder=parts.finder,
        poster=parts.egress,
        preparation=preparation,
        rules=RetryRules(
            first_seconds=settings.retry_first_seconds,
            max_seconds=settings.retry_max_seconds,
            give_up_seconds=settings.send_give_up_seconds,
        ),
        fixed_endpoints=settings.stage is not Stage.PRODUCTION,
        rehearsal=Rehearsal(
            trust=parts.trust,
            clock=parts.clock,
            host=parts.host,
            is_live=settings.stage is Stage.PRODUCTION,
        ),
    )


@asynccontextmanager
async def _serving(
    parts: Parts, writer: BatchWriter, listening: _Listening, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Listen inside the block; at its end requests under way have a bounded time."""
    under_way = UnderWay(stop)
    public, api = _public_app(parts, writer), build_api_app(_services(parts, stop))
    for app in (public, api):
        under_way.watch(app)
    runners = (
        CrowdRunner(public, shutdown_timeout=CLOSE_SECONDS_MAX),
        ProblemRunner(api, access_log=None, shutdown_timeout=CLOSE_SECONDS_MAX),
    )
    try:
        for runner in runners:
            await runner.setup()
        sockets, tls = listening.sockets, listening.tls
        context = None if tls is None else tls.context
        await web.SockSite(
            runners[0], sockets.public, ssl_context=context, backlog=BACKLOG_MAX
        ).start()
        await web.SockSite(runners[1], sockets.api, backlog=BACKLOG_MAX).start()
        yield
    finally:
        stop.set()
        await under_way.finish(runners)


def _public_app(parts: Parts, writer: BatchWriter) -> web.Application:
    """Return AS4 and SMP."""
    settings = parts.settings
    inbound = build_inbound(
        db=parts.db,
        archive=parts.archive,
        clock=parts.clock,
        trust=parts.trust,
        writer=writer,
        limits=Limits(
            inline_bytes_max=settings.inline_bytes_max,
            message_bytes_max=settings.message_bytes_max,
            envelope_bytes_max=settings.document_bytes_max + ENVELOPE_OVERHEAD_BYTES,
        ),
        seat_id=parts.trust.keys.signing.certificate.subject_cn,
        host=parts.host,
    )
    return build_public_app([*As4Endpoint(inbound).routes(), *_smp_routes(parts)])


def _smp_routes(parts: Parts) -> list[web.RouteDef]:
    """Return the routes of our SMP; none when it has no key to sign with."""
    files = smp_key_files(parts.settings)
    if files is None:
        return []
    keys, url = parts.trust.keys, parts.settings.public_url or ""
    publisher = StorePublisher(
        parts.db,
        parts.clock,
        base_url=url + PREFIX,
        signing=KeyFiles(*files),
        endpoint=OwnEndpoint(address=url + PATH, keys=lambda: keys.signing),
    )
    return smp_routes(publisher)


def _services(parts: Parts, stop: asyncio.Event) -> Services:
    """Return what the API's handlers work with."""

    async def ready() -> None:
        if stop.is_set():
            raise Unavailable("the gateway is stopping")
        async with parts.db.exchange():
            return

    pinger = Pinger(
        seat_id=parts.trust.keys.signing.certificate.subject_cn,
        host=parts.host,
        finder=parts.finder,
        trust=parts.trust,
        poster=parts.egress,
        clock=parts.clock,
    )
    return Services(
        db=parts.db,
        archive=parts.archive,
        clock=parts.clock,
        settings=parts.settings,
        checking=parts.checking,
        forms=parts.forms,
        locks=parts.locks,
        finder=parts.finder,
        ping=pinger.ping,
        ready=ready,
    )
