"""What access points show when all has come to rest: over the API, and to each of their roles."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from tests.simulation.asking import FromBulk
from tests.simulation.calls import Call

PROMISES_MAX = 10
"""How many promises of a schedule are asked for once more, and what was made is looked for."""
PDF_EVERY = 6
"""One document of so many schedules is shown as PDF, too."""
LISTS = {
    "documents": "/v1/documents?limit=200",
    "imports": "/v1/imports?limit=200",
    "webhook_endpoints": "/v1/webhook-endpoints",
}
"""The lists that a dossier has, by their tables."""
SEEN = """
SELECT string_agg(format('SELECT %L AS name, count(*) AS n, '
    'count(*) FILTER (WHERE dossier_id <> gateway_dossier()) AS foreign FROM %I',
    c.relname, c.relname), ' UNION ALL ' ORDER BY c.relname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'dossier_id'
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
    AND c.relname <> 'api_key_dossiers'
"""
"""Makes the question that reads every table with dossiers; keys are the office's."""
AS_DOSSIER = "SET LOCAL ROLE gateway_app; SET LOCAL gateway.dossier ="
IMPORTS = """
SELECT i.id, i.status, i.total, i.accepted, i.refused, i.file IS NULL AS is_over
FROM imports i ORDER BY i.id
"""
DOCUMENTS_OF = """
SELECT id, number, status FROM documents WHERE direction = 'out' AND number = ANY($1::text[])
"""


@dataclass(frozen=True)
class Page:
    """A page, or a value, that shows a document: what it is, what is armed in it, and the answer.

    *plain* is the document without what is armed.
    """

    kind: str
    document_id: object
    armed: object
    answer: object
    plain: bytes = field(repr=False, default=b"")


@dataclass(eq=False)
class Shown:
    """All that was looked at."""

    tables: list = field(default_factory=list)
    """Where, whose, table, rows seen, rows seen of others, rows there are."""
    lists: list = field(default_factory=list)
    """Where, whose, table, ids shown, ids there are."""
    strangers: list = field(default_factory=list)
    """Where, whose, address of what is another's, status and code of the answer."""
    pages: list = field(default_factory=list)
    imports: dict = field(default_factory=dict)
    """Of each import: its row, what the API says of it, and its results in their order."""
    kept: list = field(default_factory=list)
    """Each promise of something with an address, and what is there."""


async def look(world):
    """Ask everybody once more, and return what they show."""
    shown = Shown()
    await _look_for_promises(world, shown)
    for node in world.nodes:
        if len(node.books) > 1:
            await _look_as_each(world, node, shown)
    for import_id, bulk in world.asking.imports.items():
        await _look_at_import(world, import_id, bulk, shown)
    await _look_at_pages(world, shown)
    return shown


async def _look_for_promises(world, shown):
    callers, promises = world.callers, list(world.callers.promises.values())
    dice = random.Random(f"{world.seed} promises")
    for promise in dice.sample(promises, min(PROMISES_MAX, len(promises))):
        node = world.nodes[promise.node]
        await callers.ask(node, promise.call)
        if promise.location is not None:
            answer = await callers.get(node, promise.location, promise.call.token)
            shown.kept.append((promise, answer))


async def _look_as_each(world, node, shown):
    """Read all tables as each dossier of *node*, and ask the API with the key of each."""
    question = (await world.rows(node, SEEN))[0][0]
    observer = world.observers[node.index]
    there, ids = defaultdict(int), defaultdict(lambda: defaultdict(set))
    for table in {row["name"] for row in await observer.fetch(question)}:
        rows = await observer.fetch(f"SELECT dossier_id, count(*) AS n FROM {table} GROUP BY 1")
        there |= {(table, row["dossier_id"]): row["n"] for row in rows}
    for table in LISTS:
        for row in await observer.fetch(f"SELECT id, dossier_id FROM {table}"):
            ids[table][row["dossier_id"]].add(str(row["id"]))
    for nth, books in enumerate(node.books):
        whose = UUID(str(books.dossier_id))
        async with observer.transaction():
            await observer.execute(f"{AS_DOSSIER} '{whose}'")
            for row in await observer.fetch(question):
                numbers = row["n"], row["foreign"], there[row["name"], whose]
                shown.tables.append((node.name, nth, row["name"], *numbers))
        for table, path in LISTS.items():
            listed = (await world.callers.get(node, path, books.token)).json[table]
            found = {each["id"] for each in listed}
            shown.lists.append((node.name, nth, table, found, ids[table][whose]))
            others = sorted(set().union(*ids[table].values()) - ids[table][whose])
            if others:
                address = f"{path.partition('?')[0]}/{others[-1]}"
                answer = await world.callers.get(node, address, books.token)
                shown.strangers.append((node.name, nth, address, answer.status, answer.code))


async def _look_at_import(world, import_id, bulk, shown):
    node = world.nodes[bulk.node]
    token, path = node.books[bulk.books].token, f"/v1/imports/{import_id}"
    rows = {row["id"]: row for row in await world.rows(node, IMPORTS)}
    said = (await world.callers.get(node, path, token)).json
    results, after = [], ""
    while True:
        page = (await world.callers.get(node, f"{path}/results?limit=2{after}", token)).json
        results += page["results"]
        if not page["has_more"]:
            break
        after = f"&cursor={page['next_cursor']}"
    numbers = [each.invoice.number for each in bulk.entries]
    documents = await world.rows(node, DOCUMENTS_OF, numbers)
    shown.imports[import_id] = bulk, rows.get(import_id), said, results, documents
    for result, entry in zip(results, bulk.entries, strict=False):
        if "document_id" in result:
            hand_in = FromBulk(bulk.node, entry.invoice, entry.name)
            world.accepted.setdefault(UUID(result["document_id"]), hand_in)


async def _look_at_pages(world, shown):
    """Have one armed document shown in all ways, where it was sent and where it came in."""
    armed = [
        (document_id, each) for document_id, each in world.accepted.items()
        if each.invoice.number in world.asking.armed
    ]  # fmt: skip
    if not armed:
        return
    document_id, hand_in = random.Random(f"{world.seed} shown").choice(armed)
    what = world.asking.armed[hand_in.invoice.number]
    node, token = world.nodes[hand_in.node], world.asking.token_of(hand_in.invoice)
    path = f"/v1/documents/{document_id}"
    plain = what.disarm(hand_in.invoice.data)

    async def take(kind, address):
        answer = await world.callers.get(node, address, token)
        shown.pages.append(Page(kind, document_id, what, answer, plain))
        return answer

    document = await take("document", path)
    await take("timeline", f"{path}/timeline")
    await take("page", f"{path}/html?language=nl")
    if world.seed % PDF_EVERY == 0:
        await take("pdf", f"{path}/pdf?language=nl")
    if document.status == 200 and document.json["status"] == "delivered":
        call = Call("POST", "/v1/documents", token, hand_in.invoice.data, "application/xml")
        answer = await world.callers.ask(node, call)
        shown.pages.append(Page("problem", document_id, what, answer))
