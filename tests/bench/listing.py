"""How long a page of a list takes when a dossier has one document, and when it has millions.

One database grows; its rows are made by its owner, with one event each, ten in a transaction.
Half of the documents were received and lie in the inbox.  Pages are asked of a running gateway,
over HTTP; the plans are those that it runs by.
"""

import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg

from gateway.sandbox.network import Corner
from gateway.store.documents import Cursor, list_documents
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.feed import START, Place, find_place, list_inbox, read_changes, read_feed
from gateway.store.pool import Database
from gateway.web.cursors import mark, row_place
from tests.bench import served
from tests.support.database import plan_of

SIZES = (1, 100_000, 5_000_000)
SIZES_QUICK = (1, 1_000, 20_000)
PAGES = 100
PAGES_QUICK = 20
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
BYTES_EACH = 1_200
"""What a document takes on the disk with its event, their indexes and the log of all that."""
BYTES_LEFT = 5_000_000_000
"""LIMIT: what stays free on the disk."""

DOCUMENTS = """
INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type, process,
    number, flags, options, content, event_count, created_at, updated_at, changed, arrived)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1,
    CASE n % 2 WHEN 0 THEN 'out' ELSE 'in' END, 'delivered', '0208:0123456749', '0208:0987654394',
    'busdox-docid-qns::urn:example', 'cenbii-procid-ubl::urn:example', n::text, '{}', '{}',
    CASE n % 2 WHEN 0 THEN 'x'::bytea END, 1, $2::timestamptz + n * interval '1s',
    $2::timestamptz + n * interval '1s', place, place
FROM generate_series($3::integer, $4::integer) n,
    LATERAL (SELECT ($5::bigint + (n - $3) / 10)::text::xid8 AS place) AS written
"""
EVENTS = """
INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail, xid)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, $1,
    $2::timestamptz + n * interval '1s', 'delivered', '{"text": "Delivered"}',
    ($5::bigint + (n - $3) / 10)::text::xid8
FROM generate_series($3::integer, $4::integer) n
"""
TRANSACTIONS = """
DO $$ BEGIN
    FOR i IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""


class Books:
    """A dossier that grows: *count* documents so far."""

    def __init__(self, owner: asyncpg.Connection, dossier: UUID) -> None:
        self.owner = owner
        self.dossier = dossier
        self.count = 0

    async def grow(self, count: int) -> None:
        """Let it have *count* documents, and the planner know."""
        await self.owner.execute("SET synchronous_commit = off")
        present = "SELECT gateway_place(pg_current_xact_id())::text"
        start = int(await self.owner.fetchval(present)) + 1
        added = count - self.count
        await self.owner.execute(TRANSACTIONS.format(count=added // 10 + 1))
        whole = self.dossier, FIRST, self.count + 1, count
        await self.owner.execute(DOCUMENTS, *whole, start, timeout=1800)
        await self.owner.execute(EVENTS, *whole, start, timeout=1800)
        await self.owner.execute("ANALYZE documents, document_events", timeout=600)
        # What was written now is not written out while pages are timed.
        await self.owner.execute("CHECKPOINT", timeout=600)
        self.count = count

    async def place(self, number: int) -> Place:
        """Return the place in the feed behind the document *number*."""
        document = _id(number)
        xid = await self.owner.fetchval(
            "SELECT xid::text FROM document_events WHERE document_id = $1", document
        )
        return Place(int(xid), document, 1)

    def cursor(self, path: str, place: str) -> str:
        """Return the parameter that asks the list at *path* to go on at *place*."""
        return f"cursor={place}.{mark(str(self.dossier), path, place)}"

    async def pages(self) -> dict[str, str]:
        """Return the address of each page by its name; deep ones begin in the middle."""
        middle = (self.count + 1) // 2
        at = FIRST + timedelta(seconds=middle)
        deep = self.cursor("/v1/documents", row_place(at, _id(middle)))
        place = await self.place(middle)
        by_feed = f"{place.xid}.{place.document_id.hex}.{place.seq}"
        lists = ("/v1/documents", "/v1/inbox", "/v1/events")
        feeds = {path: self.cursor(path, by_feed) for path in lists}
        since = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "documents_first": "/v1/documents",
            "documents_deep": f"/v1/documents?{deep}",
            "documents_of_no_status": "/v1/documents?status=failed",
            "documents_received": "/v1/documents?direction=in",
            "updated_after": f"/v1/documents?updated_after={since}",
            "updated_after_deep": f"/v1/documents?updated_after={since}&{feeds['/v1/documents']}",
            "inbox_first": "/v1/inbox",
            "inbox_deep": f"/v1/inbox?{feeds['/v1/inbox']}",
            "events_first": "/v1/events",
            "events_since": f"/v1/events?since={since}",
            "events_deep": f"/v1/events?{feeds['/v1/events']}",
        }

    async def plans(self, db: Database) -> dict[str, str]:
        """Return the plan of each query behind the pages."""
        middle = _id((self.count + 1) // 2)
        at = FIRST + timedelta(seconds=self.count // 2)
        place = await self.place((self.count + 1) // 2)
        plans = {}
        async with db.transaction(self.dossier) as tx:
            calls = {
                "documents_first": list_documents(tx, limit=51),
                "documents_deep": list_documents(tx, limit=51, before=Cursor(at, middle)),
                "documents_of_no_status": list_documents(tx, limit=51, status="failed"),
                "documents_received": list_documents(tx, limit=51, direction="in"),
                "updated_after": read_changes(tx, after=place, since=at, limit=50),
                "inbox_first": list_inbox(tx, limit=50),
                "inbox_deep": list_inbox(tx, limit=50, after=place),
                "events_first": read_feed(tx, after=START, since=FIRST, limit=51),
                "events_deep": read_feed(tx, after=place, since=FIRST, limit=51),
            }
            for name, call in calls.items():
                plans[name] = await plan_of(tx.connection, call)
            plans["place_of_an_instant"] = await plan_of(tx.connection, find_place(tx, at))
        return plans


async def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return milliseconds of each page at each size, and the plans at the largest."""
    sizes = _that_fit(SIZES_QUICK if quick else SIZES, say)
    figures: dict[str, Any] = {}
    extra = {"api_requests_per_minute": 1_000_000}
    async with served.running(extra) as (network, _peer, _pid):
        red = network.red
        dsn = EmbeddedPostgres(red.folder / "data").dsn
        owner = await asyncpg.connect(dsn)
        dossier = await owner.fetchval("SELECT id FROM dossiers WHERE is_default")
        books = Books(owner, dossier)
        for size in sizes:
            say(f"api: lists of {size:,} documents")
            await books.grow(size)
            pages = await books.pages()
            for name, found in (await _ask(red, pages, PAGES_QUICK if quick else PAGES)).items():
                figures.setdefault(f"{name}_ms", {})[f"{size:,}"] = found
        db = await Database.open(dsn)
        plans = await books.plans(db)
        await db.close()
        await owner.close()
    indexes = {name: " ".join(_indexes(plan)) for name, plan in plans.items()}
    return figures | {"indexes": indexes, "plans": plans}


async def _ask(corner: Corner, pages: dict[str, str], times: int) -> dict[str, float]:
    """Ask for each of *pages* so many times, in turn; return the median milliseconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in pages}
    headers = {"Authorization": f"Bearer {corner.api_key()}"}
    async with aiohttp.ClientSession(corner.api_url, headers=headers) as session:
        for turn in range(times + 2):
            for name, path in pages.items():
                begun = time.monotonic()
                async with session.get(path) as response:
                    body = await response.read()
                passed = time.monotonic() - begun
                if response.status != 200:
                    raise AssertionError(f"{path}: {response.status} {body[:500]!r}")
                if turn >= 2:
                    taken[name].append(passed * 1000)
    return {name: round(statistics.median(each), 2) for name, each in taken.items()}


def _that_fit(sizes: tuple[int, ...], say: Callable[[str], None]) -> list[int]:
    """Return those of *sizes* for which the disk has room; say which have none."""
    free = shutil.disk_usage(tempfile.gettempdir()).free - BYTES_LEFT
    fit = [size for size in sizes if size * BYTES_EACH < free]
    for size in sizes[len(fit) :]:
        say(f"api: no room on the disk for {size:,} documents: left out")
    return fit


def _indexes(plan: str) -> list[str]:
    return sorted(set(re.findall(r"Index (?:Only )?Scan.*? (?:using|on) (\w+)", plan)))


def _id(number: int) -> UUID:
    """Return the id of the document *number*, as DOCUMENTS makes it."""
    return UUID(f"01900000-0000-7000-8000-{number:012x}")
