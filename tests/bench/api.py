"""What the API costs: documents accepted with full checks and commit, and pages of long lists.

Documents have numbers of their own and come over kept connections, several at a time; none is
sent on.  What counts is the CPU of the gateway and of its PostgreSQL, beside that of the bare
check of the same documents in this process, in turns.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import aiohttp

from gateway.clock import SystemClock
from gateway.rules.checker import Checker
from gateway.sandbox.network import Corner
from gateway.settings import Settings
from tests.bench import listing, served
from tests.bench.process import spent
from tests.support.peer import an_invoice

AT_ONCE = 8
WARM = 40


async def accepting(*, quick: bool) -> dict[str, Any]:
    """Hand in batches of documents, each beside the bare check of the same."""
    count, batches = (100, 2) if quick else (600, 5)
    settings = Settings.load()
    extra = {
        "rules_dir": str(settings.rules_folder.absolute()),
        # A document that no rules cover would be cheap.
        "uncovered_documents": "refuse",
        "api_requests_per_minute": 1_000_000,
    }
    rows = []
    async with (
        Checker.open(settings, SystemClock()) as checker,
        served.running(extra) as (network, _peer, pid),
    ):
        await network.register(network.red, network.blue.role.participant)
        warm = _documents("warm", WARM)
        await _hand_in(network.red, warm)
        await _bare_ms(checker, warm)
        for batch in range(batches):
            documents = _documents(f"b{batch}", count)
            bare = await _bare_ms(checker, documents)
            before, begun = spent(pid), time.monotonic()
            await _hand_in(network.red, documents)
            wall = time.monotonic() - begun
            used = spent(pid).since(before)
            rows.append(
                (bare, used.gateway / count * 1e3, used.postgres / count * 1e3, count / wall)
            )
    bare_ms, gateway_ms, postgres_ms, rate = map(statistics.median, zip(*rows, strict=True))
    return {
        "document_bytes": len(documents[0]),
        "accepted_per_second": round(rate),
        "cpu_ms": round(gateway_ms + postgres_ms, 2),
        "gateway_ms": round(gateway_ms, 2),
        "postgres_ms": round(postgres_ms, 2),
        "bare_check_ms": round(bare_ms, 2),
        "ratio": round(statistics.median((row[1] + row[2]) / row[0] for row in rows), 2),
    }


def _documents(prefix: str, count: int) -> list[bytes]:
    return [an_invoice(number=f"{prefix}-{number}") for number in range(count)]


async def _bare_ms(checker: Checker, documents: Sequence[bytes]) -> float:
    """Return the CPU milliseconds that the check of one of *documents* takes, and nothing else."""
    begun = time.process_time()
    for document in documents:
        report = await checker.check(document, language=None)
        if not report.valid:
            raise AssertionError(f"not valid: {report}")
    return (time.process_time() - begun) / len(documents) * 1e3


async def _hand_in(corner: Corner, documents: Sequence[bytes]) -> None:
    """Post *documents* to the API of *corner*; each must be accepted."""
    queue = iter(documents)
    headers = {
        "Authorization": f"Bearer {corner.api_key()}",
        "Content-Type": "application/xml",
    }
    async with (
        aiohttp.ClientSession(corner.api_url, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(AT_ONCE):
            group.create_task(_hand_in_some(session, queue))


async def _hand_in_some(session: aiohttp.ClientSession, queue: Iterator[bytes]) -> None:
    for document in queue:
        async with session.post("/v1/documents", data=document) as response:
            body = await response.read()
            if response.status != 202 or b'"valid":true' not in body:
                raise AssertionError(f"not accepted as valid: {response.status} {body[:2000]!r}")


async def _measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    say("api: documents accepted with full checks")
    figures: dict[str, Any] = {"accepting": await accepting(quick=quick)}
    return figures | await listing.measure(quick=quick, say=say)


def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of the area api."""
    return asyncio.run(_measure(quick=quick, say=say))
