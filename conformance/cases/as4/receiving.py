"""Good messages: they are received, acknowledged and delivered."""

from collections.abc import AsyncIterator
from typing import Final

from as4.pack import as_ping
from as4.signal import Receipt
from conformance.forge.hooks import swap
from conformance.forge.payload import DECOMPRESSION
from conformance.forge.structure import COMPRESSION, MIME_TYPE
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need
from conformance.suite.outcome import Failed

__all__ = ["CASES"]

CASES: Final = Cases()
CHUNK_BYTES = 4096


@CASES.case(
    "as4.receipt.non-repudiation",
    title="A message is answered with a non-repudiation receipt",
    requirement="The answer to a good message is a signed receipt that repeats the references of "
    "its signature, within an HTTP response with a status of 2xx.",
    sources=("AS4 §5.1.8", "EBBPSIG §3", "PEPPOL-AS4 §2"),
    assertions=("AS4_CP_TA01", "AS4_CP_TA21"),
)
async def receipt(bench: Bench) -> None:
    """A good message earns its receipt."""
    sealed = bench.forge().sealed()
    bench.expect_receipt(await bench.post(sealed), sealed)


@CASES.case(
    "as4.receipt.own-id",
    title="Each receipt has an identifier and an instant of its own",
    requirement="A receipt has a MessageId that no other message has, the MessageId of the message "
    "as RefToMessageId, and a Timestamp.",
    sources=("EBMS3 §5.2.2.1", "EBMS3 §5.2.3"),
)
async def own_id(bench: Bench) -> None:
    """Two messages, two receipts with ids of their own."""
    seen: set[str] = set()
    for label in ("first message", "second message"):
        sealed = bench.forge().sealed()
        found: Receipt = await bench.accept(sealed, label)
        if not found.message_id or found.message_id in seen | {sealed.message_id}:
            raise Failed(f"the receipt's MessageId is {found.message_id!r}, which is not its own")
        if found.timestamp is None:
            raise Failed("the receipt has no Timestamp that can be read")
        seen.add(found.message_id)


@CASES.case(
    "as4.payload.compressed",
    title="A compressed payload is delivered as it was before",
    requirement="A payload compressed with gzip is received, and delivered decompressed.",
    sources=("AS4 §3.1", "PEPPOL-AS4 §2"),
    assertions=("AS4_CP_TA32",),
    needs=(Need.INBOX,),
)
async def compressed(bench: Bench) -> None:
    """What is delivered is the document."""
    forge = bench.forge()
    sealed = forge.sealed()
    await bench.accept(sealed)
    await bench.expect_delivered(sealed, forge.document)


@CASES.case(
    "as4.order.compress-sign-encrypt",
    title="Compressed, then signed, then encrypted is the order",
    requirement="A payload that was compressed first, then signed, then encrypted is received.",
    sources=("AS4 §3.1", "EDELIVERY-AS4 §3.2", "WSS-SWA §5"),
    assertions=("AS4_CP_TA34", "AS4_CP_TA36", "AS4_CP_TA38"),
)
async def order(bench: Bench) -> None:
    """The order of the profile is accepted."""
    await bench.accept(bench.forge().sealed())


@CASES.case(
    "as4.ping.plain",
    title="A test message is answered and not delivered",
    requirement="A message to the test service and action, without payload, earns a receipt; "
    "nothing of it reaches the consumer.",
    sources=("EBMS3 §5.2.2.8", "PEPPOL-AS4 §2.2"),
    assertions=("AS4_CP_TA17",),
)
async def ping(bench: Bench) -> None:
    """A ping is receipted."""
    sealed = bench.forge().ping()
    await bench.accept(sealed, "test message")
    await bench.expect_nothing_delivered(sealed)


@CASES.case(
    "as4.http.chunked",
    title="A message in chunks is received",
    requirement="A body that comes in chunks, without a length, is read like any other.",
    sources=("RFC9110 §6.4",),
)
async def chunked(bench: Bench) -> None:
    """The same message, streamed."""
    sealed = bench.forge().sealed()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(sealed.body), CHUNK_BYTES):
            yield sealed.body[start : start + CHUNK_BYTES]

    bench.expect_receipt(await bench.post(sealed, "message in chunks", data=pieces()), sealed)


@CASES.case(
    "as4.payload.uncompressed",
    title="A payload that is not compressed is received",
    requirement="A message whose payload is not compressed, and says so by having no property "
    "CompressionType, is received.",
    sources=("AS4 §3.1",),
    assertions=("AS4_CP_TA04",),
)
async def uncompressed(bench: Bench) -> None:
    """The same document, as it is."""
    forge = bench.forge()
    sealed = forge.sealed(payload=forge.envelope(), messaging=swap(COMPRESSION, ""))
    await bench.accept(sealed)
    if bench.target.inbox is not None:
        await bench.expect_delivered(sealed, forge.document)


@CASES.case(
    "as4.part.character-set",
    title="A payload that names its character set is received",
    requirement="The property CharacterSet with a legal value is understood.",
    sources=("AS4 §3.1",),
)
async def character_set(bench: Bench) -> None:
    """UTF-8, as every Peppol document."""
    named = MIME_TYPE + '<eb:Property name="CharacterSet">UTF-8</eb:Property>'
    await bench.accept(bench.forge().sealed(messaging=swap(MIME_TYPE, named)))


@CASES.case(
    "as4.property.tracking",
    title="A message with a tracking identifier is received",
    requirement="A further message property, as trackingIdentifier, does not stop a message.",
    sources=("EBMS3 §5.2.2.11", "EDELIVERY-AS4 §3.2"),
    assertions=("AS4_4CT_TA02",),
)
async def tracking(bench: Bench) -> None:
    """A property more than Peppol asks for."""
    more = '<eb:Property name="trackingIdentifier">1</eb:Property></eb:MessageProperties>'
    await bench.accept(bench.forge().sealed(messaging=swap("</eb:MessageProperties>", more)))


@CASES.case(
    "as4.duplicate.receipt-again",
    title="A message that comes twice earns a receipt twice",
    requirement="The same message again is answered with a receipt, so that a sender who lost the "
    "first one can stop.",
    sources=("AS4 §3.2", "PEPPOL-AS4 §2.5"),
    assertions=("AS4_CP_TA10",),
)
async def receipt_again(bench: Bench) -> None:
    """The very same bytes twice."""
    sealed = bench.forge().sealed()
    await bench.accept(sealed, "message")
    await bench.accept(sealed, "the same message again")


@CASES.case(
    "as4.duplicate.delivered-once",
    title="A message that comes twice is delivered once",
    requirement="Of the same message sent twice, one is delivered to the consumer, whatever is "
    "answered the second time.",
    sources=("AS4 §3.2",),
    assertions=("AS4_CP_TA10",),
    needs=(Need.INBOX,),
)
async def delivered_once(bench: Bench) -> None:
    """Two messages, one document."""
    forge = bench.forge()
    sealed = forge.sealed()
    await bench.accept(sealed, "message")
    again = await bench.post(sealed, "the same message again")
    bench.remarks.append(f"the second time came {again.words}")
    await bench.expect_delivered(sealed, forge.document)


@CASES.case(
    "as4.error.signed",
    title="An error is signed by the access point that refuses",
    requirement="The ebMS error that answers a bad message is signed, with the certificate of the "
    "access point that sends it.",
    sources=("PEPPOL-AS4 §2", "EBMS3 §6.2"),
)
async def error_signed(bench: Bench) -> None:
    """A damaged payload is refused under a signature."""
    sealed = DECOMPRESSION["gzip cut short"][0](bench.forge())
    signal = bench.expect_error(await bench.post(sealed), sealed)
    if signal.signer is None:
        raise Failed(f"the error is not authenticated: {signal.problem}")
    if signal.signer.subject_cn != bench.target.seat:
        raise Failed(f"the error is signed by {signal.signer.subject_cn}")


@CASES.case(
    "as4.error.names-message",
    title="An error names the message that it is about",
    requirement="The ebMS error that answers a message has its MessageId as RefToMessageId or "
    "refToMessageInError.",
    sources=("EBMS3 §6.2.3", "EBMS3 §6.3"),
)
async def error_names(bench: Bench) -> None:
    """The MessageId of the bad message comes back."""
    sealed = DECOMPRESSION["gzip cut short"][0](bench.forge())
    bench.expect_error(await bench.post(sealed), sealed)


@CASES.case(
    "as4.ping.with-payload",
    title="A test message with a payload is answered and not delivered",
    requirement="A message to the test service and action may carry a payload; it earns a receipt, "
    "and nothing of it reaches the consumer.",
    sources=("EBMS3 §5.2.2.8", "PEPPOL-AS4 §2.2"),
)
async def ping_with_payload(bench: Bench) -> None:
    """An ordinary payload in a ping."""
    forge = bench.forge()
    sealed = forge.sealed(as_ping(forge.user_message()))
    await bench.accept(sealed, "test message with a payload")
    await bench.expect_nothing_delivered(sealed)
