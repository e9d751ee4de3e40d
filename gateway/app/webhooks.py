"""The part of a process that tells endpoints what happens: its own connections, and its own end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from gateway.app.parts import Parts
from gateway.egress import Egress, EgressRules, tls_context
from gateway.settings import BadSettings, Settings, Stage
from gateway.webhooks.dispatcher import Dispatcher

__all__ = ["telling"]

_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def telling(parts: Parts, stop: asyncio.Event, *, wanted: bool) -> AsyncIterator[None]:
    """Send webhooks inside the block, if *wanted*; at the end attempts have a bounded time.

    Raises BadSettings.
    """
    if not wanted:
        yield
        return
    settings = parts.settings
    async with _egress(settings) as egress, asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(
            parts.db,
            parts.locks,
            parts.clock,
            egress,
            timeout_seconds=settings.webhook_timeout_seconds,
            keep=timedelta(days=settings.webhook_keep_days),
        )
        task = group.create_task(dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            done, _ = await asyncio.wait({task}, timeout=settings.webhook_timeout_seconds)
            if not done:
                _LOG.warning("webhooks were cut off; they are sent again at the next start")
                task.cancel()


def _egress(settings: Settings) -> Egress:
    """Return connections to webhooks alone: slow ones take no place of messages or look-ups."""
    try:
        tls = tls_context(settings.webhook_tls_ca_files)
    except OSError as error:
        raise BadSettings([f"webhook_tls_ca_files: {error}"]) from error
    return Egress(
        EgressRules(sandbox=settings.stage is Stage.SANDBOX),
        tls=tls,
        post_timeout_seconds=settings.webhook_timeout_seconds,
    )
