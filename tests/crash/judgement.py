"""What became of a company's promises: read back over the API, and held against its book.

`read` asks; `judge` compares and asks nobody, so that tests can show that it notices.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from gateway.client import Document, FeedEvent, each
from gateway.client.bulkmodel import Import, ImportResult
from gateway.sandbox.hooks import Received
from tests.crash.book import Book
from tests.crash.company import Company

PAGE = 200


@dataclass(slots=True)
class Shown:
    """What the API shows of a company now, all of it."""

    sent: dict[UUID, Document] = field(default_factory=dict)
    received: dict[UUID, Document] = field(default_factory=dict)
    inbox: set[UUID] = field(default_factory=set)
    imports: dict[UUID, tuple[Import, tuple[ImportResult, ...]]] = field(default_factory=dict)
    endpoints: set[UUID] = field(default_factory=set)
    dossiers: set[UUID] = field(default_factory=set)
    keys: set[UUID] = field(default_factory=set)
    events: list[FeedEvent] = field(default_factory=list)


@dataclass(slots=True)
class Verdict:
    """What is wrong, one line for each; and how many webhooks were wanted, came, came again."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    wanted: int = 0
    arrived: int = 0
    again: int = 0

    def wrong(self) -> list[str]:
        """Return all that is wrong."""
        return [*self.lost, *self.doubled, *self.changed, *self.refused, *self.unstable]


async def read(company: Company) -> Shown:
    """Read all that the API shows of *company*."""
    api, office, shown = company.api, company.office, Shown()
    sent, received = (each(api.list_documents, limit=PAGE, direction=way) for way in ("out", "in"))
    shown.sent = {row.id: row async for row in sent}
    shown.received = {row.id: row async for row in received}
    shown.inbox = {row.id async for row in each(api.inbox, limit=PAGE)}
    for wanted in company.book.imports:
        results = each(partial(api.import_results, wanted), limit=PAGE)
        shown.imports[wanted] = await api.find_import(wanted), tuple([row async for row in results])
    shown.endpoints = {row.id for row in await api.webhook_endpoints()}
    shown.dossiers = {row.id async for row in each(office.dossiers, limit=PAGE)}
    shown.keys = {row.id async for row in each(office.api_keys, limit=PAGE)}
    shown.events = [row async for row in each(api.events, limit=PAGE)]
    return shown


def judge(book: Book, here: Shown, there: Shown, taken: Book, came: Sequence[Received]) -> Verdict:
    """Judge a company by its *book* and what the API shows *here*.

    *there* is what it shows where its documents go, *taken* the book of who takes them there;
    *came* are the webhooks that it was sent.
    """
    verdict = Verdict(
        lost=[*_lost_rows(book, here), *book.reappeared],
        changed=list(book.changed),
        refused=list(book.refused),
    )
    for number, document in _promised(book, here, verdict.lost):
        verdict.lost += _follow(number, document, book, there, taken)
    verdict.lost += _untaken(book, here)
    verdict.doubled += _doubled("sent", here.sent.values())
    verdict.doubled += _doubled("received", there.received.values())
    _judge_feed(book, here, verdict)
    _judge_webhooks(book, here, came, verdict)
    return verdict


def _lost_rows(book: Book, here: Shown) -> Iterator[str]:
    for what, promised, found in (
        ("endpoint", book.endpoints, here.endpoints),
        ("dossier", book.dossiers, here.dossiers),
        ("key", book.keys, here.keys),
    ):
        yield from (f"{what} {row} is not there" for row in promised - found)


def _promised(book: Book, here: Shown, lost: list[str]) -> Iterator[tuple[str, Document]]:
    """Yield row document that was promised, with its number; note those that are not there."""
    promised = dict(book.documents)
    for import_id, numbers in book.imports.items():
        found, results = here.imports[import_id]
        ids = [row.document_id for row in results if isinstance(row.document_id, UUID)]
        if found.status != "done" or len(ids) != len(numbers):
            lost.append(f"import of {numbers[0]}: {found.status}, {len(ids)} of {len(numbers)}")
        else:
            promised |= dict(zip(ids, numbers, strict=True))
    for wanted, number in promised.items():
        document = here.sent.get(wanted)
        if document is None or document.number != number:
            lost.append(f"{number} was promised as {wanted} and is not there")
        else:
            yield number, document


def _follow(
    number: str, document: Document, book: Book, there: Shown, taken: Book
) -> Iterator[str]:
    """Follow a document from its sender to the inbox of its receiver."""
    if document.status != "delivered":
        yield f"{number} is {document.status}"
        return
    found = [
        row
        for row in there.received.values()
        if (row.sender, row.number) == (document.sender, number)
    ]
    if not found:
        yield f"{number} was delivered and did not arrive"
    digest = book.digests.get(number, document.sha256)
    for row in found:
        if not digest == document.sha256 == row.sha256:
            yield f"{number} arrived as another document"
        copy = taken.taken.get(row.id)
        if copy is not None and copy.digest != digest:
            yield f"{number} was taken from the inbox as another document"


def _untaken(book: Book, here: Shown) -> Iterator[str]:
    """What came in must have been in the inbox, and what was acknowledged must stay so."""
    for document in here.received.values():
        if document.id not in book.taken:
            yield f"{document.number} came in, is {document.status}, and was not taken"
    for wanted, copy in book.taken.items():
        found = here.received.get(wanted)
        if found is None or found.acknowledged_at is None or wanted in here.inbox:
            yield f"{copy.number} was acknowledged, and is not"


def _doubled(how: str, documents: Iterable[Document]) -> Iterator[str]:
    numbers = Counter((row.sender, row.number) for row in documents)
    yield from (f"{number} {how} {n} times" for (_, number), n in numbers.items() if n > 1)


def _judge_feed(book: Book, here: Shown, verdict: Verdict) -> None:
    """Whoever followed by cursor saw row event once, and row timeline has every step."""
    seen = Counter(row.id for row in book.polled)
    verdict.lost += [f"{row.id} was not seen by cursor" for row in here.events if not seen[row.id]]
    verdict.doubled += [f"{row} was seen {n} times by cursor" for row, n in seen.items() if n > 1]
    steps: dict[UUID, list[int]] = defaultdict(list)
    for row in here.events:
        if row.document_id is not None:
            steps[row.document_id].append(row.seq)
    for document, numbers in steps.items():
        if numbers != list(range(1, len(numbers) + 1)):
            verdict.lost.append(f"the feed of {document} has the steps {numbers}")


def _judge_webhooks(book: Book, here: Shown, came: Sequence[Received], verdict: Verdict) -> None:
    """Every event came at least once, under its own id alone, and with one body."""
    genuine = Counter(row.id for row in came if row.is_genuine)
    wanted = {row.id for row in here.events} | book.tests
    verdict.wanted, verdict.arrived = len(wanted), len(wanted & genuine.keys())
    verdict.again = genuine.total() - len(genuine)
    verdict.lost += [f"the webhook of {row} did not come" for row in wanted - genuine.keys()]
    told = {(str(row.document_id), row.seq): row for row in here.events if row.document_id}
    bodies: dict[str, bytes] = {}
    for row in came:
        if not row.is_genuine:
            verdict.unstable.append(f"{row.id} came with a signature that does not hold")
        if bodies.setdefault(row.id, row.body) != row.body:
            verdict.unstable.append(f"{row.id} came with two bodies")
        if "seq" in row.message.data:
            verdict.unstable += _misnamed(row, told)


def _misnamed(came: Received, told: dict[tuple[str, int], FeedEvent]) -> Iterator[str]:
    """Compare a webhook with the event that it is about, as the feed shows it."""
    data = came.message.data
    event = told.get((data["document_id"], data["seq"]))
    if event is not None and (event.id, event.type) != (came.id, came.message.type):
        yield f"{event.id} ({event.type}) came as {came.id} ({came.message.type})"
