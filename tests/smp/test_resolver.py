"""The resolver against a real server on loopback that answers from a script."""

import dns.flags
import dns.rcode
import dns.resolver
import pytest

from smp.client import DnsResolver
from smp.errors import SmpUnavailable
from smp.sml import Naptr
from tests.support.dns import naptr_text, reply, serve, zone

NAME = "x.old.test."
FOUND = [Naptr(100, 10, "U", "Meta:SMP", "!.*!https://smp.example!")]
RECORD = naptr_text(NAME, "https://smp.example")


async def ask(*servers, timeout_seconds=0.3, name=NAME):
    resolver = DnsResolver([s.address for s in servers], timeout_seconds=timeout_seconds)
    return list(await resolver.naptr(name))


def always(*answers, **rest):
    return lambda query, transport: reply(query, *answers, **rest)


def silence(query, transport):
    return None


async def test_records_are_read_over_udp():
    async with serve(always(RECORD)) as server:
        assert await ask(server) == FOUND
    assert server.asked == [(NAME, "udp")]


@pytest.mark.parametrize("rest", [{"rcode": dns.rcode.NXDOMAIN}, {}])
async def test_nxdomain_and_nodata_are_no_records_and_final(rest):
    async with serve(always(**rest)) as first, serve(always(RECORD)) as second:
        assert await ask(first, second) == []
    assert second.asked == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_failing_server_makes_way_for_the_next(rcode):
    async with serve(always(rcode=rcode)) as first, serve(always(RECORD)) as second:
        assert await ask(first, second) == FOUND


async def test_silent_server_makes_way_for_the_next():
    async with serve(silence) as first, serve(always(RECORD)) as second:
        assert await ask(first, second) == FOUND


@pytest.mark.parametrize(
    "script", [always(rcode=dns.rcode.SERVFAIL), always(rcode=dns.rcode.REFUSED), silence]
)
async def test_failure_of_every_server_is_unavailable_not_absent(script):
    async with serve(script) as server:
        with pytest.raises(SmpUnavailable) as failed:
            await ask(server, timeout_seconds=0.1)
    assert failed.value.permanent is False
    assert len(server.asked) == 2


async def test_closed_port_is_unavailable():
    async with serve(silence) as server:
        pass
    with pytest.raises(SmpUnavailable):
        await ask(server, timeout_seconds=0.1)


async def test_lost_datagram_is_asked_for_again():
    heard = []

    def script(query, transport):
        heard.append(transport)
        return reply(query, RECORD) if len(heard) > 1 else None

    async with serve(script) as server:
        assert await ask(server) == FOUND


async def test_truncated_answer_is_asked_for_over_tcp():
    def script(query, transport):
        if transport == "tcp":
            return reply(query, RECORD)
        response = reply(query)
        response.flags |= dns.flags.TC
        return response

    async with serve(script) as server:
        assert await ask(server) == FOUND
    assert [transport for _, transport in server.asked] == ["udp", "tcp"]


@pytest.mark.parametrize(
    "aliases",
    [
        ["x.old.test. 60 IN CNAME x.new.test."],
        ["old.test. 60 IN DNAME new.test.", "x.old.test. 60 IN CNAME x.new.test."],
        ["old.test. 60 IN DNAME new.test."],
    ],
)
async def test_aliases_are_followed_within_and_across_answers(aliases):
    record = naptr_text("x.new.test.", "https://smp.example")
    async with serve(always(*aliases, record)) as server:
        assert await ask(server) == FOUND
    assert len(server.asked) == 1
    async with serve(zone({NAME: aliases, "x.new.test.": [record]})) as server:
        assert await ask(server) == FOUND
    assert [name for name, _ in server.asked] == [NAME, "x.new.test."]


async def test_alias_to_nothing_is_no_records():
    async with serve(zone({NAME: ["x.old.test. 60 IN CNAME y.test."]})) as server:
        assert await ask(server) == []


async def test_circle_of_aliases_ends():
    records = {
        NAME: ["x.old.test. 60 IN CNAME y.test."],
        "y.test.": ["y.test. 60 IN CNAME x.old.test."],
    }
    async with serve(zone(records)) as server:
        with pytest.raises(SmpUnavailable, match="aliases"):
            await ask(server)
    assert len(server.asked) == 8


async def test_answer_to_another_question_is_passed_over():
    def script(query, transport):
        response = reply(query, RECORD)
        response.id ^= 1
        return response

    async with serve(script) as server:
        with pytest.raises(SmpUnavailable):
            await ask(server, timeout_seconds=0.1)


async def test_resolver_needs_a_server():
    with pytest.raises(ValueError, match="no name server"):
        DnsResolver([], timeout_seconds=1)


def test_resolvers_of_the_machine_are_read_from_its_file(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("search example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n")
    resolver = DnsResolver.of_machine(timeout_seconds=1, file=str(file))
    assert resolver._nameservers == (("192.0.2.1", 53), ("2001:db8::1", 53))


def test_machine_without_resolvers_is_an_error(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("")
    with pytest.raises(dns.resolver.NoResolverConfiguration):
        DnsResolver.of_machine(timeout_seconds=1, file=str(file))
