"""Works through an import: each entry becomes a document or a refusal, in order, exactly once.

An entry is accepted under a key of its own (or one that follows from the import and its position),
then its result is recorded.  A worker that is killed in between accepts it again, and gets the same
document.  A job does a slice and hands on to the next one, so that imports take turns.
"""

import logging
import traceback
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from gateway.clock import Clock
from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.exchange.bundles import NDJSON, Entry, read_entries
from gateway.exchange.intake import Accepted, Intake, Submission
from gateway.exchange.items import accept_item, read_item_or_form
from gateway.store.archive import Archive
from gateway.store.imports import (
    Import,
    Place,
    Result,
    fail_import,
    find_given_up,
    find_import,
    finish_import,
    record_result,
)
from gateway.store.jobs import Job, NewJob, enqueue_all
from gateway.store.pool import Database, Transaction
from gateway.webhooks.notices import tell_import

__all__ = ["Imports", "Refusal", "fail_given_up", "hand_on"]

SLICE_SECONDS: Final = 5.0  # LIMIT: how long a job works before another import has its turn.
ERRORS_MAX: Final = 20  # LIMIT: findings kept of a refused entry.
PRIORITY: Final = -10
"""Documents of an import are sent after those that are handed in one by one."""
_IN_FLIGHT: Final = "idempotency-key-in-flight"

logger = logging.getLogger(__name__)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an entry was refused, as it is kept; as `Fault`."""

    kind: Kind
    code: str
    detail: str
    errors: tuple[Problem, ...] = ()

    def fault(self) -> Fault:
        """Return it as it was raised."""
        return Fault(self.kind, self.code, self.detail, errors=self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What importing needs; `work` is the handler of its job."""

    db: Database
    archive: Archive
    clock: Clock
    intake: Intake

    async def work(self, payload: Mapping[str, Any]) -> None:
        """Do a slice of the import that *payload* names, from where it stands.

        Raises Unavailable when something needed is away; what was recorded stays.
        """
        dossier_id, import_id = UUID(payload["dossier"]), UUID(payload["import"])
        async with self.db.transaction(dossier_id) as tx:
            found = await find_import(tx, import_id)
        if found is None or found.file is None:
            return
        ends = self.clock.monotonic() + SLICE_SECONDS
        with closing(await self.archive.open(found.file)) as file:
            async for entry in read_entries(file, found.media_type, found.next):
                result = await self._do(found, entry)
                is_over = self.clock.monotonic() >= ends
                if not await self._record(found, entry, result, is_over=is_over) or is_over:
                    return
        async with self.db.transaction(dossier_id) as tx:
            done = await finish_import(tx, import_id, now=self.clock.now())
            if done is not None:
                await tell_import(tx, done, now=self.clock.now())
        self.archive.delete(found.file)

    async def _record(self, found: Import, entry: Entry, result: Result, *, is_over: bool) -> bool:
        """Record *result*, and who does the rest where this slice *is_over*.

        False: another worker has done so, or the import was cancelled meanwhile.
        """
        async with self.db.transaction(found.dossier_id) as tx:
            status = await record_result(
                tx, found.id, result, at=entry.at, then=entry.then, now=self.clock.now()
            )
            goes_on = status == "running"
            if goes_on and is_over:
                await hand_on(tx, found.id, entry.then)
        return goes_on

    async def _do(self, found: Import, entry: Entry) -> Result:
        """Accept or refuse the document of *entry*."""
        position = entry.at.position
        try:
            accepted = await self._accept(found, entry)
        except Fault as fault:
            if fault.code == _IN_FLIGHT or fault.kind is Kind.UNAVAILABLE:
                raise Unavailable(fault.detail, fault.retry_after_seconds or 1.0) from fault
            return Result(position=position, name=entry.name, problem=_kept(fault))
        except (Unavailable, OSError) as outage:
            raise Unavailable(f"the import waits: {type(outage).__name__}") from outage
        except Exception as error:  # noqa: BLE001 - one document must not hold up all that follow
            return Result(position=position, name=entry.name, problem=_kept(self._note(error)))
        return Result(position=position, name=entry.name, document_id=accepted.document_id)

    async def _accept(self, found: Import, entry: Entry) -> Accepted:
        # With blanks, which no caller's key can have.
        key = f"import {found.id} {entry.at.position}"
        name = (entry.name or "").lower()
        if name.endswith(".xml"):
            submission = Submission(
                idempotency_key=key,
                language=found.language,
                duplicate=found.duplicate,
                priority=PRIORITY,
            )
            async with self.intake.read(entry.pieces()) as upload:
                return await self.intake.accept(found.dossier_id, upload, submission)
        if found.media_type == NDJSON or name.endswith(".json"):
            item = read_item_or_form(await entry.whole(), language=found.language)
            said = item.submission
            submission = replace(
                said, duplicate=said.duplicate or found.duplicate, priority=PRIORITY
            )
            item = replace(item, submission=submission)
            return await accept_item(self.intake, found.dossier_id, item, key=key)
        detail = f"{entry.name} is neither .xml (UBL) nor .json (the form of an invoice)"
        raise Fault(Kind.INVALID, "unknown-entry", detail)

    def _note(self, error: Exception) -> Fault:
        """Log *error*, of our own making, without its values; return what is kept of it."""
        reference = self.clock.random(6).hex()
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("entry of an import failed [%s]: %s at\n%s", reference, type(error), frames)
        detail = f"something went wrong on our side; the log has more under {reference}"
        return Fault(Kind.INTERNAL, "internal", detail)


async def fail_given_up(db: Database, *, now: datetime) -> None:
    """Call the imports failed whose job was given up on, and tell their dossiers."""
    async with db.exchange_statements() as xtx:
        found = await find_given_up(xtx)
    for each in found:
        async with db.transaction(each.dossier_id) as tx:
            failed = await fail_import(tx, each.id, now=now)
            if failed is not None:
                await tell_import(tx, failed, now=now)
        if failed is not None:
            about = {"import": str(each.id), "dossier": str(each.dossier_id)}
            logger.error("an import failed", extra={"code": "import-failed", **about})


async def hand_on(tx: Transaction, import_id: UUID, to: Place) -> None:
    """Enqueue the job that does the import from the entry at *to* on."""
    job = NewJob(
        job=Job.IMPORT_DOCUMENTS,
        payload={"dossier": str(tx.dossier_id), "import": str(import_id)},
        dedupe_key=f"{Job.IMPORT_DOCUMENTS}:{import_id}:{to.position}",
    )
    await enqueue_all(tx, [job])


def _kept(fault: Fault) -> str:
    refusal = Refusal(
        kind=fault.kind, code=fault.code, detail=fault.detail, errors=fault.errors[:ERRORS_MAX]
    )
    return msgspec.json.encode(refusal).decode()
