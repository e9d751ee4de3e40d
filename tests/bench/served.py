"""What one message costs a running gateway: over HTTP, committed to PostgreSQL before the receipt.

The load comes from this process, over plain HTTP on loopback and 16 kept connections; what counts
is the CPU time of the gateway and of its PostgreSQL, as the operating system reports it.  The floor
is sampled at the same time by a process of its own, so that both have the same neighbours.
"""

import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from as4.client import HttpAnswer, post_message
from gateway.sandbox import pki as authorities
from gateway.sandbox.network import Network, prepared_network
from tests.bench.floor import FloorSampler
from tests.bench.process import peak_mib, reset_peak, resident_mib, spent
from tests.support.peer import Peer, an_invoice
from ubl.routing import read_routing

CONNECTIONS = 16
ANSWER = b"Receipt>"
PLAIN_HTTP = {"public_tls_certificate_file": None, "public_tls_key_file": None, "worker": False}
LARGE_BYTES = 100_000_000
ATTACHMENT_BYTES = 7_000_000
_AMOUNT = re.compile(rb"(<cbc:(?:LineExtension|Price)Amount [^>]*>)[0-9.]+<")


def sized_invoice(number: str, size: int) -> bytes:
    """The sandbox's invoice with as many more lines, free of charge, as make it *size* bytes."""
    text = an_invoice(number=number)
    start = text.index(b"<cac:InvoiceLine>")
    end = text.index(b"</cac:InvoiceLine>") + len(b"</cac:InvoiceLine>")
    free = _AMOUNT.sub(rb"\g<1>0.00<", text[start:end])
    pieces, length, row = [text[:start]], len(text), 0
    while length < size:
        row += 1
        line = free.replace(b"5 kg", b"%d kg, order %d" % (row % 31, row * 7919 % 10007))
        line = line.replace(b"<cbc:ID>1<", b"<cbc:ID>M%d<" % row, 1)
        pieces.append(line)
        length += len(line)
    return b"".join(pieces) + text[start:]


@asynccontextmanager
async def running(extra: dict | None = None) -> AsyncIterator[tuple[Network, Peer, int]]:
    """Start red alone; yield the network, a foreign access point, and red's process id."""
    with tempfile.TemporaryDirectory(prefix="peppol-bench-") as folder:
        now = datetime.now(UTC)
        settings = PLAIN_HTTP | (extra or {})
        async with prepared_network(Path(folder), now=now, extra=settings) as network:
            await network.red.start()
            try:
                await network.register(network.red, network.red.role.participant)
                sender = authorities.issue_access_point(network.pki, "PBE000003", now=now)
                receiver = authorities.read_identity(network.red.folder, "as4")
                assert network.red.process is not None
                yield network, Peer.of(network.pki, sender, receiver), network.red.process.pid
            finally:
                await network.red.stop()


async def inbound_commit(
    network: Network, peer: Peer, pid: int, *, size: int, messages: int, batches: int
) -> dict[str, float]:
    """Measure *batches* of *messages* of *size* bytes, each beside a batch of the floor."""
    rows = []
    await post_all(network.red.public_url, requests_of(peer, size, 60, "warm"))
    for batch in range(batches):
        requests = requests_of(peer, size, messages, f"b{batch}")
        with FloorSampler(_envelope(size)) as sampler:
            before, started = spent(pid), time.monotonic()
            await post_all(network.red.public_url, requests)
            wall = time.monotonic() - started
            used = spent(pid).since(before)
        bare_ms = sampler.ms
        rows.append(
            (
                bare_ms,
                used.gateway / messages * 1e3,
                used.postgres / messages * 1e3,
                messages / wall,
            )
        )
    bare_ms, gateway_ms, postgres_ms, rate = (
        statistics.median(column) for column in zip(*rows, strict=True)
    )
    return {
        "floor_ms": round(bare_ms, 3),
        "cpu_ms": round(gateway_ms + postgres_ms, 3),
        "gateway_ms": round(gateway_ms, 3),
        "postgres_ms": round(postgres_ms, 3),
        "ratio": round(statistics.median((row[1] + row[2]) / row[0] for row in rows), 2),
        "ratio_gateway_alone": round(statistics.median(row[1] / row[0] for row in rows), 2),
        "overhead_ms": round(gateway_ms + postgres_ms - bare_ms, 3),
        "messages_per_second": round(rate),
    }


async def large_message(network: Network, peer: Peer, pid: int) -> dict[str, float]:
    """Post one message with a document of 100 MB; return the gateway's peak memory over idle."""
    document = large_invoice()
    routing = read_routing(document)
    sealed = peer.seal_document(routing, document[routing.root_offset : routing.root_end])
    idle = resident_mib(pid)
    reset_peak(pid)
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        answer = await post_message(
            session, network.red.as4_url, sealed.content_type, _pieces(sealed.body),
            timeout_seconds=120, answer_bytes_max=1 << 20,
        )  # fmt: skip
    peer.check(sealed, answer)
    return {
        "large_message_peak_mib": round(peak_mib(pid) - idle, 1),
        "large_message_mb": round(len(document) / 1e6, 1),
        "large_message_wire_mb": round(len(sealed.body) / 1e6, 1),
        "large_message_seconds": round(time.monotonic() - started, 2),
    }


def large_invoice() -> bytes:
    """An invoice of 100 MB: random attachments of 7 MB each."""
    text = an_invoice(number="LARGE")
    place = text.index(b"<cac:AccountingSupplierParty>")
    count = -(-LARGE_BYTES // (ATTACHMENT_BYTES * 4 // 3))
    with_one = an_invoice(number="LARGE", attachment_bytes=ATTACHMENT_BYTES)
    one = with_one[place : with_one.index(b"<cac:AccountingSupplierParty>")]
    return text[:place] + one * count + text[place:]


def requests_of(peer: Peer, size: int, count: int, prefix: str) -> list[bytes]:
    """Seal *count* messages and return them as whole HTTP requests."""
    made = []
    for i in range(count):
        document = sized_invoice(f"{prefix}-{i}", size)
        routing = read_routing(document)
        sealed = peer.seal_document(routing, document[routing.root_offset : routing.root_end])
        head = (
            f"POST /as4 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {sealed.content_type}\r\n"
            f"Content-Length: {len(sealed.body)}\r\n\r\n"
        )
        made.append(head.encode() + sealed.body)
    return made


def _envelope(size: int) -> bytes:
    """Return bytes as large and as compressible as the payload of the messages."""
    return sized_invoice("floor", size) + os.urandom(600).hex().encode()[:1000]


async def post_all(url: str, requests: Sequence[bytes]) -> None:
    """Post *requests* to the server at *url*; each answer must be a receipt."""
    host, port = url.removeprefix("http://").split(":")
    queue = iter(requests)
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_post_some(host, int(port), queue))


async def _post_some(host: str, port: int, queue: Iterator[bytes]) -> None:
    """Post on one kept connection until the *queue* is empty; each answer must be a receipt."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    for request in queue:
        writer.write(request)
        await writer.drain()
        answer = await _read_answer(reader)
        if answer.status != 200 or ANSWER not in answer.body:
            raise AssertionError(f"no receipt but {answer.status}: {answer.body[:2000]!r}")
    writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> HttpAnswer:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    place = head.index(b"content-length:") + len(b"content-length:")
    length = int(head[place : head.index(b"\r\n", place)])
    return HttpAnswer(int(head[9:12]), "", await reader.readexactly(length))


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1 << 16):
        yield body[start : start + (1 << 16)]
