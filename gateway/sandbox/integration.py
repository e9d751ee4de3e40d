"""A software house's first day, with HTTP calls alone; `docs/API.md` has the same calls.

It opens the books of a client, makes a key for them, asks to be told what happens, sends an
invoice and follows it to its receipt, takes one from the inbox, understands one that failed and
sends it mended, and has replayed what its own server took and lost.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.client import Document, GatewayClient
from gateway.clock import SystemClock
from gateway.exchange.rehearsal import RECIPIENTS, Case
from gateway.sandbox.hooks import HookReceiver, serve_hooks
from gateway.sandbox.network import Network
from gateway.sandbox.telling import DELIVERY_SECONDS_MAX, Telling, must
from ubl.identifiers import ParticipantId

__all__ = ["COMPANY", "invoice_form", "tell_integration"]

COMPANY = ParticipantId.parse("0208:0403170701")
_SCOPES = (
    "documents:read", "documents:write", "participants:write", "webhooks:read", "webhooks:write",
)  # fmt: skip
_LOOK_SECONDS = 0.1
_UNREGISTERED = next(each for each, case in RECIPIENTS.items() if case is Case.NOT_REGISTERED)


@dataclass(frozen=True, slots=True)
class _Day:
    """What the software house works with: its client of the API, and its own server."""

    network: Network
    telling: Telling
    api: GatewayClient
    hooks: HookReceiver
    endpoint: Any


async def tell_integration(network: Network, telling: Telling) -> None:
    """A client's books are opened, and invoices go out, come in, fail and are mended."""
    async with _open_books(network, telling) as day:
        await _send(day)
        await _receive(day)
        await _mend(day)
        await _replay(day)
    telling.facts |= {"delivered": True, "receipt_verified": True}


@asynccontextmanager
async def _open_books(network: Network, telling: Telling) -> AsyncIterator[_Day]:
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(network.blue.client())
        async with telling.step("a dossier is made for a client"):
            dossier = await office.create_dossier("Bakkerij Peeters bv", "BE", reference="client-7")
        async with telling.step("it gets a key of its own, which opens nothing else"):
            key = await office.create_api_key("our product", _SCOPES, dossiers=[dossier.id])
        api = GatewayClient(network.blue.api_url, key.key)
        await stack.enter_async_context(api)
        async with telling.step("the company is registered to receive"):
            await api.register_participant(COMPANY.value)
            network.locator.register(COMPANY, network.blue.smp_url)
        hooks = HookReceiver()
        url = await stack.enter_async_context(serve_hooks(hooks))
        async with telling.step("our server is told what happens: a signed test event arrives"):
            endpoint = await api.create_webhook_endpoint(url)
            hooks.secret = endpoint.secret
            await api.test_webhook_endpoint(endpoint.id)
            first = (await hooks.wait_for(1))[0]
            must(first.is_genuine, "its signature does not hold")
        yield _Day(network, telling, api, hooks, endpoint)


async def _send(day: _Day) -> None:
    """An invoice in the small JSON form is followed to its receipt."""
    form = invoice_form("2026-001", day.network.red.role.participant.value)
    async with day.telling.step("an invoice is handed in as JSON (202); repeated, it is the same"):
        sent = await day.api.send_document(form, idempotency_key="invoice-2026-001")
        again = await day.api.send_document(form, idempotency_key="invoice-2026-001")
        must(again.id == sent.id, "the repetition made a second document")
    day.telling.facts["document_id"] = str(sent.id)
    async with day.telling.step("a webhook says that its receipt was verified"):
        await _told(day, "document.delivered", document_id=str(sent.id))
    async with day.telling.step("its evidence is there to be kept"):
        must((await day.api.evidence(sent.id))[:2] == b"PK", "there is no evidence")


async def _receive(day: _Day) -> None:
    """An invoice from red is taken from the inbox, once."""
    red = day.network.red.role
    async with day.network.red.client() as other:
        form = invoice_form("R-17", COMPANY.value, seller=red.participant.value, name=red.company)
        await other.send_document(form)
    async with day.telling.step("a webhook says that a document came in"):
        event = await _told(day, "document.delivered", direction="in")
    async with day.telling.step("it is in the inbox; it is fetched, and acknowledged"):
        [received] = (await day.api.inbox()).documents
        must(received.id == event, "the inbox has another document")
        must(b"R-17" in await day.api.ubl(received.id), "it is another document")
        await day.api.acknowledge(received.id)
    async with day.telling.step("the inbox is empty"):
        must((await day.api.inbox()).documents == (), "it is still there")


async def _mend(day: _Day) -> None:
    """An invoice to a wrong number fails, says why, and goes out mended under its own number."""
    async with day.telling.step("an invoice to somebody who is not on Peppol fails"):
        sent = await day.api.send_document(invoice_form("2026-002", _UNREGISTERED))
        failed = await _final(day, sent)
        must(failed.status == "failed", f"it is {failed.status}")
    async with day.telling.step("its timeline says why"):
        last = (await day.api.timeline(sent.id))[-1]
        must(last.detail["code"] == "participant-absent", f"it says {last.detail}")
    async with day.telling.step("mended, the same number goes out and arrives"):
        form = invoice_form("2026-002", day.network.red.role.participant.value)
        mended = await _final(day, await day.api.send_document(form))
        must(mended.status == "delivered", f"it is {mended.status}")


async def _replay(day: _Day) -> None:
    """What our server took and lost comes again, under the same ids."""
    async with day.telling.step("our server answers 2xx to what it is told of an invoice"):
        since = SystemClock().now()
        form = invoice_form("2026-003", day.network.red.role.participant.value)
        sent = await _final(day, await day.api.send_document(form))
        must(sent.status == "delivered", f"it is {sent.status}")
        page = await day.api.events(since=since)
        lost = {each.id for each in page.events if each.document_id == sent.id}
        await _wait_taken(day, lost)
    async with day.telling.step("it lost all of that, asks for it again, and gets it"):
        day.hooks.received.clear()
        await day.api.replay_webhooks(day.endpoint.id, since=since)
        await _wait(day, lambda: lost <= {each.id for each in day.hooks.genuine})


async def _wait_taken(day: _Day, wanted: set[str]) -> None:
    """Wait until our server has taken all events of *wanted*: none of them is tried again."""
    async with asyncio.timeout(DELIVERY_SECONDS_MAX):
        while True:
            page = await day.api.webhook_deliveries(day.endpoint.id, limit=200)
            if wanted <= {each.event_id for each in page if each.status == "delivered"}:
                return
            await asyncio.sleep(_LOOK_SECONDS)


async def _told(day: _Day, kind: str, **wanted: str) -> UUID:
    """Wait for a webhook of *kind* whose data are as *wanted*; return whose document it is."""

    def found() -> UUID | None:
        for each in day.hooks.genuine:
            data = each.message.data
            if each.message.type == kind and wanted.items() <= data.items():
                return UUID(data["document_id"])
        return None

    await _wait(day, found)
    told = found()
    assert told is not None
    return told


async def _wait(day: _Day, condition: Callable[[], Any]) -> None:
    while not condition():
        count = len(day.hooks.received)
        await day.hooks.wait_for(count + 1, timeout_seconds=DELIVERY_SECONDS_MAX)


async def _final(day: _Day, sent: Document) -> Document:
    return await day.api.wait_for(sent.id, timeout_seconds=DELIVERY_SECONDS_MAX)


def invoice_form(
    number: str, buyer: str, *, seller: str = COMPANY.value, name: str = "Bakkerij Peeters bv"
) -> bytes:
    """Return an invoice in the JSON form, from *seller* to *buyer*."""
    return json.dumps(
        {
            "number": number,
            "issue_date": SystemClock().now().date().isoformat(),
            "seller": _party(name, seller),
            "buyer": _party("Klant nv", buyer),
            "buyer_reference": "PO 7",
            "lines": [{"name": "Brood", "quantity": "100", "price": "2.50", "vat": "6"}],
        }
    ).encode()


def _party(name: str, participant: str) -> dict[str, Any]:
    digits = participant.partition(":")[2]
    return {
        "name": name,
        "peppol_id": participant,
        "vat_number": f"BE{digits}",
        "address": {"city": "Gent", "post_code": "9000", "country": "BE"},
    }
