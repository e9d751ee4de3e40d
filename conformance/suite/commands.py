"""The doors into a target that has no other: two commands of its operator.

The inbox command gets a MessageId and prints the path of a file with the document for each time
that it was delivered.  The send command gets the file of a document, its receiver, and the AS4
address and certificate file of the tester; it ends with 0 when the document was delivered, and
what it prints is what the target says about it.
"""

import asyncio
import contextlib
import hashlib
import os
import shlex
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.suite.outcome import Failed, NotApplicable
from conformance.suite.target import Ending
from ubl.identifiers import ParticipantId

__all__ = ["CommandInbox", "CommandOutbox"]

COMMAND_SECONDS_MAX: Final = 120.0  # LIMIT: a command that has not ended by then is killed.
OUTPUT_BYTES_MAX: Final = 64 * 1024  # LIMIT: of what a command prints; the rest is not read.
DELIVERIES_MAX: Final = 20  # LIMIT: of one message; one is right, two are a fault.
DOCUMENT_BYTES_MAX: Final = 128 << 20  # LIMIT: of one document that was delivered.


@dataclass(frozen=True, slots=True)
class CommandInbox:
    """What the target delivered, as *command* tells."""

    command: str

    async def find(self, message_id: str) -> Sequence[bytes]:
        """Return the documents in the files that the command prints; raises Failed."""
        code, output = await _run(self.command, message_id)
        if code != 0:
            raise Failed(f"the inbox command ended with {code}: {output[:500]}")
        paths = [Path(line) for line in output.splitlines() if line.strip()]
        if len(paths) > DELIVERIES_MAX:
            raise Failed(f"the inbox command names {len(paths)} deliveries of one message")
        return [await asyncio.to_thread(_read, path) for path in paths]


@dataclass(slots=True)
class CommandOutbox:
    """Lets the target send, by *command*; *folder* is for the files that it is given.

    It is its own directory: what is published here is what the command is told.  A command that
    has not ended after *seconds* is killed.
    """

    command: str
    folder: Path
    seconds: float = COMMAND_SECONDS_MAX
    _where: dict[str, tuple[str, Path]] = field(default_factory=dict)
    _running: dict[str, asyncio.Task[tuple[int, str]]] = field(default_factory=dict)

    async def publish(self, participant: ParticipantId, url: str, certificate_pem: bytes) -> None:
        """Keep where *participant* is found, to tell the command."""
        digest = hashlib.sha256(certificate_pem).hexdigest()
        path = self.folder / f"{digest[:16]}.cert.pem"
        await asyncio.to_thread(path.write_bytes, certificate_pem)
        self._where[participant.key] = url, path

    async def withdraw(self, participant: ParticipantId) -> None:
        """Forget where *participant* is found."""
        self._where.pop(participant.key, None)

    async def send(self, document: bytes, receiver: ParticipantId) -> str:
        """Start the command for *document*.

        Raises NotApplicable for a receiver who is nowhere: the command is told where to send.
        """
        if receiver.key not in self._where:
            raise NotApplicable("the send command is always told where the receiver is")
        name = str(len(self._running) + 1)
        path = self.folder / f"document-{name}.xml"
        await asyncio.to_thread(path.write_bytes, document)
        url, certificate = self._where[receiver.key]
        arguments = (str(path), receiver.value, url, str(certificate))
        work = _run(self.command, *arguments, seconds=self.seconds)
        self._running[name] = asyncio.ensure_future(work)
        return name

    async def ending(self, name: str) -> Ending:
        """Return how the command ended, or that it has not."""
        task = self._running[name]
        if not task.done():
            return Ending(None, "the send command is still running")
        code, output = task.result()
        return Ending(code == 0, " ".join(output.split())[-2000:] or f"it ended with {code}")

    async def wait(self, name: str) -> None:
        """Wait until the command for *name* has ended."""
        await asyncio.wait([self._running[name]])

    async def ping(self, receiver: ParticipantId) -> Ending:
        """Raise NotImplementedError: the command sends documents alone."""
        raise NotImplementedError(receiver)

    async def close(self) -> None:
        """End what is still running."""
        for task in self._running.values():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            for task in self._running.values():
                await task


async def _run(
    command: str, *arguments: str, seconds: float = COMMAND_SECONDS_MAX
) -> tuple[int, str]:
    """Run *command* with *arguments*; return its exit code and what it printed, within bounds."""
    async with _output() as (output, write_end):
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return -1, f"{command!r} cannot be started: {error}"
        finally:
            os.close(write_end)
        printed = b""
        try:
            async with asyncio.timeout(seconds):
                while chunk := await output.read(OUTPUT_BYTES_MAX):
                    printed = (printed + chunk)[:OUTPUT_BYTES_MAX]
                await process.wait()
        except TimeoutError:
            return -1, f"it did not end within {seconds:g} seconds"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    return process.returncode or 0, printed.decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def _output() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Give what reads a pipe, and the end to write to, which the caller closes.

    A pipe of asyncio's own holds up the end of its process until it was read to its end: for ever
    where the reader has stopped, or where what the process left behind keeps it open.
    """
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
    )
    try:
        yield reader, write_end
    finally:
        transport.close()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX)
    except (OSError, ValueError) as error:
        why = f"{str(path)[:200]}, which cannot be read: {error}"
        raise Failed(f"the inbox command names {why}") from error
