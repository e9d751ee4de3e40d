"""The four corners on the loopback interface: two gateways, DNS, revocation lists, one PKI.

Blue and red are separate `gateway serve` processes with databases, keys and ports of their own.
They find each other as on the real network: NAPTR question, signed metadata, AS4 over TLS.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.sandbox import pki as authorities
from gateway.sandbox.dns import Locator, serve_dns
from gateway.sandbox.pki import SandboxPki
from gateway.sandbox.revocation import RevocationLists, serve_lists
from gateway.sandbox.tether import tether
from gateway.sandbox.visitors import Visitors, serve_visitors
from gateway.store.embedded import EmbeddedPostgres
from ubl.identifiers import ParticipantId

ZONE = "participant.sml.sandbox.test"
VISITORS_PUBLISHER = "PSM000003"
PLAIN_HTTP = {"public_tls_certificate_file": None, "public_tls_key_file": None}
"""Settings with which AS4 and SMP are at http addresses."""
READY_SECONDS_MAX = 60.0  # LIMIT: a gateway that is not ready by then has failed.
STOP_SECONDS_MAX = 30.0  # LIMIT: a gateway that has not stopped by then is killed.


class SandboxFailed(Exception):  # noqa: N818 - it says what happened
    """A part of the sandbox did not start; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Role:
    """Who a corner is: its name, the seats of its certificates, the company it serves."""

    name: str
    seat_id: str
    publisher_id: str
    company: str
    participant: ParticipantId


BLUE = Role(
    "blue", "PBE000001", "PSM000001", "Het Blauwe Huis", ParticipantId.parse("0208:0123456749")
)
RED = Role(
    "red", "PBE000002", "PSM000002", "La Maison Rouge", ParticipantId.parse("0208:0987654394")
)


@dataclass(slots=True)
class Corner:
    """One gateway of the sandbox: settings file, addresses and, once started, its process."""

    role: Role
    folder: Path
    public_url: str
    api_url: str
    process: asyncio.subprocess.Process | None = field(default=None)

    @property
    def config(self) -> Path:
        """The gateway.toml of this corner."""
        return self.folder / "gateway.toml"

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return self.folder / "gateway.log"

    @property
    def as4_url(self) -> str:
        """Where peers post messages to it."""
        return f"{self.public_url}/as4"

    @property
    def smp_url(self) -> str:
        """Where its participants' metadata is published."""
        return f"{self.public_url}/smp"

    def api_key(self) -> str:
        """Read the key that the gateway wrote at its first start."""
        return (self.folder / "data" / "api-key").read_text().strip()

    def client(self) -> GatewayClient:
        """Return a client of this corner's API: an async context manager."""
        return GatewayClient(self.api_url, self.api_key())

    async def start(self, *flags: str) -> None:
        """Start `gateway serve` and wait until it says it is ready, or raise SandboxFailed."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "serve", "--config", str(self.config), *flags,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True, preexec_fn=tether(),
            )  # fmt: skip
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while line := await self.process.stdout.readline():
                    if _is_ready(line):
                        return
        except TimeoutError:
            pass
        await self.stop()
        raise SandboxFailed(f"{self.role.name} did not start:\n{self._log_tail()}")

    async def stop(self) -> None:
        """Ask the gateway to end, wait for it, and end it hard if it does not."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        except asyncio.CancelledError:
            # Nobody waits for it any more, and nothing may stay behind.
            self.kill()
            raise

    def kill(self) -> None:
        """Kill gateway and database as a power cut would.  For crash runs."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        EmbeddedPostgres(self.folder / "data").kill()

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "(no log)"


@dataclass(slots=True)
class Network:
    """The running sandbox."""

    folder: Path
    pki: SandboxPki
    locator: Locator
    lists: RevocationLists
    visitors: Visitors
    blue: Corner
    red: Corner

    def corners(self) -> tuple[Corner, Corner]:
        """Blue and red."""
        return self.blue, self.red

    async def register(self, corner: Corner, participant: ParticipantId) -> None:
        """Let *corner* serve *participant*, and the locator know its publisher."""
        async with corner.client() as client:
            await client.register_participant(participant.uri)
        self.locator.register(participant, corner.smp_url)


@asynccontextmanager
async def run_network(
    folder: Path, *, now: datetime, extra: Mapping[str, Any] | None = None
) -> AsyncIterator[Network]:
    """Make and start a sandbox in *folder*; at the end everything it started is stopped.

    *extra* are further settings for both gateways; None leaves a setting of the sandbox out.
    Raises SandboxFailed.
    """
    async with AsyncExitStack() as stack:
        network = await prepare_network(stack, folder, now=now, extra=extra or {})
        async with asyncio.TaskGroup() as group:
            for corner in network.corners():
                stack.push_async_callback(corner.stop)
                group.create_task(corner.start())
        for corner in network.corners():
            await network.register(corner, corner.role.participant)
        yield network


@asynccontextmanager
async def prepared_network(
    folder: Path, *, now: datetime, extra: Mapping[str, Any]
) -> AsyncIterator[Network]:
    """Prepare a sandbox in *folder* whose gateways the caller starts and stops, or does not."""
    async with AsyncExitStack() as stack:
        yield await prepare_network(stack, folder, now=now, extra=extra)


async def prepare_network(
    stack: AsyncExitStack, folder: Path, *, now: datetime, extra: Mapping[str, Any]
) -> Network:
    """Make keys and settings; start all but the gateways: DNS, revocation lists, visitors."""
    lists, locator = RevocationLists(), Locator(ZONE)
    await stack.enter_async_context(serve_lists(lists))
    await stack.enter_async_context(serve_dns(locator))
    pki = await asyncio.to_thread(authorities.make_pki, now=now, revocation_url=lists.url)
    authorities.save_pki(pki, folder / "pki")
    lists.publish(pki, now=now)
    visitors = Visitors(
        pki=pki,
        publisher=authorities.issue_publisher(pki, VISITORS_PUBLISHER, now=now),
        locator=locator,
        lists=lists,
        now=SystemClock().now,
    )
    await stack.enter_async_context(serve_visitors(visitors))
    blue, red = [
        await asyncio.to_thread(_prepare_corner, folder, role, pki, locator, now, extra)
        for role in (BLUE, RED)
    ]
    return Network(folder, pki, locator, lists, visitors, blue, red)


def remove_network(folder: Path) -> None:
    """Remove a stopped sandbox from *folder*, and what its databases keep elsewhere."""
    for role in (BLUE, RED):
        EmbeddedPostgres(folder / role.name / "data").discard()
    shutil.rmtree(folder, ignore_errors=True)


def _prepare_corner(
    folder: Path,
    role: Role,
    pki: SandboxPki,
    locator: Locator,
    now: datetime,
    extra: Mapping[str, Any],
) -> Corner:
    home = folder / role.name
    home.mkdir(mode=0o700, parents=True)
    public, api = _free_port(), _free_port()
    scheme = "https" if extra.get("public_tls_key_file", "") is not None else "http"
    corner = Corner(role, home, f"{scheme}://127.0.0.1:{public}", f"http://127.0.0.1:{api}")
    as4_files = authorities.write_identity(
        authorities.issue_access_point(pki, role.seat_id, now=now, organisation=role.company),
        home,
        "as4",
    )
    publisher = authorities.issue_publisher(pki, role.publisher_id, now=now)
    smp_files = authorities.write_identity(publisher, home, "smp")
    tls = authorities.issue_tls(pki, ["127.0.0.1", "localhost"], now=now)
    tls_files = authorities.write_identity(tls, home, "tls")
    authority = {stem: str(folder / "pki" / f"{stem}.cert.pem") for stem in pki.authorities()}
    settings: dict[str, Any] = {
        "stage": "sandbox",
        "data_dir": str(home / "data"),
        "seat_id": role.seat_id,
        "country": "BE",
        "dossier_name": role.company,
        "public_url": corner.public_url,
        "public_listen": f"127.0.0.1:{public}",
        "api_listen": f"127.0.0.1:{api}",
        "as4_certificate_file": str(as4_files[0]),
        "as4_key_file": str(as4_files[1]),
        "smp_certificate_file": str(smp_files[0]),
        "smp_key_file": str(smp_files[1]),
        "public_tls_certificate_file": str(tls_files[0]),
        "public_tls_key_file": str(tls_files[1]),
        "trust_root_files": [authority["root"]],
        "trust_ap_ca_files": [authority["ap-ca"]],
        "trust_smp_ca_files": [authority["smp-ca"]],
        "peer_tls_ca_files": [authority["tls-ca"]],
        "sml_zone": locator.zone,
        "dns_servers": [f"{locator.address[0]}:{locator.address[1]}"],
        "retry_first_seconds": 1.0,
        "retry_max_seconds": 5.0,
        **extra,
    }
    corner.config.write_text(
        "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in settings.items() if value is not None
        )
    )
    return corner


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(line: bytes) -> bool:
    try:
        read = json.loads(line)
    except ValueError:
        return False
    return isinstance(read, dict) and read.get("event") == "ready"
