"""What tests of the whole network do with its corners: programs, examples, evidence, databases."""

import asyncio
import io
import json
import os
import sys
import zipfile
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil
from lxml import etree

from gateway.client import Service
from gateway.clock import SystemClock
from gateway.errors import Fault
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.pool import Database
from tests.support.captured import official_documents
from tests.support.command import run_beside
from ubl.identifiers import check_participant
from ubl.routing import Routing

COMMAND_SECONDS_MAX = 120


@dataclass(frozen=True)
class Program:
    """How a `gateway` process ended."""

    code: int
    out: list[str]
    err: str

    @property
    def facts(self):
        return json.loads(self.out[-1])


async def run_program(*words, environ=None):
    """Run `gateway` as a process of its own, to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *map(str, words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Program(process.returncode, out.decode().splitlines(), err.decode())


@dataclass(frozen=True)
class Example:
    """An official example document: its file, what it says of its way, and what travels of it."""

    name: str
    data: bytes
    routing: Routing

    @property
    def travels(self):
        """From the root's first byte to its last, found without our own reader."""
        root = etree.fromstring(self.data)
        name = etree.QName(root).localname
        tag = (f"{root.prefix}:{name}" if root.prefix else name).encode()
        start = self.data.index(b"<" + tag)
        return self.data[start : self.data.index(b">", self.data.rindex(b"</" + tag)) + 1]


def official_invoices(test_data):
    """The official invoices and credit notes whose participants can be registered.

    Some official examples name participants that no register has, such as 0002:FR23342.
    """
    found = []
    for path, data, routing in official_documents(test_data):
        wrong = [*check_participant(routing.sender), *check_participant(routing.receiver)]
        if not wrong and routing.document_type.local_name in ("Invoice", "CreditNote"):
            found.append(Example(str(path.relative_to(test_data / "rules")), data, routing))
    return found


async def register_all(network, examples):
    """Let blue have every sender and red take what every receiver is sent."""
    takes = {}
    for example in examples:
        service = Service(
            document_type=example.routing.document_type.uri, process=example.routing.process.uri
        )
        takes.setdefault(example.routing.receiver, {})[service] = True
    async with network.blue.client() as blue, network.red.client() as red:
        for sender in {example.routing.sender for example in examples}:
            await blue.register_participant(sender.uri)
        for receiver, services in takes.items():
            await red.register_participant(receiver.uri, list(services))
            network.locator.register(receiver, network.red.smp_url)


async def send_valid(client, examples):
    """Hand in *examples*; return (example, document) for each but those that the rules refuse.

    Some official examples are older than the rules, or show what is wrong.
    """
    accepted = []
    for example in examples:
        try:
            # Examples of several sets have the same numbers.
            accepted.append((example, await client.send_document(example.data, duplicate=True)))
        except Fault as refusal:
            if refusal.code != "document-invalid":
                raise
    return accepted


async def find_by_message(client, message_id):
    """The inbox's document of one message, once it is there; it must be there once."""
    async with asyncio.timeout(60):
        while True:
            page = await client.list_documents(direction="in", limit=100)
            found = [each for each in page.documents if each.message_id == message_id]
            if found:
                assert len(found) == 1
                return await client.wait_for(found[0].id, ("delivered", "broken"))
            await asyncio.sleep(0.1)


async def unpacked_evidence(client, document_id, folder):
    """Write the files of a document's evidence into *folder*; return their names."""
    with zipfile.ZipFile(io.BytesIO(await client.evidence(document_id))) as archive:
        archive.extractall(folder)
        return set(archive.namelist())


async def inspect_evidence(capsys, network, folder, *, key=None):
    """Explain message and receipt in *folder* as a third party would; return both reports."""
    trust = [network.folder / "pki" / f"{stem}.cert.pem" for stem in ("root", "ap-ca")]
    words = [each for path in trust for each in ("--trust", path)]
    opened = [] if key is None else ["--key", key]
    request = folder / "message.http"
    message = await run_beside(capsys, "inspect", request, *words, *opened, "--json")
    assert message.code == 0, message.out
    receipt = await run_beside(
        capsys, "inspect", folder / "receipt.http", "--request", request, *words, "--json"
    )
    assert receipt.code == 0, receipt.out
    return message.facts, receipt.facts


@asynccontextmanager
async def database_of(corner):
    """The corner's database and the id of its dossier, beside the running gateway."""
    db = await Database.open(EmbeddedPostgres(corner.folder / "data").dsn, max_size=2)
    clock = SystemClock()
    try:
        dossier = await ensure_default_dossier(
            db, dossier_id=clock.uuid(), name="none", country="XX", now=clock.now()
        )
        yield db, dossier.id
    finally:
        await db.close()


def family_of(pid):
    """The process and all below it, its database's among them."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
