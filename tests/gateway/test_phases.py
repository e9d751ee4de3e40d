"""How far sending came: each phase with a server that really fails, told on the timeline."""

import base64
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import dns.rcode
import pytest
from aiohttp import web

from as4 import errors
from gateway.egress import Egress, EgressRules, tls_context
from gateway.exchange.discovery import EgressGetter
from gateway.sandbox import pki as sandbox_pki
from gateway.sandbox.loopback import serve_application
from smp.address import SANDBOX
from smp.client import DnsResolver, SmpClient
from smp.metadata import metadata_path
from smp.sml import dns_name
from tests.support import dns as scripted
from tests.support.metadata import ZONE, a_redirect, a_service, an_endpoint, check_signer, signed
from tests.support.peer import an_invoice
from tests.support.pki import foreign_pki, leaf, pki
from tests.support.sending import (
    AccessPoint,
    a_sender,
    access_points,
    error,
    hang_up,
    other_digests,
    plain,
    receipt,
)
from tests.support.web import free_port, serve_app
from ubl.identifiers import ParticipantId
from ubl.routing import read_routing

ROUTING = read_routing(an_invoice(number="2026-1"))
RECEIVER = ParticipantId.parse(ROUTING.receiver.value)


class Network:
    """Everything between a sender and its receiver; a test breaks one part of it."""

    def __init__(self, point):
        self.point = point
        self.rcode = dns.rcode.NOERROR
        self.smp_status = 200
        self.address = None
        self.certificate = leaf("receiver").certificate_der
        self.smp_url = ""
        self.redirect = None

    def dns(self, query, transport):
        name = dns_name(RECEIVER, ZONE)
        if self.rcode is None:
            return None
        if self.rcode != dns.rcode.NOERROR:
            return scripted.reply(query, rcode=self.rcode)
        return scripted.reply(query, scripted.naptr_text(name, self.smp_url))

    async def publish(self, request):
        assert request.raw_path == metadata_path(RECEIVER, ROUTING.document_type)
        if self.redirect is not None:
            return web.Response(body=signed(a_redirect(href=self.redirect)))
        endpoint = an_endpoint(
            address=self.address or self.point.url,
            certificate=base64.b64encode(self.certificate).decode(),
        )
        service = a_service(
            participant=RECEIVER,
            document_type=ROUTING.document_type,
            process=ROUTING.process,
            endpoints=[endpoint],
        )
        return web.Response(status=self.smp_status, body=signed(service))


@asynccontextmanager
async def tls_listener(authority, hosts, folder):
    """A server whose TLS certificate *authority* issued for *hosts*; yields its address."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    identity = sandbox_pki.issue_tls(authority, hosts, now=yesterday)
    certificate, key = sandbox_pki.write_identity(identity, folder, "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serve_application(web.Application(), tls=context) as address:
        yield address + "/as4"


@pytest.fixture
async def network(database, tmp_path):
    """A sender, and a network in which everything works until a test breaks it."""
    network = Network(AccessPoint())
    web_ca = tmp_path / "web-ca.pem"
    web_ca.write_bytes(pki().tls_ca.certificate_pem)
    tls = tls_context([web_ca])
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(access_points(network.point))
        network.smp_url = await stack.enter_async_context(serve_app(network.publish))
        server = await stack.enter_async_context(scripted.serve(network.dns))
        egress = await stack.enter_async_context(
            Egress(EgressRules(sandbox=True), tls=tls, post_timeout_seconds=5)
        )
        finder = SmpClient(
            DnsResolver([server.address], timeout_seconds=0.2),
            EgressGetter(egress),
            zone=ZONE,
            check_signer=check_signer,
            rules=SANDBOX,
        )
        network.sender = await stack.enter_async_context(
            a_sender(database, tmp_path, None, finder=finder, poster=egress)
        )
        network.folder = tmp_path
        yield network


async def ending(network):
    """Send a document once; return the status, and the last step of the timeline."""
    ref = await network.sender.accept()
    await network.sender.run(ref)
    last = await network.sender.last(ref)
    return (await network.sender.document(ref)).status, last


def told(last):
    """What *last* says to programs, once it said the same to people."""
    assert last.detail["detail"] in last.detail["text"]
    if last.name != "delivered":
        assert f"({last.detail['phase']}" in last.detail["text"]
    return last.name, last.detail["phase"], last.detail["kind"], last.detail["code"]


async def test_a_network_in_which_nothing_fails_delivers(network):
    status, last = await ending(network)
    assert status == "delivered"
    assert (last.detail["phase"], last.detail["authenticated"]) == ("receipt", True)


@pytest.mark.parametrize(
    ("rcode", "expected"),
    [
        (dns.rcode.NXDOMAIN, ("failed", "look-up", "not-registered", "participant-absent")),
        (dns.rcode.SERVFAIL, ("will_retry", "look-up", "look-up-unavailable", "smp-unavailable")),
        (None, ("will_retry", "look-up", "look-up-unavailable", "smp-unavailable")),
    ],
    ids=["nxdomain", "servfail", "silence"],
)
async def test_look_up_over_a_dns_that_does_not_answer(network, rcode, expected):
    network.rcode = rcode
    _, last = await ending(network)
    assert told(last) == expected
    assert network.point.arrivals == []


async def test_look_up_at_a_publisher_that_is_down(network):
    network.smp_status = 500
    _, last = await ending(network)
    assert told(last) == ("will_retry", "look-up", "look-up-unavailable", "smp-unavailable")


PRIVATE = ("http://169.254.169.254", "http://10.0.0.1:8080", "http://[fd00:ec2::254]")


@pytest.mark.parametrize("address", PRIVATE)
async def test_look_up_that_leads_to_a_private_machine(network, address):
    expected = ("failed", "look-up", "not-registered", "bad-smp-address")
    network.smp_url, right = address, network.smp_url
    _, last = await ending(network)
    assert told(last) == expected
    network.smp_url, network.redirect = right, address
    _, last = await ending(network)
    assert told(last) == expected
    assert "not a public address" in last.detail["detail"]


async def test_certificate_that_has_expired(network):
    network.certificate = leaf("expired").certificate_der
    status, last = await ending(network)
    assert status == "failed"
    assert told(last) == ("failed", "certificate", "certificate-refused", "certificate-refused")
    assert network.point.arrivals == []


async def test_connect_to_a_closed_port(network):
    network.address = f"http://127.0.0.1:{free_port()}/as4"
    _, last = await ending(network)
    assert told(last) == ("will_retry", "connect", "not-connected", "transport-connect")
    assert last.detail["detail"].endswith("connection refused")


@pytest.mark.parametrize("address", ["http://10.0.0.1/as4", "https://169.254.169.254/as4"])
async def test_connect_to_a_private_address(network, address):
    network.address = address
    _, last = await ending(network)
    assert told(last) == ("failed", "connect", "address-refused", "address-refused")


@pytest.mark.parametrize(
    ("authority", "host"),
    [(foreign_pki, "127.0.0.1"), (pki, "ap.example")],
    ids=["unknown-authority", "other-name"],
)
async def test_tls_with_a_wrong_certificate(network, authority, host):
    async with tls_listener(authority(), [host], network.folder) as url:
        network.address = url
        _, last = await ending(network)
    assert told(last) == ("will_retry", "tls", "tls-failed", "transport-tls")
    assert "the TLS certificate of 127.0.0.1 is refused" in last.detail["detail"]
    assert "0x" not in last.detail["detail"]


async def test_tls_with_a_server_that_speaks_none(network):
    network.address = network.point.url.replace("http:", "https:")
    _, last = await ending(network)
    assert told(last) == ("will_retry", "tls", "tls-failed", "transport-tls")
    assert "there is no TLS with 127.0.0.1" in last.detail["detail"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (plain(500, "oops"), ("will_retry", "http", "http-unavailable", "http-500")),
        (plain(404), ("will_retry", "http", "http-refused", "http-404")),
        (hang_up(), ("will_retry", "http", "broken-off", "transport-http")),
        (error(errors.FailedDecryption), ("refused", "signal", "refusal", "EBMS:0102")),
        (
            error(errors.FailedDecryption, signer=None, status=500),
            ("will_retry", "signal", "unsigned-signal", "EBMS:0102"),
        ),
        (other_digests(), ("will_retry", "receipt", "bad-receipt", "EBMS:0302")),
        (receipt(signer="third"), ("will_retry", "receipt", "bad-receipt", "EBMS:0302")),
        (plain(200), ("will_retry", "receipt", "no-receipt", "EBMS:0301")),
    ],
    ids=["500", "404", "hang-up", "error", "unsigned", "digests", "signer", "no-receipt"],
)
async def test_http_signal_and_receipt(network, answer, expected):
    network.point.script = [answer]
    _, last = await ending(network)
    assert told(last) == expected
    assert len(network.point.arrivals) == 1
