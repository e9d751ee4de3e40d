"""A process that tells endpoints is killed anywhere: no event is lost, no delivery doubled."""

from contextlib import asynccontextmanager, suppress

from gateway.egress import Egress, tls_context
from gateway.store.locks import Locks
from gateway.store.pool import ExchangeTransaction, Transaction
from gateway.webhooks.relay import Relay
from gateway.webhooks.sending import Sender
from tests.support.faults import Killed, every_failure
from tests.support.webhooks import SANDBOX, Telling, hooked

STATEMENTS = ("execute", "fetch", "fetchrow", "fetchval")
NAMES = ("accepted", "sealed")


class Cut:
    """A connection before each of whose statements the process may end."""

    def __init__(self, connection, fault):
        self._connection = connection
        self._fault = fault

    def __getattr__(self, name):
        method = getattr(self._connection, name)
        if name not in STATEMENTS:
            return method

        async def call(*arguments):
            self._fault.pass_through(name)
            return await method(*arguments)

        return call


class CutDatabase:
    """A database whose users may end before, in, and after each transaction."""

    def __init__(self, db, fault):
        self._db = db
        self._fault = fault

    @asynccontextmanager
    async def transaction(self, dossier_id):
        async with self._db.transaction(dossier_id) as tx:
            yield Transaction(Cut(tx.connection, self._fault), dossier_id)
            self._fault.pass_through("commit")
        self._fault.pass_through("committed")

    @asynccontextmanager
    async def exchange_statements(self):
        async with self._db.exchange_statements() as xtx:
            yield ExchangeTransaction(Cut(xtx.connection, self._fault))


def killed(where):
    return Killed(where)


@asynccontextmanager
async def doomed(hook, fault):
    """What tells endpoints, in a process that *fault* ends."""
    db, clock = CutDatabase(hook.api.services.db, fault), hook.telling.clock
    locks = Locks(hook.api.services.db.dsn)
    async with Egress(SANDBOX, tls=tls_context(), post_timeout_seconds=5) as egress:
        sender = Sender(db, locks, clock, egress, timeout_seconds=1)
        yield Telling(hook.api.services.db, clock, Relay(db, locks, clock), sender)
    await locks.close()


async def test_a_kill_anywhere_loses_no_event_and_doubles_no_delivery(api):
    repeated = []

    async with hooked(api) as hook:

        async def scenario(fault):
            hook.receiver.received.clear()
            document = await hook.happen(*NAMES)
            wanted = [f"evt_{document.hex}_{number}" for number in (1, 2)]
            async with doomed(hook, fault) as process:
                with suppress(Killed):
                    await process.tell()
            await hook.telling.tell()
            made = [each for each in await hook.deliveries() if each["event_id"] in wanted]
            assert [each["event_id"] for each in made] == wanted
            assert [each["status"] for each in made] == ["delivered"] * 2
            came = [each.id for each in hook.receiver.genuine]
            assert list(dict.fromkeys(came)) == wanted
            repeated.extend(came[len(wanted) :])

        broken = await every_failure(scenario, killed)
    assert broken > 20
    assert repeated, "killed after the answer came and before it was kept: it is sent again"


async def test_a_kill_in_the_middle_of_a_replay_loses_nothing(api, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.relay.EVENTS_MAX", 1)

    async with hooked(api) as hook:
        document = await hook.happen(*NAMES)
        await hook.telling.tell()
        wanted = [f"evt_{document.hex}_{number}" for number in (1, 2)]

        async def scenario(fault):
            hook.receiver.received.clear()
            since = {"since": "2026-01-01T00:00:00Z"}
            assert (await hook.ask("POST", "/replay", json=since))[0] == 202
            async with doomed(hook, fault) as process:
                with suppress(Killed):
                    await process.read()
            await hook.telling.tell()
            assert [each.id for each in hook.receiver.genuine] == wanted
            assert (await hook.ask("GET"))[1]["replaying_since"] is None

        assert await every_failure(scenario, killed) > 10
