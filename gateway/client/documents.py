"""Documents: hand them in, follow them, get them back, check them."""

import asyncio
import binascii
import io
from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime
from uuid import UUID

from gateway.client.connection import CHUNK_BYTES, Connection
from gateway.client.model import (
    FINAL_STATUSES,
    Document,
    DocumentPage,
    Event,
    EventPage,
    Report,
    Timeline,
)
from gateway.errors import Unavailable

__all__ = ["Documents"]

_POLL_SECONDS = 0.05  # The first pause of a wait; it doubles up to the next.
_POLL_SECONDS_MAX = 1.0
_CERTIFICATE_HEADER = "Endpoint-Certificate"
_FORM_HEAD = 64  # LIMIT: blanks looked past for the brace that begins a form.


class Documents(Connection):
    """What the API does with documents."""

    async def send_document(
        self,
        data: bytes | AsyncIterator[bytes],
        *,
        idempotency_key: str | None = None,
        to: str | None = None,
        endpoint: str | None = None,
        certificate: bytes | None = None,
        duplicate: bool = False,
    ) -> Document:
        """Hand in a UBL document (UTF-8), or the JSON form of an invoice; return it as accepted.

        JSON is told by its first character. With *to*, the gateway refuses a document whose
        receiver is another. *endpoint* with *certificate* (DER) skips the look-up: for tests of
        peers, refused in production. With *duplicate* it goes although its number was sent.
        """
        query = {"to": to, "endpoint": endpoint, "duplicate": "allow" if duplicate else None}
        is_form = isinstance(data, bytes) and data[:_FORM_HEAD].lstrip().startswith(b"{")
        headers = {"Content-Type": "application/json" if is_form else "application/xml"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if certificate is not None:
            headers[_CERTIFICATE_HEADER] = _base64(certificate)
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        return await self.ask(
            Document, "POST", "/v1/documents", query=query, headers=headers, data=body
        )

    async def list_documents(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: str | None = None,
        status: str | None = None,
        updated_after: datetime | None = None,
    ) -> DocumentPage:
        """Return one page of documents, newest first; with *updated_after* by last change."""
        query = {
            "limit": limit,
            "cursor": cursor,
            "direction": direction,
            "status": status,
            "updated_after": None if updated_after is None else updated_after.isoformat(),
        }
        return await self.ask(DocumentPage, "GET", "/v1/documents", query=query)

    async def document(self, document_id: UUID) -> Document:
        """Return one document."""
        return await self.ask(Document, "GET", f"/v1/documents/{document_id}")

    async def inbox(self, *, limit: int | None = None, cursor: str | None = None) -> DocumentPage:
        """Return one page of received documents that nobody acknowledged, as they came in."""
        query = {"limit": limit, "cursor": cursor}
        return await self.ask(DocumentPage, "GET", "/v1/inbox", query=query)

    async def acknowledge(self, document_id: UUID) -> Document:
        """Take a received document out of the inbox; return it."""
        return await self.ask(Document, "POST", f"/v1/documents/{document_id}/ack")

    async def retry(self, document_id: UUID) -> Document:
        """Have a document tried again that is `failed`, `gave_up` or `waiting`; return it.

        Where it waited it may have arrived before, and its receiver may get it twice.
        """
        return await self.ask(Document, "POST", f"/v1/documents/{document_id}/retry")

    async def cancel(self, document_id: UUID) -> Document:
        """End a document that is `waiting`, and return it: `failed`, though it may have arrived."""
        return await self.ask(Document, "POST", f"/v1/documents/{document_id}/cancel")

    async def events(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        since: datetime | None = None,
    ) -> EventPage:
        """Return one page of what happened in the dossier, oldest first."""
        instant = None if since is None else since.isoformat()
        query = {"limit": limit, "cursor": cursor, "since": instant}
        return await self.ask(EventPage, "GET", "/v1/events", query=query)

    async def timeline(self, document_id: UUID) -> tuple[Event, ...]:
        """Return the document's steps so far, oldest first."""
        path = f"/v1/documents/{document_id}/timeline"
        return (await self.ask(Timeline, "GET", path)).events

    async def ubl(self, document_id: UUID) -> bytes:
        """Return the document itself."""
        return b"".join([chunk async for chunk in self.stream(document_id, "ubl")])

    async def evidence(self, document_id: UUID) -> bytes:
        """Return the ZIP that proves what was sent or received."""
        return b"".join([chunk async for chunk in self.stream(document_id, "evidence")])

    async def stream(self, document_id: UUID, what: str) -> AsyncIterator[bytes]:
        """Yield the document's `ubl`, `evidence`, `pdf` or `html` piece by piece."""
        async with self.open("GET", f"/v1/documents/{document_id}/{what}") as response:
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                yield chunk

    def attachment(self, document_id: UUID, number: int) -> AsyncIterator[bytes]:
        """Yield the document's *number*-th attachment, counted from one, piece by piece."""
        return self.stream(document_id, f"attachments/{number}")

    async def validate(
        self,
        data: bytes,
        *,
        language: str | None = None,
        engine: str | None = None,
        rules_only: bool = False,
        idempotency_key: str | None = None,
    ) -> Report:
        """Return what is wrong with the UBL document *data*, which is not stored.

        *language* is that of the hints, *engine* is `native` or `saxon`; *rules_only* leaves the
        schema out, for fragments.
        """
        headers = {"Content-Type": "application/xml"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        query = {"language": language, "engine": engine, "rules_only": rules_only and "true"}
        return await self.ask(
            Report,
            "POST",
            "/v1/validate",
            query={name: value for name, value in query.items() if value},
            headers=headers,
            data=io.BytesIO(data),
        )

    async def wait_for(
        self,
        document_id: UUID,
        statuses: Collection[str] = FINAL_STATUSES,
        *,
        timeout_seconds: float = 60.0,
        heard: Callable[[Event], object] | None = None,
    ) -> Document:
        """Return the document once its status is one of *statuses*; Unavailable after the time.

        *heard* is called with each step of the timeline, once, as it appears.
        """
        seen, pause = 0, _POLL_SECONDS
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    document = await self.document(document_id)
                    if heard is not None:
                        seen = await self._tell(document_id, seen, heard)
                    if document.status in statuses:
                        return document
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _POLL_SECONDS_MAX)
        except TimeoutError as exc:
            wanted = ", ".join(sorted(statuses))
            raise Unavailable(f"{document_id} is not {wanted} after {timeout_seconds} s") from exc

    async def _tell(
        self,
        document_id: UUID,
        seen: int,
        heard: Callable[[Event], object],
    ) -> int:
        """Call *heard* with the steps after the first *seen*; return how many there are."""
        events = await self.timeline(document_id)
        for event in events[seen:]:
            heard(event)
        return len(events)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
