"""Ours to phase4: what our gateway sends, and messages of our making that phase4 must refuse.

A message that our gateway would not send (a key that it refuses to start with, the same bytes
twice) is sealed with the libraries and posted as it is.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from as4 import pack
from as4.client import HttpAnswer
from as4.signal import ErrorSignal, Receipt, check_receipt
from gateway.client import Document
from tests.interop import documents
from tests.interop.cells import REFUSED, Cell, deliveries
from tests.interop.documents import Sample
from tests.interop.match import Case, Match
from tests.support.peer import Peer, key_pair, post
from ubl.routing import read_routing

COMPRESSION = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
DELIVERED = "delivered: receipt of phase4 verified by us, document unchanged at phase4"


@dataclass(frozen=True, slots=True)
class Answered:
    """What phase4 answered to a message of our making, as our code reads it."""

    got: str
    accepted: bool
    refused: bool


async def _gateway_sends(
    match: Match, sample: Sample, endpoint: str | None
) -> tuple[Document, list]:
    """Send *sample* with `gateway send`; return the document at its end, and its timeline."""
    path = match.folder / f"{sample.number}.xml"
    path.write_bytes(sample.data)
    route = []
    if endpoint is not None:
        route = ["--endpoint", endpoint, "--certificate", str(match.phase4.keys.certificate)]
    facts = await match.sandbox.gateway(
        "send", str(path), "--to", sample.receiver, "--watch", "--config",
        str(match.sandbox.blue.config), *route, codes=(0, 1, 3),
    )  # fmt: skip
    async with match.sandbox.blue.client() as blue:
        document = await blue.document(facts["document_id"])
        return document, list(await blue.timeline(document.id))


async def _delivered(match: Match, sample: Sample, endpoint: str | None, sent: str) -> Cell:
    document, events = await _gateway_sends(match, sample, endpoint)
    at_peer = await match.phase4.received(document.message_id or "")
    same = len(at_peer) == 1 and holds(Path(at_peer[0]["file"]), sample.data)
    got = f"{document.status} ({_words(events)}), {len(at_peer)} delivered"
    got += ", unchanged" if same else ", NOT the same document"
    return Cell("", "", DELIVERED, got, document.status == "delivered" and same, sent)


def holds(file: Path, data: bytes) -> bool:
    """Whether the envelope that phase4 stored holds the document of *data*, byte for byte."""
    routing = read_routing(data)
    return data[routing.root_offset : routing.root_end] in file.read_bytes()


def _words(events: list) -> str:
    """Return how each attempt ended, as the timeline says it."""
    ended = [event.detail for event in events if event.detail.get("kind")]
    return ", then ".join(f"{each['kind']} {each.get('code', '')}".strip() for each in ended)


async def _refused_by_peer(match: Match, sample: Sample, endpoint: str, sent: str) -> Cell:
    document, events = await _gateway_sends(match, sample, endpoint)
    at_peer = await match.phase4.received(document.message_id or "")
    got = f"{document.status} ({_words(events)}), {len(at_peer)} delivered"
    signed = bool(events[-1].detail.get("signed_by"))
    got += ", error signed" if signed else ", error NOT signed"
    return Cell("", "", REFUSED, got, document.status == "refused" and signed and not at_peer, sent)


async def _invoice(match: Match) -> Cell:
    sample = documents.invoice(documents.BLUE, documents.THEIRS)
    sent = "invoice, gateway send --endpoint"
    return await _delivered(match, sample, match.phase4.as4_url, sent)


async def _credit_note(match: Match) -> Cell:
    sample = documents.credit_note(documents.BLUE, documents.THEIRS)
    return await _delivered(match, sample, None, "credit note, receiver found through DNS and SMP")


async def _status_message(match: Match) -> Cell:
    sample = documents.status_message(documents.OUR_SENDER, documents.THEIR_PROVIDER)
    sent = "message level status (ApplicationResponse), receiver found through DNS and SMP"
    return await _delivered(match, sample, None, sent)


async def _large(match: Match) -> Cell:
    sample = documents.large_invoice(documents.BLUE, documents.THEIRS)
    sent = f"invoice of {len(sample.data):,} bytes, random attachment"
    return await _delivered(match, sample, match.phase4.as4_url, sent)


async def _wrong_recipient(match: Match) -> Cell:
    sample = documents.invoice(documents.BLUE, documents.STRANGER)
    sent = f"invoice to {documents.STRANGER}, whom phase4 does not serve"
    return await _refused_by_peer(match, sample, match.phase4.as4_url, sent)


async def _tampered(match: Match) -> Cell:
    match.wire.lead_to(match.phase4.as4_url, "flip")
    sample = documents.invoice(documents.BLUE, documents.THEIRS)
    sent = "invoice; one bit of the encrypted payload turned on the way"
    return await _refused_by_peer(match, sample, match.wire.url, sent)


async def _lost_receipt(match: Match) -> Cell:
    match.wire.lead_to(match.phase4.as4_url, "lose-answer")
    sample = documents.invoice(documents.BLUE, documents.THEIRS)
    document, events = await _gateway_sends(match, sample, match.wire.url)
    at_peer = await match.phase4.received(document.message_id or "")
    attempts = sum(event.name == "sending" for event in events)
    got = f"{document.status} after {attempts} attempts ({_words(events)})"
    got += f", {deliveries(len(at_peer))}"
    # phase4 answers the second copy with an error: ours must not call that a refusal.
    right = document.status in ("delivered", "uncertain") and attempts > 1 and len(at_peer) == 1
    expected = "the same bytes again; delivered or probably delivered, once"
    sent = "invoice; the first answer lost on the way"
    return Cell("", "", expected, got, right, sent)


async def _ping(match: Match) -> Cell:
    facts = await match.sandbox.gateway(
        "ping", documents.THEIRS, "--config", str(match.sandbox.blue.config), codes=(0, 1, 3)
    )
    at_peer = await match.phase4.received(str(facts.get("message_id")))
    got = (
        f"ok: {facts['ok']}, {facts.get('detail') or 'receipt verified'}, {len(at_peer)} delivered"
    )
    right = facts["ok"] is True and not at_peer
    return Cell("", "", "a receipt, and no delivery", got, right, "gateway ping")


def _bad_key(name: str) -> Case:
    async def case(match: Match) -> Cell:
        bad = match.our_bad[name]
        sealed = _sealed(replace(match.peer, key=key_pair(bad.identity)))
        answered = await _post(match, sealed)
        delivered = await match.phase4.received(sealed.message_id)
        got = f"{answered.got}, {len(delivered)} delivered"
        right = answered.refused and not delivered
        return Cell("", "", REFUSED, got, right, f"invoice signed by a certificate: {bad.why}")

    return case


async def _duplicate(match: Match) -> Cell:
    sealed = _sealed(match.peer)
    first = await _post(match, sealed)
    second = await _post(match, sealed)
    delivered = await match.phase4.received(sealed.message_id)
    got = f"{second.got} and {deliveries(len(delivered))}"
    right = first.accepted and second.accepted and len(delivered) == 1
    expected = "a receipt again and one delivery"
    return Cell("", "", expected, got, right, f"the same bytes twice; first: {first.got}")


async def _uncompressed(match: Match) -> Cell:
    sealed = _sealed(match.peer, compress=False)
    answered = await _post(match, sealed)
    delivered = await match.phase4.received(sealed.message_id)
    got = f"{answered.got} and {deliveries(len(delivered))}"
    right = answered.accepted and len(delivered) == 1
    expected = "receipt and one delivery"
    return Cell("", "", expected, got, right, "payload as it is, no CompressionType")


def _sealed(peer: Peer, *, compress: bool = True) -> pack.SealedMessage:
    """Return a fresh invoice to phase4's company, sealed by *peer*."""
    data = documents.invoice(documents.BLUE, documents.THEIRS).data
    routing = read_routing(data)
    cut = data[routing.root_offset : routing.root_end]
    if compress:
        return peer.seal_document(routing, cut)
    write = pack.build_user_message

    def plain(message, href, *, pmode) -> str:
        return write(message, href, pmode=pmode).replace(COMPRESSION, "")

    with (
        patch.object(pack, "build_user_message", plain),
        patch("tests.support.peer.gzip_compress", lambda payload: payload),
    ):
        return peer.seal_document(routing, cut)


async def _post(match: Match, sealed: pack.SealedMessage) -> Answered:
    answer = await post(match.session, match.phase4.as4_url, sealed, timeout_seconds=60)
    return judge(match, sealed, answer)


def judge(match: Match, sealed: pack.SealedMessage, answer: HttpAnswer) -> Answered:
    """Say what *answer* is: a receipt counts only if it proves *sealed*, an error if signed."""
    try:
        signal = match.peer.read(answer)
        if isinstance(signal, Receipt):
            seat = match.phase4.keys.seat_id
            check_receipt(signal, sealed.references, message_id=sealed.message_id, to_party=seat)
            return Answered("receipt, verified by us", accepted=True, refused=False)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it proves nothing
        return Answered(f"HTTP {answer.status}, {error}", accepted=False, refused=False)
    assert isinstance(signal, ErrorSignal)
    codes = " ".join(error.code for error in signal.errors)
    about = signal.ref_to_message_id == sealed.message_id
    signed = signal.authenticated and signal.signer.subject_cn == match.phase4.keys.seat_id
    got = f"{'signed' if signed else 'UNSIGNED'} error {codes}"
    return Answered(got + ("" if about else " about another message"), False, signed and about)


CASES: dict[str, Case] = {
    "invoice": _invoice,
    "credit note": _credit_note,
    "status message": _status_message,
    "10 MB document": _large,
    "wrong recipient": _wrong_recipient,
    "expired certificate": _bad_key("expired"),
    "revoked certificate": _bad_key("revoked"),
    "foreign-CA certificate": _bad_key("foreign-CA"),
    "tampered payload": _tampered,
    "duplicate MessageId": _duplicate,
    "uncompressed payload": _uncompressed,
    "ping": _ping,
    "receipt lost, then retry": _lost_receipt,
}
