"""The live phoss-smp: built once, started in a folder of its own, told what to publish, stopped.

`conformance/peers/phoss-smp` holds the Java side.  It listens on loopback below the ports that
this machine gives to connections, and signs with the identity it is given.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from cryptography import x509
from lxml import etree
from yarl import URL

from gateway.sandbox.pki import Identity
from gateway.sandbox.truststores import java_truststore
from smp.metadata import (
    Redirect,
    ServiceMetadata,
    build_metadata,
    build_service_group,
    group_path,
    metadata_path,
)
from tests.support.web import free_port
from ubl.identifiers import DocumentTypeId, ParticipantId

PROJECT = Path(__file__).resolve().parent.parent.parent / "conformance/peers/phoss-smp"
JAR = PROJECT / "target/phoss-smp-peer-1.jar"
USER = aiohttp.BasicAuth("admin@helger.com", "password")  # whom a fresh folder knows
PASSWORD = "sandbox"
JAVA_VERSION_MIN = 17
BUILD_SECONDS_MAX = 900
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 20


class PhossTrouble(Exception):  # noqa: N818 - it says what happened
    """The peer could not be built, started or told; the text holds what it said."""


@dataclass(frozen=True, slots=True)
class Phoss:
    """A running phoss-smp at *url*, which signs as *publisher*."""

    url: str
    publisher: Identity

    async def publish(
        self, participant: ParticipantId, services: dict[DocumentTypeId, ServiceMetadata | Redirect]
    ) -> None:
        """Register *participant* if it is new, and publish each of *services*."""
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(auth=USER, timeout=timeout) as session:
            group = build_service_group(participant, (), self.url)
            await self._put(session, group_path(participant), group)
            for document_type, content in services.items():
                # A publisher is given the metadata alone: it signs by itself.
                body = etree.tostring(build_metadata(content)[0])
                await self._put(session, metadata_path(participant, document_type), body)

    async def _put(self, session: aiohttp.ClientSession, path: str, body: bytes) -> None:
        target = URL(self.url + path, encoded=True)
        headers = {"Content-Type": "text/xml; charset=UTF-8"}
        async with session.put(target, data=body, headers=headers) as answer:
            if answer.status != 200:
                text = (await answer.text())[:500]
                raise PhossTrouble(f"phoss-smp answers PUT {path} with {answer.status}: {text}")


def not_runnable() -> str | None:
    """Return why phoss-smp cannot run here, or None when Java and Maven are there."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return "phoss-smp needs JDK 17 and Maven: java and mvn are not on the path"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_VERSION_MIN:
        return f"phoss-smp needs JDK 17; this is {said.splitlines()[0] if said else 'unknown'}"
    return None


async def build() -> None:
    """Build the Java side with Maven unless that is done already; raises PhossTrouble."""
    sources = [PROJECT / "pom.xml", *PROJECT.glob("src/**/*.java")]
    if JAR.exists() and JAR.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return
    maven = await asyncio.create_subprocess_exec(
        "mvn", "-B", "-q", "package", cwd=PROJECT, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(BUILD_SECONDS_MAX):
            said, _ = await maven.communicate()
    finally:
        await _end(maven)
    if maven.returncode != 0:
        raise PhossTrouble(f"mvn package in {PROJECT} failed:\n{said.decode()[-3000:]}")


@asynccontextmanager
async def running(
    folder: Path, publisher: Identity, authorities: list[x509.Certificate]
) -> AsyncIterator[Phoss]:
    """Run phoss-smp with fresh data in *folder*; it signs as *publisher* and trusts *authorities*.

    *authorities* are the root and whoever issued the publisher's certificate.  At the end the
    process is gone.  Raises PhossTrouble.
    """
    log, flags = folder / "phoss-smp.log", _prepare(folder, publisher, authorities)
    port = free_port()
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            "java", "-Xmx512m", "-cp", f"{JAR}:{JAR.parent}/lib/*", "peer.PhossSmp",
            "--port", str(port), *flags, cwd=folder, stdin=asyncio.subprocess.DEVNULL,
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        await _wait_listening(process, log)
        yield Phoss(f"http://127.0.0.1:{port}", publisher)
    finally:
        await _end(process)


def _prepare(
    folder: Path, publisher: Identity, authorities: list[x509.Certificate]
) -> tuple[str, ...]:
    """Write the key stores into a new *folder*; return the flags that name them."""
    folder.mkdir(parents=True)
    name = publisher.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    keys, trust = folder / "smp.p12", folder / "trust.p12"
    keys.write_bytes(publisher.pkcs12(PASSWORD, authorities))
    named = [(f"ca-{number}", authority) for number, authority in enumerate(authorities)]
    trust.write_bytes(java_truststore(named, PASSWORD))
    return (
        "--data", str(folder / "data"), "--keystore", str(keys), "--alias", str(name),
        "--truststore", str(trust), "--password", PASSWORD,
    )  # fmt: skip


async def _wait_listening(process: asyncio.subprocess.Process, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while "listening on " not in _said(log):
        if process.returncode is not None or time.monotonic() > deadline:
            raise PhossTrouble(f"phoss-smp did not start:\n{_said(log)[-3000:]}")
        await asyncio.sleep(0.1)


def _said(log: Path) -> str:
    return log.read_text(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end, and kill it and its children when it does not."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
