"""From a verified message to its receipt: whose it is, stored once, acknowledged after the commit.

A duplicate gets a receipt that carries its own references and is not delivered again. Only
accepted messages count as known, and they are known for as long as the archive lasts.
[PEPPOL-AS4 §2.6] [EBBPSIG §4]
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from as4.errors import NotServed, Other
from as4.unpack import (
    ReceivedMessage,
    check_addressee,
    check_business_header,
    check_timestamp,
)
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.exchange.answers import Answer, Answers, acknowledge
from gateway.exchange.duplicates import Duplicates
from gateway.exchange.served import ServedParticipants
from gateway.exchange.writer import BatchWriter
from gateway.store.messages import InboundRow, Outcome
from gateway.store.participants import Served
from ubl.sbdh import Sbdh

INSTANCE_REUSED = "instance-reused"
"""The flag of a document whose envelope bears an identifier that another document had before."""
CERTIFICATE_WARNING = "certificate-warning"
"""The flag of a document whose sender's certificate is odd, though not to be refused."""
SETTLE_TRIES_MAX = 3  # LIMIT: each try means that another copy was stored meanwhile.


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a message as received: in memory, or in the archive under a name."""

    content_type: str
    length: int
    wire: bytes | None = None
    wire_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What it takes to decide on a verified message and to store it."""

    seat_id: str
    duplicate_memory: timedelta
    clock: Clock
    answers: Answers
    served: ServedParticipants
    writer: BatchWriter
    duplicates: Duplicates

    def answer_ping(self, received: ReceivedMessage) -> Answer:
        """Acknowledge a test of the connection: nothing is stored.  [EBMS3 §5.2.2]"""
        check_addressee(received.user_message, (self.seat_id,))
        self._check_time(received)
        return acknowledge(self.answers.receipt(received), "ping")

    async def find_served(self, received: ReceivedMessage, header: Sbdh) -> Served:
        """Return what of ours *received* is for; raise Other, NotServed or ValueInconsistent."""
        check_addressee(received.user_message, (self.seat_id,))
        check_business_header(received.user_message, header)
        served = await self.served.find(header.receiver, header.document_type, header.process)
        if served is None:
            raise NotServed(
                f"{header.receiver.key} does not receive {header.document_type.uri}"
                f" in {header.process.uri} here"
            )
        self._check_time(received)
        return served

    async def store(
        self, received: ReceivedMessage, header: Sbdh, served: Served, body: Body
    ) -> tuple[Answer, Outcome]:
        """Store *received* and return its receipt, with what became of the row.

        Raises Other when its MessageId belongs to another message, and Unavailable when nobody
        knows whether it is stored.
        """
        row = self._row(received, header, served, body)
        outcome = await self.writer.put(row)
        verdict = str(outcome)
        if outcome is Outcome.INSTANCE_KNOWN:
            verdict, outcome = await self._settle(row)
        if outcome is Outcome.CONFLICT:
            raise Other(f"another message came as {row.message_id} before")
        return acknowledge(row.receipt, verdict), outcome

    async def _settle(self, row: InboundRow) -> tuple[str, Outcome]:
        """Store a message in an envelope whose identifier is known from another message.

        The same document sent anew is acknowledged and not delivered again; the message alone is
        kept, so that its MessageId is known, too. Another document is kept beside the first and
        flagged, since refusing it could lose an invoice.
        """
        digest = await self.duplicates.digest(row)
        for _ in range(SETTLE_TRIES_MAX):
            same = await self.duplicates.find_same(row, digest)
            if same is None:
                flags = (*row.flags, INSTANCE_REUSED)
                verdict, settled = (
                    INSTANCE_REUSED,
                    replace(row, document_digest=digest, flags=flags),
                )
            else:
                verdict = "repeated"
                settled = replace(row, repeats=same.document_id, dossier_id=same.dossier_id)
            outcome = await self.writer.put(settled)
            # Known once more: the same document came twice at once, and the other is stored now.
            if outcome is not Outcome.INSTANCE_KNOWN:
                return verdict if outcome is Outcome.STORED else str(outcome), outcome
        raise Unavailable("the envelope's identifier is used by many messages at once")

    def _row(
        self, received: ReceivedMessage, header: Sbdh, served: Served, body: Body
    ) -> InboundRow:
        message = received.user_message
        return InboundRow(
            document_id=self.clock.uuid(),
            message_row_id=self.clock.uuid(),
            dossier_id=served.dossier_id,
            message_id=message.message_id,
            sending_ap=received.signer.subject_cn,
            receiving_ap=self.seat_id,
            sender=header.sender.key,
            receiver=header.receiver.key,
            document_type=header.document_type.uri,
            process=header.process.uri,
            instance_identifier=header.instance_identifier,
            attachment_digest=received.attachment_digest,
            content_type=body.content_type,
            wire=body.wire,
            wire_file=body.wire_file,
            wire_length=body.length,
            attachment_offset=received.attachment_offset,
            attachment_length=received.attachment_length,
            transfer_encoding=received.transfer_encoding,
            content_key=received.content_key,
            compressed=received.compressed,
            receipt=self.answers.receipt(received),
            received_at=self.clock.now(),
            flags=(CERTIFICATE_WARNING,) if received.signer.warnings else (),
        )

    def _check_time(self, received: ReceivedMessage) -> None:
        check_timestamp(received.user_message, now=self.clock.now(), memory=self.duplicate_memory)
