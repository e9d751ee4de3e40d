"""Many documents at once: batches of up to a hundred, and files that a job works through."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from gateway.client.bulkmodel import (
    BatchItem,
    BatchResult,
    BatchResults,
    Import,
    ImportPage,
    ImportResults,
)
from gateway.client.connection import JSON, Connection, headers_of
from gateway.errors import Unavailable

__all__ = ["Bulk"]

NDJSON: Final = "application/x-ndjson"
ZIP: Final = "application/zip"
_ZIP_START: Final = b"PK"
_POLL_SECONDS: Final = 1.0
_ENDED: Final = ("done", "cancelled", "failed")


class Bulk(Connection):
    """What the API does with many documents at once."""

    async def send_batch(
        self, documents: Sequence[BatchItem | msgspec.Raw], *, idempotency_key: str | None = None
    ) -> tuple[BatchResult, ...]:
        """Hand in up to 100 documents; return what became of each, in their order.

        An item may be JSON as it is: what is wrong with it is then its own refusal.
        """
        found = await self.ask(
            BatchResults,
            "POST",
            "/v1/documents/batch",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode({"documents": documents}),
        )
        return found.results

    async def start_import(
        self,
        data: bytes | AsyncIterator[bytes],
        *,
        media_type: str | None = None,
        duplicate: bool = False,
        idempotency_key: str | None = None,
    ) -> Import:
        """Hand in a file with many documents, NDJSON or a ZIP; return the import, which waits.

        Bytes tell by themselves which they are; else *media_type* does.  With *duplicate*
        documents are sent although their numbers were.
        """
        if media_type is None:
            is_zip = isinstance(data, bytes) and data.startswith(_ZIP_START)
            media_type = ZIP if is_zip else NDJSON
        return await self.ask(
            Import,
            "POST",
            "/v1/imports",
            query={"duplicate": "allow" if duplicate else None},
            headers=headers_of(media_type, idempotency_key),
            data=io.BytesIO(data) if isinstance(data, bytes) else data,
        )

    async def imports(self, *, limit: int | None = None, cursor: str | None = None) -> ImportPage:
        """Return one page of imports, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self.ask(ImportPage, "GET", "/v1/imports", query=query)

    async def find_import(self, import_id: UUID) -> Import:
        """Return one import, and how far it is."""
        return await self.ask(Import, "GET", f"/v1/imports/{import_id}")

    async def import_results(
        self,
        import_id: UUID,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        outcome: Literal["accepted", "refused"] | None = None,
    ) -> ImportResults:
        """Return one page of what became of the import's documents, in their order."""
        query = {"limit": limit, "cursor": cursor, "outcome": outcome}
        path = f"/v1/imports/{import_id}/results"
        return await self.ask(ImportResults, "GET", path, query=query)

    async def cancel_import(self, import_id: UUID) -> Import:
        """End an import, and return how it ended; what was accepted stays."""
        return await self.ask(Import, "POST", f"/v1/imports/{import_id}/cancel")

    async def wait_for_import(self, import_id: UUID, *, timeout_seconds: float = 600.0) -> Import:
        """Return the import once it has ended, as its status says.

        Raises Unavailable when it takes longer.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while (found := await self.find_import(import_id)).status not in _ENDED:  # noqa: ASYNC110 - asked of a gateway
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise Unavailable(f"the import is not done after {timeout_seconds:.0f} s") from None
        return found
