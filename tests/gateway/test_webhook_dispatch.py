"""The loop that tells endpoints: everybody gets a turn, and nothing that fails stops it."""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from gateway.clock import SystemClock
from gateway.egress import Egress, EgressRules, Notice, tls_context
from gateway.sandbox.hooks import Behaviour
from gateway.store.locks import Locks
from gateway.store.webhooks.reading import DueEndpoint, EndpointRef, find_behind
from gateway.webhooks.dispatcher import (
    SLOW_SECONDS,
    TURNS_FAILING_MAX,
    TURNS_MAX,
    TURNS_PER_DOSSIER_MAX,
    TURNS_PER_HOST_MAX,
    Dispatcher,
    _note,
    _within_shares,
)
from gateway.webhooks.sending import TURN_SECONDS
from tests.support.store import until
from tests.support.webhooks import an_endpoint, happen, hooked


@asynccontextmanager
async def dispatching(db, *, timeout_seconds=5.0, keep=timedelta(days=30)):
    """Run a dispatcher, as a process of the gateway does."""
    stop, locks = asyncio.Event(), Locks(db.dsn)
    rules = EgressRules(sandbox=True)
    async with Egress(rules, tls=tls_context(), post_timeout_seconds=5) as egress:
        dispatcher = Dispatcher(
            db, locks, SystemClock(), egress, timeout_seconds=timeout_seconds, keep=keep
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(dispatcher.run(stop))
            try:
                yield dispatcher
            finally:
                stop.set()
    await locks.close()


def due(*, dossier=None, host="a.example", is_failing=False):
    ref = EndpointRef(dossier or uuid4(), uuid4())
    return DueEndpoint(ref, f"https://{host}/hook", is_failing)


async def test_what_happens_is_told_soon(api):
    async with hooked(api) as hook, dispatching(api.services.db):
        await hook.happen("accepted")
        [came] = await hook.receiver.wait_for(1)
        assert came.is_genuine


async def test_several_processes_tell_each_event_once(api):
    async with hooked(api) as hook, dispatching(api.services.db), dispatching(api.services.db):
        document = await hook.happen(*["sending"] * 30)
        await hook.receiver.wait_for(30)
        ids = [each.id for each in hook.receiver.received]
        assert ids == [f"evt_{document.hex}_{number}" for number in range(1, 31)]


async def test_a_slow_endpoint_holds_up_itself_alone(api):
    async with hooked(api) as slow, hooked(api) as quick, dispatching(api.services.db):
        slow.receiver.behaviour = Behaviour(hangs=True)
        await slow.happen(*["sending"] * 5)
        await quick.receiver.wait_for(5)
        assert len(slow.receiver.received) == 1


async def test_endpoints_that_fail_have_a_part_of_the_places():
    found = [due(host=f"{number}.example", is_failing=True) for number in range(TURNS_MAX)]
    well = due(host="well.example")
    chosen = _within_shares([], [*found, well], TURNS_MAX)
    assert (len(chosen), chosen[-1]) == (TURNS_FAILING_MAX + 1, well)


@pytest.mark.parametrize(
    ("same", "most"),
    [({"host": "one.example"}, TURNS_PER_HOST_MAX), ({"dossier": uuid4()}, TURNS_PER_DOSSIER_MAX)],
    ids=["host", "dossier"],
)
async def test_one_host_or_dossier_has_a_part_of_the_places(same, most):
    found = [due(**{"host": f"{number}.example"} | same) for number in range(TURNS_MAX)]
    assert len(_within_shares(found[:1], found[1:], TURNS_MAX)) == most - 1


async def test_no_more_turns_are_given_than_there_are_places():
    found = [due(host=f"{number}.example") for number in range(2 * TURNS_MAX)]
    assert _within_shares([], found, 3) == found[:3]


async def test_who_waits_for_longest_has_the_next_turn(api):
    """An endpoint with much to be sent does not stand before one that had no turn yet."""
    async with hooked(api) as one, hooked(api) as two:
        await one.happen()
        await one.telling.read()
        async with Egress(EgressRules(), tls=tls_context(), post_timeout_seconds=5) as egress:
            dispatcher = Dispatcher(
                api.services.db,
                Locks(api.services.db.dsn),
                SystemClock(),
                egress,
                timeout_seconds=1,
                keep=timedelta(days=1),
            )
            first = await dispatcher._choose()
            assert {str(each.ref.id) for each in first} == {one.endpoint["id"], two.endpoint["id"]}
            _note(dispatcher._turns, first[0].ref.id, dispatcher._clock.monotonic())
            assert [each.ref.id for each in await dispatcher._choose()] == [
                first[1].ref.id,
                first[0].ref.id,
            ]


class Stopwatch(SystemClock):
    """A clock of which the seconds since the start pass when a test says so."""

    seconds = 0.0

    def monotonic(self):
        return self.seconds


class SlowPeers:
    """Takes everything that is sent to it, each in *seconds* of *clock*."""

    def __init__(self, clock, seconds):
        self.clock = clock
        self.seconds = seconds

    async def notify(self, url, *, headers, body, timeout_seconds):
        self.clock.seconds += self.seconds
        return Notice(200, b"", None)


@asynccontextmanager
async def a_slow_turn(api, seconds):
    """A dispatcher that gave one endpoint, which takes so many *seconds* for each, a turn."""
    clock, locks, db = Stopwatch(), Locks(api.services.db.dsn), api.services.db
    peers = SlowPeers(clock, seconds)
    dispatcher = Dispatcher(db, locks, clock, peers, timeout_seconds=1, keep=timedelta(days=1))
    async with hooked(api) as hook:
        await hook.happen(*["sending"] * 20)
        await hook.telling.read()
        [chosen] = await dispatcher._choose()
        dispatcher._under_way[chosen.ref.id] = chosen
        await dispatcher._take_turn(chosen, asyncio.Event())
        yield dispatcher, hook
    await locks.close()


async def test_a_turn_is_over_after_some_seconds(api):
    async with a_slow_turn(api, TURN_SECONDS / 4) as (_, hook):
        assert [each["status"] for each in await hook.deliveries()].count("delivered") == 4


async def test_an_endpoint_that_needs_all_of_its_turn_counts_for_a_while_as_one_that_fails(api):
    async with a_slow_turn(api, TURN_SECONDS / 4) as (dispatcher, _):
        assert [each.is_failing for each in await dispatcher._choose()] == [True]
        dispatcher._clock.seconds += SLOW_SECONDS
        assert [each.is_failing for each in await dispatcher._choose()] == [False]


async def test_a_quick_endpoint_does_not_count_so(api):
    async with a_slow_turn(api, TURN_SECONDS / 40) as (dispatcher, hook):
        assert await hook.happen()
        await hook.telling.read()
        assert [each.is_failing for each in await dispatcher._choose()] == [False]


async def test_a_bug_about_one_endpoint_does_not_stop_the_others(api, monkeypatch, caplog):
    async with hooked(api) as hook, dispatching(api.services.db) as dispatcher:
        other = await an_endpoint(api, hook.url)
        take, said = dispatcher._sender.take_turn, "what a document says"

        async def take_turn(ref, stop):
            if str(ref.id) == other["id"]:
                raise ValueError(said)
            return await take(ref, stop)

        monkeypatch.setattr(dispatcher._sender, "take_turn", take_turn)
        with caplog.at_level(logging.ERROR):
            await hook.happen("accepted", "sealed")
            await hook.receiver.wait_for(2)
            await until(lambda: _said(caplog, "ValueError"))
    assert said not in caplog.text


async def _said(caplog, words):
    return words in caplog.text


async def test_the_loop_outlives_the_database(api):
    async with hooked(api) as hook, dispatching(api.services.db):
        connection = await asyncpg.connect(api.services.db.dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

        async def happened():
            try:
                return await happen(api.services.db, api.dossier, "accepted")
            except Exception:  # noqa: BLE001 - the test's own connection was ended as well
                return None

        await until(happened)
        assert await hook.receiver.wait_for(1)


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(api):
    async with hooked(api) as hook:
        await hook.happen("accepted", "sealed")
        hook.receiver.script = [Behaviour(status=500)]
        await hook.telling.tell()
        assert [each["status"] for each in await hook.deliveries()] == ["pending", "delivered"]
        await asyncio.sleep(0.01)
        async with dispatching(api.services.db, keep=timedelta(0)):

            async def pruned():
                return len(await hook.deliveries()) == 1

            await until(pruned)
        [left] = await hook.deliveries()
        assert left["status"] == "pending"
        assert len(left["attempts"]) == 1


async def test_at_the_stop_an_attempt_under_way_ends_and_no_other_begins(api):
    async with hooked(api) as hook:
        hook.receiver.behaviour = Behaviour(delay_seconds=0.3)
        await hook.happen("accepted", "sealed")
        async with dispatching(api.services.db):
            await hook.receiver.wait_for(1)
        assert len(hook.receiver.received) == 1
        assert [each["status"] for each in await hook.deliveries()] == ["delivered", "pending"]


async def test_a_flood_waits_in_the_feed_and_not_in_deliveries(api, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.relay.PENDING_MAX", 3)
    async with hooked(api) as hook:
        document = await hook.happen(*["sending"] * 8)
        await hook.telling.read()
        assert len(await hook.deliveries()) == 3
        await hook.telling.tell()
        ids = [each.id for each in hook.receiver.received]
        assert ids == [f"evt_{document.hex}_{number}" for number in range(1, 9)]


async def behind(hook):
    async with hook.api.services.db.exchange_statements() as xtx:
        return [str(each.id) for each in await find_behind(xtx, limit=100)]


async def test_an_endpoint_that_is_full_is_not_behind_until_something_was_sent(api, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.relay.PENDING_MAX", 2)
    async with hooked(api) as hook:
        await hook.happen(*["sending"] * 4)
        assert await behind(hook) == [hook.endpoint["id"]]
        await hook.telling.read()
        assert await behind(hook) == []
        hook.receiver.script = [Behaviour(status=500)] * 2
        assert await hook.telling.send() == 2
        assert await behind(hook) == []
        hook.telling.clock.move(seconds=10)
        assert await hook.telling.send() == 2
        assert await behind(hook) == [hook.endpoint["id"]]


async def test_to_an_endpoint_that_is_full_nothing_is_added(api, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.relay.PENDING_MAX", 2)
    async with hooked(api) as hook:
        document = await hook.happen()
        wanted = {"event_id": f"evt_{document.hex}_1"}
        assert (await hook.ask("POST", "/test"))[0] == 202
        assert (await hook.ask("POST", "/replay", json=wanted))[0] == 202
        for path, given in (("/test", {}), ("/replay", {"json": wanted})):
            status, problem = await hook.ask("POST", path, **given)
            assert (status, problem["code"]) == (409, "webhook-endpoint-full")
        assert len(await hook.deliveries()) == 2
        await hook.telling.tell()
        assert (await hook.ask("POST", "/test"))[0] == 202


async def test_two_that_read_for_an_endpoint_at_once_make_one_delivery(api):
    async with hooked(api) as hook:
        await hook.happen()
        ref = EndpointRef(api.dossier, UUID(hook.endpoint["id"]))
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(hook.telling.relay.read_on(ref))
        assert len(await hook.deliveries()) == 1
