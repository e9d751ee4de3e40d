import asyncio
import gzip
import socket
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from yarl import URL

from as4.client import TransportFailure
from gateway.egress import AddressRefused, Egress, EgressRules, Purpose, tls_context
from gateway.errors import Unavailable
from gateway.sandbox import pki as sandbox_pki
from gateway.sandbox.loopback import serve_application
from tests.support.pki import pki

STRICT = EgressRules()
SANDBOX = EgressRules(sandbox=True)


class Names(AbstractResolver):
    """Every name is at *addresses*, one after the other, at *port*."""

    def __init__(self, *addresses, port=0):
        self.addresses = list(addresses)
        self.port = port
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        version = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            {
                "hostname": host,
                "host": address,
                "port": self.port or port,
                "family": version,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self):
        pass


class Site:
    """A web server on loopback that counts what reaches it."""

    def __init__(self):
        self.requests = []
        self.connections = 0
        self.port = 0
        self.reply = lambda request: web.Response(text="hello")

    async def answer(self, request):
        self.requests.append((request.method, request.path_qs, await request.read()))
        return self.reply(request)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def running(site, tls=None):
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    async with serve_application(application, tls=tls) as address:
        site.port = URL(address).port
        yield site


@pytest.fixture
async def site():
    async with running(Site()) as site:
        yield site


@asynccontextmanager
async def egress(rules=SANDBOX, *, resolver=None, ca_files=(), post_timeout_seconds=5.0):
    context = tls_context(ca_files)
    async with Egress(
        rules, tls=context, post_timeout_seconds=post_timeout_seconds, resolver=resolver
    ) as made:
        yield made


async def get(client, url, purpose=Purpose.SMP, *, bytes_max=1000, timeout_seconds=5.0):
    return await client.get(url, purpose, bytes_max=bytes_max, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fe80::1]"],
)
async def test_the_sandbox_uses_no_other_private_machine(host):
    for purpose in Purpose:
        with pytest.raises(AddressRefused, match="not a public address"):
            SANDBOX.check(f"http://{host}/", purpose)
    async with egress(SANDBOX, resolver=Names(host.strip("[]"))) as client:
        with pytest.raises(Unavailable, match="not a public address"):
            await get(client, "http://metadata.example/")


async def test_a_name_that_resolves_to_a_private_address_is_never_connected_to(site):
    names = Names("127.0.0.1", port=site.port)
    async with egress(STRICT, resolver=names) as client:
        with pytest.raises(Unavailable, match="not a public address"):
            await get(client, "http://crl.example/ca.crl", Purpose.CRL)
        with pytest.raises(TransportFailure) as failure:
            await client.post("https://ap.example/as4", "text/plain", b"x")
    assert (failure.value.phase, failure.value.sent) == ("connect", False)
    assert site.requests == []
    async with egress(SANDBOX, resolver=Names("127.0.0.1", port=site.port)) as client:
        assert (await get(client, "http://crl.example/ca.crl", Purpose.CRL)).body == b"hello"


async def test_a_name_that_changes_its_mind_is_never_followed_home(site):
    # 192.0.2.1 stands for the public answer of the first look-up; it is not public itself, so
    # nothing leaves this machine, and whichever answer is used must pass the same check.
    names = Names("192.0.2.1", "127.0.0.1", port=site.port)
    async with egress(STRICT, resolver=names) as client:
        for _ in range(2):
            client._lookups.connector.clear_dns_cache()
            with pytest.raises(Unavailable, match="not a public address"):
                await get(client, "http://crl.example/ca.crl", Purpose.CRL)
    assert names.asked == ["crl.example"] * 2
    assert site.requests == []


async def test_a_refused_address_is_refused_before_any_name_is_asked(site):
    names = Names("127.0.0.1", port=site.port)
    async with egress(STRICT, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await get(client, "http://smp.example/")
        with pytest.raises(AddressRefused):
            await client.post("http://ap.example/as4", "text/plain", b"x")
        with pytest.raises(Unavailable):
            await client.getter(Purpose.CRL).get(
                "http://127.0.0.1/ca.crl", bytes_max=10, timeout_seconds=1
            )
    assert names.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(site, status):
    site.reply = lambda request: web.Response(status=status, headers={"Location": "/elsewhere"})
    async with egress() as client:
        assert (await get(client, f"{site.url}/first")).status == status
        assert (await client.post(f"{site.url}/first", "text/plain", b"x")).status == status
    assert [path for _, path, _ in site.requests] == ["/first", "/first"]


async def test_an_encoded_path_reaches_the_server_as_it_is(site):
    seen = []
    site.reply = lambda request: seen.append(request.raw_path) or web.Response()
    path = "/iso6523-actorid-upis%3A%3A0208%3A1/services/a%3A%3Ab%23%23c%2Fd"
    async with egress() as client:
        await get(client, site.url + path)
    assert seen == [path]


async def test_an_answer_over_the_cap_is_not_read_on(site):
    site.reply = lambda request: web.Response(body=b"x" * 1001)
    async with egress() as client:
        with pytest.raises(Unavailable, match="more than 1000 bytes"):
            await get(client, site.url, bytes_max=1000)
        assert len((await get(client, site.url, bytes_max=1001)).body) == 1001


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"x"),
        ("gzip", gzip.compress(b"x" * 1001, mtime=0)),
        ("br", b"x"),
        ("deflate", b"x"),
    ],
)
async def test_a_coded_answer_that_cannot_be_read_within_the_cap_is_refused(site, coding, body):
    site.reply = lambda request: web.Response(body=body, headers={"Content-Encoding": coding})
    async with egress() as client:
        with pytest.raises(Unavailable):
            await get(client, site.url, bytes_max=1000)


async def test_gzip_that_nobody_asked_for_is_undone(site):
    zipped = gzip.compress(b"x" * 1000)
    site.reply = lambda request: web.Response(body=zipped, headers={"Content-Encoding": "gzip"})
    async with egress() as client:
        assert (await get(client, site.url, bytes_max=1000)).body == b"x" * 1000


async def test_a_name_that_cannot_be_spelt_is_no_connection():
    class Unspeakable(Names):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            host.join([".", "."]).encode("idna")

    url = "http://name.example/"
    async with egress(SANDBOX, resolver=Unspeakable("")) as client:
        with pytest.raises(Unavailable):
            await get(client, url)
        with pytest.raises(Unavailable):
            await client.notify(url, headers={}, body=b"", timeout_seconds=5)
        with pytest.raises(TransportFailure) as failure:
            await client.post(url, "text/plain", b"x")
    assert (failure.value.phase, failure.value.sent) == ("connect", False)


async def test_a_slow_answer_is_cut_off():
    released = asyncio.Event()

    class Slow(Site):
        async def answer(self, request):
            await released.wait()
            return web.Response()

    async with running(Slow()) as site, egress(post_timeout_seconds=0.2) as client:
        with pytest.raises(Unavailable, match="in time"):
            await get(client, site.url, timeout_seconds=0.2)
        with pytest.raises(TransportFailure) as failure:
            await client.post(site.url, "text/plain", b"x")
        released.set()
    assert failure.value.sent


async def test_a_getter_returns_200_bodies_alone(site):
    async with egress() as client:
        getter = client.getter(Purpose.CRL)
        assert await getter.get(site.url, bytes_max=10, timeout_seconds=5) == b"hello"
        site.reply = lambda request: web.Response(status=404, text="hello")
        with pytest.raises(Unavailable, match="404"):
            await getter.get(site.url, bytes_max=10, timeout_seconds=5)


async def test_a_question_is_posted_and_its_200_answer_counts(site):
    """[RFC6960 §A.1]"""
    async with egress() as client:
        ask = client.asker(Purpose.OCSP).ask
        bounds = {"content_type": "application/ocsp-request", "timeout_seconds": 5}
        assert await ask(f"{site.url}/o", body=b"?", bytes_max=10, **bounds) == b"hello"
        assert site.requests == [("POST", "/o", b"?")]
        with pytest.raises(Unavailable, match="more than 4 bytes"):
            await ask(site.url, body=b"?", bytes_max=4, **bounds)
        site.reply = lambda request: web.Response(status=302, headers={"Location": "/p"})
        with pytest.raises(Unavailable, match="302"):
            await ask(site.url, body=b"?", bytes_max=10, **bounds)
    async with egress(STRICT) as client:
        with pytest.raises(Unavailable, match="ocsp needs http on port 80"):
            await client.asker(Purpose.OCSP).ask(site.url, body=b"?", bytes_max=10, **bounds)
    assert len(site.requests) == 3


async def test_a_closed_port_is_unavailable_and_nothing_was_sent(site):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        async with egress() as client:
            with pytest.raises(Unavailable):
                await get(client, url)
            with pytest.raises(TransportFailure) as failure:
                await client.post(url, "text/plain", b"x")
    assert (failure.value.phase, failure.value.sent) == ("connect", False)


def test_tls_is_1_2_or_later_with_names_checked():
    """[PEPPOL-AS4 §2.2.2]"""
    context = tls_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@asynccontextmanager
async def tls_site(tmp_path, hosts, minimum=None):
    identity = sandbox_pki.issue_tls(pki(), hosts, now=datetime.now(UTC) - timedelta(hours=1))
    certificate, key = sandbox_pki.write_identity(identity, tmp_path, "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with running(Site(), context) as site:
        yield site


@pytest.fixture
def web_ca(tmp_path):
    path = tmp_path / "web-ca.pem"
    path.write_bytes(pki().tls_ca.certificate_pem)
    return path


async def test_given_authorities_take_the_place_of_the_public_ones(tmp_path, web_ca):
    async with tls_site(tmp_path, ["127.0.0.1"]) as site:
        url = f"https://127.0.0.1:{site.port}/"
        async with egress(ca_files=[web_ca]) as client:
            assert (await get(client, url)).body == b"hello"
        async with egress() as client:
            with pytest.raises(Unavailable, match="certificate"):
                await get(client, url)
            with pytest.raises(TransportFailure) as failure:
                await client.post(url, "text/plain", b"x")
    assert (failure.value.phase, failure.value.sent) == ("tls", False)
    assert len(site.requests) == 1


async def test_a_certificate_for_another_name_is_refused(tmp_path, web_ca):
    async with tls_site(tmp_path, ["ap.example"]) as site, egress(ca_files=[web_ca]) as client:
        with pytest.raises(Unavailable, match="certificate"):
            await get(client, f"https://127.0.0.1:{site.port}/")
    assert site.requests == []


async def test_pools_are_bounded_and_apart():
    async with egress() as client:
        pools = [client._messages.connector, client._lookups.connector]
        assert pools[0] is not pools[1]
        for pool in pools:
            assert isinstance(pool, aiohttp.TCPConnector)
            assert (pool.limit, pool.limit_per_host) == (32, 8)
