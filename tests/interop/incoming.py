"""phase4 to ours: what phase4 sends to the sandbox's red, and what red must refuse."""

import asyncio
import time
from typing import Any

from lxml import etree

from gateway.client import Document
from tests.interop import documents
from tests.interop.cells import REFUSED, Cell, deliveries
from tests.interop.documents import Sample
from tests.interop.match import Case, Match
from tests.interop.phase4 import Sent

DELIVERED = "receipt of ours verified by phase4, document in our inbox"
ARRIVAL_SECONDS_MAX = 30.0
QUIET_SECONDS = 1.0  # The inbox is looked at once more after this: a late delivery counts too.


async def send(match: Match, sample: Sample, **changed: Any) -> Sent:
    """Let phase4 send *sample* to red; *changed* are further or other keys of POST /send."""
    path = match.folder / f"{sample.number}.xml"
    path.write_bytes(sample.data)
    wanted: dict[str, Any] = {
        "url": match.sandbox.red.as4_url,
        "receiver_cert": match.sandbox.red.certificate,
        "file": path,
        "from": sample.sender,
        "to": sample.receiver,
        "doctype": sample.document_type,
        "process": sample.process,
        **changed,
    }
    return await match.phase4.send(**wanted)


async def _inbox(match: Match, message_id: str) -> list[Document]:
    """Return every document of red's inbox that came with *message_id*."""
    async with match.sandbox.red.client() as red:
        page = await red.list_documents(direction="in", limit=50)
    return [document for document in page.documents if document.message_id == message_id]


async def _arrived(match: Match, message_id: str) -> list[Document]:
    """Wait until *message_id* is delivered, and then a moment for a second copy."""
    deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
    found = await _inbox(match, message_id)
    while not any(one.status == "delivered" for one in found) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        found = await _inbox(match, message_id)
    return found


async def _delivered(match: Match, sample: Sample, sent: str, **changed: Any) -> Cell:
    answered = await send(match, sample, **changed)
    found = await _arrived(match, answered.message_id) if answered.verified else []
    same = len(found) == 1 and await _is_same(match, found[0], sample)
    got = f"{answered.words()}, {deliveries(len(found))}" + (", unchanged" if same else "")
    return Cell("", "", DELIVERED, got, answered.verified and same, sent)


async def _is_same(match: Match, document: Document, sample: Sample) -> bool:
    """Whether red has what was sent; phase4 writes XML anew, so canonical forms are compared."""
    async with match.sandbox.red.client() as red:
        got = await red.ubl(document.id)
    return _canonical(got) == _canonical(sample.data)


def _canonical(data: bytes) -> bytes:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.tostring(etree.fromstring(data, parser), method="c14n2")


async def _refused(match: Match, sample: Sample, sent: str, code: str, **changed: Any) -> Cell:
    answered = await send(match, sample, **changed)
    await asyncio.sleep(QUIET_SECONDS)
    found = await _inbox(match, answered.message_id)
    got = f"{answered.words()}, {deliveries(len(found))}"
    right = not answered.verified and code in answered.codes and answered.signed and not found
    return Cell("", "", f"{REFUSED} ({code})", got, right, sent)


async def _invoice(match: Match) -> Cell:
    sample = documents.invoice(documents.THEIRS, documents.RED)
    return await _delivered(match, sample, "invoice to the address of sandbox.json")


async def _credit_note(match: Match) -> Cell:
    sample = documents.credit_note(documents.THEIRS, documents.RED)
    found = {"url": None, "receiver_cert": None, "smp": match.sandbox.red.smp_url}
    return await _delivered(match, sample, "credit note; red found through our SMP", **found)


async def _through_dns(match: Match) -> Cell:
    sample = documents.invoice(documents.THEIRS, documents.RED)
    facts = match.sandbox.facts
    found = {"url": None, "receiver_cert": None, "dns": facts["dns"], "sml": facts["zone"]}
    return await _delivered(match, sample, "invoice; red found through our DNS and SMP", **found)


async def _status_message(match: Match) -> Cell:
    sample = documents.status_message(documents.THEIR_PROVIDER, documents.OUR_PROVIDER)
    return await _delivered(match, sample, "message level status (ApplicationResponse)")


async def _large(match: Match) -> Cell:
    sample = documents.large_invoice(documents.THEIRS, documents.RED)
    return await _delivered(match, sample, f"invoice of {len(sample.data):,} bytes")


async def _uncompressed(match: Match) -> Cell:
    sample = documents.invoice(documents.THEIRS, documents.RED)
    return await _delivered(match, sample, "payload as it is, not compressed", compress=False)


async def _wrong_recipient(match: Match) -> Cell:
    sample = documents.invoice(documents.THEIRS, documents.STRANGER)
    sent = f"invoice to {documents.STRANGER}, whom red does not serve"
    return await _refused(match, sample, sent, "EBMS:0004")


async def _tampered(match: Match) -> Cell:
    match.wire.lead_to(match.sandbox.red.as4_url, "flip")
    sample = documents.invoice(documents.THEIRS, documents.RED)
    sent = "invoice; one bit of the encrypted payload turned on the way"
    return await _refused(match, sample, sent, "EBMS:0102", url=match.wire.url)


def _bad_key(name: str) -> Case:
    async def case(match: Match) -> Cell:
        bad = match.their_bad[name]
        sample = documents.invoice(documents.THEIRS, documents.RED)
        sent = f"invoice signed by a certificate: {bad.why}"
        return await _refused(match, sample, sent, "EBMS:0101", keystore=bad.pkcs12)

    return case


async def _duplicate(match: Match) -> Cell:
    """The wire sends phase4's request twice and hands phase4 the second answer."""
    match.wire.lead_to(match.sandbox.red.as4_url, "repeat")
    before = len(match.wire.exchanges)
    sample = documents.invoice(documents.THEIRS, documents.RED)
    answered = await send(match, sample, url=match.wire.url)
    await asyncio.sleep(QUIET_SECONDS)
    found = await _arrived(match, answered.message_id)
    copies = len(match.wire.exchanges) - before
    got = f"second copy: {answered.words()}, {deliveries(len(found))}"
    right = answered.verified and copies == 2 and len(found) == 1
    expected = "a receipt again with the same references, and one delivery"
    return Cell("", "", expected, got, right, "the same bytes twice")


async def _reused_id(match: Match) -> Cell:
    first = await send(match, documents.invoice(documents.THEIRS, documents.RED))
    again = documents.invoice(documents.THEIRS, documents.RED)
    second = await send(match, again, message_id=first.message_id)
    await asyncio.sleep(QUIET_SECONDS)
    found = await _inbox(match, first.message_id)
    got = f"second: {second.words()}, {deliveries(len(found))}"
    right = first.verified and "EBMS:0004" in second.codes and second.signed and len(found) == 1
    expected = "a signed EBMS:0004, and one delivery"
    return Cell("", "", expected, got, right, "another document under a known MessageId")


async def _ping(match: Match) -> Cell:
    sample = documents.invoice(documents.THEIRS, documents.RED)
    answered = await send(match, sample, ping=True)
    await asyncio.sleep(QUIET_SECONDS)
    found = await _inbox(match, answered.message_id)
    got = f"{answered.words()}, {deliveries(len(found))}"
    right = answered.verified and not found
    return Cell("", "", "a receipt, and no delivery", got, right, "test service, with payload")


async def _lost_receipt(match: Match) -> Cell:
    match.wire.lead_to(match.sandbox.red.as4_url, "lose-answer")
    before = len(match.wire.exchanges)
    sample = documents.invoice(documents.THEIRS, documents.RED)
    answered = await send(match, sample, url=match.wire.url, retries=2, retry_wait_ms=500)
    found = await _arrived(match, answered.message_id)
    copies = len(match.wire.exchanges) - before
    got = f"after {copies} copies: {answered.words()}, {deliveries(len(found))}"
    right = answered.verified and copies == 2 and len(found) == 1
    expected = "phase4 sends it again, gets a receipt; one delivery"
    return Cell("", "", expected, got, right, "invoice; the first answer lost on the way")


CASES: dict[str, Case] = {
    "invoice": _invoice,
    "credit note": _credit_note,
    "look-up through our DNS": _through_dns,
    "status message": _status_message,
    "10 MB document": _large,
    "wrong recipient": _wrong_recipient,
    "expired certificate": _bad_key("expired"),
    "revoked certificate": _bad_key("revoked"),
    "foreign-CA certificate": _bad_key("foreign-CA"),
    "tampered payload": _tampered,
    "duplicate MessageId": _duplicate,
    "MessageId used again": _reused_id,
    "uncompressed payload": _uncompressed,
    "ping": _ping,
    "receipt lost, then retry": _lost_receipt,
}
