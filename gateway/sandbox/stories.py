"""Stories: what the sandbox can show, each a short script against the real APIs.

A story names, times and checks each of its steps, and reads nothing but what the APIs answer.
`STORIES` is the list of them; a later capability adds its own.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from gateway.sandbox.network import Network

DELIVERY_SECONDS_MAX = 60.0  # LIMIT: an invoice that has not arrived by then never will.
PAUSE_SECONDS = 0.02
FINAL = ("delivered", "refused", "failed", "uncertain", "gave_up", "waiting")


class StoryFailed(Exception):  # noqa: N818 - it says what happened
    """A step of a story did not end as it must; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was done, and how long it took."""

    name: str
    ms: float


@dataclass(slots=True)
class Telling:
    """A story being told: its steps so far, its facts, and who hears of each step."""

    heard: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time what is done inside; it counts only if it ends without an error."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            raise StoryFailed(f"{name}: {error}") from error
        self.note(name, (time.monotonic() - started) * 1000)

    def note(self, name: str, ms: float) -> None:
        """Add a step that was timed elsewhere."""
        step = Step(name, round(ms, 1))
        self.steps.append(step)
        self.heard(step)


Story = Callable[[Network, Telling], Awaitable[None]]


def sample_invoice() -> bytes:
    """Return the invoice from blue's company to red's that the stories send."""
    return (files("gateway.sandbox") / "invoice.xml").read_bytes()


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
            _must(found["endpoint"]["address"] == network.red.as4_url, "found another address")
        async with telling.step("blue accepts the invoice and keeps it (202)"):
            sent = await blue.send_document(invoice, idempotency_key="story-message")
        telling.facts["document_id"] = str(sent.id)
        async with telling.step(
            "blue wraps, signs, encrypts and posts it; red's receipt is verified"
        ):
            sent = await blue.wait_for(sent.id, FINAL, timeout_seconds=DELIVERY_SECONDS_MAX)
            _must(sent.status == "delivered", f"it ended as {sent.status}")
        timeline = await blue.timeline(sent.id)
        telling.facts["message_id"] = sent.message_id
        telling.facts["receipt_verified"] = any(e.name == "delivered" for e in timeline)
        async with telling.step("red has it in its inbox"):
            received = await _find_received(red, sent.message_id)
        async with telling.step("the document is the same, byte for byte"):
            got = await red.ubl(received.id)
            _must(_sha256(got) == _sha256(document_bytes(invoice)), "the bytes differ")
        async with telling.step("both sides hold the evidence"):
            _must((await blue.evidence(sent.id))[:2] == b"PK", "blue has no evidence")
            _must((await red.evidence(received.id))[:2] == b"PK", "red has no evidence")
        telling.facts["delivered"] = True


STORIES: dict[str, Story] = {"message": tell_message}


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


def _must(true: bool, otherwise: str) -> None:
    if not true:
        raise StoryFailed(otherwise)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
