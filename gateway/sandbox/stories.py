"""Stories: what the sandbox can show, each a short script against the real APIs.

A story names, times and checks each of its steps, and reads nothing but what the APIs answer.
`STORIES` is the list of them; a later capability adds its own.
"""

import asyncio
import hashlib
import time
from importlib.resources import files
from typing import Any

from gateway.sandbox.integration import tell_integration
from gateway.sandbox.network import Network
from gateway.sandbox.telling import DELIVERY_SECONDS_MAX, Story, StoryFailed, Telling, must

PAUSE_SECONDS = 0.02
FINAL = ("delivered", "refused", "failed", "uncertain", "gave_up", "waiting")
SAMPLE_NUMBER = "2026-0042"


def sample_invoice(number: str = SAMPLE_NUMBER) -> bytes:
    """Return the invoice from blue's company to red's that the stories send, called *number*."""
    data = (files("gateway.sandbox") / "invoice.xml").read_bytes()
    return data.replace(f">{SAMPLE_NUMBER}<".encode(), f">{number}<".encode(), 1)


def document_bytes(data: bytes) -> bytes:
    """Return *data* from its root's first byte to its last: what travels of a document."""
    return data[data.index(b"<Invoice") : data.rindex(b">") + 1]


async def tell_message(network: Network, telling: Telling) -> None:
    """An invoice goes from blue to red, and each side can prove it."""
    invoice = sample_invoice()
    receiver = network.red.role.participant
    async with network.blue.client() as blue, network.red.client() as red:
        async with telling.step("blue finds red: NAPTR question, signed metadata"):
            found = await blue.lookup(receiver.uri)
            must(found["endpoint"]["address"] == network.red.as4_url, "found another address")
        async with telling.step("blue accepts the invoice and keeps it (202)"):
            sent = await blue.send_document(invoice, idempotency_key="story-message")
        telling.facts["document_id"] = str(sent.id)
        async with telling.step(
            "blue wraps, signs, encrypts and posts it; red's receipt is verified"
        ):
            sent = await blue.wait_for(sent.id, FINAL, timeout_seconds=DELIVERY_SECONDS_MAX)
            must(sent.status == "delivered", f"it ended as {sent.status}")
        timeline = await blue.timeline(sent.id)
        telling.facts["message_id"] = sent.message_id
        telling.facts["receipt_verified"] = any(e.name == "delivered" for e in timeline)
        async with telling.step("red has it in its inbox"):
            received = await _find_received(red, sent.message_id)
        async with telling.step("the document is the same, byte for byte"):
            got = await red.ubl(received.id)
            must(_sha256(got) == _sha256(document_bytes(invoice)), "the bytes differ")
        async with telling.step("both sides hold the evidence"):
            must((await blue.evidence(sent.id))[:2] == b"PK", "blue has no evidence")
            must((await red.evidence(received.id))[:2] == b"PK", "red has no evidence")
        telling.facts["delivered"] = True


STORIES: dict[str, Story] = {"message": tell_message, "integration": tell_integration}


async def _find_received(red: Any, message_id: str | None) -> Any:
    """Wait until the message is in red's inbox as a delivered document."""
    deadline = time.monotonic() + DELIVERY_SECONDS_MAX
    while time.monotonic() < deadline:
        for document in (await red.list_documents(direction="in")).documents:
            if document.message_id == message_id:
                return await red.wait_for(
                    document.id, ("delivered", "broken"), timeout_seconds=DELIVERY_SECONDS_MAX
                )
        await asyncio.sleep(PAUSE_SECONDS)
    raise StoryFailed("red never showed it")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
