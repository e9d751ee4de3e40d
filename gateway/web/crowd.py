"""The connections of strangers: bounded in number, in time and in what each may leave behind.

aiohttp bounds the length of a head; this bounds how long it may take, how many connections are
open at a time, and what is kept of one that does not speak HTTP.
"""

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

__all__ = ["CrowdRunner"]

CONNECTIONS_MAX = 768  # LIMIT: per process; most systems allow a process 1,024 open files.
HEAD_SECONDS_MAX = 60.0  # LIMIT: for a head to come, the first one or the next.
LINGER_SECONDS_MAX = 2.0  # LIMIT: reading on after an early answer, so that it can be read.


class CrowdRunner(web.AppRunner):
    """Runs an application for peers whom nobody knows yet."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        super().__init__(
            app,
            access_log=None,
            shutdown_timeout=shutdown_timeout,
            keepalive_timeout=HEAD_SECONDS_MAX,
            lingering_time=LINGER_SECONDS_MAX,
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _CrowdServer(
            made.request_handler, request_factory=made.request_factory, **self._kwargs
        )


class _CrowdServer(web.Server):
    """Knows who is connected, the one that was silent longest first."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # handed on as they came
        self._by_silence: dict[_CrowdProtocol, None] = {}

    def __call__(self) -> RequestHandler:
        return _CrowdProtocol(self, loop=self._loop, **self._kwargs)

    def heard(self, who: "_CrowdProtocol") -> None:
        """Note that *who* came or said something; one too many costs the most silent its place."""
        self._by_silence.pop(who, None)
        if len(self._by_silence) >= CONNECTIONS_MAX:
            silent = next((each for each in self._by_silence if each.is_idle), who)
            self.left(silent)
            silent.force_close()
        self._by_silence[who] = None

    def left(self, who: "_CrowdProtocol") -> None:
        """Forget *who*."""
        self._by_silence.pop(who, None)


class _CrowdProtocol(RequestHandler):
    __slots__ = ("_crowd", "_deaf")

    def __init__(self, manager: _CrowdServer, **kwargs: object) -> None:
        super().__init__(manager, **kwargs)  # type: ignore[arg-type] # handed on as they came
        self._crowd = manager
        self._deaf = False

    @property
    def is_idle(self) -> bool:
        """Whether no request of this connection is being answered."""
        return self._current_request is None

    def connection_made(self, transport: object) -> None:
        """Join the others."""
        super().connection_made(transport)  # type: ignore[arg-type] # handed on as it came
        self._crowd.heard(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the others."""
        self._crowd.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take *data*, unless what came before was no HTTP.

        aiohttp would queue an error for each further piece, and its traceback would keep the
        piece until the garbage collector came by: some megabytes for each connection.
        """
        if self._deaf:
            return
        self._crowd.heard(self)
        super().data_received(data)
        error = getattr(self._messages[-1][0], "exc", None) if self._messages else None
        if isinstance(error, Exception):
            self._deaf = True
            error.with_traceback(None)
            request = self._current_request
            if request is not None and not request.content.is_eof() and self.transport is not None:
                # Its body ends nowhere now: whoever reads it would wait, and this be taken in.
                self.transport.abort()
