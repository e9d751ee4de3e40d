"""The awkward peer's messages before phase4: what is left free, an implementation of others takes.

What phase4 refuses is looked at with the specification, and only what really is free stays.  Two
things stay that are not played here: names of parameters in another case, and a Content-ID that
its cid: URL has to escape.  [MIME §5.1] [RFC2392]
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Use, load_certificate
from as4.client import HttpAnswer
from conformance.awkward.dials import GENTLE
from conformance.awkward.posting import post
from conformance.awkward.receiving import AwkwardReceiver, receive
from conformance.awkward.sending import Awkward, seal
from conformance.awkward.variation import Variation, draw_variation
from conformance.suite.check import SignerCheck
from conformance.suite.listener import Listener
from tests.interop import documents
from tests.interop.cells import Cell, deliveries
from tests.interop.incoming import send
from tests.interop.match import Case, Match
from tests.interop.outgoing import judge
from tests.support.awkwardness import TOOLS
from ubl.routing import read_routing

SEEDS = range(24)
"""What is played: always the same variations, so that a cell that fails fails again."""
RECEIPT_SEED = 1
WORDS_MAX = 6


def _variation(seed: int) -> Variation:
    """Return the variation of *seed* as it is played here."""
    drawn = draw_variation(seed, "interop")
    names = replace(drawn.names, content_id="{fresh}@awkward.example", escaped="")
    return replace(drawn, names=names, packaging=replace(drawn.packaging, case="title"))


def _seal(match: Match, seed: int) -> Awkward:
    """Return a fresh invoice to phase4's company, written as *seed* says."""
    peer = match.peer
    data = documents.invoice(documents.BLUE, documents.THEIRS).data
    routing = read_routing(data)
    return seal(
        peer.message(routing, datetime.now(UTC) - timedelta(seconds=1)),
        peer.envelope(routing, data[routing.root_offset : routing.root_end]),
        _variation(seed),
        signer=peer.key,
        recipient=load_certificate(peer.receiver.certificate_der),
        tools=TOOLS,
    )


async def _play(match: Match, seed: int) -> str:
    """Post one varied message; return what is wrong with what became of it, or nothing."""
    awkward = _seal(match, seed)
    answer = await post(awkward, match.phase4.as4_url)
    if not answer.status:
        return f"no answer: {answer.trouble}"
    came = HttpAnswer(answer.status, answer.content_type, answer.body)
    said = judge(match, awkward.message, came)
    delivered = await match.phase4.received(awkward.message.message_id)
    if said.accepted and len(delivered) == 1:
        return ""
    return f"{said.got}, {deliveries(len(delivered))}"


async def play(match: Match, seeds: Iterable[int]) -> dict[int, str]:
    """Post the messages of *seeds* one after the other; return what is wrong, by seed."""
    found = {}
    for seed in seeds:
        found[seed] = await _play(match, seed)
        await asyncio.sleep(0)
    return {seed: problem for seed, problem in found.items() if problem}


async def _messages(match: Match) -> Cell:
    wrong = await play(match, SEEDS)
    words = "; ".join(
        f"seed {seed}: {problem}" for seed, problem in list(wrong.items())[:WORDS_MAX]
    )
    got = f"{len(SEEDS) - len(wrong)} of {len(SEEDS)} receipted and delivered once"
    expected = "each a receipt, verified by us, and one delivery"
    sent = f"{len(SEEDS)} invoices, each written in another way that the specification leaves free"
    return Cell("", "", expected, f"{got} {words}".strip(), not wrong, sent)


async def _receipts(match: Match) -> Cell:
    """Let phase4 send to an awkward receiver, which answers each message in another way."""
    key = match.peer.key
    certificate = match.folder / "awkward.cert.pem"
    certificate.write_bytes(key.certificate.x509.public_bytes(Encoding.PEM))
    listener = Listener(key, None, SignerCheck(match.peer.trust, Use.SIGN), TOOLS)
    receiver = AwkwardReceiver(listener, RECEIPT_SEED, GENTLE)
    wrong = []
    async with receive(receiver):
        for number in range(len(SEEDS)):
            sample = documents.invoice(documents.THEIRS, documents.RED)
            answered = await send(match, sample, url=listener.url, receiver_cert=certificate)
            if not answered.verified:
                wrong.append(f"answer {number}: {answered.words()}")
    right = not wrong and len(receiver.taken()) == len(SEEDS)
    got = f"{len(SEEDS) - len(wrong)} of {len(SEEDS)} receipts verified by phase4"
    got += f", {deliveries(len(receiver.taken()))} {'; '.join(wrong[:WORDS_MAX])}".rstrip()
    sent = f"{len(SEEDS)} invoices to a receiver that writes each receipt in another way"
    return Cell("", "", "each receipt verified by phase4", got, right, sent)


OUTGOING: dict[str, Case] = {"awkward messages": _messages}
INCOMING: dict[str, Case] = {"awkward receipts": _receipts}
