"""What one message costs phase4 and what it costs us: same documents, same machine, same run.

Receiving: the same sealed messages are posted by the same cheap client, to red over HTTP with the
commit to its PostgreSQL, and to phase4's receiver, which stores nothing.  Sending: both send to
red; ours counts the way of an accepted document through job, look-up, sealing and commits to the
verified receipt, by worker and PostgreSQL; phase4 is given the address, and stores nothing.  Both
send many at a time.  What handing the documents in at the API cost stands beside it
(`intake_cpu_ms`): phase4 has none.
Counted is CPU time as the operating system reports it.  phase4 is warmed up for each size, keeps
revocation lists as long as we do, and has the JDK's TransformerFactory pinned (`peer.Peer` does).
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from gateway.sandbox import pki as authorities
from gateway.sandbox.network import PLAIN_HTTP, Corner, Network, prepared_network
from gateway.sandbox.tether import tether
from gateway.sandbox.truststores import PASSWORD, write_truststores
from tests.bench.process import Spent, members, peak_mib, reset_peak, resident_mib, spent
from tests.bench.served import post_all, requests_of, sized_invoice
from tests.interop.phase4 import QUIET, build
from tests.support.peer import Peer
from tests.support.web import free_port
from ubl.identifiers import BILLING, INVOICE

WARM_UP = 3000
QUICK_WARM_UP = 30
MESSAGES = {"8k": 1000, "100k": 300}
QUICK_MESSAGES = {"8k": 60, "100k": 20}
BATCHES = 3
AT_ONCE = 16
START_SECONDS_MAX = 60.0
DELIVERY_SECONDS_MAX = 600.0
ASK_SECONDS = 2.0
SEAT = "PBE000004"
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent: before it counts, and in each batch that counts."""

    warm_up: int
    messages: dict[str, int]
    batches: int

    @classmethod
    def of(cls, *, quick: bool) -> "Plan":
        if quick:
            return cls(QUICK_WARM_UP, QUICK_MESSAGES, 1)
        return cls(WARM_UP, MESSAGES, BATCHES)


@dataclass(frozen=True, slots=True)
class Java:
    """Where the Java peer is, and the files of its identity in the sandbox."""

    jar: Path
    folder: Path
    identity: authorities.Identity
    certificate: Path

    def command(self, program: str, *words: object) -> list[str]:
        classes = f"{self.jar}:{self.jar.parent / 'lib'}/*"
        flags = [QUIET.replace("=warn", "=error"), f"-Djava.util.logging.config.file={self.log}"]
        common = [
            "--keystore", self.folder / "peer.p12", "--truststore", self.folder / "ap-trust.p12",
            "--password", PASSWORD, "--revocation-cache", 3600, "--data", self.folder / program,
        ]  # fmt: skip
        return ["java", *flags, "-cp", classes, f"peer.{program}", *map(str, (*common, *words))]

    @property
    def log(self) -> Path:
        return self.folder / "logging.properties"


def measure(sizes: dict[str, int], *, quick: bool, say: Any) -> dict[str, Any]:
    """Return the figures of the area `phase4`; Java and Maven must be there."""
    say("building the phase4 peer")
    jar = build()
    return asyncio.run(_measure(jar, sizes, Plan.of(quick=quick), say))


async def _measure(jar: Path, sizes: dict[str, int], plan: Plan, say: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "warm_up_messages": plan.warm_up,
        "messages": {label: count * plan.batches for label, count in plan.messages.items()},
    }
    async with _both(jar) as (network, java, url, receiver):
        say("idle")
        await asyncio.sleep(2)
        figures["idle_rss_mib"] = _memory(network.red, receiver, resident_mib, "VmRSS")
        assert network.red.process is not None
        reset_peak(network.red.process.pid)
        for label, size in sizes.items():
            say(f"receiving, {label}: {plan.warm_up} messages first")
            figures[f"receive_{label}"] = await _receive(
                network, java, url, receiver, size=size, count=plan.messages[label], plan=plan
            )
        figures["peak_rss_mib"] = _memory(network.red, receiver, peak_mib, "VmHWM")
        receiver.terminate()
        for label, size in sizes.items():
            say(f"sending, {label}: {plan.warm_up} messages first")
            figures[f"send_{label}"] = await _send(
                network, java, size=size, count=plan.messages[label], plan=plan
            )
    return figures


@asynccontextmanager
async def _both(jar: Path) -> AsyncIterator[tuple[Network, Java, str, psutil.Process]]:
    """Start blue, red and phase4's receiver; yield them, the receiver's address and process."""
    with tempfile.TemporaryDirectory(prefix="peppol-bench-") as name:
        folder, now = Path(name), datetime.now(UTC)
        async with prepared_network(folder / "net", now=now, extra=PLAIN_HTTP) as network:
            # Red only receives: neither side's figure has what becomes of a document later.
            # Blue's jobs have a process of their own, so that they can be counted alone.
            for corner in network.corners():
                with corner.config.open("a") as settings:
                    settings.write("worker = false\n")
            java = _prepare(jar, folder / "java", network, now)
            for corner in network.corners():
                await corner.start()
            try:
                for corner in network.corners():
                    await network.register(corner, corner.role.participant)
                async with _receiver(java) as (url, process):
                    yield network, java, url, process
            finally:
                for corner in network.corners():
                    await corner.stop()


def _prepare(jar: Path, folder: Path, network: Network, now: datetime) -> Java:
    folder.mkdir()
    identity = authorities.issue_access_point(network.pki, SEAT, now=now)
    (folder / "peer.p12").write_bytes(identity.pkcs12(PASSWORD))
    write_truststores(network.pki, folder)
    certificate = network.red.folder / "as4.cert.pem"
    java = Java(jar, folder, identity, certificate)
    java.log.write_text(".level=OFF\n")
    return java


@asynccontextmanager
async def _receiver(java: Java) -> AsyncIterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = java.command("Receiver", "--port", port)
    log = java.folder / "receiver.log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=said, stderr=said, preexec_fn=tether()
        )
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while b"listening on" not in log.read_bytes():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _receive(
    network: Network,
    java: Java,
    url: str,
    receiver: psutil.Process,
    *,
    size: int,
    count: int,
    plan: Plan,
) -> dict[str, float]:
    """Post to both in turns; return the CPU milliseconds of a message at each."""
    now = datetime.now(UTC)
    sender = authorities.issue_access_point(network.pki, "PBE000003", now=now)
    to_red = Peer.of(network.pki, sender, authorities.read_identity(network.red.folder, "as4"))
    to_java = Peer.of(network.pki, sender, java.identity)
    await _in_parts(to_java, url, size, plan.warm_up)
    await _in_parts(to_red, network.red.public_url, size, plan.warm_up // 10)
    ours: list[Spent] = []
    theirs = []
    assert network.red.process is not None
    for batch in range(plan.batches):
        requests = requests_of(to_red, size, count, f"ours-{batch}")
        before = spent(network.red.process.pid)
        await post_all(network.red.public_url, requests)
        ours.append(spent(network.red.process.pid).since(before))
        requests = requests_of(to_java, size, count, f"java-{batch}")
        started = _cpu(receiver)
        await post_all(url, requests)
        theirs.append((_cpu(receiver) - started) / count * 1e3)
    return _figures(ours, theirs, count)


async def _in_parts(peer: Peer, url: str, size: int, count: int) -> None:
    """Post *count* messages that do not count, a few hundred in memory at a time."""
    for start in range(0, count, 200):
        await post_all(url, requests_of(peer, size, min(200, count - start), f"warm-{start}"))


async def _send(
    network: Network, java: Java, *, size: int, count: int, plan: Plan
) -> dict[str, float]:
    """Let blue and phase4's sender send to red; return the CPU milliseconds of a message."""
    blue = network.blue
    assert blue.process is not None
    taking, sending = [], []
    async with _worker(blue) as worker:
        await _hand_in(
            blue, [sized_invoice(f"w-{size}-{i}", size) for i in range(plan.warm_up // 10)]
        )
        await _delivered(blue)
        for batch in range(plan.batches):
            documents = [sized_invoice(f"s-{size}-{batch}-{i}", size) for i in range(count)]
            with _paused(worker):
                before = spent(blue.process.pid)
                await _hand_in(blue, documents)
                handed = spent(blue.process.pid)
                started = _cpu(worker)
            await _delivered(blue)
            postgres = spent(blue.process.pid).since(handed).postgres
            taking.append(handed.since(before))
            sending.append(Spent(_cpu(worker) - started, postgres))
    figures = _figures(sending, [await _send_theirs(network, java, size, count, plan)], count)
    figures["intake_cpu_ms"] = _ours(taking, count)["ours_cpu_ms"]
    return figures


async def _send_theirs(network: Network, java: Java, size: int, count: int, plan: Plan) -> float:
    """Let phase4's sender send as often as we did; return its CPU milliseconds of a message."""
    sender, receiver = network.blue.role.participant, network.red.role.participant
    file = java.folder / "invoice.xml"
    file.write_bytes(sized_invoice("java", size))
    command = java.command(
        "Sender", "--url", network.red.as4_url, "--file", file, "--seat", SEAT,
        "--receiver-cert", java.certificate, "--from", sender.value, "--to", receiver.value,
        "--doctype", INVOICE.value, "--process", BILLING.value,
        "--warmup", plan.warm_up, "--repeat", count * plan.batches, "--threads", AT_ONCE,
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return float(json.loads(out.splitlines()[-1])["sender_cpu_ms"])


@asynccontextmanager
async def _worker(blue: Corner) -> AsyncIterator[psutil.Process]:
    """Run blue's jobs in a process of their own."""
    command = (sys.executable, "-m", "gateway", "worker", "--config", str(blue.config), "--json")
    with blue.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=log, preexec_fn=tether()
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            assert b"ready" in await process.stdout.readline(), blue.log.read_text()
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@contextmanager
def _paused(process: psutil.Process) -> Iterator[None]:
    """Let *process* stand still inside the block."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


async def _hand_in(blue: Corner, documents: Sequence[bytes]) -> None:
    """Hand *documents* in at blue's API, several at a time."""
    waiting = iter(documents)
    async with blue.client() as client:

        async def hand_in() -> None:
            for document in waiting:
                await client.send_document(document)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(hand_in())


async def _delivered(blue: Corner) -> None:
    """Wait until all that was handed in was delivered."""
    deadline = time.monotonic() + DELIVERY_SECONDS_MAX
    async with blue.client() as client:
        for status in ("accepted", "sealed", "sending"):
            # Asked seldom, for the answer is work of the database that is counted, too.
            while (await client.list_documents(direction="out", status=status, limit=1)).documents:
                assert time.monotonic() < deadline, f"documents stay {status}"
                await asyncio.sleep(ASK_SECONDS)
        for status in ("refused", "failed", "uncertain", "waiting", "gave_up"):
            page = await client.list_documents(direction="out", status=status, limit=1)
            assert not page.documents, f"a document of the bench is {status}"


def _figures(ours: Sequence[Spent], theirs: Sequence[float], count: int) -> dict[str, float]:
    """Return the median of our batches of *count* messages beside that of phase4's."""
    figures = _ours(ours, count)
    java = statistics.median(theirs)
    return figures | {
        "phase4_cpu_ms": round(java, 3),
        "ratio": round(java / figures["ours_cpu_ms"], 2),
    }


def _ours(batches: Sequence[Spent], count: int) -> dict[str, float]:
    """Return what one of *count* messages cost us, the median of *batches*."""
    gateway = statistics.median(each.gateway for each in batches) / count * 1e3
    postgres = statistics.median(each.postgres for each in batches) / count * 1e3
    return {
        "ours_cpu_ms": round(gateway + postgres, 3),
        "ours_gateway_ms": round(gateway, 3),
        "ours_postgres_ms": round(postgres, 3),
    }


def _memory(red: Corner, receiver: psutil.Process, ours: Any, line: str) -> dict[str, float]:
    """Resident memory: of red's own processes, of PostgreSQL's (shared pages once), of phase4."""
    assert red.process is not None
    servers = members(red.process.pid)[1]
    return {
        "ours": round(ours(red.process.pid), 1),
        "ours_postgres": round(sum(each.memory_full_info().pss for each in servers) / MIB, 1),
        "phase4": round(_status(receiver.pid, line) / 1024, 1),
    }


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
