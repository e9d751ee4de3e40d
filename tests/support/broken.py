"""An access point that works, and breaks on a dial: what every case of the suite is tried on.

It reads with our strict libraries, knows nothing of the gateway, and remembers all in a dict.
`Dials()` is the control; a mutant has one field of it set.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

from aiohttp import web

from as4.certificates import Anchors, KeyPair, Use, check_certificate
from as4.compression import inflate
from as4.envelope import MEDIA_TYPE
from as4.errors import (
    As4Error,
    DecompressionFailure,
    FailedAuthentication,
    FailedDecryption,
    NotServed,
    Other,
    Unreadable,
)
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from as4.unpack import (
    MessageReader,
    check_addressee,
    check_business_header,
    check_timestamp,
)
from tests.support.messages import C4, DOCUMENT_TYPE, PROCESS
from tests.support.pki import NOW, RECEIVER
from ubl.errors import UblError
from ubl.sbdh import read_envelope

MEMORY = timedelta(days=90)
SBD_BYTES_MAX = 100 << 20
MIB = 1 << 20


@dataclass(frozen=True)
class Dials:
    """What is broken; by default nothing.

    *takes* is given why a message is to be refused, as `EBMS:0009 the reason`, and what was seen of
    it, and says whether it earns a receipt all the same; *refuses* says which good messages are
    refused; *receipt* and *error* change the answers, *times* is how often a message is delivered,
    *mangle* what becomes of its document, *pings* which test messages are delivered.
    """

    takes: Callable | None = None
    refuses: Callable | None = None
    receipt: Callable = lambda soap, _seen: (200, soap)
    references: Callable = lambda references: references
    receipt_id: Callable = lambda: f"{uuid.uuid4()}@red.example"
    receipt_key: str = "receiver"
    error_key: str | None = "receiver"
    error_names: bool = True
    talkative: bool = False
    times: int = 1
    again: int = 0
    pings: Callable = lambda _received: False
    mangle: Callable = lambda document, _received: document
    forgetful: bool = False
    sending: object = None
    smp: object = None
    dns: str = ""


def accepting(*codes):
    """The dials of an access point that takes what it should refuse with one of *codes*."""
    return Dials(takes=lambda reason, _seen: reason.partition(" ")[0] in codes)


@dataclass
class Receiving:
    """The receiving side, with what it delivered and what it remembers."""

    keys: Callable[[str], KeyPair]
    trust: Anchors
    revoked: set[int]
    dials: Dials = field(default_factory=Dials)
    inbox: dict = field(default_factory=dict)
    memory: dict = field(default_factory=dict)

    async def find(self, message_id):
        """The documents of a message: the suite's Inbox."""
        return self.inbox.get(message_id, [])

    def routes(self):
        return [web.route("*", "/as4", self.take)]

    async def take(self, request):
        """Answer one request."""
        seen = SimpleNamespace(request=request, body=await request.read(), message_id=None)
        try:
            received, document = self.judge(seen)
        except Unreadable as refusal:
            if self.takes(f"{refusal.status} {refusal.detail}", seen):
                return self.forged(seen)
            return web.Response(status=refusal.status, text=refusal.detail)
        except FailedDecryption as error:
            if self.takes(f"{error.code} the {error.step} fails", seen):
                return self.forged(seen)
            return self.refused(error, seen)
        except As4Error as error:
            if self.takes(f"{error.code} {error.detail}", seen):
                return self.forged(seen)
            return self.refused(error, seen)
        self.deliver(received, document)
        status, soap = self.dials.receipt(self.receipt(received), seen)
        return self.soap(soap, status)

    def takes(self, reason, seen):
        return self.dials.takes is not None and self.dials.takes(reason, seen)

    def judge(self, seen):
        """Return what was received and the document in it, or raise what is wrong."""
        if seen.request.method != "POST":
            raise Unreadable(405, "post messages")
        headers = seen.request.headers
        reader = MessageReader(headers.get("Content-Type", ""), keep=True, body_bytes_max=130 * MIB)
        reader.feed(seen.body)
        try:
            envelope = reader.open_envelope(anchors_check=self.check, now=NOW)
            seen.message_id = envelope.user_message.message_id
            reader.open_attachment(self.find_key, bytes(16))
            received = reader.close()
        except As4Error as error:
            seen.message_id = seen.message_id or error.ref_to_message_id
            raise
        seen.received = received
        document = self.check_business(received)
        check_timestamp(received.user_message, now=NOW, memory=MEMORY)
        if self.dials.refuses is not None and self.dials.refuses(seen):
            raise Other("it was told to refuse it").about(seen.message_id)
        self.remember(received)
        return received, document

    def check(self, der, now):
        found = check_certificate(der, anchors=self.trust, now=now, use=Use.SIGN)
        if found.x509.serial_number in self.revoked:
            raise FailedAuthentication("the certificate is revoked")
        return found

    def find_key(self, der):
        own = self.keys("receiver")
        return own.key if der == own.certificate.der else None

    def check_business(self, received):
        """Return the document, its header checked; None for a ping."""
        message = received.user_message
        about = {"ref_to_message_id": message.message_id}
        check_addressee(message, (RECEIVER,))
        if received.payload is None or message.is_ping:
            return None
        try:
            sbd = inflate(received.payload, SBD_BYTES_MAX) if received.compressed else None
            sbd = received.payload if sbd is None else sbd
            found = read_envelope(sbd, whole=True)
        except DecompressionFailure as error:
            raise error.about(message.message_id) from error
        except UblError as error:
            raise Other(str(error), **about) from error
        check_business_header(message, found.header)
        header = found.header
        for name, value, served in (
            ("participant", header.receiver, C4),
            ("document type", header.document_type, DOCUMENT_TYPE),
            ("process", header.process, PROCESS),
        ):
            if value != served:
                raise NotServed(f"the {name} is not served", **about)
        return sbd[found.payload_offset : found.payload_end]

    def remember(self, received):
        """Refuse a known MessageId with another content."""
        name = (received.signer.subject_cn, received.user_message.message_id)
        known = self.memory.setdefault(name, received.attachment_digest)
        if known != received.attachment_digest and not self.dials.forgetful:
            raise Other("this MessageId is known", ref_to_message_id=name[1])

    def deliver(self, received, document):
        message_id = received.user_message.message_id
        if document is None and not self.dials.pings(received):
            return
        first = message_id not in self.inbox
        times = self.dials.times if first else self.dials.again
        kept = self.inbox.setdefault(message_id, [])
        kept += [self.dials.mangle(document or b"<ping/>", received)] * times

    def receipt(self, received):
        references = tuple(self.dials.references(received.references))
        return build_receipt(
            received._replace(references=references),
            message_id=self.dials.receipt_id(),
            now=NOW,
            signer=self.keys(self.dials.receipt_key),
            nonce=uuid.uuid4().hex,
        )

    def forged(self, seen):
        """A receipt for what was refused, and its delivery."""
        message = SimpleNamespace(message_id=seen.message_id or "unknown@nowhere")
        soap = build_receipt(
            SimpleNamespace(user_message=message, references=()),
            message_id=self.dials.receipt_id(),
            now=NOW,
            signer=self.keys("receiver"),
            nonce=uuid.uuid4().hex,
        )
        return self.soap(soap, 200)

    def refused(self, error, seen):
        """The error signal, as the dials want it."""
        if self.dials.talkative and isinstance(error, FailedDecryption):
            error.detail = f"it failed at {error.step}"
        error.ref_to_message_id = seen.message_id if self.dials.error_names else None
        key = self.dials.error_key
        soap = build_error(
            error,
            message_id=f"{uuid.uuid4()}@red.example",
            now=NOW,
            signer=None if key is None else self.keys(key),
            nonce=uuid.uuid4().hex,
        )
        return self.soap(soap, 200)

    def soap(self, body, status):
        return web.Response(status=status, body=body, headers={"Content-Type": MEDIA_TYPE})
