"""The target's sending side, as the tester sees it: what it is told to send, and what arrives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Use
from conformance.suite.check import SignerCheck
from conformance.suite.keys import Keys
from conformance.suite.listener import Arrival, Fault, Listener, listen
from conformance.suite.outcome import Failed, NotApplicable
from conformance.suite.target import Ending, Outbox, Publishing, Target
from conformance.suite.tools import Tools
from ubl.identifiers import ParticipantId

__all__ = ["Sending", "Sent", "open_sending"]

POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Sent:
    """One document that the target was told to send: *document*, what arrived, how it ended."""

    document: bytes
    arrivals: Sequence[Arrival]
    ending: Ending

    @property
    def first(self) -> Arrival:
        """The first message that arrived, if it could be read; raises Failed."""
        arrival = self.arrivals[0]
        if arrival.problem:
            raise Failed(f"what the target sends cannot be read: {arrival.problem}")
        return arrival


@dataclass(slots=True)
class Sending:
    """Lets the target send to the tester's participant, and looks at what comes."""

    target: Target
    outbox: Outbox
    listener: Listener
    tools: Tools
    participant: ParticipantId
    certificate_pem: bytes
    _sample: Sent | Failed | None = None

    async def sample(self) -> Sent:
        """Return a document that was sent with nothing going wrong; it is sent once in a run."""
        if self._sample is None:
            try:
                self._sample = await self.send()
            except Failed as error:
                self._sample = error
        if isinstance(self._sample, Failed):
            raise Failed(str(self._sample))
        return self._sample

    async def send(self, *faults: Fault) -> Sent:
        """Let the target send a document, answer with *faults* first, and wait for its ending.

        Raises Failed when nothing arrives.
        """
        listener, before = self.listener, len(self.listener.arrivals)
        listener.script[:] = list(faults)
        assert self.target.outgoing is not None
        number = f"SENT-{self.tools.new_id()[-12:]}"
        document = self.target.outgoing(number, self.participant)
        name = await self.outbox.send(document, self.participant)

        def arrived() -> list[Arrival]:
            # What an earlier case left behind may still come.
            found = listener.arrivals[before:]
            return [each for each in found if each.problem or number.encode() in each.document]

        ending = await self._follow(name)
        listener.script.clear()
        if not arrived():
            raise Failed(f"nothing arrived at the receiver; the target says {ending.words}")
        return Sent(document, arrived(), ending)

    async def nothing_sent(self, receiver: ParticipantId) -> Ending:
        """Let the target send to *receiver*, to whom it must not; raises Failed when it does."""
        before = len(self.listener.arrivals)
        assert self.target.outgoing is not None
        document = self.target.outgoing(f"NOT-{self.tools.new_id()[-12:]}", receiver)
        ending = await self._follow(await self.outbox.send(document, receiver))
        if len(self.listener.arrivals) > before:
            raise Failed("the message was sent all the same")
        if ending.delivered:
            raise Failed("the target says that it was delivered")
        return ending

    async def _follow(self, name: str) -> Ending:
        """Return how the sending of *name* ended, or how it stands when the time is over."""
        waited = 0.0
        while waited < self.target.patience_seconds:
            ending = await self.outbox.ending(name)
            if ending.delivered is not None:
                return ending
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        return await self.outbox.ending(name)


@dataclass(frozen=True, slots=True)
class _NoDirectory:
    """Where the operator sees to it himself that the tester is found."""

    async def publish(self, participant: ParticipantId, url: str, certificate_pem: bytes) -> None:
        """Do nothing."""

    async def withdraw(self, participant: ParticipantId) -> None:
        """Do nothing."""


@asynccontextmanager
async def open_sending(
    target: Target, keys: Keys, tools: Tools, participant: ParticipantId
) -> AsyncIterator[Sending | None]:
    """Listen, let *participant* be found here, and yield what lets the target send; or None."""
    if target.outbox is None or target.outgoing is None:
        yield None
        return
    directory: Publishing = target.publishing or _NoDirectory()
    key = keys.key_pair("sender")
    stranger = keys.key_pair("third") if "third" in keys.names else None
    listener = Listener(key, stranger, SignerCheck(target.trust, Use.SIGN), tools)
    pem = key.certificate.x509.public_bytes(Encoding.PEM)
    async with listen(listener, *target.listen_at):
        await directory.publish(participant, listener.url, pem)
        try:
            yield Sending(target, target.outbox, listener, tools, participant, pem)
        finally:
            await directory.withdraw(participant)


def require(sending: Sending | None) -> Sending:
    """Return *sending*; raises NotApplicable where the target cannot be told to send."""
    if sending is None:
        raise NotApplicable("there is no way to make the target send a document")
    return sending
