"""The commands as a person uses them, on the sandbox's four corners.

Each is run once as a program of its own; what it says in other cases it says in this process.
"""

import io
import zipfile
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.sandbox.network import run_network
from gateway.sandbox.stories import sample_invoice
from tests.support.command import run_beside
from tests.support.corners import run_program
from tests.support.pki import leaf
from ubl.identifiers import ParticipantId

pytestmark = pytest.mark.system


@pytest.fixture
async def network(tmp_path):
    async with run_network(tmp_path / "net", now=datetime.now(UTC)) as running:
        yield running


async def test_look_up_ping_and_send_on_the_whole_network(network, tmp_path, capsys):
    await check_lookup(network, capsys)
    await check_ping(network, capsys)
    await check_send(network, tmp_path, capsys)


async def check_lookup(network, capsys):
    blue, red = network.corners()
    config = ("--config", blue.config, "--json")
    ended = await run_program("lookup", red.role.participant, *config)
    assert (ended.code, ended.err) == (0, "")
    found = ended.facts
    assert found["endpoint"]["address"] == red.as4_url
    assert f"CN={red.role.seat_id}" in found["endpoint"]["certificate"]["subject"]
    ended = await run_beside(capsys, "lookup", "0208:0000000196", *config)
    assert (ended.code, ended.facts["code"]) == (1, "participant-absent")
    for words in (("nobody",), (red.role.participant, "--document-type", "x::y")):
        assert (await run_beside(capsys, "lookup", *words, *config)).code == 2
    ended = await run_beside(
        capsys, "lookup", red.role.participant, "--dns-servers", "127.0.0.1:1", *config
    )
    assert (ended.code, ended.facts["code"]) == (3, "unavailable")


async def check_ping(network, capsys):
    blue, red = network.corners()
    config = ("--config", blue.config, "--json")
    ended = await run_program("ping", red.role.participant, *config)
    assert (ended.code, ended.facts["access_point"]) == (0, red.role.seat_id), ended
    async with red.client() as client:
        assert (await client.list_documents()).documents == ()
    ended = await run_beside(capsys, "ping", "0208:0000000196", *config)
    assert (ended.code, ended.facts["code"]) == (1, "participant-absent")
    # Registered at the locator, with a publisher that nobody runs.
    network.locator.register(ParticipantId.parse("0208:0000000295"), "http://127.0.0.1:1/smp")
    assert (await run_beside(capsys, "ping", "0208:0000000295", *config)).code == 3


async def check_send(network, folder, capsys):
    blue, red = network.corners()
    path = folder / "invoice.xml"
    path.write_bytes(sample_invoice())
    words = ("--to", red.role.participant, "--watch", "--config", blue.config)
    ended = await run_program("send", path, *words)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[1] for line in ended.out[:-1]] == [
        "accepted", "checked", "looked_up", "sealed", "sending", "delivered",
    ]  # fmt: skip
    document_id = UUID(ended.out[-1].split()[0])
    async with blue.client() as client:
        archive = zipfile.ZipFile(io.BytesIO(await client.evidence(document_id)))
        assert {"message.http", "receipt.http", "smp-answer.xml"} <= set(archive.namelist())
    await check_send_without_a_look_up(network, path, capsys)


async def check_send_without_a_look_up(network, path, capsys):
    """A fixed endpoint: red by its address and certificate, then with somebody else's."""
    blue, red = network.corners()
    network.locator.unregister(red.role.participant)
    config = ("--config", blue.config, "--json")
    certificate = red.folder / "as4.cert.pem"
    config = ("--duplicate", *config)
    words = ("--endpoint", red.as4_url, "--certificate", certificate, "--watch", *config)
    ended = await run_beside(capsys, "send", path, *words)
    assert (ended.code, ended.facts["status"]) == (0, "delivered")
    async with blue.client() as client:
        archive = zipfile.ZipFile(
            io.BytesIO(await client.evidence(UUID(ended.facts["document_id"])))
        )
        assert "smp-answer.xml" not in archive.namelist()
    stranger = path.with_name("stranger.der")
    stranger.write_bytes(leaf("receiver").certificate_der)
    words = ("--endpoint", red.as4_url, "--certificate", stranger, "--watch", *config)
    ended = await run_beside(capsys, "send", path, *words)
    assert (ended.code, ended.facts["status"]) == (1, "failed")
