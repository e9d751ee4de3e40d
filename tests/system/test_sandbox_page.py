"""`docs/SANDBOX.md` as a stranger follows it: its command lines are run here as they stand.

Where the page leaves the work to the reader's access point, a small one stands in that shares no
code with the gateway but the libraries: it posts over a socket of its own, and answers for itself.
"""

import asyncio
import gzip
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from as4.certificates import (
    Anchors,
    Revocation,
    Use,
    check_certificate,
    load_certificate,
    load_key_pair,
    parse_crl,
    revocation_of,
)
from as4.client import HttpAnswer
from as4.receipt import build_receipt
from as4.signal import ErrorSignal, Receipt, read_signal
from as4.unpack import MessageReader
from gateway.sandbox.description import describe, read_description
from gateway.sandbox.dns import Locator
from gateway.sandbox.network import BLUE, Corner, Network
from gateway.sandbox.network import RED as RED_ROLE
from gateway.sandbox.pki import load_pki, save_pki
from gateway.sandbox.revocation import RevocationLists
from gateway.sandbox.visitors import Visitors
from smp.metadata import parse_service_group
from tests.support import awkwardness
from tests.support.corners import family_of
from tests.support.peer import Peer
from tests.support.pki import NOW, leaf, pki
from tests.support.web import free_port
from ubl.routing import read_routing
from ubl.sbdh import read_envelope

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/SANDBOX.md"
PORT, DER = "8190", Encoding.DER
MINE, RED = "0208:0111111124", "0208:0987654394"
READY_SECONDS_MAX = 90
BLOCK_SECONDS_MAX = 120
PEER = Path(os.environ.get("PHASE4_PEER", ROOT / "conformance/peers/phase4"))
HAS_PHASE4 = shutil.which("java") is not None and any(PEER.glob("target/*.jar"))
BLOCK = re.compile(
    r"^```sh( \w+)?\n(.*?)^```$|^<!-- (here your access point .*?) -->$", re.MULTILINE | re.DOTALL
)


def blocks_of(section, kind=None):
    """The commands and the reader's own steps below one heading, in their order."""
    text = PAGE.read_text()
    start = text.index(f"\n## {section}")
    end = text.find("\n## ", start + 1)
    found = BLOCK.finditer(text, start, end if end > 0 else len(text))
    return [each[3] or each[2] for each in found if (each[1] or "").strip() == (kind or "")]


def sections():
    return [int(number) for number in re.findall(r"^## (\d)\. ", PAGE.read_text(), re.MULTILINE)]


@dataclass
class Reader:
    """Somebody who follows the page: a folder, terminals, and a free port for the page's."""

    folder: Path
    port: str
    terminals: list = field(default_factory=list)

    async def follow(self, block):
        """Run one block of the page; return what it printed."""
        words = block.replace(PORT, self.port)
        if words.startswith("# terminal"):
            self.terminals.append(await self._start(words, self.folder / "terminal.log"))
            return ""
        process = await self._start(words, subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), BLOCK_SECONDS_MAX)
        assert process.returncode == 0, f"{words}\n{out.decode()}"
        return out.decode()

    async def follow_section(self, section, kind=None):
        return [await self.follow(each) for each in blocks_of(section, kind)]

    async def show(self, key):
        return (await self.follow(f"gateway sandbox show {key}")).strip()

    def described(self, key):
        """What `gateway sandbox show` says of *key*, without the command."""
        value = read_description(self.folder / "sandbox")
        for name in key.split("."):
            value = value[name]
        return value

    async def _start(self, words, out):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        into = out.open("wb") if isinstance(out, Path) else out
        return await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", words, cwd=self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=into, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "PEER": str(PEER)},
        )  # fmt: skip

    async def until(self, holds):
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not holds():
                for terminal in self.terminals:
                    assert terminal.returncode is None, (self.folder / "terminal.log").read_text()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_reader(folder):
    """A reader with the sandbox of step 1 up; at the end everything they started is gone."""
    reader = Reader(folder, str(free_port()))
    try:
        first, *rest = blocks_of("1.")
        await reader.follow(first)
        await reader.until((folder / "sandbox/sandbox.json").exists)
        for block in rest:
            assert (await reader.follow(block)).strip()
        await reader.follow_section("2.")
        yield reader
    finally:
        for terminal in reader.terminals:
            family = family_of(terminal.pid) if terminal.returncode is None else []
            for each in family[:2]:  # the shell, and what it was told to run
                each.send_signal(signal.SIGINT)
            await asyncio.wait_for(terminal.wait(), 60)


@dataclass
class AccessPoint:
    """The reader's access point: what it has of the sandbox are the files of step 2."""

    folder: Path
    arrived: list = field(default_factory=list)

    def __post_init__(self):
        mine, pki = self.folder / "mine", self.folder / "sandbox/pki"
        self.pair = load_key_pair((mine / "PBE000009.p12").read_bytes(), b"sandbox")
        files = [pki / f"{stem}.cert.pem" for stem in ("root", "ap-ca")]
        self.trust = Anchors.load(*(file.read_bytes() for file in files))

    def judge(self, der, now):
        return check_certificate(der, anchors=self.trust, now=now, use=Use.SIGN)

    async def send(self, file, url, certificate, *, pair=None):
        """Post *file* over TLS; keep message.http and answer.http; return the verified signal."""
        routing = read_routing(document := (self.folder / file).read_bytes())
        receiver = read_certificate(certificate)
        seed = awkwardness.run_seed()
        peer = Peer(pair or self.pair, _Receiver(receiver.der), self.trust, seed)
        cut = document[routing.root_offset : routing.root_end]
        sealed = peer.seal_document(routing, cut)
        address = url.removeprefix("https://").removesuffix("/as4")
        head = (
            f"POST /as4 HTTP/1.1\r\nHost: {address}\r\nContent-Type: {sealed.content_type}\r\n"
            f"Content-Length: {len(sealed.body)}\r\nConnection: close\r\n\r\n"
        )
        context = ssl.create_default_context(cafile=self.folder / "sandbox/pki/tls-ca.cert.pem")
        reader, writer = await asyncio.open_connection(*address.split(":"), ssl=context)
        writer.write(head.encode() + sealed.body)
        answer = await reader.read()
        writer.close()
        (self.folder / "message.http").write_bytes(head.encode() + sealed.body)
        (self.folder / "answer.http").write_bytes(answer)
        assert answer.startswith(b"HTTP/1.1 200 ")
        soap = answer.partition(b"\r\n\r\n")[2]
        if pair is None:
            peer.check(sealed, HttpAnswer(200, "", soap))
        return read_signal(soap, check_signer=self.judge, now=datetime.now(UTC))

    async def receive(self, request):
        message = MessageReader(request.headers["Content-Type"], keep=True)
        message.feed(await request.read())
        now = datetime.now(UTC)
        message.open_envelope(anchors_check=self.judge, now=now)
        mine = {self.pair.certificate.der: self.pair.key}
        message.open_attachment(mine.get, bytes(16))
        received = message.close()
        envelope = gzip.decompress(received.payload)
        read = read_envelope(envelope, whole=True)
        self.arrived.append(envelope[read.payload_offset : read.payload_end])
        name, nonce = f"{uuid.uuid4()}@mine", uuid.uuid4().hex
        soap = build_receipt(received, message_id=name, now=now, signer=self.pair, nonce=nonce)
        soap = awkwardness.dressed(soap, self.pair)
        return web.Response(body=soap, content_type="application/soap+xml", charset="UTF-8")

    @asynccontextmanager
    async def listening(self, port):
        application = web.Application()
        application.router.add_post("/as4", self.receive)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", int(port)).start()
            yield
        finally:
            await runner.cleanup()


def read_certificate(path):
    return load_certificate(load_pem_x509_certificate(Path(path).read_bytes()).public_bytes(DER))


@dataclass(frozen=True)
class _Receiver:
    """Whom a `Peer` sends to, known by certificate alone."""

    certificate_der: bytes


async def test_who_follows_the_page_exchanges_messages_both_ways(tmp_path):
    assert sections() == [1, 2, 3, 4, 5, 6, 7]
    async with a_reader(tmp_path) as reader:
        mine = AccessPoint(tmp_path)
        await send_to_red(reader, mine)
        async with mine.listening(reader.port):
            [sent] = await reader.follow_section("4.")
            assert "is delivered" in sent
            [found] = await reader.follow_section("5.")
            assert "is delivered" in found
            assert f"published at {reader.described('visitors_smp')}" in found
        assert [read_routing(each).receiver.value for each in mine.arrived] == [MINE, MINE]
        assert [b"YOURS-1" in mine.arrived[0], b"YOURS-2" in mine.arrived[1]] == [True, True]
        if shutil.which("curl"):
            [group] = await reader.follow_section("6.", "curl")
            assert parse_service_group(group.encode()).participant.value == RED
        await reader.follow_section("7.")
        await check_what_must_be_refused(reader, mine)
    assert not (tmp_path / "sandbox/sandbox.json").exists()


async def send_to_red(reader, mine):
    """Step 3: the invoice is in red's inbox, and both dumps are explained as good."""
    make, own, *rest = blocks_of("3.")
    await reader.follow(make)
    assert own.startswith("here your access point sends from-me.xml")
    red = [await reader.show(key) for key in ("red.as4", "red.certificate")]
    assert isinstance(await mine.send("from-me.xml", *red), Receipt)
    inbox, explain = rest
    newest = (await reader.follow(inbox)).splitlines()[0]
    assert f"{MINE} {RED} " in newest
    assert "MINE-1" in newest
    assert (await reader.follow(explain)).count("good as far as it could be checked") == 2


async def check_what_must_be_refused(reader, mine):
    """Step 7: two are refused now; the third is on the list, which red will ask for again."""
    red = [reader.described(key) for key in ("red.as4", "red.certificate")]
    for folder in ("expired", "foreign"):
        bundle = (reader.folder / folder / "PBE000008.p12").read_bytes()
        signal = await mine.send("from-me.xml", *red, pair=load_key_pair(bundle, b"sandbox"))
        assert isinstance(signal, ErrorSignal), folder
        assert signal.signer.subject_cn == "PBE000002"
        assert [error.code for error in signal.errors] == ["EBMS:0101"]
    revoked = read_certificate(reader.folder / "revoked/PBE000008.cert.pem")
    authority = load_pki(reader.folder / "sandbox/pki").ap_ca.certificate
    url = reader.described("crl.ap_ca")
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        content = await response.read()
    now = datetime.now(UTC)
    crl = parse_crl(content, authority, now)
    assert revocation_of(revoked, crl, now) is Revocation.REVOKED


if HAS_PHASE4:  # not skipped: a run that needs no Java is whole without it

    async def test_who_follows_the_page_connects_phase4(tmp_path):
        async with a_reader(tmp_path) as reader:
            await reader.follow(blocks_of("3.")[0])
            send, find, listen, receive = blocks_of("With a phase4", "phase4")
            assert "success receipt-verified" in await reader.follow(send)
            assert "success receipt-verified" in await reader.follow(find)
            await reader.follow(listen)
            await reader.until(lambda: is_open(reader.port))
            await reader.follow(blocks_of("4.")[0].splitlines()[0])
            assert "is delivered" in await reader.follow(receive)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def test_the_page_names_every_key_of_the_description(tmp_path):
    table = PAGE.read_text().partition("| key | meaning |")[2]
    first = "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))
    named = set(re.findall(r"`([a-z0-9_.]+)`", first))
    assert named == set(keys_of(describe(a_network(tmp_path))))


def keys_of(facts, prefix=""):
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from keys_of(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def a_network(folder):
    """A sandbox that was made and never started."""
    locator, lists = Locator("zone.test"), RevocationLists()
    save_pki(pki(), folder / "pki")
    visitors = Visitors(
        pki=pki(), publisher=leaf("publisher"), locator=locator, lists=lists, now=lambda: NOW
    )
    corners = [
        Corner(role, folder / role.name, "http://a", "http://b") for role in (BLUE, RED_ROLE)
    ]
    return Network(folder, pki(), locator, lists, visitors, *corners)
