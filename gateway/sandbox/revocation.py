"""The sandbox's revocation lists: signed, and served where its certificates say.  [RFC5280 §5]"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web

from gateway.sandbox.pki import Identity, SandboxPki, build_crl


class RevocationLists:
    """The current list of each authority; `revoke` replaces one."""

    def __init__(self) -> None:
        self.url = ""
        self._lists: dict[str, bytes] = {}
        self._revoked: dict[str, list[int]] = {}

    def publish(self, pki: SandboxPki, *, now: datetime) -> None:
        """Sign and serve a list for each authority of *pki*."""
        for stem, authority in pki.authorities().items():
            self._lists[stem] = build_crl(authority, self._revoked.get(stem, ()), now=now)

    def revoke(self, pki: SandboxPki, stem: str, identity: Identity, *, now: datetime) -> None:
        """Put *identity* on the list of the authority called *stem* and sign it anew."""
        self._revoked.setdefault(stem, []).append(identity.certificate.serial_number)
        self.publish(pki, now=now)

    async def answer(self, request: web.Request) -> web.Response:
        """Serve `/NAME.crl`."""
        found = self._lists.get(request.match_info["stem"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found, content_type="application/pkix-crl")


@asynccontextmanager
async def serve_lists(lists: RevocationLists) -> AsyncIterator[None]:
    """Serve *lists* over http on a free port of 127.0.0.1, whose address it writes into `url`."""
    application = web.Application()
    application.router.add_get("/{stem}.crl", lists.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        lists.url = f"http://{host}:{port}"
        yield
    finally:
        await runner.cleanup()
