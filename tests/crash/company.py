"""A company whose software works through the HTTP API alone, and writes down what it was promised.

It has a dossier and a key of its own, hands documents in, takes what it is sent from the inbox,
follows the feed, and is told by webhooks.  It repeats whatever got no final answer, and for good
measure also what did.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from gateway.client import Document, GatewayClient, each
from gateway.client.bulkmodel import BatchItem, BatchResult
from gateway.errors import Fault, Unavailable
from gateway.sandbox.hooks import Behaviour, HookReceiver, serve_hooks
from gateway.sandbox.integration import invoice_form
from gateway.sandbox.network import Corner, Network
from tests.crash.book import (
    IN_FLIGHT,
    Book,
    Promise,
    Taken,
    sha256_of,
    until_answered,
)
from tests.support.peer import an_invoice
from ubl.identifiers import ParticipantId
from ubl.routing import read_routing

SINGLE, BATCHED, IMPORTED = 4, 3, 5
"""How many documents a company hands in each way in a round."""
INBOX_PAGE = 5
FEED_PAGE = 50
LOOK_SECONDS = 0.5
SCOPES = (
    "documents:read", "documents:write", "participants:write", "webhooks:read", "webhooks:write",
)  # fmt: skip

T = TypeVar("T")


@dataclass(slots=True)
class Company:
    """One company in a corner, and who it sends to."""

    corner: Corner
    participant: ParticipantId
    customer: ParticipantId
    api: GatewayClient
    office: GatewayClient
    dossier: UUID
    endpoint: UUID
    hook_url: str
    hooks: HookReceiver
    book: Book = field(default_factory=Book)
    _promises: list[Promise] = field(default_factory=list)
    _spare: UUID | None = None
    _cursor: str | None = None

    @property
    def name(self) -> str:
        """Which corner it is in."""
        return self.corner.role.name

    async def work(self, round_name: str, start: Callable[[], float]) -> None:
        """Do a round's work, each piece of it after the seconds that *start* says."""
        self._promises.clear()
        await self._drop_spare()
        # One message of the round is not taken at first, and has to come again.
        self.hooks.script = [Behaviour(status=503)]
        numbers = [f"{round_name}-{self.name}-{i}" for i in range(SINGLE + BATCHED + IMPORTED)]
        pieces: list[Awaitable[None]] = [
            *(self._send(number, i) for i, number in enumerate(numbers[:SINGLE])),
            self._send_batch(numbers[SINGLE : SINGLE + BATCHED]),
            self._import(numbers[SINGLE + BATCHED :]),
            self._open_endpoint(round_name),
            self._test_endpoint(round_name),
            self._open_books(round_name),
        ]
        async with asyncio.TaskGroup() as group:
            for piece in pieces:
                group.create_task(_later(start(), piece))

    async def repeat(self) -> None:
        """Ask for everything of the round once more: all answers have to be as they were."""
        for promise in list(self._promises):
            await self._check_again(promise)

    async def live(self, look: Callable[[], Awaitable[None]]) -> None:
        """Do *look* again and again, for ever; write down when it is refused."""
        while True:
            try:
                await look()
            except (Fault, TimeoutError) as problem:
                self.book.refused.append(f"{look.__name__}: {problem!r}")
            await asyncio.sleep(LOOK_SECONDS)

    async def take_inbox(self) -> None:
        """Take what is in the inbox, page by page: fetch each document, acknowledge it."""
        inbox = partial(until_answered, self.api.inbox)
        async for document in each(inbox, limit=INBOX_PAGE):
            await self._take(document)

    async def follow_feed(self) -> None:
        """Read the feed from the cursor on, until nothing follows."""
        has_more = True
        while has_more:
            page = await until_answered(self.api.events, limit=FEED_PAGE, cursor=self._cursor)
            self.book.polled += page
            self._cursor, has_more = page.next_cursor, page.has_more

    async def _take(self, document: Document) -> None:
        if document.id in self.book.taken:
            self.book.reappeared.append(f"{document.number} is in the inbox although acknowledged")
            return
        data = await until_answered(self.api.ubl, document.id)
        path, key = f"/v1/documents/{document.id}/ack", {"Idempotency-Key": f"ack-{document.id}"}
        answer = await self._promise(
            "POST /v1/documents/{id}/ack",
            f"ack-{document.id}",
            lambda: self.api.ask(Document, "POST", path, headers=key),
            lambda answer: (answer.id, answer.acknowledged_at),
        )
        if answer is not None:
            self.book.taken[document.id] = Taken(document.number, sha256_of(data))

    async def _send(self, number: str, position: int) -> None:
        data = self._invoice(number, as_form=position % 2 == 0)
        # Without the guard of numbers, the key alone keeps a repetition from being a second one.
        is_free = position % 3 == 0
        answer = await self._promise(
            "POST /v1/documents",
            number,
            lambda: self.api.send_document(data, idempotency_key=number, duplicate=is_free),
            lambda answer: answer.id,
        )
        if answer is not None:
            self.book.documents[answer.id] = number

    async def _send_batch(self, numbers: list[str]) -> None:
        items = [
            BatchItem(
                ubl=self._invoice(number),
                idempotency_key=f"own-{number}" if i % 2 else None,
                duplicate="allow" if i < 2 else None,
            )
            for i, number in enumerate(numbers)
        ]
        key = f"batch-{numbers[0]}"
        answer = await self._promise(
            "POST /v1/documents/batch",
            key,
            lambda: self._ask_batch(items, key),
            lambda answer: tuple(map(_told_of, answer)),
        )
        for number, result in zip(numbers, answer or (), strict=answer is not None):
            if isinstance(result.document, Document):
                self.book.documents[result.document.id] = number
            else:
                self.book.refused.append(f"{number} of a batch: {_told_of(result)}")

    async def _ask_batch(self, items: list[BatchItem], key: str) -> tuple[BatchResult, ...]:
        results = await self.api.send_batch(items, idempotency_key=key)
        for result in results:
            if result.status >= 500 or _told_of(result) == IN_FLIGHT:
                raise Unavailable("a document of the batch has no final answer")
        return results

    async def _import(self, numbers: list[str]) -> None:
        lines = [
            json.dumps({"ubl": b64encode(self._invoice(number)).decode(), "duplicate": "allow"})
            for number in numbers
        ]
        data, key = "\n".join(lines).encode(), f"import-{numbers[0]}"
        answer = await self._promise(
            "POST /v1/imports",
            key,
            lambda: self.api.start_import(data, idempotency_key=key),
            lambda answer: answer.id,
        )
        if answer is not None:
            self.book.imports[answer.id] = tuple(numbers)

    async def _open_endpoint(self, round_name: str) -> None:
        """Ask for one more endpoint, which hears of nothing that happens."""
        key = f"endpoint-{round_name}"
        answer = await self._promise(
            "POST /v1/webhook-endpoints",
            key,
            lambda: self.api.create_webhook_endpoint(
                self.hook_url, event_types=["endpoint.disabled"], idempotency_key=key
            ),
            lambda answer: (answer.id, answer.secret),
        )
        if answer is not None:
            self._spare = answer.id
            self.book.endpoints.add(answer.id)

    async def _test_endpoint(self, round_name: str) -> None:
        key = f"test-{round_name}"
        answer = await self._promise(
            "POST /v1/webhook-endpoints/{id}/test",
            key,
            lambda: self.api.test_webhook_endpoint(self.endpoint, idempotency_key=key),
            lambda answer: answer.delivery and answer.delivery.event_id,
        )
        if answer is not None and answer.delivery is not None:
            self.book.tests.add(answer.delivery.event_id)

    async def _open_books(self, round_name: str) -> None:
        """Make a dossier for one more client, and then a key for it."""
        name = f"client-{round_name}"
        dossier = await self._promise(
            "POST /v1/dossiers",
            name,
            lambda: self.office.create_dossier(name, "BE", idempotency_key=name),
            lambda answer: answer.id,
        )
        if dossier is None:
            return
        self.book.dossiers.add(dossier.id)
        key = await self._promise(
            "POST /v1/api-keys",
            f"key-{name}",
            lambda: self.office.create_api_key(
                name, SCOPES, dossiers=[dossier.id], idempotency_key=f"key-{name}"
            ),
            lambda answer: (answer.id, answer.key),
        )
        if key is not None:
            self.book.keys.add(key.id)

    async def _drop_spare(self) -> None:
        if self._spare is not None:
            try:
                await until_answered(self.api.delete_webhook_endpoint, self._spare)
            except Fault as fault:
                self.book.refused.append(f"DELETE of endpoint {self._spare}: {fault.code}")
            self.book.endpoints.discard(self._spare)
            self._spare = None

    async def _promise(
        self,
        route: str,
        key: str,
        call: Callable[[], Awaitable[T]],
        told: Callable[[T], object],
    ) -> T | None:
        """Make *call* until it is answered, once more, and write down what it was told.

        None: it was refused, which is written down too.
        """
        try:
            answer = await until_answered(call)
        except Fault as fault:
            self.book.refused.append(f"{route} {key}: {fault.code}")
            return None
        except TimeoutError:
            self.book.refused.append(f"{route} {key}: no final answer")
            return None
        self.book.answered[route] += 1

        async def again() -> object:
            return told(await until_answered(call))

        promise = Promise(route, key, told(answer), again)
        self._promises.append(promise)
        await self._check_again(promise)
        return answer

    async def _check_again(self, promise: Promise) -> None:
        try:
            told = await promise.again()
        except Fault as fault:
            told = fault.code
        else:
            self.book.answered[promise.route] += 1
        if told != promise.told:
            self.book.changed.append(f"{promise.route} {promise.key}: {promise.told}, then {told}")

    def _invoice(self, number: str, *, as_form: bool = False) -> bytes:
        seller, buyer = self.participant.value, self.customer.value
        if as_form:
            return invoice_form(number, buyer, seller=seller)
        data = an_invoice(number=number, sender=_digits(seller), receiver=_digits(buyer))
        routing = read_routing(data)
        self.book.digests[number] = sha256_of(data[routing.root_offset : routing.root_end])
        return data


@asynccontextmanager
async def open_company(
    network: Network, corner: Corner, participant: ParticipantId, customer: ParticipantId
) -> AsyncIterator[Company]:
    """Open a company's books in *corner*: dossier, key, participant, webhook endpoint."""
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(corner.client())
        dossier = await office.create_dossier(f"software in {corner.role.name}", "BE")
        key = await office.create_api_key("software", SCOPES, dossiers=[dossier.id])
        api = await stack.enter_async_context(GatewayClient(corner.api_url, key.key))
        hooks = HookReceiver()
        url = await stack.enter_async_context(serve_hooks(hooks))
        endpoint = await api.create_webhook_endpoint(url)
        hooks.secret = endpoint.secret
        await api.register_participant(participant.value)
        network.locator.register(participant, corner.smp_url)
        company = Company(
            corner, participant, customer, api, office, dossier.id, endpoint.id, url, hooks
        )
        company.book.dossiers.add(dossier.id)
        company.book.keys.add(key.id)
        company.book.endpoints.add(endpoint.id)
        yield company


async def _later(seconds: float, work: Awaitable[None]) -> None:
    await asyncio.sleep(seconds)
    await work


def _told_of(result: BatchResult) -> Any:
    if isinstance(result.document, Document):
        return result.document.id
    return getattr(result.problem, "code", result.status)


def _digits(participant: str) -> str:
    return participant.partition(":")[2]
