"""A gateway's API for tests: the real application on loopback, with the real store."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg
from aiohttp import web
from yarl import URL

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.settings import Settings, Stage
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.keys import insert_api_key
from gateway.store.pool import Database
from gateway.web.app import ProblemRunner, Services, build_api_app
from gateway.web.security import ensure_first_key, hash_api_key
from tests.support.store import a_dossier

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
        database, dossier_id=clock.uuid(), name="Blue", country="BE", now=clock.now()
    )
    path = await ensure_first_key(database, dossier.id, clock=clock, settings=settings)
    services = Services(
        db=database,
        archive=Archive(folder / "archive"),
        clock=clock,
        settings=settings,
        **handed,
    )
    runner = ProblemRunner(build_api_app(services))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield Api(f"http://127.0.0.1:{port}", path.read_text().strip(), dossier.id, services)
    finally:
        await runner.cleanup()


def an_invoice(
    *,
    sender: str = SENDER,
    receiver: str = RECEIVER,
    number: str = "2026-1",
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n',
    note: str = "",
    tail: str = "\n",
) -> bytes:
    """A UBL invoice with what routing needs."""
    endpoints = []
    for party, identifier in (("Supplier", sender), ("Customer", receiver)):
        scheme, _, value = identifier.partition(":")
        endpoints.append(
            f"<cac:Accounting{party}Party><cac:Party>"
            f'<cbc:EndpointID schemeID="{scheme}">{value}</cbc:EndpointID>'
            f"</cac:Party></cac:Accounting{party}Party>"
        )
    ubl = "urn:oasis:names:specification:ubl:schema:xsd"
    return (
        f'{prolog}<Invoice xmlns="{ubl}:Invoice-2" xmlns:cac="{ubl}:CommonAggregateComponents-2"'
        f' xmlns:cbc="{ubl}:CommonBasicComponents-2">'
        "<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant"
        "#urn:fdc:peppol.eu:2017:poacc:billing:3.0</cbc:CustomizationID>"
        "<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>"
        f"<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-01-31</cbc:IssueDate>"
        f"<cbc:Note>{note}</cbc:Note>{''.join(endpoints)}</Invoice>{tail}"
    ).encode()


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
        if "json" in response.content_type:
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


async def another_dossier(database: Database) -> str:
    """Make a second dossier and return its API key."""
    dossier_id = await a_dossier(database, name="Other")
    key = "gk_test_other"
    async with database.transaction(dossier_id) as tx:
        await insert_api_key(tx, key_hash=hash_api_key(key), name="x", now=SystemClock().now())
    return key


async def count(dsn, table):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")
    finally:
        await connection.close()
