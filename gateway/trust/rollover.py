"""The plan of a roll-over: what happens when, and when the old key may go.

Nothing is done here.  Our metadata has no time to live of its own and the locator's records do not
change, so a new certificate is published the moment it signs; only peers that remember, and
messages under way, need the old key for a while.  [PEPPOL-SMP §5] [PEPPOL-SML §3]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from as4.certificates import Certificate, KeyPair
from gateway.settings import Settings
from gateway.trust.inventory import EXPIRY_WARNING, PREVIOUS_KEPT
from gateway.trust.keyring import key_folder

METADATA_REMEMBERED = timedelta(days=1)
"""How long a peer may go on with metadata it has seen; ours says nothing, most ask every time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: *at* an instant, or None for whenever the one before is done."""

    at: datetime | None
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order; *latest_at* is when the last message signed with the old key expires."""

    latest_at: datetime
    steps: tuple[Step, ...]


def plan_rollover(
    settings: Settings, *, current: KeyPair, fresh: KeyPair | None, now: datetime
) -> Plan:
    """Return the steps from *current* to *fresh*, or to one that has yet to be requested."""
    tried = timedelta(seconds=settings.send_give_up_seconds)
    latest = current.certificate.not_after - tried
    if fresh is not None:
        return Plan(latest, tuple(_steps(settings, current.certificate, fresh.certificate, now)))
    start = max(now, min(latest, current.certificate.not_after - EXPIRY_WARNING))
    before = _first_steps(settings, start)
    return Plan(latest, (*before, *_steps(settings, current.certificate, None, start)))


def _first_steps(settings: Settings, start: datetime) -> Iterator[Step]:
    folder = key_folder(settings)
    if not folder.next_key.exists():
        yield Step(
            None,
            "gateway pki request",
            f"makes a key and {folder.next_request}; nothing changes for the gateway",
        )
    yield Step(
        start,
        "gateway pki install FILE",
        "checks the certificate that came back; the new key opens messages from then on",
    )


def _steps(
    settings: Settings, old: Certificate, fresh: Certificate | None, start: datetime
) -> Iterator[Step]:
    kept = key_folder(settings).previous_file(old.serial)
    serial = "the new one" if fresh is None else f"{fresh.serial:x}"
    yield Step(
        start,
        "gateway pki rotate",
        f"{serial} signs and is in our metadata within seconds; {old.serial:x} only opens messages",
    )
    yield Step(
        start + METADATA_REMEMBERED,
        "gateway pki status",
        "peers that remembered our metadata have asked again; DNS does not change",
    )
    yield Step(
        start + PREVIOUS_KEPT,
        f"remove {kept}",
        "no message that was encrypted for the old certificate is under way any more",
    )
    yield Step(
        old.not_after,
        "nothing",
        "the old certificate expires; let nobody revoke it before its key is removed",
    )
    if fresh is not None:
        yield Step(
            fresh.not_after - EXPIRY_WARNING,
            "gateway pki request",
            "the new certificate is near its end",
        )
