"""A roll-over of keys and of the TLS certificate while two processes serve the whole network."""

import asyncio
import io
import signal
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from gateway.sandbox.network import run_network
from gateway.sandbox.pki import (
    Identity,
    issue_access_point,
    issue_tls,
    read_identity,
    write_identity,
)
from tests.support.corners import find_by_message, run_program
from tests.support.gateways import gateways_below, until
from tests.support.handshakes import certificate_at, certify
from tests.support.peer import Peer, an_invoice, post, tls_session

pytestmark = pytest.mark.system

TRIES = 16
"""New connections: all of them reach one of two processes in 1 of 32,768 runs."""
SECONDS_MAX = 60


async def send(network, peer, number):
    """Post one message on a connection of its own; return who signed the receipt."""
    sealed = peer.seal(number)
    async with tls_session(network.pki.tls_ca, connections=1) as session:
        receipt = peer.check(
            sealed.message, await post(session, network.red.as4_url, sealed.message)
        )
    return receipt.signer.x509


async def eventually_always(wanted, ask):
    """Wait until *ask*, many times in a row, gives nothing but *wanted*."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            found = [await ask(number) for number in range(TRIES)]
            if all(each == wanted for each in found):
                return
            await asyncio.sleep(0.3)


def workers(corner):
    return {child.pid for child in gateways_below(corner.process.pid)}


async def published(network):
    """The certificate that blue finds for red's participant."""
    async with network.blue.client() as client:
        found = await client.lookup(network.red.role.participant.value)
    return found["endpoint"]["certificate"]["serial"]


@pytest.fixture
async def network(tmp_path):
    async with run_network(
        tmp_path / "net", now=datetime.now(UTC), extra={"processes": 2}
    ) as running:
        yield running


async def test_keys_and_tls_roll_over_while_two_processes_serve(network, tmp_path):
    red = network.red
    config = ("--config", red.config, "--json")
    old = read_identity(red.folder, "as4")
    identity = issue_access_point(network.pki, "PBE000003", now=datetime.now(UTC))
    to_old = Peer.of(network.pki, identity, old)
    running = workers(red)
    assert await send(network, to_old, "R-0") == old.certificate

    new = await roll_over(network, tmp_path, config)
    to_new = replace(to_old, receiver=Identity(new, old.key))

    await check_the_new_key_is_used(network, to_old, to_new, new)
    await check_status(config, old.certificate, new)
    await check_a_broken_pair_is_not_taken_up(network, to_old, new)
    await check_tls(network)
    assert workers(red) == running
    assert red.process.returncode is None


async def roll_over(network, folder, config):
    made = await run_program("pki", "request", *config)
    issued = certify(made.facts["request"], folder, network.pki)
    assert (await run_program("pki", "install", issued, *config)).code == 0
    done = await run_program("pki", "rotate", *config)
    assert done.code == 0, done.err
    return x509.load_pem_x509_certificate(issued.read_bytes())


async def check_the_new_key_is_used(network, to_old, to_new, new):
    # At once, for whichever process answers: both keys open.
    for number in range(TRIES):
        await send(network, to_new, f"N-{number}")
        await send(network, to_old, f"O-{number}")
    await eventually_always(new, lambda n: send(network, to_old, f"S-{n}-{id(n)}"))
    await eventually_always(f"{new.serial_number:x}", lambda _: published(network))
    await check_what_red_sends(network, new)


async def check_what_red_sends(network, new):
    swapped = an_invoice(number="OUT-1").replace(b"0987654394", b"*").replace(b"0123456749", b"+")
    invoice = swapped.replace(b"*", b"0123456749").replace(b"+", b"0987654394")
    async with network.red.client() as red, network.blue.client() as blue:
        sent = await red.wait_for((await red.send_document(invoice)).id)
        assert sent.status == "delivered", await red.timeline(sent.id)
        received = await find_by_message(blue, sent.message_id)
        evidence = zipfile.ZipFile(io.BytesIO(await blue.evidence(received.id)))
    assert x509.load_pem_x509_certificate(evidence.read("signer.pem")) == new


async def check_status(config, old, new):
    ended = await run_program("pki", "status", *config)
    found = {row["role"]: row["serial"] for row in ended.facts["certificates"]}
    assert (found["current"], found["previous"]) == (
        f"{new.serial_number:x}",
        f"{old.serial_number:x}",
    )
    assert ended.facts["published"]["role"] == "current", ended.facts
    assert ended.code == 0


def refusals(corner):
    return corner.log.read_text().count("the old stays in use")


async def check_a_broken_pair_is_not_taken_up(network, to_old, new):
    red = network.red
    files = [red.folder / "as4.key.pem", red.folder / "as4.cert.pem"]
    good = [file.read_bytes() for file in files]
    files[1].write_text("no certificate")
    await until(lambda: refusals(red) == 2)
    # Asked to look again, both look, and refuse it again.
    red.process.send_signal(signal.SIGHUP)
    await until(lambda: refusals(red) == 4)
    assert await send(network, to_old, "B-1") == new
    for file, content in zip(files, good, strict=True):
        file.write_bytes(content)


async def check_tls(network):
    red = network.red
    port = urlsplit(red.public_url).port
    before = read_identity(red.folder, "tls").certificate
    assert await certificate_at(port) == before
    fresh = issue_tls(network.pki, ["127.0.0.1", "localhost"], now=datetime.now(UTC))
    write_identity(fresh, red.folder, "tls")
    await eventually_always(fresh.certificate, lambda _: certificate_at(port))
    (red.folder / "tls.key.pem").write_text("no key")
    await until(lambda: red.log.read_text().count("no TLS key") == 2)
    assert await certificate_at(port) == fresh.certificate
