"""What both listeners share: TLS, and ending without cutting off who is being answered."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.settings import BadSettings, Settings

REQUESTS_SECONDS_MAX = 20.0  # LIMIT: what is left to requests under way when we stop.
CLOSE_SECONDS_MAX = 2.0  # LIMIT: and then to the connections themselves.

__all__ = ["CLOSE_SECONDS_MAX", "ServerTls", "UnderWay", "server_tls"]


class UnderWay:
    """Counts the requests under way, so that stopping can wait for them.

    aiohttp's own farewell stops reading at once, so that a request whose body is still arriving
    could never end; this waits first.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def watch(self, app: web.Application) -> None:
        """Count the requests of *app*; once we stop, each answer closes its connection."""
        app.middlewares.insert(0, self._counted)
        app.on_response_prepare.append(self._say_farewell)

    async def finish(self, runners: Sequence[web.AppRunner]) -> None:
        """Stop listening, wait a bounded time for who is being answered, close the rest."""
        for runner in runners:
            for site in list(runner.sites):
                await site.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(REQUESTS_SECONDS_MAX):
                await self._none.wait()
        for runner in runners:
            await runner.cleanup()

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._count += 1
        self._none.clear()
        try:
            return await handler(request)
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def _say_farewell(self, _request: web.Request, response: web.StreamResponse) -> None:
        if self._stop.is_set():
            response.force_close()


class ServerTls:
    """The TLS settings of the public listener: 1.2 or later, with the certificate in its files.

    The listener has *context* for good; each handshake takes what the last `reload` read.  Raises
    BadSettings when certificate and key cannot be used, and keeps what it had.  [PEPPOL-AS4 §2.2.2]
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self.files = (certificate, key)
        self._chain = b""
        self.context = self._now = self._read()
        self.context.sni_callback = self._choose

    def reload(self) -> bool:
        """Read the files again and say whether they changed; who is connected stays so."""
        before = self._chain
        self._now = self._read()
        return self._chain != before

    def _choose(self, tls: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Answer one handshake, whether or not it names us."""
        tls.context = self._now

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            chain = self.files[0].read_bytes()
            context.load_cert_chain(*self.files, password=_no_password)
        except (OSError, ValueError) as error:
            names = " and ".join(map(str, self.files))
            raise BadSettings([f"no TLS key with its certificate in {names}: {error}"]) from error
        self._chain = chain
        return context


def server_tls(settings: Settings) -> ServerTls | None:
    """Return the TLS settings of the public listener; None where it speaks plain http.

    Raises BadSettings.
    """
    files = settings.public_tls_certificate_file, settings.public_tls_key_file
    return None if files[0] is None or files[1] is None else ServerTls(files[0], files[1])


def _no_password() -> str:
    """Refuse an encrypted key: nobody is there to be asked."""
    raise ValueError("the key is encrypted: give one that is not, readable for the gateway alone")
