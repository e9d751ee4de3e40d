"""What a dossier is told of beside its documents: imports that end, and its webhooks themselves.

A notice is an event of the feed, written in the transaction of what it tells; its detail is what
webhooks are sent of it.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from gateway.client.webhookmodel import EndpointNotice, ImportNotice, TrialNotice
from gateway.store.feed import About, FeedEvent, append_notice
from gateway.store.imports import Import
from gateway.store.pool import Transaction
from gateway.store.webhooks.endpoints import Disabled, Endpoint

__all__ = ["advice", "tell_disabled", "tell_import", "tell_test"]

_ADVICE: Final = {
    Disabled.REQUESTED: "Somebody disabled it. Enabled, it goes on where it stopped.",
    Disabled.GONE: (
        "It answered 410 Gone. Give it the address where it is now and enable it, or delete it."
        " Enabled, it goes on where it stopped."
    ),
    Disabled.FAILING: (
        "Nothing but failures came from it for days; its deliveries say which. Mend it, then"
        " enable it: it goes on where it stopped."
    ),
}


def advice(reason: str | None) -> str | None:
    """Return what to do about an endpoint that is disabled for *reason*; None if it is not."""
    return None if reason is None else _ADVICE[Disabled(reason)]


async def tell_import(tx: Transaction, found: Import, *, now: datetime) -> None:
    """Tell that the import is done, was cancelled or has failed, as its locked row says."""
    done = found.accepted + found.refused
    counts = f"{found.accepted} accepted, {found.refused} refused"
    texts = {
        "done": f"All of the file is done: {counts}",
        "cancelled": f"It was cancelled after {done} of {found.total}: {counts}",
        "failed": f"It stopped after {done} of {found.total}: {counts}; hand the others in again",
    }
    notice = ImportNotice(
        import_id=found.id,
        status=found.status,
        total=found.total,
        accepted=found.accepted,
        refused=found.refused,
        text=texts[found.status],
    )
    detail = msgspec.to_builtins(notice)
    await append_notice(tx, About.IMPORT, found.id, found.status, detail, now=now)


async def tell_disabled(
    tx: Transaction, endpoint: Endpoint, reason: Disabled, *, now: datetime
) -> None:
    """Tell that *endpoint*, whose row is locked, gets nothing any more."""
    notice = EndpointNotice(
        endpoint_id=endpoint.id,
        url=endpoint.url,
        reason=reason,
        failing_since=endpoint.failing_since,
        text=_ADVICE[reason],
    )
    detail = msgspec.to_builtins(notice)
    await append_notice(tx, About.ENDPOINT, endpoint.id, "disabled", detail, now=now)


async def tell_test(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> FeedEvent:
    """Tell that somebody tests the endpoint, whose row is locked; return the event."""
    notice = TrialNotice(endpoint_id=endpoint_id, text="Somebody asked for a test")
    detail = msgspec.to_builtins(notice)
    return await append_notice(tx, About.WEBHOOK, endpoint_id, "test", detail, now=now)
