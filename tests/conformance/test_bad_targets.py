"""Targets that hang, close, answer garbage or gigabytes: findings, and the run goes on."""

import asyncio
import contextlib
import gzip
from dataclasses import replace

import aiohttp
import pytest

from as4.certificates import Use
from conformance.cases import all_cases
from conformance.cases.smp import locating
from conformance.suite import listener as listener_module
from conformance.suite import wire
from conformance.suite.check import SignerCheck
from conformance.suite.listener import Listener, listen
from conformance.suite.outcome import Outcome
from conformance.suite.report import summarize
from conformance.suite.runner import run_cases, select
from tests.conformance.world import TESTER, TOOLS, a_target, keys, run, trust
from tests.support.broken import accepting
from tests.support.messages import key_pair

NAMES = ["as4.receipt.non-repudiation", "as4.http.get", "as4.part.mime-type-missing"]
CASES = select(all_cases(), [], NAMES)


async def hang(_reader, _writer):
    await asyncio.sleep(60)


async def close(reader, writer):
    await reader.read(10)
    writer.close()


async def stop_half_way(reader, writer):
    await reader.read(10)
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 99\r\n\r\n<a"
    )
    await writer.drain()
    writer.close()


async def talk_nonsense(reader, writer):
    await reader.read(10)
    writer.write(bytes(range(256)) * 10)
    await writer.drain()
    writer.close()


async def answer_garbage(reader, writer):
    await reader.read(10)
    body = b"<S12:Envelope \xff\x00>"
    writer.write(
        b"HTTP/1.1 200 \xff\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    writer.write(body)
    await writer.drain()
    writer.close()


async def pour(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"<a>" * 30_000)
            await writer.drain()


async def pour_headers(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"X-A: b\r\n" * 10_000)
            await writer.drain()


async def promise_for_ever(reader, writer):
    await reader.read(10)
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
            await writer.drain()


async def drip(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 9999\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"<")
            await writer.drain()
            await asyncio.sleep(0.05)


async def inflate(reader, writer):
    await reader.read(10)
    body = gzip.compress(bytes(64 << 20), 1)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\n")
    with contextlib.suppress(ConnectionError):
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


async def send_elsewhere(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 307 Go\r\nLocation: /as4\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@contextlib.asynccontextmanager
async def serving(answer):
    """Listen, and do *answer* with every connection; yield the address."""
    tasks = set()

    async def handle(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/as4"
    finally:
        server.close()
        for task in tasks:
            task.cancel()


async def results_of(answer):
    async with a_target() as good, serving(answer) as url:
        target = replace(good, as4_url=url, outbox=None)
        return await run_cases(CASES, target, keys(), TESTER, TOOLS, only_harmless=True)


@pytest.mark.parametrize(
    "answer",
    [
        hang, close, stop_half_way, talk_nonsense, answer_garbage, pour, pour_headers,
        promise_for_ever, drip, inflate, send_elsewhere,
    ],
)  # fmt: skip
async def test_whatever_a_target_does_is_a_finding(answer, monkeypatch):
    monkeypatch.setattr(wire, "EXCHANGE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 1 << 20)
    done = await results_of(answer)
    assert [result.outcome for result in done.results] == [Outcome.FAILED] * len(CASES)
    assert not [r.reason for r in done.results if r.reason.startswith("the case broke")]
    assert summarize(done)["failed"] == len(CASES)


@pytest.mark.parametrize(
    "answer", [hang, close, stop_half_way, talk_nonsense, answer_garbage, pour, drip]
)
async def test_whatever_an_smp_does_is_a_finding(answer, monkeypatch):
    monkeypatch.setattr(wire, "EXCHANGE_SECONDS_MAX", 0.5)
    cases = select(all_cases(), [], ["smp.metadata.signed", "smp.group.links"])
    async with a_target() as good, serving(answer) as url:
        target = replace(good, smp_url=url)
        done = await run_cases(cases, target, keys(), TESTER, TOOLS, only_harmless=True)
    assert [result.outcome for result in done.results] == [Outcome.FAILED] * 2
    assert not [r.reason for r in done.results if r.reason.startswith("the case broke")]


class Nonsense(asyncio.DatagramProtocol):
    """A name server that answers every question with *answer*, or not at all."""

    def __init__(self, answer):
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, _data, address):
        if self.answer is not None:
            self.transport.sendto(self.answer, address)


@pytest.mark.parametrize("answer", [None, b"", b"garbage", bytes(12), bytes(60_000)])
async def test_whatever_a_name_server_does_is_a_finding(answer, monkeypatch):
    monkeypatch.setattr(locating, "DNS_SECONDS_MAX", 0.5)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Nonsense(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        async with a_target() as good:
            target = replace(good, dns=transport.get_extra_info("sockname"))
            cases = select(all_cases(), [], ["smp.dns"])
            done = await run_cases(cases, target, keys(), TESTER, TOOLS, only_harmless=True)
    finally:
        transport.close()
    assert [result.outcome for result in done.results] == [Outcome.FAILED] * 3
    assert not [r.reason for r in done.results if r.reason.startswith("the case broke")]


async def test_evidence_is_bounded(monkeypatch):
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 3 << 20)
    done = await results_of(pour)
    for result in done.results:
        assert sum(len(each.answer) for each in result.exchanges) <= 1 << 20
        assert all("more than" in each.note for each in result.exchanges)


async def test_a_target_elsewhere_gets_the_harmless_cases_alone():
    cases = select(all_cases(), ["security"], [])
    async with a_target() as good:
        elsewhere = replace(good, as4_url="http://192.0.2.1/as4")
        assert good.is_loopback
        assert not elsewhere.is_loopback
        done = await run_cases(cases, good, keys(), TESTER, TOOLS, only_harmless=True)
    assert {result.outcome for result in done.results} == {Outcome.NOT_APPLICABLE}
    assert all("--mine" in result.reason for result in done.results)


async def test_a_case_that_never_ends_is_stopped():
    slow = replace(CASES[0], run=lambda _bench: asyncio.sleep(60), seconds_max=0.05)
    async with a_target() as target:
        done = await run_cases([slow], target, keys(), TESTER, TOOLS, only_harmless=True)
    assert done.results[0].outcome is Outcome.FAILED
    assert "did not end" in done.results[0].reason


async def test_a_case_that_breaks_is_a_finding_and_the_next_one_runs():
    async def broken(_bench):
        raise KeyError("nothing")

    done = await run([replace(CASES[0], run=broken), CASES[0]])
    assert [result.outcome for result in done.results] == [Outcome.FAILED, Outcome.PASSED]
    assert done.results[0].reason == "the case broke: KeyError: 'nothing'"


@contextlib.asynccontextmanager
async def receiving():
    """The tester's own receiving end, and a session to post to it."""
    check = SignerCheck(trust(), Use.SIGN)
    listener = Listener(key_pair("sender"), None, check, TOOLS)
    async with listen(listener), aiohttp.ClientSession() as session:
        yield listener, session


@pytest.mark.parametrize("body", [b"", b"garbage", b"<S12:Envelope \xff\x00>", bytes(100_000)])
async def test_what_a_target_sends_may_be_anything(body):
    async with receiving() as (listener, session):
        async with session.post(listener.url, data=body) as response:
            assert b"eb:Error" in await response.read()
        [arrival] = listener.arrivals
    assert arrival.problem
    assert arrival.received is None


async def test_what_a_target_sends_is_bounded(monkeypatch):
    monkeypatch.setattr(listener_module, "MESSAGE_BYTES_MAX", 1000)
    monkeypatch.setattr(listener_module, "ARRIVALS_MAX", 3)
    monkeypatch.setattr(listener_module, "ARRIVALS_BYTES_MAX", 1001)
    async with receiving() as (listener, session):
        async with session.post(listener.url, data=bytes(1001)) as response:
            assert response.status == 413
        assert listener.arrivals == []
        for size in (1000, 2, 1, 0, 0):
            async with session.post(listener.url, data=bytes(size)) as response:
                assert response.status == 200
        assert [len(each.body) for each in listener.arrivals] == [1000, 1, 0]


async def test_a_target_that_changes_its_mind_makes_two_reports():
    first = await run(CASES)
    second = await run(CASES, accepting("EBMS:0009"))
    assert (first.count(Outcome.FAILED), second.count(Outcome.FAILED)) == (0, 1)
