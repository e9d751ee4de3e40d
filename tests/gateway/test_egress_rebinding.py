"""Names that answer one thing and then another, over a real DNS, with real sockets behind them.

127.0.0.2 plays the public Internet, 127.0.0.1 this machine's own services.
"""

import socket
from contextlib import asynccontextmanager

import dns.asyncquery
import dns.message
import dns.rdatatype
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from as4.client import TransportFailure
from gateway.egress import AddressRefused, Egress, EgressRules, Purpose, tls_context
from gateway.errors import Unavailable
from tests.support import dns as scripted

PUBLIC, INTERNAL = "127.0.0.2", "127.0.0.1"
NAME = "ap.example"


class Rules(EgressRules):
    """Rules of which the one machine on the Internet is PUBLIC."""

    def check_machine(self, address):
        if str(address) != PUBLIC:
            raise AddressRefused(f"{address} is not a public address")


class OverDns(AbstractResolver):
    """Asks the DNS server at *address* each time, as the machine's resolver does."""

    def __init__(self, address):
        self.address = address

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        found = []
        for kind, version in ((dns.rdatatype.A, socket.AF_INET), ("AAAA", socket.AF_INET6)):
            query = dns.message.make_query(host, kind)
            server, at = self.address
            answer = await dns.asyncquery.udp(query, server, port=at, timeout=2)
            found += [(item.address, version) for rrset in answer.answer for item in rrset]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": version,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address, version in found
        ]

    async def close(self):
        pass


class World:
    """A DNS that gives *answers*, one set for each question, the last for ever; two servers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.reached = []
        self.reply = lambda request: web.Response(text="hello", headers={"Connection": "close"})

    def dns(self, query, transport):
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        records = [
            f"{NAME}. 0 IN {kind} {address}"
            for address in self.answers[0]
            if (":" in address) == (kind == "AAAA")
        ]
        if kind == "AAAA" and len(self.answers) > 1:
            self.answers.pop(0)
        return scripted.reply(query, *records)

    async def answer(self, request):
        self.reached.append(request.transport.get_extra_info("sockname")[0])
        await request.read()
        return self.reply(request)

    def fresh(self):
        """Forget what the DNS said, as when the time to live of its answer is over."""
        for session in (self.egress._messages, self.egress._lookups):
            session.connector.clear_dns_cache()

    async def get(self):
        url = f"http://{NAME}:{self.port}/"
        answer = await self.egress.get(url, Purpose.SMP, bytes_max=100, timeout_seconds=5)
        return answer.body

    async def post(self):
        return await self.egress.post(f"http://{NAME}:{self.port}/as4", "text/plain", b"x")


@asynccontextmanager
async def world(*answers):
    made = World(*answers)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, PUBLIC, 0).start()
        made.port = runner.addresses[0][1]
        await web.TCPSite(runner, INTERNAL, made.port).start()
        async with scripted.serve(made.dns) as server:
            made.server = server
            resolver = OverDns(server.address)
            rules = Rules(sandbox=True)
            async with Egress(
                rules, tls=tls_context(), post_timeout_seconds=5, resolver=resolver
            ) as made.egress:
                yield made
    finally:
        await runner.cleanup()


async def test_a_name_that_rebinds_to_this_machine_is_followed_no_more():
    async with world([PUBLIC], [INTERNAL]) as net:
        assert await net.get() == b"hello"
        net.fresh()
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 is not a public address"):
            await net.get()
        with pytest.raises(TransportFailure) as failure:
            await net.post()
    assert (failure.value.phase, failure.value.sent) == ("connect", False)
    assert net.reached == [PUBLIC]


async def test_what_was_checked_is_what_is_connected_to():
    # The DNS has changed its mind by the time of the connection; it is not asked again.
    async with world([PUBLIC], [INTERNAL]) as net:
        await net.post()
        assert [kind for _, kind in net.server.asked] == ["udp", "udp"]
    assert net.reached == [PUBLIC]


@pytest.mark.parametrize(
    "others",
    [
        [INTERNAL],
        ["10.1.2.3", "169.254.169.254"],
        ["::1", "::ffff:127.0.0.1"],
        ["fd00:ec2::254", "2002:7f00:1::", "64:ff9b::7f00:1"],
    ],
    ids=["loopback", "private", "ipv6", "embedded"],
)
async def test_of_several_addresses_only_a_public_one_is_used(others):
    async with world([*others, PUBLIC]) as net:
        for _ in range(3):
            net.fresh()
            assert (await net.post()).status == 200
        net.answers = [others]
        net.fresh()
        with pytest.raises(TransportFailure):
            await net.post()
        with pytest.raises(Unavailable):
            await net.get()
    assert set(net.reached) == {PUBLIC}


async def test_a_redirect_home_is_not_followed():
    async with world([PUBLIC]) as net:
        home = f"http://{INTERNAL}:{net.port}/"
        net.reply = lambda request: web.Response(status=307, headers={"Location": home})
        assert (await net.post()).status == 307
        assert await net.get() == b""
    assert net.reached == [PUBLIC, PUBLIC]


async def test_proxies_credentials_and_cookies_are_not_used(monkeypatch, tmp_path):
    seen = []
    async with world([PUBLIC]) as net:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{INTERNAL}:{net.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        (tmp_path / "netrc").write_text(f"machine {NAME} login me password secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

        def reply(request):
            seen.append({name.lower() for name in request.headers})
            return web.Response(headers={"Set-Cookie": "a=b; Path=/"})

        net.reply = reply
        for _ in range(2):
            await net.get()
            await net.post()
    assert set(net.reached) == {PUBLIC}
    assert not set.union(*seen) & {"authorization", "proxy-authorization", "cookie"}
