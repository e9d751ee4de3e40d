"""The parts of the sandbox on their own; `tests/system` runs them together."""

import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime

import aiohttp
import dns.flags
import dns.message
import dns.rcode
import pytest

from as4.certificates import Revocation, load_certificate, parse_crl, revocation_of
from gateway.sandbox.dns import Locator
from gateway.sandbox.network import RED, Corner, SandboxFailed, prepared_network
from gateway.sandbox.pki import load_pki, read_identity, save_pki
from gateway.sandbox.revocation import RevocationLists, serve_lists
from smp.sml import dns_name
from tests.support.pki import NOW, leaf, pki
from ubl.identifiers import ParticipantId

ZONE = "sml.test"
ACME, OTHER = ParticipantId.parse("0208:0123456749"), ParticipantId.parse("0208:0987654394")
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"


@pytest.fixture
def corner(tmp_path):
    return Corner(RED, tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:1")


def asked(locator, participant, kind="NAPTR"):
    query = dns.message.make_query(dns_name(participant, ZONE), kind)
    return dns.message.from_wire(locator.answer(query.to_wire()))


def test_the_locator_knows_who_is_registered():
    locator = Locator(ZONE)
    locator.register(ACME, "http://127.0.0.1:1/smp")
    [answer] = asked(locator, ACME).answer
    assert "Meta:SMP" in answer.to_text()
    assert "http://127.0.0.1:1/smp" in answer.to_text()
    assert asked(locator, ACME, "A").answer == []
    assert asked(locator, ACME, "A").rcode() == dns.rcode.NOERROR
    assert asked(locator, OTHER).rcode() == dns.rcode.NXDOMAIN
    locator.unregister(ACME)
    assert asked(locator, ACME).rcode() == dns.rcode.NXDOMAIN


def test_the_locator_answers_no_answer():
    """Two responders that answer each other would never stop."""
    query = dns.message.make_query(dns_name(ACME, ZONE), "NAPTR")
    query.flags |= dns.flags.QR
    assert Locator(ZONE).answer(query.to_wire()) is None
    assert Locator(ZONE).answer(b"\0") is None


async def test_a_revoked_certificate_is_on_the_list_that_is_served():
    lists = RevocationLists()
    async with serve_lists(lists), aiohttp.ClientSession() as session:
        lists.publish(pki(), now=NOW)
        assert await listed(session, lists.url) is Revocation.GOOD
        lists.revoke(pki(), "ap-ca", leaf("sender"), now=NOW)
        assert await listed(session, lists.url) is Revocation.REVOKED
        async with session.get(f"{lists.url}/other.crl") as response:
            assert response.status == 404


async def listed(session, url):
    """What the list that is served says of our sender's certificate."""
    async with session.get(f"{url}/ap-ca.crl") as response:
        crl = parse_crl(await response.read(), pki().ap_ca.certificate, NOW)
    return revocation_of(load_certificate(leaf("sender").certificate_der), crl, NOW)


def test_authorities_that_were_saved_are_read_back_and_their_keys_are_private(tmp_path):
    save_pki(pki(), tmp_path / "pki")
    read = load_pki(tmp_path / "pki")
    assert read.ap_ca.certificate == pki().ap_ca.certificate
    assert read.revocation_url is None
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "pki").glob("*.key.pem")}
    assert modes == {0o600}


async def test_a_gateway_that_does_not_start_is_named_with_the_end_of_its_log(corner):
    corner.config.write_text("stage = 'nowhere'\n")
    with pytest.raises(SandboxFailed, match=r"red did not start:\n.*stage must be"):
        await corner.start()


async def test_a_stop_that_is_cut_short_kills(corner):
    corner.process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{DEAF}; time.sleep(60)",
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert await corner.process.stdout.readline() == b"up\n"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            await corner.stop()
    async with asyncio.timeout(30):
        assert await corner.process.wait() == -signal.SIGKILL


async def test_settings_of_the_sandbox_are_private_and_can_be_changed(tmp_path):
    changes = {"retry_max_seconds": 9.5, "public_tls_key_file": None}
    async with prepared_network(tmp_path, now=datetime.now(UTC), extra=changes) as network:
        text = network.blue.config.read_text()
        assert "retry_max_seconds = 9.5" in text
        assert "public_tls_key_file" not in text
        assert network.blue.public_url.startswith("http://")
        assert network.blue.folder.stat().st_mode & 0o077 == 0
        signing = read_identity(network.blue.folder, "as4")
        assert load_certificate(signing.certificate_der).subject_cn == network.blue.role.seat_id
        assert network.blue.public_url != network.red.public_url
