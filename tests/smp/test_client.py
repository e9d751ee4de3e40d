"""The client on real sockets: a scripted DNS server and a small HTTP server, both on loopback."""

import asyncio
import gzip
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from as4.certificates import FailedAuthentication
from smp.address import SANDBOX
from smp.client import DnsResolver, SessionGetter, SmpClient
from smp.errors import (
    BadSmpAddress,
    DocumentTypeAbsent,
    EndpointInactive,
    ParticipantAbsent,
    ProcessAbsent,
    SmpUnavailable,
    UntrustedSigner,
)
from smp.metadata import group_path, metadata_path
from smp.sml import dns_name
from tests.support import dns
from tests.support.metadata import (
    PARTICIPANT,
    ZONE,
    a_redirect,
    a_service,
    an_endpoint,
    check_signer,
    signed,
)
from tests.support.pki import NOW
from tests.support.web import serve_app
from ubl.identifiers import BILLING, INVOICE, SELF_BILLING, ParticipantId

SECOND = timedelta(seconds=1)
INVOICE_PATH = metadata_path(PARTICIPANT, INVOICE)


class Shelf:
    """An SMP's stock by raw path; counts how often each is asked for."""

    def __init__(self, stock):
        self.stock = stock
        self.asked = Counter()
        self.hold = None

    async def answer(self, request):
        self.asked[request.raw_path] += 1
        if self.hold is not None:
            await self.hold.wait()
        found = self.stock.get(request.raw_path, 404)
        return web.Response(status=found) if isinstance(found, int) else web.Response(body=found)


class World:
    """One participant's network: its records, its SMP and a client."""

    def __init__(self, url, shelf, dns_server, client):
        self.url, self.shelf, self.dns, self.client = url, shelf, dns_server, client

    def find(self, process=BILLING, **rest):
        return self.client.lookup(PARTICIPANT, INVOICE, process, **({"now": NOW} | rest))


@asynccontextmanager
async def world(stock=None, *, check=check_signer, **settings):
    service = a_service(endpoints=[an_endpoint(address="http://127.0.0.1:1/as4")])
    shelf = Shelf({INVOICE_PATH: signed(service)} if stock is None else stock)
    async with serve_app(shelf.answer) as url, aiohttp.ClientSession() as session:
        name = dns_name(PARTICIPANT, ZONE)
        records = {name: [dns.naptr_text(name, url)]}
        async with dns.serve(dns.zone(records)) as server:
            resolver = DnsResolver([server.address], timeout_seconds=1)
            getter = SessionGetter(session, timeout_seconds=2)
            client = SmpClient(
                resolver, getter, zone=ZONE, check_signer=check, rules=SANDBOX, **settings
            )
            yield World(url, shelf, server, client)


async def test_participant_is_found_over_dns_and_http():
    async with world() as net:
        found = await net.find()
        assert found.endpoint.address == "http://127.0.0.1:1/as4"
        assert found.signed_metadata == net.shelf.stock[INVOICE_PATH]
        assert found.signer.subject_cn == "PSM000001"
        assert found.smp_url.startswith("http://127.0.0.1:")
        assert net.shelf.asked == {INVOICE_PATH: 1}


async def test_unknown_participant_is_absent():
    async with world() as net:
        with pytest.raises(ParticipantAbsent):
            await net.client.lookup(ParticipantId.parse("0208:1"), INVOICE, BILLING, now=NOW)


async def test_answer_is_remembered_for_its_time():
    async with world(found_seconds=900) as net:
        await net.find()
        await net.find(now=NOW + 899 * SECOND)
        assert net.shelf.asked[INVOICE_PATH] == 1
        await net.find(now=NOW + 900 * SECOND)
        assert net.shelf.asked[INVOICE_PATH] == 2


async def test_refresh_asks_the_network_and_is_remembered():
    async with world() as net:
        await net.find()
        await net.find(refresh=True)
        await net.find()
        assert net.shelf.asked[INVOICE_PATH] == 2


async def test_answer_that_could_not_be_refreshed_is_forgotten():
    async with world() as net:
        await net.find()
        net.shelf.stock[INVOICE_PATH] = 503
        for refresh in (True, False):
            with pytest.raises(SmpUnavailable):
                await net.find(refresh=refresh)


async def test_refusal_is_remembered_for_a_short_time():
    async with world({group_path(PARTICIPANT): b"<x/>"}, absent_seconds=60) as net:
        for _ in range(2):
            with pytest.raises(DocumentTypeAbsent):
                await net.find()
        assert net.shelf.asked[INVOICE_PATH] == 1
        net.shelf.stock[INVOICE_PATH] = signed(
            a_service(endpoints=[an_endpoint(address="http://127.0.0.1:1/as4")])
        )
        assert await net.find(now=NOW + 60 * SECOND)


async def test_process_missing_in_a_remembered_answer_is_asked_for_again_soon():
    async with world(absent_seconds=60) as net:
        await net.find()
        with pytest.raises(ProcessAbsent):
            await net.find(SELF_BILLING, now=NOW + 59 * SECOND)
        assert net.shelf.asked[INVOICE_PATH] == 1
        with pytest.raises(ProcessAbsent):
            await net.find(SELF_BILLING, now=NOW + 60 * SECOND)
        assert net.shelf.asked[INVOICE_PATH] == 2


async def test_dates_are_judged_anew_for_a_remembered_answer():
    endpoint = an_endpoint(address="http://127.0.0.1:1/as4", active_until=NOW + SECOND)
    async with world({INVOICE_PATH: signed(a_service(endpoints=[endpoint]))}) as net:
        await net.find()
        with pytest.raises(EndpointInactive):
            await net.find(now=NOW + 2 * SECOND)


async def test_unavailability_is_not_remembered():
    async with world({INVOICE_PATH: 503}) as net:
        for count in (1, 2):
            with pytest.raises(SmpUnavailable):
                await net.find()
            assert net.shelf.asked[INVOICE_PATH] == count


async def test_signer_no_longer_trusted_ends_the_memory():
    trusted = [True]

    def check(der, now):
        if not trusted[0]:
            raise FailedAuthentication("no longer")
        return check_signer(der, now)

    async with world(check=check) as net:
        await net.find()
        trusted[0] = False
        with pytest.raises(UntrustedSigner):
            await net.find()


async def test_every_signer_is_asked_for_revocation_before_use():
    asked = []

    async def check_revocation(certificate, now):
        asked.append(certificate.subject_cn)
        raise UntrustedSigner(f"{certificate.subject_cn} is revoked")

    async with world(check_revocation=check_revocation) as net:
        with pytest.raises(UntrustedSigner):
            await net.find()
    assert asked == ["PSM000001"]


async def test_redirect_is_followed_and_both_signers_are_kept():
    service = a_service(endpoints=[an_endpoint(address="http://127.0.0.1:1/as4")])
    async with world() as net:
        net.shelf.stock = {
            INVOICE_PATH: signed(a_redirect(href=f"{net.url}/second%3A%2F")),
            "/second%3A%2F": signed(service, by="publisher-second"),
        }
        found = await net.find()
        assert [s.subject_cn for s in found.signers] == ["PSM000001", "PSM000002"]
        assert found.signer.subject_cn == "PSM000002"


async def test_questions_at_the_same_time_share_one_request():
    async with world() as net:
        net.shelf.hold = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(net.find(refresh=n % 2 == 0)) for n in range(8)]
            await asyncio.sleep(0.05)
            net.shelf.hold.set()
        assert len({task.result().endpoint.address for task in tasks}) == 1
        assert net.shelf.asked == {INVOICE_PATH: 1}
        assert len(net.dns.asked) == 1


async def test_failure_is_shared_as_well():
    async with world({INVOICE_PATH: 503}) as net:
        net.shelf.hold = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(failure(net)) for _ in range(3)]
            await asyncio.sleep(0.05)
            net.shelf.hold.set()
        errors = [task.result() for task in tasks]
        assert {type(error) for error in errors} == {SmpUnavailable}
        assert len({id(error) for error in errors}) == 3
        assert net.shelf.asked[INVOICE_PATH] == 1


async def failure(net):
    with pytest.raises(SmpUnavailable) as failed:
        await net.find()
    return failed.value


async def test_caller_that_gives_up_does_not_take_the_answer_from_the_others():
    async with world() as net:
        net.shelf.hold = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(net.find())
            await asyncio.sleep(0.05)
            second = group.create_task(net.find())
            third = group.create_task(net.find())
            await asyncio.sleep(0)
            first.cancel()
            third.cancel()
            await asyncio.sleep(0.05)
            net.shelf.hold.set()
        assert second.result().endpoint.address == "http://127.0.0.1:1/as4"
        assert first.cancelled()
        assert third.cancelled()


@asynccontextmanager
async def getting(handler, **settings):
    async with serve_app(handler) as url, aiohttp.ClientSession() as session:
        yield SessionGetter(session, **settings), url


async def test_path_is_sent_as_it_stands_and_gzip_is_undone():
    seen = {}

    async def handler(request):
        seen.update(path=request.raw_path, encoding=request.headers["Accept-Encoding"])
        headers = {"Content-Encoding": "gzip"}
        return web.Response(body=gzip.compress(b"<x/>"), headers=headers)

    async with getting(handler) as (getter, url):
        answer = await getter.get(url + INVOICE_PATH + "%2a~")
    assert (answer.status, answer.body) == (200, b"<x/>")
    assert seen == {"path": INVOICE_PATH + "%2a~", "encoding": "gzip"}


async def test_http_redirects_are_not_followed():
    asked = []

    async def handler(request):
        asked.append(request.path)
        raise web.HTTPFound("/other")

    async with getting(handler) as (getter, url):
        assert (await getter.get(url + "/first")).status == 302
    assert asked == ["/first"]


@pytest.mark.parametrize("compressed", [False, True])
async def test_answer_over_the_limit_is_not_read(compressed):
    body = gzip.compress(b"x" * 5_000_000) if compressed else b"x" * 1001
    headers = {"Content-Encoding": "gzip"} if compressed else {}

    async def handler(request):
        return web.Response(body=body, headers=headers)

    async with getting(handler, answer_bytes_max=1000) as (getter, url):
        with pytest.raises(SmpUnavailable, match="over 1000 bytes"):
            await getter.get(url)


async def test_slow_answer_and_closed_port_are_unavailable():
    async def handler(request):
        await asyncio.sleep(2)

    async with getting(handler, timeout_seconds=0.1) as (getter, url):
        with pytest.raises(SmpUnavailable, match="in time"):
            await getter.get(url)
        with pytest.raises(SmpUnavailable, match="reached"):
            await getter.get("http://127.0.0.1:1/")


async def test_broken_compression_is_unavailable():
    async def handler(request):
        return web.Response(body=b"not gzip", headers={"Content-Encoding": "gzip"})

    async with getting(handler) as (getter, url):
        with pytest.raises(SmpUnavailable):
            await getter.get(url)


async def test_what_is_no_address_is_said():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(BadSmpAddress):
            await SessionGetter(session).get("http://[::1")


async def test_session_that_leaves_gzip_as_it_is_is_refused():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        with pytest.raises(ValueError, match="gzip"):
            SessionGetter(session)
