"""A gateway's API for tests: the real application on loopback, with the real store."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg
from yarl import URL

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.exchange.forms import Forms
from gateway.sandbox.loopback import serve_runner
from gateway.settings import Settings, Stage
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.keys import ApiKey, insert_api_key
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.web.app import ProblemRunner, Services, build_api_app
from gateway.web.cursors import mark
from gateway.web.security import ensure_first_key, hash_api_key
from tests.support.checking import NO_PACKS, a_checking
from tests.support.peer import NUMBER
from tests.support.store import a_dossier, an_api_key

SENDER = "0208:0123456749"
RECEIVER = "0208:0987654394"


@dataclass(frozen=True)
class Api:
    """A running API: its address, the key of its dossier, and what it works with."""

    url: str
    key: str
    dossier: UUID
    services: Services

    def client(self, key: str | None = None) -> GatewayClient:
        return GatewayClient(self.url, self.key if key is None else key)


@asynccontextmanager
async def run_api(database: Database, folder: Path, **changes) -> AsyncIterator[Api]:
    """Run the API of a sandbox gateway; *changes* are settings, *finder*, *ping* and *ready*."""
    handed = {name: changes.pop(name) for name in ("finder", "ping", "ready") if name in changes}
    settings = replace(Settings(stage=Stage.SANDBOX, data_dir=folder / "data"), **changes)
    clock = SystemClock()
    dossier = await ensure_default_dossier(
        database,
        dossier_id=clock.uuid(),
        name="Blue",
        country="BE",
        now=clock.now(),
        is_test=settings.stage is not Stage.PRODUCTION,
    )
    path = await ensure_first_key(database, clock=clock, settings=settings)
    locks = Locks(database.dsn)
    services = Services(
        db=database,
        archive=Archive(folder / "archive"),
        clock=clock,
        settings=settings,
        checking=a_checking(
            settings.rules_dir or NO_PACKS,
            accept_uncovered=settings.uncovered_documents == "accept",
        ),
        forms=Forms(),
        locks=locks,
        **handed,
    )
    try:
        async with serve_runner(ProblemRunner(build_api_app(services))) as url:
            yield Api(url, path.read_text().strip(), dossier.id, services)
    finally:
        await services.forms.close()
        await locks.close()


def an_invoice(
    *,
    sender: str = SENDER,
    receiver: str = RECEIVER,
    number: str = "2026-1",
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n',
    note: str = "",
    tail: str = "\n",
) -> bytes:
    """The sandbox's invoice on one line, between other parties if wanted: valid by default."""
    text = (files("gateway.sandbox") / "invoice.xml").read_text().partition("?>")[2].strip()
    text = re.sub(r"\s+(?=xmlns)", " ", re.sub(r">\s+<", "><", text))
    text = text.replace(f">{NUMBER}<", f">{number}<")
    parties = {SENDER: sender, RECEIVER: receiver}

    def endpoint(found: re.Match[str]) -> str:
        scheme, _, value = parties[f"{found[1]}:{found[2]}"].partition(":")
        return f'<cbc:EndpointID schemeID="{scheme}">{value}<'

    text = re.sub(r'<cbc:EndpointID schemeID="([0-9]{4})">([0-9]{10})<', endpoint, text)
    before, _, rest = text.partition("<cbc:Note>")
    after = rest.partition("</cbc:Note>")[2]
    note = note and f"<cbc:Note>{note}</cbc:Note>"
    return f"{prolog}{before}{note}{after}{tail}".encode()


def root_of(document: bytes) -> bytes:
    """The document from its root's first byte to its last."""
    return document[document.index(b"<Invoice") : document.rindex(b">") + 1]


async def ask(api: Api, method: str, path: str, *, key: str | None = None, **given):
    """Ask the API without its client: status, headers, and body (JSON where it is)."""
    headers = {"Authorization": f"Bearer {api.key if key is None else key}"}
    headers |= given.pop("headers", {})
    headers = {name: value for name, value in headers.items() if value is not None}
    url = URL(api.url + path, encoded=True)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **given) as response,
    ):
        body = await response.read()
        if "json" in response.content_type and method != "HEAD":
            body = json.loads(body)
        return response.status, response.headers, body


async def post(api: Api, document: bytes, query: str = "", **headers: str):
    """Hand in *document*; *headers* are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(
        api,
        "POST",
        f"/v1/documents{query}",
        data=document,
        headers={"Content-Type": "application/xml", **named},
    )


def a_cursor(api: Api, path: str, place: str) -> str:
    """Return the cursor of a *place* in a list of the API's dossier, as the list would give it."""
    return f"{place}.{mark(str(api.dossier), path, place)}"


async def another_dossier(database: Database) -> str:
    """Make a second dossier and return its API key."""
    dossier_id = await a_dossier(database, name="Other")
    key = "gk_test_other"
    await a_key(database, key, dossier_id)
    return key


async def a_key(database: Database, key: str, *dossiers: UUID, **changes) -> ApiKey:
    """Let *key* open *dossiers*; *changes* are fields of ApiKey."""
    made = an_api_key(*dossiers, **changes)
    async with database.office() as otx:
        await insert_api_key(otx, made, key_hash=hash_api_key(key))
    return made


async def count(dsn, table):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")
    finally:
        await connection.close()
