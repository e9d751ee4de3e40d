"""What Peppol's own test bed tries of an access point that sends, as far as it is known."""

from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need
from conformance.suite.outcome import Failed, NotApplicable
from conformance.suite.sending import Sending
from conformance.suite.target import Publishing

__all__ = ["CASES"]

CASES: Final = Cases()
_NEEDS: Final = (Need.OUTBOX,)
_DIRECTED: Final = (Need.OUTBOX, Need.PUBLISHING)


def _directory(bench: Bench) -> Publishing:
    if bench.target.publishing is None:
        raise NotApplicable("there is no directory in which the tester can be published")
    return bench.target.publishing


@CASES.case(
    "peppol.send.valid",
    title="A document is sent to the access point that the directory names",
    requirement="A document handed in for a participant reaches the access point of its metadata "
    "unchanged.",
    sources=("PEPPOL-AS4 §2.2", "PEPPOL-SMP §5", "PEPPOL-BME §4"),
    needs=_NEEDS,
)
async def valid(bench: Bench) -> None:
    """The document that arrives is the one that was handed in."""
    sent = await bench.sample()
    otherwise = "the document that arrived is not the one that was handed in"
    bench.expect_same(sent.first.document, sent.document, otherwise)
    if not sent.ending.delivered:
        raise Failed(f"the target says {sent.ending.words}")


@CASES.case(
    "peppol.send.sbdh",
    title="The document travels in its business envelope",
    requirement="The business header names sender, receiver, document type, process and the "
    "country of the sender, as the header of the message does.",
    sources=("PEPPOL-BME §4", "SBDH §3"),
    needs=_NEEDS,
)
async def sbdh(bench: Bench) -> None:
    """Header and business header agree."""
    sent = await bench.sample()
    header, received = sent.first.header, sent.first.received
    if header is None or received is None:
        raise Failed("there is no business header")
    message, target = received.user_message, bench.target
    expected = {
        "sender": (header.sender, target.participant),
        "receiver": (header.receiver, bench.tester.participant),
        "document type": (header.document_type.uri, message.action),
        "process": (header.process.value, message.service.value),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise Failed(f"the {name} of the business header is {found}, not {wanted}")


@CASES.case(
    "peppol.send.instance",
    title="Each document has an InstanceIdentifier of its own",
    requirement="InstanceIdentifier and MessageId are those of no other message.",
    sources=("PEPPOL-BME §4", "EBMS3 §5.2.2.1"),
    needs=_NEEDS,
)
async def instance(bench: Bench) -> None:
    """Two documents, two of each."""
    first, second = await bench.sample(), await bench.sent()
    seen = [
        (each.first.header.instance_identifier, each.first.received.user_message.message_id)
        for each in (first, second)
        if each.first.header and each.first.received
    ]
    if len({name for names in seen for name in names}) != 4:
        raise Failed(f"the identifiers are {seen}")


@CASES.case(
    "peppol.send.revoked-receiver",
    title="Nothing is sent to a revoked certificate",
    requirement="Invalid certificate handling (TC2A.4): a document whose receiver's access point "
    "has a revoked certificate is not sent.",
    sources=("PEPPOL-PKI §2", "PEPPOL-AS4 §2.4"),
    needs=_DIRECTED,
    keys=("revoked",),
    seconds_max=90,
)
async def revoked_receiver(bench: Bench) -> None:
    """The directory names the revoked certificate for as long as the case runs."""
    await _with_certificate(bench, "revoked")


@CASES.case(
    "peppol.send.expired-receiver",
    title="Nothing is sent to an expired certificate",
    requirement="A document whose receiver's access point has an expired certificate is not sent.",
    sources=("PEPPOL-PKI §2", "PEPPOL-AS4 §2.4"),
    needs=_DIRECTED,
    keys=("expired",),
    seconds_max=90,
)
async def expired_receiver(bench: Bench) -> None:
    """The directory names the expired certificate for as long as the case runs."""
    await _with_certificate(bench, "expired")


async def _with_certificate(bench: Bench, name: str) -> None:
    sending, directory = bench.sending, _directory(bench)
    certificate = bench.keys.certificate(name).x509.public_bytes(Encoding.PEM)
    receiver = bench.tester.second
    try:
        await directory.publish(receiver, sending.listener.url, certificate)
        ending = await _nothing_sent(bench, sending)
        bench.remarks.append(f"the target says: {ending}")
    finally:
        await directory.withdraw(receiver)


async def _nothing_sent(bench: Bench, sending: Sending) -> str:
    ending = await sending.nothing_sent(bench.tester.second)
    return ending.words


@CASES.case(
    "peppol.send.unregistered",
    title="Nothing is sent to a participant that is not registered",
    requirement="A document for a participant that is not in the directory fails; it goes nowhere.",
    sources=("PEPPOL-SML §3.1",),
    needs=_DIRECTED,
    seconds_max=90,
)
async def unregistered(bench: Bench) -> None:
    """Nobody published that participant."""
    sending = bench.sending
    await _directory(bench).withdraw(bench.tester.second)
    bench.remarks.append(f"the target says: {await _nothing_sent(bench, sending)}")
