"""What a table of messages demands of its rows: refused, closed, turned away in time, or taken."""

import asyncio
from dataclasses import replace

import pytest

from conformance.cases import all_cases
from conformance.cases.security.corpus import CASES as CORPUS
from conformance.cases.security.free import FREE
from conformance.cases.trying import rows_refused
from conformance.forge import bulk, downgrade, payload, policy, replay, structure, wrapping
from conformance.suite import wire
from conformance.suite.outcome import Outcome
from conformance.suite.runner import run_cases
from tests.conformance.test_bad_targets import close, hang, serving
from tests.conformance.world import TESTER, TOOLS, a_target, keys, run
from tests.support.broken import Dials

ROWS = {"a row": (lambda forge: forge.sealed(), "EBMS:0001")}
TABLES = {
    **structure.HTTP, **structure.HEADERS, **structure.PAYLOADS, **policy.POLICY, **bulk.BULK,
    **payload.ENVELOPES, **replay.AGED, **wrapping.WRAPPINGS, **downgrade.COVERED,
}  # fmt: skip


def case(**options):
    return replace(all_cases()[0], run=rows_refused(ROWS, **options))


async def against(answer, **options):
    """The result of the table against a server that does *answer*, with no good message after."""
    async with a_target() as good, serving(answer) as url:
        target = replace(good, as4_url=url)
        given = [case(**options)], target, keys(), TESTER, TOOLS
        [result] = (await run_cases(*given, only_harmless=True)).results
    return result


def is_passed(result):
    [row] = result.rows
    return row.passed


async def server_error(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 500 Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(wire, "EXCHANGE_SECONDS_MAX", 0.5)


async def test_a_row_that_is_free_may_be_taken_whole():
    [result] = (await run([case(free={"a row"})])).results
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
    assert result.remarks == ["1 were taken whole, as no specification forbids: a row"]


async def test_a_row_that_is_not_free_may_not_be_taken():
    [result] = (await run([case()])).results
    assert result.outcome is Outcome.FAILED


async def test_a_row_that_is_free_may_not_be_taken_in_part():
    dials = Dials(references=lambda references: references[:2])
    [result] = (await run([case(free={"a row"})], dials)).results
    assert result.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("answer", "options", "passed"),
    [
        (close, {}, False),
        (close, {"may_close": True}, True),
        (close, {"masses": True}, True),
        (server_error, {}, False),
        (server_error, {"may_close": True}, False),
        (server_error, {"masses": True}, True),
    ],
)
async def test_what_counts_as_turned_away(answer, options, passed):
    assert is_passed(await against(answer, **options)) is passed


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("options", [{}, {"may_close": True}, {"masses": True}])
async def test_who_keeps_us_waiting_has_not_turned_it_away(options):
    assert not is_passed(await against(hang, **options))


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_never_ends_is_late():
    async def drip(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 500 Slow\r\nContent-Length: 9999\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert not is_passed(await against(drip, masses=True))


def test_each_free_row_is_one_of_a_table():
    assert {name for names in FREE.values() for name in names} <= set(TABLES)
    assert {f"security.{name}" for name in FREE} <= {each.id for each in CORPUS}
