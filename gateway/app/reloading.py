"""Keys and certificates that are replaced while the gateway runs, taken up without a restart.

Every process looks at its files every two seconds, and at once when it is told to (SIGHUP).  What
cannot be used is said in the log, once for each change, and what was in use stays in use.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from gateway.app.listening import ServerTls
from gateway.app.parts import Parts
from gateway.clock import Clock
from gateway.settings import BadSettings
from gateway.trust import check_own_certificate, load_ap_anchors, load_key_ring, watched_key_files
from gateway.trust.inventory import expiring

LOOK_SECONDS = 2.0  # LIMIT: how long a replaced file may stay unnoticed.
REMIND_EVERY = timedelta(days=1)

_LOG = logging.getLogger(__name__)
_Stamp = tuple[tuple[str, int, int, int], ...]

__all__ = ["LOOK_SECONDS", "Reminder", "Watched", "keep_fresh", "watched_files"]


@dataclass(slots=True)
class Watched:
    """Files that belong together, and *take*, which reads them again or raises BadSettings.

    *take* returns what there is to say about it, or nothing when all is as before.
    """

    name: str
    files: Callable[[], Iterable[Path]]
    take: Callable[[], str]
    _seen: _Stamp = field(default=(), init=False)

    def look(self, *, force: bool = False) -> None:
        """Read the files if one is another than at the last look, or if we *force* it."""
        try:
            stamp = tuple(_stamp(file) for file in self.files())
            if stamp == self._seen and not force:
                return
            self._seen = stamp
            said = self.take()
        except (BadSettings, OSError) as error:
            _LOG.error(
                "not taken up, the old stays in use", extra={"what": self.name, "why": str(error)}
            )
            return
        if said:
            _LOG.info("taken up", extra={"what": self.name, "now": said})


@dataclass(slots=True)
class Reminder:
    """Says in the log, once a day, which of our certificates in use are near their end."""

    clock: Clock
    expiring: Callable[[datetime], Iterable[str]]
    _said_at: datetime | None = field(default=None, init=False)

    def look(self, *, force: bool = False) -> None:
        """Say it if it was not said in the last day; *force* is for files, not for this."""
        del force
        now = self.clock.now()
        if self._said_at is not None and now < self._said_at + REMIND_EVERY:
            return
        self._said_at = now
        try:
            for text in self.expiring(now):
                _LOG.warning("a certificate of ours expires", extra={"why": text})
        except (BadSettings, OSError) as error:
            _LOG.warning("our certificates cannot be read", extra={"why": str(error)})


async def keep_fresh(
    watched: Iterable[Watched | Reminder], ending: asyncio.Event, now: asyncio.Event | None = None
) -> None:
    """Look at all of *watched* again and again until *ending*, and whenever *now* is set."""
    every = list(watched)
    asked = now or asyncio.Event()
    forced = False
    while not ending.is_set():
        for each in every:
            await asyncio.to_thread(each.look, force=forced)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await asked.wait()
        forced = asked.is_set()
        asked.clear()


def watched_files(parts: Parts, tls: ServerTls | None) -> list[Watched | Reminder]:
    """Return what a process with *parts* and a listener with *tls* takes up while it runs."""
    settings = parts.settings
    found: list[Watched | Reminder] = [
        Reminder(parts.clock, lambda now: expiring(settings, now)),
        Watched("AP keys", lambda: watched_key_files(settings), lambda: _take_keys(parts)),
    ]
    if tls is not None:
        found.append(Watched("TLS certificate", lambda: tls.files, lambda: _take_tls(tls)))
    return found


def _take_keys(parts: Parts) -> str:
    """Let the ring in use hold what the files hold, if peers would accept it."""
    fresh, in_use = load_key_ring(parts.settings), parts.trust.keys
    if in_use.holds_what(fresh):
        return ""
    anchors = load_ap_anchors(parts.settings)
    check_own_certificate(parts.settings, anchors, fresh, parts.clock.now())
    fresh.prepare()
    in_use.take_over(fresh)
    return f"signing with {fresh.signing.certificate.serial:x}"


def _take_tls(tls: ServerTls) -> str:
    return "certificate read again" if tls.reload() else ""


def _stamp(file: Path) -> tuple[str, int, int, int]:
    """Return what changes when *file* does, also when it is removed or made."""
    try:
        stat = file.stat()
    except OSError:
        return str(file), 0, 0, 0
    return str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns
