"""A gateway among access points that are right, but never twice in the same way."""

import asyncio
import ssl
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from as4.certificates import Anchors, Use, load_certificate
from as4.signal import check_receipt
from conformance.awkward.dials import Dials, draw_resend
from conformance.awkward.posting import deliver
from conformance.awkward.receiving import AwkwardReceiver, receive
from conformance.awkward.sending import seal
from conformance.awkward.variation import draw_variation
from conformance.suite.check import SignerCheck
from conformance.suite.listener import Fault, Listener
from conformance.suite.reply import read_reply
from gateway.sandbox.network import run_network
from gateway.sandbox.pki import issue_access_point, read_identity
from tests.support import awkwardness
from tests.support.awkwardness import TOOLS
from tests.support.peer import Peer, an_invoice
from ubl.routing import read_routing

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

INVOICES = 60
AT_A_TIME = 6
SENDING = Dials(duplicate=0.2, truncate=0.1)
RECEIVING = Dials(refuse=0.2, lose=0.2, truncate=0.1, delay=0.3)
SENT = 40
INBOX_SECONDS_MAX = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory):
    """One network for this module."""
    folder = tmp_path_factory.mktemp("awkward") / "net"
    async with run_network(folder, now=datetime.now(UTC)) as running:
        yield running


def an_invoice_and_what_travels(number):
    """An invoice, and of it the bytes from its root's first to its last."""
    data = an_invoice(number=number)
    routing = read_routing(data)
    return data, data[routing.root_offset : routing.root_end]


class Foreign:
    """A foreign access point that sends to red."""

    def __init__(self, network):
        identity = issue_access_point(network.pki, "PBE000003", now=datetime.now(UTC))
        self.peer = Peer.of(network.pki, identity, read_identity(network.red.folder, "as4"))
        self.url = network.red.as4_url
        self.tls = ssl.create_default_context(cadata=network.pki.tls_ca.certificate_pem.decode())
        trust = Anchors.load(network.pki.root.certificate_der, network.pki.ap_ca.certificate_der)
        self.check = SignerCheck(trust, Use.SIGN)

    def seal(self, number, how):
        """Return an invoice called *number* as a message written *how*, and the document."""
        data, document = an_invoice_and_what_travels(number)
        routing = read_routing(data)
        sealed = seal(
            self.peer.message(routing, TOOLS.now() - timedelta(seconds=1)),
            self.peer.envelope(routing, document),
            how,
            signer=self.peer.key,
            recipient=load_certificate(self.peer.receiver.certificate_der),
            tools=TOOLS,
        )
        return sealed, document

    async def send(self, awkward, how):
        """Post *awkward*; return what answers are no proof, and why."""
        answers = await deliver(awkward, self.url, how, tls=self.tls)
        assert len(answers) == how.copies
        return [problem for answer in answers if (problem := self.judge(awkward.message, answer))]

    def judge(self, message, answer):
        reply = read_reply(answer, check_signer=self.check, now=TOOLS.now())
        try:
            check_receipt(
                reply.signal,
                message.references,
                message_id=message.message_id,
                to_party="PBE000002",
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            return f"{reply.words}: {error}"
        return ""


async def inbox(client, count):
    """What was delivered, by MessageId, once there are *count* documents."""
    found = {}
    async with asyncio.timeout(INBOX_SECONDS_MAX):
        while len(found) < count:
            await asyncio.sleep(0.2)
            found, cursor = {}, None
            while True:
                page = await client.list_documents(
                    direction="in", status="delivered", limit=100, cursor=cursor
                )
                found.update({each.id: each for each in page.documents})
                cursor = page.next_cursor
                if cursor is None:
                    break
    return found.values()


async def test_each_varied_invoice_is_delivered_once_and_unchanged(network):
    foreign = Foreign(network)
    posted, wrong = {}, {}
    gate = asyncio.Semaphore(AT_A_TIME)

    async def play(number):
        async with gate:
            how = draw_variation(awkwardness.seed(), "invoice", number)
            awkward, document = foreign.seal(f"AWK-{number}", how)
            posted[awkward.message.message_id] = document
            resend = draw_resend(awkwardness.seed(), SENDING, "invoice", number)
            problems = await foreign.send(awkward, resend)
            if problems:
                wrong[number] = problems

    async with asyncio.TaskGroup() as group:
        for number in range(INVOICES):
            group.create_task(play(number))
    assert wrong == {}, awkwardness.describe()
    async with network.red.client() as red:
        documents = await inbox(red, INVOICES)
        assert Counter(each.message_id for each in documents) == Counter(list(posted))
        for each in documents:
            assert await red.ubl(each.id) == posted[each.message_id]


async def test_each_document_to_a_peer_on_dials_ends_as_the_peer_took_it(network):
    foreign = Foreign(network)
    listener = Listener(foreign.peer.key, None, foreign.check, TOOLS)
    receiver = AwkwardReceiver(listener, awkwardness.seed(), RECEIVING)
    certificate = foreign.peer.key.certificate.der
    async with receive(receiver), network.blue.client() as blue:
        sent = {}
        for number in range(SENT):
            data, document = an_invoice_and_what_travels(f"DIAL-{number}")
            accepted = await blue.send_document(
                data, endpoint=listener.url, certificate=certificate
            )
            sent[accepted.id] = document
        ended = [await blue.wait_for(each) for each in sent]
        documents = {each.message_id: sent[each.id] for each in ended}
    had = {each.received.user_message.message_id: each.document for each in receiver.taken()}
    refused = {
        each.received.user_message.message_id
        for each in listener.arrivals
        if each.fault is Fault.ERROR
    }
    said = {each.message_id: each.status for each in ended}
    assert said == {each: "refused" if each in refused else "delivered" for each in documents}, (
        receiver.words
    )
    assert had == {each: data for each, data in documents.items() if each not in refused}
    assert receiver.doubled() == []
    assert len(receiver.deeds) > SENT, receiver.words
