"""The parts one process is made of, opened in order and closed in reverse."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app.lookups import build_finder
from gateway.app.trusts import build_trusts
from gateway.clock import Clock, SystemClock
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.exchange.checking import Checking
from gateway.exchange.forms import Forms
from gateway.rules.checker import Checker
from gateway.settings import BadSettings, Settings, Stage
from gateway.store.archive import Archive
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.trust import Trust, load_key_ring
from smp.client import SmpClient

CONNECTIONS_MAX = 8  # LIMIT: of each role and process; the embedded server takes a hundred.

__all__ = [
    "Parts",
    "make_clock",
    "make_egress",
    "message_host",
    "open_parts",
    "peer_tls",
    "smp_key_files",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every side of the gateway works with; *publishers* judges those who sign metadata."""

    settings: Settings
    clock: Clock
    db: Database
    locks: Locks
    archive: Archive
    egress: Egress
    trust: Trust
    publishers: Trust
    finder: SmpClient
    checking: Checking
    forms: Forms = field(default_factory=Forms)

    @property
    def host(self) -> str:
        """What stands behind the @ of our message identifiers."""
        return message_host(self.settings)


def make_clock(settings: Settings) -> Clock:
    """Return the clock: the machine's, or in a sandbox the one that starts at `clock_at`."""
    return SystemClock.starting_at(settings.clock_at)


def make_egress(settings: Settings) -> Egress:
    """Return the HTTP client that *settings* allow; who asks for it closes it.

    Raises BadSettings.
    """
    return Egress(
        EgressRules(sandbox=settings.stage is Stage.SANDBOX, as4_ports=settings.as4_ports),
        tls=peer_tls(settings),
        post_timeout_seconds=settings.send_timeout_seconds,
    )


def peer_tls(settings: Settings) -> ssl.SSLContext:
    """Return how we speak TLS to peers; raises BadSettings when no authority can be read."""
    try:
        return tls_context(settings.peer_tls_ca_files)
    except OSError as error:
        raise BadSettings([f"peer_tls_ca_files: {error}"]) from error


def message_host(settings: Settings) -> str:
    """Return the host name of our public address."""
    return urlsplit(settings.public_url or "").hostname or "gateway.invalid"


def smp_key_files(settings: Settings) -> tuple[Path, Path] | None:
    """Return the files our SMP signs with, None when it publishes nothing; raises BadSettings."""
    if settings.smp_key_file is None and settings.smp_certificate_file is None:
        return None
    if settings.smp_key_file is None or settings.smp_certificate_file is None:
        raise BadSettings(["smp_key_file and smp_certificate_file go together"])
    return settings.smp_key_file, settings.smp_certificate_file


@asynccontextmanager
async def open_parts(settings: Settings, dsn: str, clock: Clock) -> AsyncIterator[Parts]:
    """Open the parts of one process on the prepared database at *dsn*.

    Raises BadSettings for files that cannot be read, Fault for a folder of rules that cannot be
    read, and Unavailable when there is no database.
    """
    async with (
        make_egress(settings) as egress,
        Checker.open(settings, clock) as checker,
        Forms() as forms,
    ):
        trust, publishers = build_trusts(
            settings,
            load_key_ring(settings),
            getter=egress.getter(Purpose.CRL),
            asker=egress.asker(Purpose.OCSP),
        )
        db = await Database.open(dsn, max_size=CONNECTIONS_MAX)
        locks = Locks(dsn)
        try:
            yield Parts(
                settings=settings,
                clock=clock,
                db=db,
                locks=locks,
                archive=Archive(settings.data_dir / "archive"),
                egress=egress,
                trust=trust,
                publishers=publishers,
                finder=build_finder(settings, egress, publishers),
                checking=Checking(
                    checker, accept_uncovered=settings.uncovered_documents == "accept"
                ),
                forms=forms,
            )
        finally:
            await locks.close()
            await db.close()
