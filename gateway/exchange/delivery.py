"""The job behind a receipt: open what was received, and deliver its document to its dossier.

The message is durable and acknowledged already, so nothing here can lose it: the document becomes
delivered, or broken with the reason on its timeline. The facts commit together with the status
that says they are there, so running the job again changes nothing. What the rules say of the
document is one of the facts; the document is delivered whatever they say. No document waits for
another one: each is committed when it is ready, with those that are ready too.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from as4.errors import As4Error
from gateway.batches import Batcher
from gateway.clock import Clock
from gateway.errors import Fault, Unavailable
from gateway.exchange.checking import Checking, Verdict, judge, without_rules
from gateway.exchange.measure import Measured, cut, measure_payload, replay
from gateway.exchange.payload import read_payload
from gateway.exchange.states import Status, check_move
from gateway.store.archive import Archive
from gateway.store.deliveries import Finished, finish_received, list_waiting
from gateway.store.documents import Step
from gateway.store.jobs import documents_of
from gateway.store.messages import StoredMessage
from gateway.store.pool import Database
from ubl.errors import UblError

__all__ = ["Delivery"]

_LOG = logging.getLogger(__name__)

ROWS_MAX = 16  # LIMIT: messages of at most 1 MiB that are fetched at a time.
OPEN_MAX = 8  # LIMIT: documents of a job that are open at a time.
SLOW_MAX = 4  # LIMIT: documents that a job still has open when it fetches the next messages.
BATCH_MAX = 64  # LIMIT: a larger batch saves nothing.
PATIENCE_SECONDS = 0.15
"""How long a document that is ready waits for others, to be committed with them."""
CHECK_SECONDS_MAX = 3600.0
"""LIMIT: how long after its arrival the check of a document is tried; then it goes unchecked."""


@dataclass(frozen=True, slots=True)
class _End:
    """What became of a document of a dossier."""

    dossier_id: UUID
    finished: Finished


class Delivery:
    """Delivers received documents; *envelope_bytes_max* is the bound they were received under.

    Those that are ready at the same time share a transaction, of whatever jobs they are.
    """

    def __init__(
        self,
        *,
        db: Database,
        archive: Archive,
        clock: Clock,
        checking: Checking,
        envelope_bytes_max: int,
    ) -> None:
        self._db = db
        self._archive = archive
        self._clock = clock
        self._checking = checking
        self._envelope_bytes_max = envelope_bytes_max
        self._under_way = 0
        self._ends: Batcher[_End, None] = Batcher(
            self._finish,
            batch_max=BATCH_MAX,
            group=lambda end: end.dossier_id,
            expected=lambda: self._under_way,
            patience=PATIENCE_SECONDS,
        )

    async def process_received(self, payload: Mapping[str, Any]) -> None:
        """Deliver every document that the job's *payload* names, unless that was done before.

        Raises Unavailable when the archive or the database cannot be read now, or a document
        cannot be checked now, and any error of ours: in the end, when the others are delivered.
        """
        failures: list[Exception] = []
        async with asyncio.TaskGroup() as group:
            try:
                await self._deliver_all(payload, group, failures)
            except Unavailable as error:
                failures.append(error)
        if failures:
            # What may be better later comes first: a job is put aside for a bug alone.
            raise next((each for each in failures if isinstance(each, Unavailable)), failures[0])

    async def _deliver_all(
        self, payload: Mapping[str, Any], group: asyncio.TaskGroup, failures: list[Exception]
    ) -> None:
        """Begin every document that *payload* names, as tasks of *group*."""
        by_dossier: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for document in documents_of(payload):
            by_dossier[document.dossier_id].append(document.document_id)
        turns = asyncio.Semaphore(OPEN_MAX)
        running: set[asyncio.Task[None]] = set()
        for dossier_id, document_ids in by_dossier.items():
            for some in _portions(document_ids):
                for message in await self._fetch(dossier_id, some):
                    deliver = self._deliver(dossier_id, message, turns, failures)
                    running.add(group.create_task(deliver))
                while len(running) > SLOW_MAX:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def _fetch(self, dossier_id: UUID, some: Sequence[UUID]) -> list[StoredMessage]:
        async with self._db.transaction(dossier_id) as tx:
            return await list_waiting(tx, some)

    async def _deliver(
        self,
        dossier_id: UUID,
        message: StoredMessage,
        turns: asyncio.Semaphore,
        failures: list[Exception],
    ) -> None:
        """Deliver the document in *message*; an error goes to *failures*, not to the others."""
        self._under_way += 1
        try:
            async with turns:
                finished = await self._open(message)
            await self._ends.ask(_End(dossier_id, finished))
        except Exception as error:  # noqa: BLE001 - the job raises it when the others are done
            failures.append(error)
        finally:
            self._under_way -= 1

    async def _finish(self, ends: Sequence[_End]) -> list[None]:
        async with self._db.transaction(ends[0].dossier_id) as tx:
            await finish_received(tx, [end.finished for end in ends], now=self._clock.now())
        return [None for _ in ends]

    async def _open(self, message: StoredMessage) -> Finished:
        """Return what becomes of the document in *message*; a broken one has no way back."""
        measured: Measured | None = None
        verdict: Verdict | None = None
        try:
            measured = await measure_payload(lambda: self._read(message))
            problem = measured.problem
            if not problem:
                verdict = await self._check(message, measured)
        except (As4Error, UblError) as error:
            problem = f"the stored message cannot be opened: {error}"
        status = Status.BROKEN if problem else Status.DELIVERED
        check_move(Status.RECEIVED, status)
        checked = (verdict.step(self._clock.now()),) if verdict else ()
        return Finished(
            document_id=message.document_id,
            status=status,
            kind=measured.kind if measured else None,
            number=(measured.number or None) if measured else None,
            content_sha256=measured.document_sha256 if measured else None,
            size_bytes=measured.size_bytes if measured else None,
            steps=(_received(message), *checked, self._ended(status, measured, problem)),
            valid=verdict.valid if verdict else None,
            report=verdict.report if verdict else None,
        )

    async def _check(self, message: StoredMessage, measured: Measured) -> Verdict:
        """Check the document in *message*; rules that are unusable for long do not hold it up."""
        if measured.document is None:
            pieces = cut(self._read(message), measured.payload_offset, measured.payload_end)
        else:
            pieces = replay(measured.document)
        try:
            return judge(await self._checking.check(pieces, measured.size_bytes))
        except Fault as fault:
            _LOG.error("rules cannot be used", extra={"why": fault.detail})
            return without_rules(fault.detail)
        except Unavailable as busy:
            waited = self._clock.now() - message.created_at
            if waited.total_seconds() < CHECK_SECONDS_MAX:
                raise
            return without_rules(busy.detail)

    def _read(self, message: StoredMessage) -> AsyncIterator[bytes]:
        return read_payload(self._archive, message, bytes_max=self._envelope_bytes_max)

    def _ended(self, status: Status, measured: Measured | None, problem: str) -> Step:
        """Return the last step of the timeline; digests in hexadecimal."""
        text = f"The document cannot be read: {problem}" if problem else "Delivered"
        detail: dict[str, Any] = {"text": text}
        if measured is not None:
            detail["envelope_sha256"] = measured.envelope_sha256.hex()
            detail["document_sha256"] = measured.document_sha256.hex()
            detail["size_bytes"] = measured.size_bytes
        return Step(self._clock.now(), status, detail)


def _received(message: StoredMessage) -> Step:
    """Return the first step of the timeline: what the receipt acknowledged, and when."""
    detail = {
        "text": f"Received from access point {message.sending_ap}, receipt sent",
        "message_id": message.message_id,
        "sending_ap": message.sending_ap,
    }
    return Step(message.created_at, Status.RECEIVED, detail)


def _portions(document_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(document_ids), ROWS_MAX):
        yield document_ids[start : start + ROWS_MAX]
