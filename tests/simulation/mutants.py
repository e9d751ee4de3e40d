"""Parts that are broken on purpose: they show that each check of the simulation can fail.

`Mutants` is what a run without any uses: the gateway's own parts, as they are.  Each of the others
breaks one of them for the length of a schedule; `MUTANTS` names the invariant that it breaks.
"""

import dataclasses
import logging
from contextlib import contextmanager
from types import MappingProxyType
from uuid import uuid4

from gateway.exchange import checking, delivery, intake, outbound, outbox
from gateway.exchange.states import Status
from gateway.exchange.writer import BatchWriter
from gateway.store import deliveries, feed
from gateway.store.messages import Outcome, received
from gateway.webhooks import relay
from tests.simulation.mutants_api import API
from tests.simulation.mutants_beside import BESIDE
from tests.simulation.patched import Mutants, Patched

__all__ = ["MUTANTS", "Mutants"]


class ReceiptBeforeCommit(Mutants):
    """1: the writer says that a message is stored before it is."""

    def writer(self, db):
        class Hasty(BatchWriter):
            async def put(self, row):
                del row
                return Outcome.STORED

        return Hasty(db)


class ForgetsIdentities(Patched):
    """2: no message is known again."""

    where, name = received, "_arriving"

    def instead(self, original):
        def arriving(row):
            values = list(original(row))
            for place in (12, 13):
                assert isinstance(values[place], bytes)
                values[place] = uuid4().bytes
            return tuple(values)

        return arriving


class OtherBytes(Patched):
    """3: what is delivered is not what came."""

    where, name = delivery, "finish_received"

    def instead(self, original):
        async def finish(tx, finished, *, now):
            spoiled = [dataclasses.replace(each, content_sha256=bytes(32)) for each in finished]
            return await original(tx, spoiled, now=now)

        return finish


class SecondIdentity(Patched):
    """5: whatever was sent before, each attempt seals the document anew."""

    where, name = outbound.Outbound, "_prepare"

    def instead(self, original):
        del original

        async def prepare(gateway, case, route):
            return outbound._Change(sealed=await gateway._seal(case, route))

        return prepare


class FreeMoves(Patched):
    """6: what was delivered is called failed afterwards."""

    where, name = outbox.Outbox, "end"

    def instead(self, original):
        async def end(box, this):
            done = await original(box, this)
            if this.move.to_status == Status.DELIVERED:
                again = dataclasses.replace(
                    this.move, from_status=Status.DELIVERED, to_status=Status.FAILED
                )
                await original(box, dataclasses.replace(this, move=again, attempt=None))
            return done

        return end


class NoMark(Patched):
    """7: a delivery does not look whether it was done already."""

    where, name = deliveries, "FINISH"

    def instead(self, original):
        return original.replace("AND d.status = 'received'", "")


class NoMarkRead(NoMark):
    """Part of NoMark: what was delivered is read again, too."""

    name = "WAITING"


class Forgetful(Mutants):
    """7: a delivery does not look whether it was done already."""

    @contextmanager
    def switched_on(self):
        with NoMark().switched_on(), NoMarkRead().switched_on():
            yield


class Talkative(Patched):
    """10: what is checked is logged."""

    where, name = checking, "_join"

    def instead(self, original):
        async def join(pieces):
            document = await original(pieces)
            logging.getLogger(checking.__name__).warning("checking %s", document.decode())
            return document

        return join


class ChangesWire(Patched):
    """11: what is sent again is not what was sent first."""

    where, name = outbound.Outbound, "_attempt"

    def instead(self, original):
        async def attempt(gateway, this):
            if this.wire.wire is not None and this.number > 1:
                wire = this.wire.wire.replace(b"eb:Property", b"eb:property", 1)
                changed = dataclasses.replace(this.wire, wire=wire)
                this = dataclasses.replace(this, wire=changed)
            return await original(gateway, this)

        return attempt


class NoParents(Patched):
    """17: a message is stored without its document."""

    where, name = received, "RECEIVE"

    def instead(self, original):
        there = "JOIN stored USING (id) WHERE NOT is_repeat\n), job"
        assert there in original
        return original.replace(there, there.replace("NOT is_repeat", "false"))


class NoJob(Patched):
    """18: what was acknowledged is never unwrapped."""

    where, name = delivery.Delivery, "process_received"

    def instead(self, original):
        del original

        async def process(gateway, payload):
            del gateway, payload

        return process


class TellsTwice(Patched):
    """20: an event makes two deliveries."""

    where, name = relay, "insert_deliveries"

    def instead(self, original):
        async def insert(tx, endpoint_id, new, *, now):
            again = [dataclasses.replace(each, id=uuid4()) for each in new]
            await original(tx, endpoint_id, [*new, *again], now=now)

        return insert


class SkipsEvents(Patched):
    """24: a page of the feed leaves its first event out."""

    where, name = feed, "read_feed"

    def instead(self, original):
        async def read_feed(tx, **asked):
            return (await original(tx, **asked))[1:]

        return read_feed


class NumbersAreFree(Patched):
    """21: nobody looks whether a number was sent before."""

    where, name = intake, "guard_number"

    def instead(self, original):
        del original

        async def guard(tx, routing, document_id, *, anyway=False):
            del tx, routing, document_id, anyway

        return guard


MUTANTS = MappingProxyType(
    {
        **BESIDE,
        "receipt-before-commit": ReceiptBeforeCommit,
        "forgets-identities": ForgetsIdentities,
        "other-bytes": OtherBytes,
        "second-identity": SecondIdentity,
        "free-moves": FreeMoves,
        "no-mark": Forgetful,
        "talkative": Talkative,
        "changes-wire": ChangesWire,
        "no-parents": NoParents,
        "no-job": NoJob,
        "tells-twice": TellsTwice,
        "skips-events": SkipsEvents,
        "numbers-are-free": NumbersAreFree,
        **API,
    }
)
