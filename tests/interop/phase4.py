"""phase4 as a live peer: built once with Maven, its receiver and its sender as processes.

`conformance/peers/phase4` holds the Java sources and says what its programs take and answer.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.interop.sandbox import PASSWORD, der_of, end_of, stop
from tests.support.web import free_port

PROJECT = Path(__file__).resolve().parents[2] / "conformance/peers/phase4"
JAVA_NEEDED = 17
BUILD_SECONDS_MAX = 900
START_SECONDS_MAX = 60.0
SEND_SECONDS_MAX = 180.0
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
TALKATIVE = "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"


class PeerTrouble(Exception):  # noqa: N818 - it says what happened
    """The Java side could not be built or started; the text holds its output."""


def missing() -> str | None:
    """Say what is not on this machine and is needed, or None."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            return f"{program} is not on the path: the interop run needs JDK 17 and Maven"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_NEEDED:
        return f"java is older than {JAVA_NEEDED}: {said.splitlines()[:1]}"
    return None


def build(project: Path = PROJECT) -> Path:
    """Build the Java project unless its jar is newer than its sources; return the jar."""
    jars = [path for path in (project / "target").glob("*.jar") if path.is_file()]
    sources = [project / "pom.xml", *(project / "src").rglob("*.*")]
    newest = max(path.stat().st_mtime for path in sources)
    if jars and jars[0].stat().st_mtime > newest:
        return jars[0]
    done = subprocess.run(
        ["mvn", "-B", "-q", "package"],
        cwd=project, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS_MAX,
    )  # fmt: skip
    jars = list((project / "target").glob("*.jar"))
    if done.returncode != 0 or not jars:
        raise PeerTrouble(f"mvn package failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return jars[0]


@dataclass(frozen=True, slots=True)
class Keys:
    """The files that a Java access point of the sandbox needs."""

    keystore: Path
    truststore: Path
    smp_truststore: Path
    tls_truststore: Path
    certificate: Path
    seat_id: str

    @classmethod
    def issued(cls, folder: Path, seat_id: str, truststores: Mapping[str, str]) -> "Keys":
        """The files that the sandbox issued for *seat_id* in *folder*, beside its *truststores*."""
        return cls(
            keystore=folder / f"{seat_id}.p12",
            truststore=Path(truststores["ap"]),
            smp_truststore=Path(truststores["smp"]),
            tls_truststore=Path(truststores["tls"]),
            certificate=folder / f"{seat_id}.cert.pem",
            seat_id=seat_id,
        )

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return der_of(self.certificate)


@dataclass(frozen=True, slots=True)
class Sent:
    """How phase4 says that a message of its ended."""

    facts: dict[str, Any]

    @property
    def verified(self) -> bool:
        """Whether it has a receipt and its signer, message and references were right."""
        return self.facts.get("receipt_verified") is True

    @property
    def codes(self) -> list[str]:
        """The ebMS codes of the error it was answered with."""
        return [str(code) for code in self.facts.get("ebms_error") or ()]

    @property
    def signed(self) -> bool:
        """Whether the answer was signed by the access point that was addressed."""
        return self.facts.get("signal_verified") is True

    @property
    def message_id(self) -> str:
        return str(self.facts.get("message_id"))

    def words(self) -> str:
        if self.verified:
            return "receipt, verified by phase4"
        if self.signed and self.codes:
            return f"signed error {' '.join(self.codes)}"
        detail = str(self.facts.get("detail") or "").strip()[:160]
        codes = " ".join(self.codes)
        return " ".join(part for part in (str(self.facts.get("result")), codes, detail) if part)


@dataclass(slots=True)
class Phase4:
    """The running peer: *as4_url* receives, `send` sends, `received` says what was delivered."""

    as4_url: str
    sender_url: str
    keys: Keys
    store: Path
    session: aiohttp.ClientSession
    logs: list[Path] = field(default_factory=list)

    async def send(self, **wanted: Any) -> Sent:
        """Let phase4 send a message; *wanted* are the keys of `POST /send`, paths as Path."""
        facts = {key: _plain(value) for key, value in wanted.items() if value is not None}
        timeout = aiohttp.ClientTimeout(total=SEND_SECONDS_MAX)
        url = f"{self.sender_url}/send"
        async with self.session.post(url, json=facts, timeout=timeout) as response:
            if response.status != 200:
                raise PeerTrouble(f"POST /send: {response.status} {await response.text()}")
            return Sent(await response.json(content_type=None))

    async def received(self, message_id: str) -> list[dict[str, Any]]:
        """Return each delivery of *message_id* at phase4's receiver."""
        url = self.as4_url.removesuffix("/as4") + "/received"
        async with self.session.get(url) as response:
            everything = await response.json(content_type=None)
        return [one for one in everything if one["message_id"] == message_id]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


@asynccontextmanager
async def running(
    jar: Path,
    keys: Keys,
    folder: Path,
    served: str,
    own: Sequence[str] = (),
    flags: Sequence[str] = (QUIET,),
) -> AsyncIterator[Phase4]:
    """Start receiver and sender with *keys*; the receiver serves the participants in *served*.

    *own* are arguments that stand in for the key store and trust store of *keys*, *flags* are
    those of Java.  What both log is in *folder*.
    """
    ports = free_port(), free_port()
    store = folder / "store"
    common = ["--keystore", str(keys.keystore), "--truststore", str(keys.truststore)]
    common = [*(own or common), "--password", PASSWORD]
    receiver = [
        "peer.Receiver", "--port", str(ports[0]), *common, "--data", str(folder / "receiver"),
        "--store", str(store), "--only-recipient", served,
    ]  # fmt: skip
    sender = [
        "peer.SenderServer", "--port", str(ports[1]), *common, "--data", str(folder / "sender"),
        "--smp-truststore", str(keys.smp_truststore),
    ]  # fmt: skip
    started: list[asyncio.subprocess.Process] = []
    logs: list[Path] = []
    try:
        for name, arguments in (("receiver", receiver), ("sender", sender)):
            log = folder / f"{name}.log"
            logs.append(log)
            started.append(await _java(jar, keys, flags, arguments, log))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        async with aiohttp.ClientSession() as session:
            for process, log, url in zip(started, logs, urls, strict=True):
                await _answers(session, process, f"{url}/stats", log)
            yield Phase4(f"{urls[0]}/as4", urls[1], keys, store, session, logs)
    finally:
        for process in started:
            await stop(process)


async def _java(jar: Path, keys: Keys, flags: Sequence[str], arguments: list[str], log: Path):
    classes = os.pathsep.join((str(jar), str(jar.parent / "lib" / "*")))
    flags = [
        *flags,
        f"-Djavax.net.ssl.trustStore={keys.tls_truststore}",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as said:
        return await asyncio.create_subprocess_exec(
            "java", *flags, "-cp", classes, *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True, cwd=log.parent,
        )  # fmt: skip


async def _answers(session, process, url: str, log: Path) -> None:
    """Wait until *url* answers; a servlet container opens its port before it is ready."""
    for _ in range(int(START_SECONDS_MAX / 0.1)):
        if process.returncode is not None:
            break
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(url) as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise PeerTrouble(f"{url} does not answer:\n{end_of(log)}")
