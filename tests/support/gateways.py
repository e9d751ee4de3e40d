"""Whole gateways as processes: `gateway serve` with settings of a test, watched from outside."""

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from gateway.sandbox.pki import write_identity
from gateway.sandbox.tether import tether
from tests.support.pki import NOW, leaf, pki

READY_SECONDS = 60
ROOT = Path(__file__).resolve().parent.parent.parent


def write_settings(folder, *, identity="sender", **changed):
    """Write a gateway.toml for a sandbox gateway at the instant of the test PKI; return it."""
    for stem, authority in pki().authorities().items():
        write_identity(authority, folder, stem)
    certificate, key = write_identity(leaf(identity), folder, "as4")
    smp_certificate, smp_key = write_identity(leaf("publisher"), folder, "smp")
    values = {
        "stage": "sandbox",
        "clock_at": NOW.isoformat(),
        "data_dir": str(folder / "data"),
        "seat_id": "PBE000001",
        "country": "BE",
        "public_url": "http://127.0.0.1:1",
        "public_listen": "127.0.0.1:0",
        "api_listen": "127.0.0.1:0",
        "as4_certificate_file": str(certificate),
        "as4_key_file": str(key),
        "smp_certificate_file": str(smp_certificate),
        "smp_key_file": str(smp_key),
        "trust_root_files": [str(folder / "root.cert.pem")],
        "trust_ap_ca_files": [str(folder / "ap-ca.cert.pem")],
        "trust_smp_ca_files": [str(folder / "smp-ca.cert.pem")],
        "sml_zone": "sml.test",
        "dns_servers": ["127.0.0.1:1"],
        **changed,
    }
    config = folder / "gateway.toml"
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value is not None]
    config.write_text("".join(lines))
    return config


@dataclass
class Process:
    """A running `gateway` command."""

    process: asyncio.subprocess.Process
    log: Path
    data: Path
    ready: dict = field(default_factory=dict)

    @property
    def pid(self):
        return self.process.pid

    def children(self):
        """The gateways it forked; its database is another program."""
        return gateways_below(self.pid)

    def family(self):
        return [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]

    async def wait_ready(self):
        """Wait for the line that says it is ready; None when it ended without."""
        async with asyncio.timeout(READY_SECONDS):
            line = await self.process.stdout.readline()
        self.ready = json.loads(line) if line else {}
        return self.ready or None

    async def end(self, number=signal.SIGTERM):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def get(self, path, *, key=True):
        headers = {"Authorization": f"Bearer {(self.data / 'api-key').read_text().strip()}"}
        async with (
            aiohttp.ClientSession(headers=headers if key else {}) as session,
            session.get(self.ready["api"] + path) as response,
        ):
            return response.status


def gateways_below(pid):
    """The processes directly below *pid* that are gateways; any may end while one looks."""
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
    found = []
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "gateway" in " ".join(child.cmdline()):
                found.append(child)
    return found


async def start(config, *flags, verb="serve"):
    """Start `gateway VERB --config CONFIG FLAGS`."""
    log = config.with_name(f"{verb}.log")
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", verb, "--config", str(config), *flags,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=stderr,
            cwd=ROOT, start_new_session=True, preexec_fn=tether(),
        )  # fmt: skip
    return Process(process, log, config.parent / "data")


@contextlib.asynccontextmanager
async def running(config, *flags, verb="serve"):
    """A gateway that is ready; killed at the end if the test did not end it."""
    gateway = await start(config, *flags, verb=verb)
    try:
        assert await gateway.wait_ready() is not None, gateway.log.read_text()
        yield gateway
    finally:
        if gateway.process.returncode is None:
            for each in gateway.family():
                with contextlib.suppress(psutil.Error):
                    each.kill()
            await gateway.process.wait()


async def outcome(config, *flags, verb="serve"):
    """Run a command that ends by itself; return its exit code and what it said."""
    gateway = await start(config, *flags, verb=verb)
    async with asyncio.timeout(READY_SECONDS):
        await gateway.process.wait()
    return gateway.process.returncode, gateway.log.read_text()


async def until(true, *, seconds=30):
    """Wait until *true* says so."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.05)
