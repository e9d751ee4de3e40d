"""How long one invoice takes from end to end: between the two implementations, and ours to ours."""

import statistics
from typing import Any

from tests.interop import documents
from tests.interop.incoming import send
from tests.interop.match import Match
from tests.interop.sandbox import Sandbox, SandboxTrouble

WARM_UP, MESSAGES = 30, 30
PADDING_BYTES = 2_000  # The sandbox's invoice has 5 KB; with this in base64 it has 8.
STEPS = ("sending", "delivered")


async def measure(match: Match, messages: int = MESSAGES, warm_up: int = WARM_UP) -> dict[str, Any]:
    """Return the median milliseconds of an 8 KB invoice for each pair, one message at a time.

    Ours: from the commit that precedes the first byte to the commit of the verified receipt.
    phase4: from the call of its sender to its verified receipt.
    """
    ours_to_phase4 = [
        await _ours(match.sandbox, documents.THEIRS, match.phase4.as4_url, match)
        for _ in range(warm_up + messages)
    ][warm_up:]
    loopback = [
        await _ours(match.sandbox, documents.RED, match.sandbox.red.as4_url, match)
        for _ in range(warm_up + messages)
    ][warm_up:]
    phase4_to_ours = [await _theirs(match) for _ in range(warm_up + messages)][warm_up:]
    return {
        "document_bytes": len(_sample(documents.BLUE, documents.RED).data),
        "messages": messages,
        "ours_to_phase4_ms": round(statistics.median(ours_to_phase4), 1),
        "phase4_to_ours_ms": round(statistics.median(phase4_to_ours), 1),
        "ours_to_ours_ms": round(statistics.median(loopback), 1),
    }


def _sample(sender: str, receiver: str) -> documents.Sample:
    return documents.invoice(sender, receiver, attachment_bytes=PADDING_BYTES)


async def _ours(sandbox: Sandbox, receiver: str, endpoint: str, match: Match) -> float:
    certificate = sandbox.red.der if receiver == documents.RED else match.phase4.keys.der
    async with sandbox.blue.client() as blue:
        document = await blue.send_document(
            _sample(documents.BLUE, receiver).data, endpoint=endpoint, certificate=certificate
        )
        document = await blue.wait_for(document.id)
        if document.status != "delivered":
            raise SandboxTrouble(f"a measured invoice ended as {document.status}")
        at = {event.name: event.at for event in await blue.timeline(document.id)}
    started, ended = (at[step] for step in STEPS)
    return (ended - started).total_seconds() * 1000


async def _theirs(match: Match) -> float:
    answered = await send(match, _sample(documents.THEIRS, documents.RED))
    if not answered.verified:
        raise SandboxTrouble(f"a measured invoice of phase4 ended as {answered.words()}")
    return float(answered.facts["ms"])
