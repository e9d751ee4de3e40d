"""A sandbox started and used in public ways only: `gateway demo`, `pki issue`, `send`, its files.

What a person does who follows docs/SANDBOX.md, this module does: it reads `sandbox.json`,
issues identities from the sandbox's PKI, registers participants and revokes a certificate with
the commands that the page shows.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Anchors
from gateway.client import GatewayClient
from gateway.sandbox.pki import (
    Identity,
    SandboxPki,
    issue_access_point,
    load_pki,
    make_pki,
    read_identity,
    write_identity,
)

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 60.0
COMMAND_SECONDS_MAX = 300.0
PASSWORD = "sandbox"  # of `gateway pki issue`


class SandboxTrouble(Exception):  # noqa: N818 - it says what happened
    """The sandbox, or a command of ours, did not do what it must; the text holds its output."""


@dataclass(frozen=True, slots=True)
class Corner:
    """One of the sandbox's access points, as `sandbox.json` shows it."""

    name: str
    participant: str
    seat_id: str
    as4_url: str
    smp_url: str
    api_url: str
    config: Path
    certificate: Path
    api_key: str

    @property
    def der(self) -> bytes:
        """Its certificate as DER."""
        return der_of(self.certificate)

    def client(self) -> GatewayClient:
        return GatewayClient(self.api_url, self.api_key)


@dataclass(slots=True)
class Sandbox:
    """A running sandbox; *facts* is all of `sandbox.json`."""

    folder: Path
    facts: dict[str, Any]
    pki: SandboxPki
    blue: Corner
    red: Corner
    commands: list[str] = field(default_factory=list)

    @property
    def trust(self) -> Anchors:
        return Anchors.load(self.pki.root.certificate_der, self.pki.ap_ca.certificate_der)

    @property
    def tls_ca(self) -> Identity:
        return self.pki.tls_ca

    async def gateway(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run `gateway ARGUMENTS --json` and return its object; SandboxTrouble for other codes."""
        command = [sys.executable, "-m", "gateway", *arguments, "--json"]
        self.commands.append("gateway " + " ".join(arguments))
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise SandboxTrouble(f"{self.commands[-1]} did not end") from None
        if process.returncode not in codes:
            text = f"{err.decode()}{out.decode()}"
            raise SandboxTrouble(f"{self.commands[-1]} ended with {process.returncode}: {text}")
        return json.loads(out.decode().strip().splitlines()[-1])

    async def issue(self, seat_id: str, out: str) -> Path:
        """Issue an identity from the sandbox's PKI, by command; return the folder it is in."""
        folder = self.folder / out
        await self.gateway(
            "pki", "issue", seat_id, "--pki", str(self.folder / "pki"), "--out", str(folder)
        )
        return folder

    async def register(self, participant: str, endpoint: str, certificate: Path, **kind) -> None:
        """Let the sandbox's SMP and DNS know *participant* and its access point.

        *kind*: document_type and process, for something else than invoices.
        """
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in kind.items()]
        await self.gateway(
            "sandbox", "register", participant, "--endpoint", endpoint,
            "--certificate", str(certificate), "--folder", str(self.folder), *flags,
        )  # fmt: skip

    async def revoke(self, certificate: Path) -> None:
        """Put *certificate* on the list of the sandbox's AP CA."""
        await self.gateway("sandbox", "revoke", str(certificate), "--folder", str(self.folder))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Sandbox]:
    """Run `gateway demo --folder FOLDER` and yield the sandbox that it left running."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / "demo.log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "demo", "--folder", str(folder),
            stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        await _wait_described(process, folder / "sandbox.json", log)
        yield read_sandbox(folder)
    finally:
        await stop(process)


async def _wait_described(process: asyncio.subprocess.Process, description: Path, log: Path):
    """Wait for the file that the demo writes once it is up."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not await asyncio.to_thread(description.exists):
        if process.returncode is not None or time.monotonic() > deadline:
            raise SandboxTrouble(f"the demo did not start:\n{end_of(log)}")
        await asyncio.sleep(0.1)


def end_of(log: Path) -> str:
    """Return the end of a log file."""
    return log.read_text(errors="replace")[-4000:]


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process that leads its own group; kill the group if it does not listen."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def read_sandbox(folder: Path) -> Sandbox:
    """Return the sandbox in *folder* as its `sandbox.json` and its key files describe it."""
    facts = json.loads((folder / "sandbox.json").read_text())
    corners = [_corner(name, facts[name]) for name in ("blue", "red")]
    return Sandbox(folder, facts, load_pki(folder / "pki"), *corners)


def _corner(name: str, facts: dict[str, Any]) -> Corner:
    return Corner(
        name=name,
        participant=facts["participant"],
        seat_id=facts["seat_id"],
        as4_url=facts["as4"],
        smp_url=facts["smp"],
        api_url=facts["api"],
        config=Path(facts["config"]),
        certificate=Path(facts["certificate"]),
        api_key=Path(facts["api_key_file"]).read_text().strip(),
    )


@dataclass(frozen=True, slots=True)
class BadKey:
    """A sender's identity that must be refused, in files as Java and Python read them."""

    identity: Identity
    pkcs12: Path
    why: str


async def bad_keys(sandbox: Sandbox, folder: Path, seat_id: str) -> dict[str, BadKey]:
    """Make the sender certificates that nobody may accept: expired, revoked, of a foreign CA."""
    now = datetime.now(UTC)
    old = issue_access_point(sandbox.pki, seat_id, now=now - timedelta(days=60), days=30)
    # The same list under the other name of this machine: a list that was fetched just now counts
    # for an hour, and nobody has fetched it under this address.
    address = (sandbox.pki.revocation_url or "").replace("127.0.0.1", "localhost")
    revoked = issue_access_point(replace(sandbox.pki, revocation_url=address), seat_id, now=now)
    foreign_pki = make_pki(now=now, revocation_url=sandbox.pki.revocation_url)
    foreign = issue_access_point(foreign_pki, seat_id, now=now)
    made = {
        "expired": (old, sandbox.pki, "its validity ended 31 days ago"),
        "revoked": (revoked, sandbox.pki, "it is on the list of the sandbox's AP CA"),
        "foreign-CA": (foreign, foreign_pki, "its CA has the right name and another key"),
    }
    keys: dict[str, BadKey] = {}
    for name, (identity, pki, why) in made.items():
        bundle = folder / f"{name}.p12"
        chain = [pki.ap_ca.certificate, pki.root.certificate]
        bundle.write_bytes(identity.pkcs12(PASSWORD, chain))
        certificate, _ = write_identity(identity, folder, name)
        if name == "revoked":
            await sandbox.revoke(certificate)
        keys[name] = BadKey(identity, bundle, why)
    return keys


def issued(folder: Path, seat_id: str) -> Identity:
    """Return the identity that `pki issue` wrote into *folder*."""
    return read_identity(folder, seat_id)


def der_of(certificate: Path) -> bytes:
    """Return a PEM certificate file as DER."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
