"""A connection to a gateway's API: requests out, refusals as Fault, trouble as Unavailable."""

import contextlib
import io
import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from gateway.client.model import ProblemDetails
from gateway.errors import Fault, Kind, Unavailable

__all__ = ["CHUNK_BYTES", "JSON", "Body", "Connection", "headers_of"]

CHUNK_BYTES = 64 * 1024
JSON = "application/json"
_ANSWER_BYTES_MAX = 16 * 1024 * 1024  # LIMIT: a JSON answer; documents have no such bound.

_KINDS = {
    400: Kind.INVALID,
    401: Kind.UNAUTHENTICATED,
    403: Kind.DENIED,
    404: Kind.NOT_FOUND,
    408: Kind.TOO_SLOW,
    409: Kind.CONFLICT,
    413: Kind.TOO_LARGE,
    415: Kind.INVALID,
    422: Kind.INVALID,
    501: Kind.NOT_INSTALLED,
    502: Kind.REFUSED_BY_PEER,
}
_AGAIN_SECONDS = 2.0
"""After how long to ask again when nobody says."""
_AGAIN = frozenset({429, 503, 504})
"""Statuses that ask to be asked again, whoever answers with them."""
_SECONDS = re.compile("[0-9]{1,9}")
_AGAIN_CODES = frozenset({"idempotency-key-in-flight"})

Answer = TypeVar("Answer")
Body = bytes | io.BytesIO | AsyncIterator[bytes]


class Connection:
    """A connection to the API at *url*, asked with *api_key*; an async context manager.

    With *dossier* every request is about that dossier (its id); a key that opens one alone needs
    none.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        dossier: object | None = None,
        timeout_seconds: float = 120.0,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        if dossier is not None:
            self._headers["Dossier"] = str(dossier)
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

    async def ask(
        self,
        shape: type[Answer],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Body | None = None,
    ) -> Answer:
        """Ask and return the answer as *shape*; raises as `open` does."""
        asked = self.open(method, path, query=query, headers=headers, data=data)
        async with asked as response:
            body = await _bounded(response)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.MsgspecError as exc:
            detail = f"{method} {path} was answered by something else: {exc}"
            raise Unavailable(detail, _AGAIN_SECONDS) from exc

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Body | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask and yield the response if it is a success.

        *path* is quoted already, *query* is not; None values are left out.  Raises Fault when the
        gateway refuses, Unavailable when it cannot be asked or asks to be asked again.
        """
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
                    raise _refusal(response, await _bounded(response))
                yield response
        except (aiohttp.ClientError, TimeoutError) as exc:
            detail = str(exc) or type(exc).__name__
            detail = f"the gateway at {self._url} cannot be asked: {detail}"
            raise Unavailable(detail, _AGAIN_SECONDS) from exc


def headers_of(media_type: str, idempotency_key: str | None = None) -> dict[str, str]:
    """Return the headers of a request whose body is of *media_type*."""
    headers = {"Content-Type": media_type}
    return headers if idempotency_key is None else headers | {"Idempotency-Key": idempotency_key}


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of *response*, or raise Unavailable when it has no end."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > _ANSWER_BYTES_MAX:
            raise Unavailable(f"{response.url} answers without end", _AGAIN_SECONDS)
    return bytes(body)


def _refusal(response: aiohttp.ClientResponse, body: bytes) -> Fault | Unavailable:
    """Return what *response* says: the Fault on the other side, or that we shall ask again."""
    status = response.status
    try:
        problem = msgspec.json.decode(body, type=ProblemDetails)
    except msgspec.MsgspecError:
        code, detail = f"http-{status}", f"the answer was HTTP {status}"
        # A 502 that is no problem is of something in between, which does not reach the gateway.
        if status in _AGAIN or status == HTTPStatus.BAD_GATEWAY:
            return _again(response, detail, code=code)
        return Fault(_kind(status), code, detail)
    phase = problem.phase or None
    if status in _AGAIN or problem.code in _AGAIN_CODES:
        return _again(response, problem.detail, code=problem.code, phase=phase)
    return Fault(
        _kind(status),
        problem.code,
        problem.detail,
        errors=problem.errors,
        retry_after_seconds=_wait_of(response),
        phase=phase,
    )


def _again(
    response: aiohttp.ClientResponse, detail: str, *, code: str, phase: str | None = None
) -> Unavailable:
    wait = _wait_of(response)
    return Unavailable(detail, _AGAIN_SECONDS if wait is None else wait, code=code, phase=phase)


def _kind(status: int) -> Kind:
    return _KINDS.get(status, Kind.INTERNAL)


def _wait_of(response: aiohttp.ClientResponse) -> float | None:
    """Return after how many seconds *response* wants to be asked again, if it says so.

    A date, which others may give, counts as nothing said.  [RFC9110 §10.2.3]
    """
    after = response.headers.get("Retry-After", "")
    return float(after) if _SECONDS.fullmatch(after) else None
