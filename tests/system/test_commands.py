"""The commands as a person uses them, on the sandbox's four corners."""

import asyncio
import io
import json
import sys
import zipfile
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.sandbox.network import run_network
from gateway.sandbox.stories import sample_invoice
from tests.support.pki import leaf
from ubl.identifiers import ParticipantId

pytestmark = pytest.mark.system


async def gateway(*words):
    """Run `gateway` as a process; return exit code, lines of stdout, and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *map(str, words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode, out.decode().splitlines(), err.decode()


@pytest.fixture
async def network(tmp_path):
    async with run_network(tmp_path / "net", now=datetime.now(UTC)) as running:
        yield running


async def test_look_up_ping_and_send_on_the_whole_network(network, tmp_path):
    await check_lookup(network)
    await check_ping(network)
    await check_send(network, tmp_path)


async def check_lookup(network):
    blue, red = network.corners()
    config = ("--config", blue.config, "--json")
    code, lines, err = await gateway("lookup", red.role.participant, *config)
    assert (code, err) == (0, "")
    found = json.loads(lines[-1])
    assert found["endpoint"]["address"] == red.as4_url
    assert f"CN={red.role.seat_id}" in found["endpoint"]["certificate"]["subject"]
    code, lines, _ = await gateway("lookup", "0208:0000000196", *config)
    assert (code, json.loads(lines[-1])["code"]) == (1, "participant-absent")
    for words in (("nobody",), (red.role.participant, "--document-type", "x::y")):
        code, lines, _ = await gateway("lookup", *words, *config)
        assert code == 2
    code, lines, _ = await gateway(
        "lookup", red.role.participant, "--dns-servers", "127.0.0.1:1", *config
    )
    assert (code, json.loads(lines[-1])["code"]) == (3, "unavailable")


async def check_ping(network):
    blue, red = network.corners()
    config = ("--config", blue.config, "--json")
    code, lines, _ = await gateway("ping", red.role.participant, *config)
    answer = json.loads(lines[-1])
    assert (code, answer["access_point"]) == (0, red.role.seat_id), answer
    async with red.client() as client:
        assert (await client.list_documents()).documents == ()
    code, lines, _ = await gateway("ping", "0208:0000000196", *config)
    assert (code, json.loads(lines[-1])["code"]) == (1, "participant-absent")
    # Registered at the locator, with a publisher that nobody runs.
    network.locator.register(ParticipantId.parse("0208:0000000295"), "http://127.0.0.1:1/smp")
    code, lines, _ = await gateway("ping", "0208:0000000295", *config)
    assert code == 3


async def check_send(network, folder):
    blue, red = network.corners()
    path = folder / "invoice.xml"
    path.write_bytes(sample_invoice())
    words = ("--to", red.role.participant, "--watch", "--config", blue.config)
    code, lines, err = await gateway("send", path, *words)
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in lines[:-1]] == [
        "accepted", "looked_up", "sealed", "sending", "delivered",
    ]  # fmt: skip
    document_id = UUID(lines[-1].split()[0])
    async with blue.client() as client:
        archive = zipfile.ZipFile(io.BytesIO(await client.evidence(document_id)))
        assert {"message.http", "receipt.http", "smp-answer.xml"} <= set(archive.namelist())
    await check_send_without_a_look_up(network, path)


async def check_send_without_a_look_up(network, path):
    """A fixed endpoint: red by its address and certificate, then with somebody else's."""
    blue, red = network.corners()
    network.locator.unregister(red.role.participant)
    config = ("--config", blue.config, "--json")
    certificate = red.folder / "as4.cert.pem"
    words = ("--endpoint", red.as4_url, "--certificate", certificate, "--watch", *config)
    code, lines, _ = await gateway("send", path, *words)
    answer = json.loads(lines[-1])
    assert (code, answer["status"]) == (0, "delivered")
    async with blue.client() as client:
        archive = zipfile.ZipFile(io.BytesIO(await client.evidence(UUID(answer["document_id"]))))
        assert "smp-answer.xml" not in archive.namelist()
    stranger = path.with_name("stranger.der")
    stranger.write_bytes(leaf("receiver").certificate_der)
    words = ("--endpoint", red.as4_url, "--certificate", stranger, "--watch", *config)
    code, lines, _ = await gateway("send", path, *words)
    assert (code, json.loads(lines[-1])["status"]) == (1, "failed")
