"""A connection to a gateway: one method for each call, refusals as Fault, trouble as Unavailable.

Commands, stories, tests and the crash run all talk to a gateway through this class.
"""

import asyncio
import binascii
import contextlib
import io
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote
from uuid import UUID

import aiohttp
import msgspec
from yarl import URL

from gateway.client.model import (
    FINAL_STATUSES,
    Document,
    DocumentPage,
    Event,
    Participant,
    Participants,
    ProblemDetails,
    Registration,
    Service,
    Timeline,
)
from gateway.errors import Fault, Kind, Unavailable

_ANSWER_BYTES_MAX = 16 * 1024 * 1024  # LIMIT: a JSON answer; documents have no such bound.
_CHUNK_BYTES = 64 * 1024
_POLL_SECONDS = 0.05  # The first pause of a wait; it doubles up to the next.
_POLL_SECONDS_MAX = 1.0
_CERTIFICATE_HEADER = "Endpoint-Certificate"

_KINDS = {
    400: Kind.INVALID,
    401: Kind.UNAUTHENTICATED,
    403: Kind.DENIED,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    413: Kind.TOO_LARGE,
    415: Kind.INVALID,
    422: Kind.INVALID,
    502: Kind.REFUSED_BY_PEER,
    503: Kind.UNAVAILABLE,
}

Answer = TypeVar("Answer")
Body = bytes | io.BytesIO | AsyncIterator[bytes]


class GatewayClient:
    """The API at *url*, asked with *api_key*; an async context manager.

    Every method raises Fault when the gateway refuses and Unavailable when it cannot be asked.
    """

    def __init__(self, url: str, api_key: str, *, timeout_seconds: float = 120.0) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send_document(
        self,
        data: bytes | AsyncIterator[bytes],
        *,
        idempotency_key: str | None = None,
        to: str | None = None,
        endpoint: str | None = None,
        certificate: bytes | None = None,
    ) -> Document:
        """Hand in a UBL document (UTF-8) and return it as accepted.

        With *to*, the gateway refuses a document whose receiver is another. *endpoint* with
        *certificate* (DER) skips the look-up: for tests of peers, refused in production.
        """
        query = {"to": to, "endpoint": endpoint}
        headers = {"Content-Type": "application/xml"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if certificate is not None:
            headers[_CERTIFICATE_HEADER] = _base64(certificate)
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        return await self._json(
            Document, "POST", "/v1/documents", query=query, headers=headers, data=body
        )

    async def list_documents(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: str | None = None,
        status: str | None = None,
    ) -> DocumentPage:
        """Return one page of documents, newest first."""
        query = {"limit": limit, "cursor": cursor, "direction": direction, "status": status}
        return await self._json(DocumentPage, "GET", "/v1/documents", query=query)

    async def document(self, document_id: UUID) -> Document:
        """Return one document."""
        return await self._json(Document, "GET", f"/v1/documents/{document_id}")

    async def timeline(self, document_id: UUID) -> tuple[Event, ...]:
        """Return the document's steps so far, oldest first."""
        path = f"/v1/documents/{document_id}/timeline"
        return (await self._json(Timeline, "GET", path)).events

    async def ubl(self, document_id: UUID) -> bytes:
        """Return the document itself."""
        return b"".join([chunk async for chunk in self.stream(document_id, "ubl")])

    async def evidence(self, document_id: UUID) -> bytes:
        """Return the ZIP that proves what was sent or received."""
        return b"".join([chunk async for chunk in self.stream(document_id, "evidence")])

    async def stream(self, document_id: UUID, what: str) -> AsyncIterator[bytes]:
        """Yield the document's `ubl` or `evidence` piece by piece."""
        async with self._request("GET", f"/v1/documents/{document_id}/{what}") as response:
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                yield chunk

    async def register_participant(
        self, participant: str, services: Sequence[Service] | None = None
    ) -> Participant:
        """Make *participant* one of the dossier's own; by default for BIS Billing."""
        wanted = Registration(services=None if services is None else tuple(services))
        return await self._json(
            Participant,
            "PUT",
            f"/v1/participants/{quote(participant, safe='')}",
            headers={"Content-Type": "application/json"},
            data=msgspec.json.encode(wanted),
        )

    async def participant(self, participant: str) -> Participant:
        """Return one of the dossier's participants."""
        return await self._json(
            Participant, "GET", f"/v1/participants/{quote(participant, safe='')}"
        )

    async def participants(self) -> tuple[Participant, ...]:
        """Return the dossier's participants."""
        return (await self._json(Participants, "GET", "/v1/participants")).participants

    async def remove_participant(self, participant: str) -> None:
        """Let *participant* be served no more."""
        path = f"/v1/participants/{quote(participant, safe='')}"
        async with self._request("DELETE", path):
            pass

    async def lookup(
        self, participant: str, document_type: str | None = None, process: str | None = None
    ) -> dict[str, Any]:
        """Return where *participant* takes *document_type* (by default a BIS Billing invoice)."""
        query = {"document_type": document_type, "process": process}
        path = f"/v1/lookup/{quote(participant, safe='')}"
        return await self._json(dict[str, Any], "GET", path, query=query)

    async def ping(self, participant: str) -> dict[str, Any]:
        """Send a test message to the access point of *participant*; return how it answered."""
        path = f"/v1/ping/{quote(participant, safe='')}"
        return await self._json(dict[str, Any], "POST", path)

    async def ready(self) -> bool:
        """Return whether the gateway can take work."""
        try:
            async with self._request("GET", "/health/ready"):
                return True
        except (Fault, Unavailable):
            return False

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

    async def _json(
        self,
        shape: type[Answer],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Body | None = None,
    ) -> Answer:
        """Ask and return the answer as *shape*."""
        asked = self._request(method, path, query=query, headers=headers, data=data)
        async with asked as response:
            body = await _bounded(response)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.MsgspecError as exc:
            raise Unavailable(f"{method} {path} was answered by something else: {exc}") from exc

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Body | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask and yield the response if it is a success, else raise Fault or Unavailable."""
        if self._session is None:
            raise TypeError("GatewayClient is used as `async with GatewayClient(...) as client`")
        # The path is quoted already; yarl would quote, or worse unquote, it once more.
        url = URL(self._url + path, encoded=True)
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        try:
            async with self._session.request(
                method,
                url.with_query(given) if given else url,
                headers=headers,
                data=data,
                # The key is for this gateway, not for wherever it might point.
                allow_redirects=False,
            ) as response:
                if response.status >= 300:
                    raise _fault(response, await _bounded(response))
                yield response
        except (aiohttp.ClientError, TimeoutError) as exc:
            detail = str(exc) or type(exc).__name__
            raise Unavailable(f"the gateway at {self._url} cannot be asked: {detail}") from exc


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of *response*, or raise Unavailable when it has no end."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > _ANSWER_BYTES_MAX:
            raise Unavailable(f"{response.url} answers without end")
    return bytes(body)


def _fault(response: aiohttp.ClientResponse, body: bytes) -> Fault:
    """Return the refusal in *response* as the Fault that it was on the other side."""
    kind = _KINDS.get(response.status, Kind.INTERNAL)
    try:
        problem = msgspec.json.decode(body, type=ProblemDetails)
    except msgspec.MsgspecError:
        return Fault(kind, f"http-{response.status}", f"the answer was HTTP {response.status}")
    after = response.headers.get("Retry-After", "")
    return Fault(
        kind,
        problem.code,
        problem.detail,
        errors=problem.errors,
        retry_after_seconds=float(after) if after.isascii() and after.isdigit() else None,
    )


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
