"""Documents from corner 1 to corner 4: official examples, a large one, trouble on the way."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from gateway.clock import SystemClock
from gateway.sandbox.network import run_network
from gateway.sandbox.pki import read_identity
from gateway.sandbox.stories import document_bytes, sample_invoice
from gateway.store.participants import Redirect, put_redirect
from smp.metadata import metadata_path
from tests.support.corners import (
    database_of,
    find_by_message,
    inspect_evidence,
    official_invoices,
    register_all,
    run_program,
    send_valid,
    unpacked_evidence,
)
from tests.support.peer import an_invoice
from ubl.identifiers import INVOICE, ParticipantId

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

EXAMPLES_MIN = 10
LARGE_BYTES = 20_000_000
AT_RED = ParticipantId.parse("0208:0000005542")
AT_RED_ELEMENT = b">0000005542<"
AT_BLUE = ParticipantId.parse("0208:0000006631")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory):
    """One network for this module."""
    folder = tmp_path_factory.mktemp("journey") / "net"
    async with run_network(folder, now=datetime.now(UTC)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def blue(network):
    async with network.blue.client() as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def red(network):
    async with network.red.client() as client:
        yield client


def sha256(data):
    return hashlib.sha256(data).hexdigest()


async def check_both_sides(capsys, network, folder, sent, received, digest):
    """The evidence of both sides holds for a third party, and red's key opens the document."""
    reports = []
    for corner, document, key in (
        (network.blue, sent, None),
        (network.red, received, network.red.folder / "as4.key.pem"),
    ):
        async with corner.client() as client:
            files = await unpacked_evidence(client, document.id, folder / corner.role.name)
        assert {"message.http", "receipt.http", "signer.pem", "README.txt"} <= files
        reports.append(await inspect_evidence(capsys, network, folder / corner.role.name, key=key))
    for message, receipt in reports:
        assert message["signature"] == receipt["signature"] == "good"
        assert message["signer"]["chain"] == receipt["signer"]["chain"] == "good"
        assert "bad" not in {each["digest"] for each in message["references"]}
        assert message["message_id"] == receipt["ref_to_message_id"] == sent.message_id
        assert message["signer"]["common_name"] == network.blue.role.seat_id
        assert receipt["signer"]["common_name"] == network.red.role.seat_id
    assert {each["digest"] for each in reports[1][0]["references"]} == {"good"}
    assert reports[1][0]["payload"]["document_sha256"] == digest
    assert (folder / "blue" / "smp-answer.xml").read_bytes()


@pytest.mark.captured
async def test_official_examples_arrive_byte_for_byte(
    network, blue, red, test_data, tmp_path, capsys
):
    examples = official_invoices(test_data)
    assert len({example.name.split("/")[0] for example in examples}) >= 3
    await register_all(network, examples)
    accepted = await send_valid(blue, examples)
    assert len(accepted) >= EXAMPLES_MIN
    for number, (example, document) in enumerate(accepted):
        sent = await blue.wait_for(document.id)
        assert sent.status == "delivered", (example.name, await blue.timeline(document.id))
        received = await find_by_message(red, sent.message_id)
        assert await red.ubl(received.id) == example.travels, example.name
        assert received.sha256 == sent.sha256 == sha256(example.travels)
        assert (received.number, received.process) == (
            example.routing.number,
            example.routing.process.uri,
        )
        folder = tmp_path / str(number)
        await check_both_sides(capsys, network, folder, sent, received, sha256(example.travels))


async def test_an_invoice_with_a_large_attachment_arrives(network, blue, red, tmp_path, capsys):
    invoice = an_invoice(number="LARGE-1", attachment_bytes=LARGE_BYTES)
    document = await blue.send_document(invoice)
    sent = await blue.wait_for(document.id)
    assert sent.status == "delivered", await blue.timeline(document.id)
    received = await find_by_message(red, sent.message_id)
    digest = sha256(document_bytes(invoice))
    assert sha256(await red.ubl(received.id)) == digest
    assert sha256(await blue.ubl(sent.id)) == sha256(invoice)
    await check_both_sides(capsys, network, tmp_path, sent, received, digest)


async def test_an_invoice_sent_by_the_command_arrives_with_its_evidence(
    network, red, tmp_path, capsys
):
    path = tmp_path / "invoice.xml"
    path.write_bytes(sample_invoice())
    config = ("--config", network.blue.config, "--json")
    ended = await run_program(
        "send", path, "--to", network.red.role.participant, "--watch", *config
    )
    assert (ended.code, ended.facts["status"]) == (0, "delivered"), ended
    assert ended.facts["sha256"] == sha256(document_bytes(sample_invoice()))
    received = await find_by_message(red, ended.facts["message_id"])
    assert await red.ubl(received.id) == document_bytes(sample_invoice())
    async with network.blue.client() as blue:
        sent = await blue.document(ended.facts["document_id"])
    await check_both_sides(
        capsys, network, tmp_path / "evidence", sent, received, ended.facts["sha256"]
    )
    evidence = tmp_path / "evidence" / "blue" / "message.http"
    evidence.write_bytes(evidence.read_bytes()[:-100] + b"\0" * 100)
    with pytest.raises(AssertionError, match="EBMS"):
        await inspect_evidence(
            capsys, network, evidence.parent, key=network.red.folder / "as4.key.pem"
        )


async def test_a_receiver_who_moved_to_another_publisher_is_found_through_a_redirect(network, red):
    """The locator still names red's publisher; that one points to blue's, where it is served."""
    async with network.blue.client() as blue:
        await blue.register_participant(AT_BLUE.uri)
        publisher = read_identity(network.blue.folder, "smp").certificate
        moved = Redirect(
            INVOICE,
            network.blue.smp_url + metadata_path(AT_BLUE, INVOICE),
            publisher.subject.rfc4514_string(),
        )
        async with database_of(network.red) as (db, dossier), db.transaction(dossier) as tx:
            await put_redirect(tx, AT_BLUE, moved, now=SystemClock().now())
        network.locator.register(AT_BLUE, network.red.smp_url)
        found = await red.lookup(AT_BLUE.uri)
        assert found["endpoint"]["address"] == network.blue.as4_url
        invoice = sample_invoice().replace(b">0987654394<", b">0000006631<")
        invoice = invoice.replace(b">0123456749<", b">0987654394<")
        sent = await red.wait_for((await red.send_document(invoice)).id)
        assert sent.status == "delivered", await red.timeline(sent.id)
        received = await find_by_message(blue, sent.message_id)
        assert await blue.ubl(received.id) == document_bytes(invoice)


@asynccontextmanager
async def red_is_away(network):
    """Red stopped in order, and started again."""
    await network.red.stop()
    try:
        yield
    finally:
        await network.red.start()


async def until_event(client, document_id, name):
    async with asyncio.timeout(30):
        while name not in {event.name for event in await client.timeline(document_id)}:  # noqa: ASYNC110 - another process's event
            await asyncio.sleep(0.1)


async def test_what_is_sealed_while_the_receiver_is_away_arrives_once_under_its_identity(
    network, blue, red
):
    """With red's own publisher away, the endpoint is given, so that the message is sealed."""
    certificate = read_identity(network.red.folder, "as4").certificate_der
    invoice = an_invoice(number="AWAY-1")
    async with red_is_away(network):
        document = await blue.send_document(
            invoice, endpoint=network.red.as4_url, certificate=certificate
        )
        await until_event(blue, document.id, "will_retry")
        sealed = await blue.document(document.id)
        assert sealed.message_id is not None
    await check_late(blue, red, document.id, invoice, sealed.message_id)


async def test_what_cannot_be_looked_up_for_a_while_is_delivered_later(network, blue, red):
    await network.register(network.red, AT_RED)
    invoice = an_invoice(number="AWAY-2").replace(b">0987654394<", AT_RED_ELEMENT)
    async with red_is_away(network):
        document = await blue.send_document(invoice)
        await until_event(blue, document.id, "will_retry")
        assert (await blue.document(document.id)).message_id is None
    await check_late(blue, red, document.id, invoice, None)


async def check_late(blue, red, document_id, invoice, message_id):
    sent = await blue.wait_for(document_id)
    timeline = await blue.timeline(document_id)
    assert sent.status == "delivered", timeline
    assert message_id in (None, sent.message_id)
    assert [event.name for event in timeline].count("sealed") == 1
    received = await find_by_message(red, sent.message_id)
    assert await red.ubl(received.id) == document_bytes(invoice)
    page = await red.list_documents(direction="in", limit=100)
    assert [each.number for each in page.documents].count(sent.number) == 1
