"""What the target sends: how its messages look, and what it does about bad answers."""

from typing import Final

from as4 import algorithms
from as4.pmode import PEPPOL
from as4.unpack import ReceivedMessage
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need, Try
from conformance.suite.listener import Fault
from conformance.suite.outcome import Failed
from conformance.suite.sending import Sent

__all__ = ["CASES"]

CASES: Final = Cases()
_NEEDS: Final = (Need.OUTBOX,)
_GZIP: Final = b"\x1f\x8b"


async def _received(bench: Bench) -> tuple[Sent, ReceivedMessage]:
    """Return what the target sent, and what the strict reader made of it.

    What is wrong with the business envelope alone is not the matter of these cases.
    """
    sent = await bench.sample()
    first = sent.arrivals[0]
    if first.received is None:
        raise Failed(f"what the target sends cannot be read: {first.problem}")
    return sent, first.received


def _must(true: object, otherwise: str) -> None:
    if not true:
        raise Failed(otherwise)


@CASES.case(
    "as4.send.payload-in-part",
    title="The payload travels in a MIME part, the Body is empty",
    requirement="A message that is sent has an empty SOAP Body and its payload in a part of its "
    "own, which the header names.",
    sources=("PEPPOL-AS4 §2.2", "WSS-SWA §5"),
    assertions=("AS4_CP_TA05",),
    needs=_NEEDS,
)
async def in_part(bench: Bench) -> None:
    """The strict reader takes nothing else."""
    _, received = await _received(bench)
    _must(received.attachment_length and received.user_message.href, "there is no attachment")


@CASES.case(
    "as4.send.gzip",
    title="The payload is compressed with gzip",
    requirement="The payload of a message that is sent is compressed with gzip.",
    sources=("AS4 §3.1", "RFC1952 §2.3.1"),
    assertions=("AS4_CP_TA23",),
    needs=_NEEDS,
)
async def gzip(bench: Bench) -> None:
    """It begins as gzip does."""
    _, received = await _received(bench)
    _must((received.payload or b"").startswith(_GZIP), "the payload is no gzip")


@CASES.case(
    "as4.send.compression-type",
    title="The header says that the payload is compressed",
    requirement="The PartInfo has the property CompressionType with the value application/gzip.",
    sources=("AS4 §3.1",),
    assertions=("AS4_CP_TA24",),
    needs=_NEEDS,
)
async def compression_type(bench: Bench) -> None:
    """As the property says."""
    _, received = await _received(bench)
    found = received.user_message.parts[0].compression_type
    _must(found == PEPPOL.compression_type, f"CompressionType is {found!r}")


@CASES.case(
    "as4.send.mime-type",
    title="The header says what the payload is",
    requirement="The PartInfo has the property MimeType with the value application/xml.",
    sources=("AS4 §3.1", "PEPPOL-AS4 §2.2"),
    assertions=("AS4_CP_TA25",),
    needs=_NEEDS,
)
async def mime_type(bench: Bench) -> None:
    """As the property says."""
    _, received = await _received(bench)
    found = received.user_message.parts[0].mime_type
    _must(found == "application/xml", f"MimeType is {found!r}")


@CASES.case(
    "as4.send.signature",
    title="Header, Body and payload are signed with RSA and SHA-256",
    requirement="The signature of a message is RSA with SHA-256, made with the certificate of the "
    "sending access point, over Messaging, the empty Body and every attachment.",
    sources=("EDELIVERY-AS4 §3.2", "WSS-SWA §5.2", "PEPPOL-AS4 §2.4"),
    assertions=("AS4_CP_TA12",),
    needs=_NEEDS,
)
async def signature(bench: Bench) -> None:
    """The strict reader takes nothing else; the signer and the digests are looked at."""
    _, received = await _received(bench)
    _must(received.signer.subject_cn == bench.target.seat, "it is signed by another seat")
    digests = {reference.digest_method for reference in received.references}
    _must(digests == {algorithms.SHA256}, f"it is digested with {', '.join(digests)}")
    _must(len(received.references) == 3, f"it signs {len(received.references)} things, not 3")


@CASES.case(
    "as4.send.encryption",
    title="The payload is encrypted for the receiver with AES-128 in GCM",
    requirement="The payload is encrypted with AES-128-GCM under a key that is wrapped for the "
    "certificate of the receiving access point.",
    sources=("EDELIVERY-AS4 §3.2", "XMLENC §5.2.4", "PEPPOL-AS4 §2.4"),
    assertions=("AS4_CP_TA13",),
    needs=_NEEDS,
)
async def encryption(bench: Bench) -> None:
    """It opened with the tester's key, and the key has 16 bytes."""
    _, received = await _received(bench)
    _must(len(received.content_key) == 16, f"the key has {len(received.content_key)} bytes")


@CASES.case(
    "as4.send.participants",
    title="originalSender and finalRecipient are named",
    requirement="A message has the properties originalSender and finalRecipient, which name the "
    "participants of the document.",
    sources=("PEPPOL-AS4 §2.2", "EDELIVERY-AS4 §3.2"),
    assertions=("AS4_4CT_TA01",),
    needs=_NEEDS,
)
async def participants(bench: Bench) -> None:
    """The properties name whom the document names."""
    _, received = await _received(bench)
    message = received.user_message
    _must(message.original_sender == bench.target.participant, "originalSender is another")
    _must(message.final_recipient == bench.tester.participant, "finalRecipient is another")


@CASES.case(
    "as4.send.parties",
    title="From and To are the access points",
    requirement="From and To name the access points by their seat ids, one each, and not the "
    "participants.",
    sources=("PEPPOL-AS4 §2.2",),
    assertions=("AS4_4CT_TA03", "AS4_CP_TA03"),
    needs=_NEEDS,
)
async def parties(bench: Bench) -> None:
    """Seat ids of both sides."""
    _, received = await _received(bench)
    message, sending = received.user_message, bench.sending
    _must(len(message.sender.ids) == len(message.receiver.ids) == 1, "there are more PartyIds")
    _must(message.from_party == bench.target.seat, f"From is {message.from_party}")
    seat = sending.listener.key.certificate.subject_cn
    _must(message.to_party == seat, f"To is {message.to_party}, not {seat}")


@CASES.case(
    "as4.send.receipt-taken",
    title="A receipt ends the sending",
    requirement="With the receipt the sender acknowledges that its message was received, and does "
    "not send it again.",
    sources=("AS4 §3.2",),
    assertions=("AS4_CP_TA22",),
    needs=_NEEDS,
)
async def receipt_taken(bench: Bench) -> None:
    """One message, one receipt, delivered."""
    sent = await bench.sample()
    _must(sent.ending.delivered, f"the target says {sent.ending.words}")
    _must(len(sent.arrivals) == 1, f"it was sent {len(sent.arrivals)} times")


@CASES.case(
    "as4.send.ping",
    title="A test message is sent to the test service",
    requirement="A test message has the test service and action of ebMS.",
    sources=("EBMS3 §5.2.2.8",),
    assertions=("AS4_CP_TA16",),
    needs=(Need.OUTBOX, Need.PING),
)
async def ping(bench: Bench) -> None:
    """The tester answers it with a receipt."""
    sending = bench.sending
    before = len(sending.listener.arrivals)
    ending = await sending.outbox.ping(sending.participant)
    arrivals = sending.listener.arrivals[before:]
    _must(arrivals, f"no test message arrived; the target says {ending.words}")
    bench.seen(Sent(b"", arrivals, ending))
    received = arrivals[0].received
    _must(received is not None and received.user_message.is_ping, "it is no test message")
    _must(ending.delivered, f"the target did not take the receipt: {ending.words}")


def _again(*faults: Fault) -> Try:
    """Return the try of a sending in which the first answers are *faults*: it must go on."""

    async def run(bench: Bench) -> None:
        sent = await bench.sent(*faults)
        if len(sent.arrivals) <= len(faults):
            taken = "took it for delivered" if sent.ending.delivered else "did not try again"
            raise Failed(f"after {faults[-1].value} the target {taken}: {sent.ending.words}")
        ids = {each.received.user_message.message_id for each in sent.arrivals if each.received}
        _must(len(ids) == 1, "it was sent again under another MessageId")
        _must(sent.ending.delivered, f"with its receipt it is {sent.ending.words}")

    return run


_AGAIN: Final = (
    (
        "lost-answer",
        "A message whose answer was lost is sent again",
        Fault.HANG_UP,
        ("AS4_CP_TA09",),
    ),
    ("no-receipt", "A message that got no receipt is sent again", Fault.EMPTY, ("AS4_CP_TA09",)),
    ("server-error", "After HTTP 500 a message is sent again", Fault.SERVER_ERROR, ()),
)
for _name, _title, _fault, _assertions in _AGAIN:
    CASES.case(
        f"as4.send.{_name}",
        title=_title,
        requirement="Without a receipt the same message, under its MessageId, is sent again, and "
        "once its receipt comes that is the end of it.",
        sources=("AS4 §3.2", "PEPPOL-AS4 §2.5"),
        assertions=_assertions,
        needs=_NEEDS,
        seconds_max=90,
    )(_again(_fault))


@CASES.case(
    "as4.send.recovers",
    title="The receiver gets one message however often it was sent",
    requirement="When the connection is there again, the message that is sent again is the same, "
    "byte for byte where it is signed, so that the receiver delivers it once.",
    sources=("AS4 §3.2",),
    assertions=("AS4_CP_TA10",),
    needs=_NEEDS,
    seconds_max=90,
)
async def recovers(bench: Bench) -> None:
    """The signatures of both are the same."""
    sent = await bench.sent(Fault.HANG_UP)
    _must(len(sent.arrivals) == 2, f"it was sent {len(sent.arrivals)} times, not twice")
    signed = {each.received.references for each in sent.arrivals if each.received}
    _must(len(signed) == 1, "what was sent again is not what was sent first")


@CASES.case(
    "as4.send.missing-receipt",
    title="A receipt that does not come is reported as EBMS:0301",
    requirement="A receipt that is missing is reported to the producer as EBMS:0301.",
    sources=("AS4 §3.2",),
    assertions=("AS4_CP_TA15",),
    needs=_NEEDS,
    seconds_max=90,
)
async def missing(bench: Bench) -> None:
    """The target says so where it tells what became of the document."""
    sent = await bench.sent(Fault.EMPTY)
    _must("EBMS:0301" in sent.ending.words, f"the target says {sent.ending.words}")


def _not_believed(fault: Fault) -> Try:
    """Return the try of a sending answered with *fault*: the target must not believe it."""

    async def run(bench: Bench) -> None:
        sent = await bench.sent(fault)
        if sent.ending.delivered and len(sent.arrivals) == 1:
            raise Failed(f"{fault.value} was taken for a good one: {sent.ending.words}")

    return run


_FALSE: Final = (
    ("unsigned", "A receipt without a signature proves nothing", Fault.UNSIGNED, ()),
    ("other-digest", "A receipt for other bytes proves nothing", Fault.OTHER_DIGEST, ()),
    ("other-message", "A receipt for another message proves nothing", Fault.OTHER_MESSAGE, ()),
    ("stranger", "A receipt signed by a third party proves nothing", Fault.STRANGER, ("third",)),
)
for _name, _title, _fault, _keys in _FALSE:
    CASES.case(
        f"as4.send.receipt.{_name}",
        title=_title,
        requirement="A receipt counts when it is signed by the receiving access point, for this "
        "message, with the digests that were sent.",
        sources=("AS4 §5.1.8", "EBBPSIG §3", "PEPPOL-AS4 §2"),
        needs=_NEEDS,
        keys=_keys,
        seconds_max=90,
    )(_not_believed(_fault))


@CASES.case(
    "as4.send.error-taken",
    title="A signed error ends the sending as not delivered",
    requirement="An ebMS error of the receiver is reported to the producer; the message is not "
    "called delivered.",
    sources=("EBMS3 §6.3", "AS4 §3.2"),
    needs=_NEEDS,
    seconds_max=90,
)
async def error_taken(bench: Bench) -> None:
    """The code comes through to the producer."""
    sent = await bench.sent(*[Fault.ERROR] * 20)
    _must(not sent.ending.delivered, "the target says that it was delivered")
    _must("EBMS:0101" in sent.ending.words, f"the target says {sent.ending.words}")
