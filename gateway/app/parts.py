"""The parts one process is made of, opened in order and closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app.lookups import build_finder
from gateway.clock import Clock, SystemClock
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.settings import BadSettings, Settings, Stage
from gateway.store.archive import Archive
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.trust import RevocationLists, Trust, load_ap_anchors, load_key_ring, load_smp_anchors
from smp.client import SmpClient

CONNECTIONS_MAX = 8  # LIMIT: of each role and process; the embedded server takes a hundred.

__all__ = ["Parts", "make_clock", "message_host", "open_parts", "smp_key_files"]


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

    @property
    def host(self) -> str:
        """What stands behind the @ of our message identifiers."""
        return message_host(self.settings)


def make_clock(settings: Settings) -> Clock:
    """Return the clock: the machine's, or in a sandbox the one that starts at `clock_at`."""
    return SystemClock.starting_at(settings.clock_at)


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

    Raises BadSettings for files that cannot be read, Unavailable when there is no database.
    """
    sandbox = settings.stage is Stage.SANDBOX
    rules = EgressRules(open=sandbox, as4_ports=settings.as4_ports)
    egress = Egress(
        rules,
        tls=tls_context(settings.peer_tls_ca_files),
        post_timeout_seconds=settings.send_timeout_seconds,
    )
    async with egress:
        lists = RevocationLists(
            getter=egress.getter(Purpose.CRL),
            folder=settings.data_dir / "revocation",
            stale_grace=timedelta(seconds=settings.revocation_stale_grace_seconds),
        )
        accepts = settings.revocation_without_address == "accept"
        keys = load_key_ring(settings)
        trust, publishers = (
            Trust(anchors=anchors, keys=keys, lists=lists, accept_without_address=accepts)
            for anchors in (load_ap_anchors(settings), load_smp_anchors(settings))
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
            )
        finally:
            await locks.close()
            await db.close()
