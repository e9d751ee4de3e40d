"""What an attacker could learn, or slip in, by asking again."""

from collections.abc import Collection
from typing import Final

from as4.compression import gzip_compress
from as4.signal import ErrorSignal
from conformance.forge.messages import NoIdentity
from conformance.forge.policy import DECRYPTION
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need
from conformance.suite.outcome import Failed

__all__ = ["CASES"]

CASES: Final = Cases()
PUBLIC: Final = frozenset(
    {"nothing attached", "only a tag", "a key of no size", "encrypted for somebody else"}
)
"""What anybody can see of a message without a key: an answer that says so gives nothing away."""


@CASES.case(
    "security.decryption.refused",
    title="What cannot be decrypted is refused",
    requirement="Whatever is wrong with key, cipher text, tag or digest, the message is refused.",
    sources=("XMLENC §5.2.4", "WSS-SWA §5.3"),
    harmless=False,
)
async def decryption(bench: Bench) -> None:
    """Every row of the table."""
    await _replies(bench)
    bench.finish_rows()


@CASES.case(
    "security.decryption.look-alike",
    title="All failures of decryption look the same",
    requirement="An answer does not tell whether the key, the tag or the digest failed: that would "
    "let an attacker decrypt piece by piece.",
    sources=("XMLENC §6.4", "RFC8017 §7.1.2"),
    harmless=False,
)
async def look_alike(bench: Bench) -> None:
    """One text for all of which only the private key can tell."""
    texts = await _replies(bench, PUBLIC)
    if len(texts) > 1:
        raise Failed(f"there are {len(texts)} different answers: {'; '.join(sorted(texts))}")


async def _replies(bench: Bench, left_out: Collection[str] = ()) -> set[str]:
    """Post every row that is not *left_out*; return the different things that were answered."""
    texts = set()
    for name, (recipe, _) in DECRYPTION.items():
        if name in left_out:
            continue
        try:
            sealed = recipe(bench.forge())
        except NoIdentity as missing:
            bench.remarks.append(f"{name}: not tried without the key {missing}")
            continue
        reply = await bench.post(sealed, name)
        bench.note(name, reply.words, passed=reply.is_refusal)
        words = reply.words
        if isinstance(reply.signal, ErrorSignal):
            words += " ".join(each.description or "" for each in reply.signal.errors)
        texts.add(f"HTTP {reply.answer.status} {words}".replace(sealed.message_id, "ID"))
    return texts


@CASES.case(
    "security.replay.other-content",
    title="A known MessageId with another content is not acknowledged unread",
    requirement="A receipt acknowledges what was received: the same MessageId with another payload "
    "is refused, or delivered, but never taken for the first one.",
    sources=("AS4 §3.2", "EBBPSIG §3"),
    needs=(Need.INBOX,),
    harmless=False,
)
async def other_content(bench: Bench) -> None:
    """The second message says that it is the first."""
    forge = bench.forge()
    await bench.accept(forge.sealed(), "message")
    other = forge.document.replace(b">", b"><!-- another -->", 1)
    second = forge.sealed(payload=gzip_compress(forge.envelope(other)))
    reply = await bench.post(second, "another payload under the same MessageId")
    delivered = await bench.inbox.find(second.message_id)
    if reply.is_receipt and other not in delivered:
        raise Failed("the second one earned a receipt, and its content was thrown away")
