"""How a refusal reaches a client of the API: problem details, and the one table behind them.

Every error is `application/problem+json`: those of the use cases, and those that aiohttp makes by
itself (no such route, wrong method, no HTTP at all).  [RFC9457 §3]
What is our own fault shows a reference number and nothing more; the log has the rest.
"""

import asyncio
import http
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from gateway.client.model import ProblemDetails
from gateway.clock import Clock
from gateway.errors import Fault, Kind, Unavailable
from gateway.telemetry import reference, with_reference
from gateway.web.help import catalogue, type_of
from gateway.web.services import SERVICES
from gateway.web.turns import BYTES_A_SECOND_MIN, GRACE_SECONDS

__all__ = ["ProblemRunner", "problem_details", "problem_response", "problems", "unavailable"]

_LOG = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
STATUS: dict[Kind, int] = {
    Kind.INVALID: 422,
    Kind.TOO_LARGE: 413,
    Kind.UNAUTHENTICATED: 401,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_SLOW: 408,
    Kind.TOO_MANY: 429,
    Kind.REFUSED_BY_PEER: 502,
    Kind.UNAVAILABLE: 503,
    Kind.NOT_INSTALLED: 501,
    Kind.INTERNAL: 500,
}
_CODES = {413: "request-entity-too-large", 500: "internal"}
"""Codes of errors whose phrase differs between versions of Python, or that have one already."""
_AGAIN_SECONDS = 30
"""After how long to ask again where nobody says: 429 and 503 always tell."""
_INTERNAL = "something went wrong on our side; the reference leads to it in the log"


def problem_response(fault: Fault) -> web.Response:
    """Return *fault* as an HTTP response."""
    response = _response(STATUS[fault.kind], fault.code, str(fault), fault)
    if fault.kind is Kind.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="gateway"'
    after = fault.retry_after_seconds
    if after is None and fault.kind in (Kind.TOO_MANY, Kind.UNAVAILABLE):
        after = _AGAIN_SECONDS
    if after is not None:
        response.headers["Retry-After"] = str(math.ceil(after))
    return response


def problem_details(fault: Fault) -> ProblemDetails:
    """Return *fault* as the API words it, for one of several things that were asked at once."""
    return _details(STATUS[fault.kind], fault.code, str(fault), fault)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever *handler* raises into a problem."""
    try:
        return await handler(request)
    except Fault as fault:
        return problem_response(fault)
    except Unavailable as outage:
        return problem_response(unavailable(outage))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _of_aiohttp(error)
    except (ConnectionError, TimeoutError):
        # The client went away or fell silent: there is nobody to tell.
        raise
    except Exception:  # noqa: BLE001 - the last line of defence: a bug must not show its insides
        _LOG.exception("request failed", extra={"method": request.method, "path": request.path})
        return problem_response(Fault(Kind.INTERNAL, "internal", _INTERNAL))


class ProblemRunner(web.AppRunner):
    """Runs an application so that also what is no HTTP is answered with a problem."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _ProblemServer(
            self.app[SERVICES].clock,
            made.request_handler,
            request_factory=made.request_factory,
            **self._kwargs,
        )


_Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _ProblemServer(web.Server):
    def __init__(self, clock: Clock, handler: _Serve, **options: Any) -> None:
        super().__init__(handler, **options)
        self.clock = clock

    def __call__(self) -> RequestHandler:
        return _ProblemProtocol(self, loop=self._loop, **self._kwargs)


class _ProblemProtocol(RequestHandler):
    __slots__ = ()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send *resp*; an error that passed all middlewares by (Expect) becomes a problem."""
        if isinstance(resp, web.HTTPError):
            with self._numbered() as number:
                resp = _of_aiohttp(resp)
            resp.headers["X-Request-Id"] = number
        # What was not sent bit by bit is sent here; it is in memory until the client has it.
        size = resp.content_length or 0
        try:
            async with asyncio.timeout(GRACE_SECONDS + size / BYTES_A_SECOND_MIN):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never reached a handler, and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already begun")
        del message  # it repeats what the client sent
        with self._numbered() as number:
            if status >= 500:
                _LOG.error("connection failed", exc_info=exc)
                detail = _INTERNAL
            else:
                detail = "this is not HTTP as we read it"
            response = _response(status, _code(status), detail)
        response.headers["X-Request-Id"] = number
        response.force_close()
        return response

    @contextmanager
    def _numbered(self) -> Iterator[str]:
        """Yield a number for what no middleware gives one."""
        assert isinstance(self._manager, _ProblemServer)
        number = str(self._manager.clock.uuid())
        with with_reference(number):
            yield number


def unavailable(outage: Unavailable) -> Fault:
    """Return *outage* as the refusal that tells of it."""
    return Fault(
        Kind.UNAVAILABLE,
        "unavailable",
        outage.detail,
        retry_after_seconds=outage.retry_after_seconds,
    )


def _of_aiohttp(error: web.HTTPException) -> web.Response:
    """Return the error that aiohttp made as a problem, with the headers that belong to it."""
    details = {
        404: "there is nothing at this address",
        405: f"this address takes {error.headers.get('Allow', 'other methods')}",
    }
    detail = details.get(error.status) or error.text or error.reason
    response = _response(error.status, _code(error.status), detail)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _response(status: int, code: str, detail: str, fault: Fault | None = None) -> web.Response:
    body = msgspec.json.encode(_details(status, code, detail, fault))
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE)


def _details(status: int, code: str, detail: str, fault: Fault | None) -> ProblemDetails:
    return ProblemDetails(
        type=type_of(code),
        title=_title(status, code),
        status=status,
        detail=detail,
        instance=f"urn:uuid:{reference()}" if reference() else "about:blank",
        code=code,
        errors=fault.errors if fault is not None else (),
        phase=(fault.phase if fault is not None else None) or msgspec.UNSET,
    )


def _title(status: int, code: str) -> str:
    """Return what the problem is, the same in every occurrence.  [RFC9457 §3.1.3]"""
    known = catalogue().get(code)
    return _phrase(status) if known is None else known.title


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"


def _code(status: int) -> str:
    """Return the code of an error that has none of its own: its phrase, as a slug."""
    return _CODES.get(status) or re.sub(r"[^a-z]+", "-", _phrase(status).lower()).strip("-")
