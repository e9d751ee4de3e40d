"""A sending gateway for tests: the real job on a real database, and a scripted access point.

The access point really listens, opens what it gets with its own key, and does what its script
says, one line for each message; with the script used up it gives receipts.
"""

import gzip
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

from aiohttp import web

from as4.certificates import load_certificate, load_key_pair
from as4.errors import As4Error
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from as4.unpack import MessageReader
from gateway.egress import Egress, EgressRules, tls_context
from gateway.errors import Unavailable
from gateway.exchange.outbound import Outbound
from gateway.exchange.preparation import Preparation
from gateway.exchange.rehearsal import Rehearsal
from gateway.exchange.retry import RetryRules
from gateway.sandbox.loopback import serve_application
from gateway.store import documents, messages
from gateway.store.archive import Archive
from gateway.store.documents import NewDocument
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.jobs import DocumentRef, Job, document_job
from gateway.store.locks import Locks
from gateway.trust import KeyRing
from smp.client import Found
from smp.endpoint import Endpoint
from tests.support.messages import check_signer, key_pair
from tests.support.peer import an_invoice
from tests.support.pki import NOW, leaf
from tests.support.reception import FixedClock, a_trust
from ubl.routing import read_routing
from ubl.sbdh import read_envelope

SOAP = "application/soap+xml; charset=UTF-8"
FINAL = {"delivered", "refused", "failed", "uncertain", "gave_up", "waiting"}


@dataclass(frozen=True)
class Arrival:
    """One message as it was opened at the other side."""

    message_id: str
    wire: bytes
    received: object
    document: bytes
    header: object


@dataclass
class AccessPoint:
    """A receiving access point that obeys *script* and remembers what arrived."""

    name: str = "receiver"
    script: list = field(default_factory=list)
    arrivals: list = field(default_factory=list)
    keys: dict = field(default_factory=dict)
    url: str = ""

    def __post_init__(self):
        self.keys[leaf(self.name).certificate_der] = key_pair(self.name).key

    @property
    def certificate(self):
        return leaf(self.name).certificate_der

    @property
    def message_ids(self):
        return [arrival.message_id for arrival in self.arrivals]

    def renew(self, name):
        """Publish another certificate of the same seat; the old one still opens messages."""
        self.name = name
        self.keys[leaf(name).certificate_der] = key_pair(name).key

    async def answer(self, request):
        wire = await request.read()
        reader = MessageReader(request.headers["Content-Type"], keep=True)
        reader.feed(wire)
        reader.open_envelope(anchors_check=check_signer, now=NOW)
        reader.open_attachment(self.keys.get, bytes(16))
        received = reader.close()
        envelope = gzip.decompress(received.payload)
        read = read_envelope(envelope, whole=True)
        document = envelope[read.payload_offset : read.payload_end]
        message_id = received.user_message.message_id
        self.arrivals.append(Arrival(message_id, wire, received, document, read.header))
        act = self.script.pop(0) if self.script else receipt()
        return await act(self, request, received)


def receipt(*, signer=None, about=None, spoil=lambda soap: soap, status=200, zipped=False):
    """Sign a receipt: by *signer* instead, about another message, or spoiled afterwards."""

    async def act(ap, request, received):
        if about is not None:
            header = received.user_message._replace(message_id=about)
            received = received._replace(user_message=header)
        soap = build_receipt(
            received,
            message_id=f"{uuid4()}@receiver",
            now=NOW,
            signer=_key_of(signer or ap.name),
            nonce=uuid4().hex,
        )
        return _soap(spoil(soap), status, zipped=zipped)

    return act


def other_digests():
    """Sign a receipt that acknowledges one part with other bytes."""

    async def act(ap, request, received):
        first, *rest = received.references
        spoiled = received._replace(references=(first._replace(digest_value=bytes(32)), *rest))
        return await receipt()(ap, request, spoiled)

    return act


def error(kind: type[As4Error], *, signer="", about=None, status=200, zipped=False, **words):
    """Answer with an ebMS error; *signer* None: unsigned."""

    async def act(ap, request, received):
        fault = kind(**words).about(about or received.user_message.message_id)
        key = None if signer is None else key_pair(signer or ap.name)
        soap = build_error(
            fault, message_id=f"{uuid4()}@receiver", now=NOW, signer=key, nonce=uuid4().hex
        )
        return _soap(soap, status, zipped=zipped)

    return act


def plain(status, text="", content_type="text/plain"):
    """Answer with what is no ebMS."""

    async def act(ap, request, received):
        return web.Response(status=status, text=text, content_type=content_type)

    return act


def hang_up():
    """Take the message and close the connection without a word."""

    async def act(ap, request, received):
        request.transport.abort()
        return web.Response()

    return act


def _key_of(who):
    """The key pair of an identity, or of the leaf that is called so."""
    if isinstance(who, str):
        return key_pair(who)
    return load_key_pair(who.key_pem + who.certificate_pem)


def _soap(soap, status, *, zipped):
    headers = {"Content-Type": SOAP}
    if zipped:
        headers["Content-Encoding"] = "gzip"
        soap = gzip.compress(soap)
    return web.Response(status=status, body=soap, headers=headers)


class Directory:
    """The network's look-up: *where* is an access point, or the SmpError it ends in."""

    def __init__(self, where):
        self.where = where
        self.refreshed = []

    async def lookup(self, receiver, document_type, process, *, now, refresh=False):
        self.refreshed.append(refresh)
        found = self.where(refresh) if callable(self.where) else self.where
        if isinstance(found, Exception):
            raise found
        endpoint = Endpoint(
            address=found.url,
            certificate=found.certificate,
            process=process,
            published_document_type=document_type,
            transport_profile="peppol-transport-as4-v2_0",
            active_from=None,
            active_until=None,
        )
        signer = load_certificate(leaf("publisher").certificate_der)
        return Found(endpoint, b"<signed/>", "https://smp.example", (signer,))


@dataclass
class Sender:
    """A gateway that sends: its job, and everything a test moves or looks at."""

    db: object
    outbound: Outbound
    clock: FixedClock
    directory: Directory
    dossier_id: object

    async def accept(self, data: bytes | None = None, *, archive_file=None, **changed):
        """Store a document as the API does; return what names it."""
        data = an_invoice(number="2026-1") if data is None else data
        routing = read_routing(data)
        new = NewDocument(
            id=self.clock.uuid(),
            status="accepted",
            sender=routing.sender.value,
            receiver=routing.receiver.value,
            document_type=routing.document_type.uri,
            process=routing.process.uri,
            created_at=self.clock.now(),
            root_offset=routing.root_offset,
            size_bytes=routing.root_end - routing.root_offset,
            content=None if archive_file else data,
            content_file=archive_file,
        )
        async with self.db.transaction(self.dossier_id) as tx:
            await documents.insert_document(tx, replace(new, **changed))
            await documents.append_event(tx, new.id, "accepted", {}, now=new.created_at)
        return DocumentRef(self.dossier_id, new.id)

    async def run(self, ref, outbound=None):
        """Run the job once, a moment later; return the pause it asks for, None when it is done."""
        self.clock.instant += timedelta(milliseconds=1)
        payload = document_job(Job.SEND_DOCUMENT, ref).payload
        plain_payload = {"documents": [[str(a), str(b)] for a, b in payload["documents"]]}
        try:
            await (outbound or self.outbound).send(plain_payload)
        except Unavailable as pause:
            return pause.retry_after_seconds
        return None

    async def finish(self, ref, *, runs_max=30):
        """Run the job until it asks for no more; return the document."""
        for _ in range(runs_max):
            pause = await self.run(ref)
            if pause is None:
                return await self.document(ref)
            self.clock.instant += timedelta(seconds=pause)
        raise AssertionError("it never ended")

    async def document(self, ref):
        async with self.db.transaction(ref.dossier_id) as tx:
            return await documents.find_document(tx, ref.document_id)

    async def events(self, ref):
        async with self.db.transaction(ref.dossier_id) as tx:
            return await documents.list_events(tx, ref.document_id)

    async def names(self, ref):
        """Return what the timeline says after the first step, that it was accepted."""
        return [event.name for event in await self.events(ref)][1:]

    async def last(self, ref):
        return (await self.events(ref))[-1]

    async def messages(self, ref):
        async with self.db.transaction(ref.dossier_id) as tx:
            return await messages.list_messages(tx, ref.document_id)

    async def attempts(self, ref):
        async with self.db.transaction(ref.dossier_id) as tx:
            found = await messages.list_messages(tx, ref.document_id)
            return [a for m in found for a in await messages.list_attempts(tx, m.id)]


RULES = RetryRules(first_seconds=60, max_seconds=3600, give_up_seconds=86_400)


@asynccontextmanager
async def access_points(*points):
    """Let every one of *points* listen on loopback."""
    async with AsyncExitStack() as stack:
        for point in points:
            application = web.Application(client_max_size=256 << 20)
            application.router.add_post("/as4", point.answer)
            address = await stack.enter_async_context(serve_application(application))
            point.url = address + "/as4"
        yield


@asynccontextmanager
async def a_sender(db, folder, where, *, trust: Callable | None = None, **changed):
    """A gateway of the seat PBE000001 on *db*; *where* is what `Directory` takes."""
    clock = FixedClock()
    dossier = await ensure_default_dossier(
        db, dossier_id=clock.uuid(), name="Blue", country="BE", now=clock.now()
    )
    archive = Archive(folder / "archive")
    locks = Locks(db.dsn)
    egress = Egress(EgressRules(sandbox=True), tls=tls_context(), post_timeout_seconds=10)
    directory = Directory(where)
    keys = KeyRing(key_pair("sender"))
    async with egress:
        own_trust = (trust or a_trust)(folder, keys=keys)
        outbound = Outbound(
            db=db,
            locks=locks,
            archive=archive,
            clock=clock,
            trust=own_trust,
            finder=directory,
            poster=egress,
            preparation=Preparation(
                archive=archive,
                clock=clock,
                keys=keys,
                host="blue.example",
                inline_bytes_max=changed.pop("inline_bytes_max", 1 << 20),
            ),
            rules=RULES,
            fixed_endpoints=changed.pop("fixed_endpoints", True),
            rehearsal=Rehearsal(
                trust=own_trust,
                clock=clock,
                host="blue.example",
                is_live=changed.pop("is_live", False),
            ),
        )
        try:
            yield Sender(db, replace(outbound, **changed), clock, directory, dossier.id)
        finally:
            await locks.close()
