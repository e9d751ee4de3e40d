"""The bench that a case works on: it makes messages, posts them, and judges what comes back.

Everything that crosses the wire on it is kept as evidence, within bounds.
"""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp

from as4.certificates import Use
from as4.errors import InvalidReceipt
from as4.mimeheaders import SOAP
from as4.signal import ErrorSignal, Receipt, check_receipt
from conformance.forge.messages import Forge, Sealed
from conformance.suite.check import SignerCheck
from conformance.suite.documents import is_same
from conformance.suite.keys import Keys
from conformance.suite.listener import Fault
from conformance.suite.outcome import Failed, NotApplicable
from conformance.suite.reply import Reply, read_reply
from conformance.suite.sending import Sending, Sent, require
from conformance.suite.target import Inbox, Target
from conformance.suite.tools import Tools
from conformance.suite.wire import Answer, Exchange, ask, dump_answer, dump_request
from ubl.identifiers import ParticipantId

__all__ = ["Bench", "Row", "Tester"]

EVIDENCE_BYTES_MAX: Final = 1 << 20  # LIMIT: of one body that is kept; the rest is left out.
EVIDENCE_CASE_BYTES_MAX: Final = 16 << 20  # LIMIT: of all that is kept of one case.


@dataclass(frozen=True, slots=True)
class Tester:
    """Who the tester is in business: the participant that it sends as and receives for.

    *second* is another one, whose metadata cases spoil.
    """

    participant: ParticipantId
    second: ParticipantId
    stranger: ParticipantId
    """One whom nobody serves."""
    host: str = "tester.example"


@dataclass(frozen=True, slots=True)
class Row:
    """One of the things that a case tries, where it tries many."""

    name: str
    passed: bool
    words: str


@dataclass(slots=True, kw_only=True)
class Bench:
    """One case's work: *rows*, *remarks* and *exchanges* are what it leaves for the report."""

    target: Target
    keys: Keys
    tester: Tester
    tools: Tools
    session: aiohttp.ClientSession
    outgoing: Sending | None = None
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    _kept: int = 0

    def forge(self, **changes: Any) -> Forge:
        """Return a forge for one new message to the target; *changes* are its fields."""
        target, new_id = self.target, self.tools.new_id
        forge = Forge(
            identities=self.keys,
            from_party=self.keys.key_pair("sender").certificate.subject_cn,
            to_party=target.seat,
            third_party=self._third_party(),
            sender=self.tester.participant,
            receiver=target.participant,
            stranger=self.tester.stranger,
            document_type=target.document_type,
            process=target.process,
            document=target.document,
            now=self.tools.now(),
            message_id=f"{new_id()}@{self.tester.host}",
            conversation_id=new_id(),
            instance_identifier=new_id(),
        )
        return replace(forge, **changes)

    async def post(
        self,
        sealed: Sealed,
        label: str = "a message",
        *,
        data: AsyncIterable[bytes] | None = None,
    ) -> Reply:
        """Post *sealed* to the target and return what it says; *data* streams the same body."""
        headers = {"Content-Type": sealed.content_type}
        answer = await self.ask("POST", self.target.as4_url, label, headers, sealed.body, data=data)
        check = SignerCheck(self.target.trust, Use.SIGN)
        reply = read_reply(answer, check_signer=check, now=self.tools.now())
        self.exchanges[-1] = replace(self.exchanges[-1], came=reply.words)
        return reply

    async def ask(
        self,
        method: str,
        url: str,
        label: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        data: AsyncIterable[bytes] | None = None,
    ) -> Answer:
        """Ask *url*, keep both sides as evidence, and return the answer."""
        sent = body if data is None else data
        answer = await ask(self.session, method, url, headers=headers, data=sent or None)
        self.keep(label, dump_request(method, url, headers, body), dump_answer(answer), answer)
        return answer

    def keep(self, label: str, request: bytes, answer: bytes, came: Answer | None = None) -> None:
        """Keep one exchange as evidence, cut to what the report may hold."""
        left = max(EVIDENCE_CASE_BYTES_MAX - self._kept, 0)
        kept = [data[: min(EVIDENCE_BYTES_MAX, left)] for data in (request, answer)]
        notes = [came.trouble] if came is not None and came.trouble else []
        if kept != [request, answer]:
            notes.append(f"cut: the request has {len(request)} bytes, the answer {len(answer)}")
        self._kept += sum(map(len, kept))
        words = "" if came is None else came.words
        self.exchanges.append(Exchange(label, words, kept[0], kept[1], "; ".join(notes)))

    def expect_receipt(self, reply: Reply, sealed: Sealed) -> Receipt:
        """Return the receipt in *reply* if it proves that the target received *sealed*.

        Raises Failed.  [EBBPSIG §3] [AS4 §5.1.8]
        """
        if not isinstance(reply.signal, Receipt):
            raise Failed(f"expected a receipt, came {reply.words}")
        try:
            receipt = check_receipt(
                reply.signal,
                sealed.references,
                message_id=sealed.message_id,
                to_party=self.target.seat,
            )
        except InvalidReceipt as error:
            raise Failed(error.detail) from error
        if reply.answer.status // 100 != 2:
            raise Failed(f"the receipt came with HTTP {reply.answer.status}, not 2xx")
        return receipt

    def expect_refusal(self, reply: Reply, *, code: str = "", detail: str = "") -> None:
        """Raise Failed unless *reply* refuses the message, with *code* and *detail* if given."""
        if not reply.is_refusal:
            raise Failed(f"expected a refusal, came {reply.words}")
        if (code and reply.code != code) or (detail and detail not in reply.detail):
            raise Failed(f"expected the error {f'{code} {detail}'.strip()}, came {reply.words}")

    def expect_error(self, reply: Reply, sealed: Sealed, *, code: str = "") -> ErrorSignal:
        """Return the ebMS error in *reply* if it is about *sealed*; raises Failed."""
        self.expect_refusal(reply, code=code)
        signal = reply.signal
        if not isinstance(signal, ErrorSignal) or not signal.errors:
            raise Failed(f"expected an ebMS error, came {reply.words}")
        named = {signal.ref_to_message_id, signal.errors[0].ref_to_message_in_error}
        if sealed.message_id not in named:
            raise Failed("the error does not say which message it is about")
        return signal

    async def accept(self, sealed: Sealed, label: str = "a good message") -> Receipt:
        """Post the good message *sealed* and return its receipt; raises Failed."""
        return self.expect_receipt(await self.post(sealed, label), sealed)

    async def refuse(self, sealed: Sealed, *, code: str = "", detail: str = "") -> Reply:
        """Post the bad message *sealed*: it must be refused, and nothing of it delivered."""
        reply = await self.post(sealed, "a message with this fault, else good")
        self.expect_refusal(reply, code=code, detail=detail)
        await self.expect_nothing_delivered(sealed)
        return reply

    async def expect_delivered(self, sealed: Sealed, document: bytes, times: int = 1) -> None:
        """Raise Failed unless the target delivered *document* of *sealed* so many times."""
        found = await self.inbox.find(sealed.message_id)
        if len(found) != times:
            raise Failed(f"the document was delivered {len(found)} times, not {times}")
        for each in found:
            self.expect_same(each, document, "what was delivered is not what was sent")

    def expect_same(self, found: bytes, document: bytes, otherwise: str) -> None:
        """Raise Failed with *otherwise* unless *found* is *document*; other bytes are remarked."""
        if found != document and not is_same(found, document):
            raise Failed(otherwise)
        if found != document:
            self.remarks.append("the document is the same, but its XML was written anew")

    async def expect_nothing_delivered(self, sealed: Sealed) -> None:
        """Raise Failed when the target delivered anything of *sealed*, where one can see it."""
        if self.target.inbox is not None and await self.target.inbox.find(sealed.message_id):
            raise Failed("it was refused, but its document was delivered")

    @property
    def inbox(self) -> Inbox:
        """What the target delivered; NotApplicable where nobody can see it."""
        if self.target.inbox is None:
            raise NotApplicable("there is no way to see what the target delivered")
        return self.target.inbox

    @property
    def sending(self) -> Sending:
        """What lets the target send; NotApplicable where nobody can tell it to."""
        return require(self.outgoing)

    async def sample(self) -> Sent:
        """Return a document that the target sent with nothing going wrong; raises Failed."""
        return self.seen(await self.sending.sample())

    async def sent(self, *faults: Fault) -> Sent:
        """Let the target send while the tester answers with *faults*; raises Failed."""
        return self.seen(await self.sending.send(*faults))

    def seen(self, sent: Sent) -> Sent:
        """Keep what the target sent as evidence, and return it."""
        for arrival in sent.arrivals:
            answer = b""
            if arrival.answer and arrival.fault is not Fault.HANG_UP:
                answer = dump_answer(Answer(200, {"content-type": SOAP}, arrival.answer))
            label = f"the target's message, answered with {arrival.fault.value}"
            self.keep(label, arrival.head + arrival.body, answer)
            self.exchanges[-1] = replace(self.exchanges[-1], came=sent.ending.words)
        return sent

    def note(self, name: str, words: str, *, passed: bool) -> None:
        """Add a row to the report."""
        self.rows.append(Row(name, passed, words))

    def finish_rows(self) -> None:
        """Raise Failed when a row failed, NotApplicable when there is none at all."""
        failed = [row for row in self.rows if not row.passed]
        if failed:
            names = "; ".join(f"{row.name}: {row.words}" for row in failed[:5])
            more = f" (and {len(failed) - 5} more)" if len(failed) > 5 else ""
            raise Failed(f"{len(failed)} of {len(self.rows)} went wrong: {names}{more}")
        if not self.rows:
            raise NotApplicable("nothing of it could be tried with the keys that were given")

    def _third_party(self) -> str:
        names: Sequence[str] = ["third"] if "third" in self.keys.names else ["sender"]
        return self.keys.key_pair(names[0]).certificate.subject_cn
