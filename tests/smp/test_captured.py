"""What an SMP that we did not write answered, judged and served again over real sockets."""

from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from as4.certificates import Anchors, Use, check_certificate
from smp.address import PUBLIC, SANDBOX
from smp.client import DnsResolver, SessionGetter, SmpClient
from smp.errors import (
    BadRequestToSmp,
    DocumentTypeAbsent,
    EndpointAddressRefused,
    InvalidMetadata,
    ParticipantAbsent,
    SmpUnavailable,
    UntrustedSigner,
)
from smp.metadata import Redirect, ServiceMetadata, parse_service_group, verify_metadata
from smp.sml import dns_name
from tests.support import dns
from tests.support.metadata import ZONE
from tests.support.metadata import check_signer as check_other_signer
from tests.support.web import serve_raw
from ubl.identifiers import BILLING, CREDIT_NOTE, INVOICE, DocumentTypeId, ParticipantId

pytestmark = pytest.mark.captured

NOW = datetime(2026, 12, 1, tzinfo=UTC)
PARTICIPANT = ParticipantId.parse("0208:0987654394")
UNKNOWN = ParticipantId.parse("0208:0000000097")
PINT_JP = DocumentTypeId(
    "peppol-doctype-wildcard",
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
    "##urn:peppol:pint:billing-1@jp-1::2.1",
)
SIGNED = (
    "get-metadata-invoice",
    "get-metadata-invoice-accept-xml",
    "get-metadata-pint-wildcard",
    "get-metadata-unescaped-colons",
    "get-metadata-upper-case-participant",
    "get-redirect-creditnote",
)


class Capture:
    """The folder of exchanges, by name."""

    def __init__(self, folder):
        self.folder = folder
        files = [(folder / f"{name}.cert.pem").read_bytes() for name in ("root", "smp-ca")]
        self.anchors = Anchors.load(*files)

    def response(self, name):
        return (self.folder / f"{name}.response.http").read_bytes()

    def body(self, name):
        return self.response(name).partition(b"\r\n\r\n")[2]

    def request_line(self, name):
        return (self.folder / f"{name}.request.http").read_text().splitlines()[0]

    def check_signer(self, der, now):
        return check_certificate(der, anchors=self.anchors, now=now, use=Use.SMP)

    def verify(self, data):
        return verify_metadata(data, check_signer=self.check_signer, now=NOW)


@pytest.fixture
def capture(test_data):
    return Capture(test_data / "smp-captured")


@pytest.mark.parametrize("name", SIGNED)
def test_signed_answer_verifies(capture, name):
    verified = capture.verify(capture.body(name))
    assert isinstance(verified.content, Redirect if "redirect" in name else ServiceMetadata)
    assert verified.signer.subject_cn == "PSM000001"


@pytest.mark.parametrize("name", SIGNED)
def test_signed_answer_with_one_byte_flipped_is_refused(capture, name):
    data = capture.body(name)
    start, end = data.index(b"<smp:ServiceMetadata>"), data.index(b"<Signature ")
    value = data.index(b"<SignatureValue>") + len(b"<SignatureValue>")
    positions = [*range(start, end, 101), end - 1, *range(value, value + 300, 50)]
    accepted = []
    for position in positions:
        flipped = bytearray(data)
        flipped[position] ^= 1
        try:
            capture.verify(bytes(flipped))
        except InvalidMetadata:
            continue
        accepted.append(position)
    assert accepted == []


@pytest.mark.parametrize("name", ["get-group", "get-complete"])
def test_unsigned_answer_is_never_routed_on(capture, name):
    with pytest.raises(InvalidMetadata):
        capture.verify(capture.body(name))


def test_group_is_read_as_a_hint(capture):
    group = parse_service_group(capture.body("get-group"))
    assert group.participant == PARTICIPANT
    assert len(group.hrefs) == 3


def test_signer_of_another_network_is_not_trusted(capture):
    with pytest.raises(UntrustedSigner):
        verify_metadata(
            capture.body("get-metadata-invoice"), check_signer=check_other_signer, now=NOW
        )


class Offline(AbstractResolver):
    """Knows no host: an address by number needs none."""

    async def resolve(self, host, port=0, family=0):
        raise OSError(f"{host} is unknown here")

    async def close(self):
        pass


class Replay:
    """The captured SMP on a socket: answers the requests that it was sent then."""

    def __init__(self, capture, *names):
        self.answers = {capture.request_line(name): capture.response(name) for name in names}
        self.asked = []

    def respond(self, request_line):
        self.asked.append(request_line.split()[1])
        return self.answers.get(request_line, b"HTTP/1.1 599 not captured\r\n\r\n")


async def look_up(capture, replay, receiver, document_type, process=BILLING, *, rules=SANDBOX):
    """Run the real client against *replay*, found through a real DNS server."""
    connector = aiohttp.TCPConnector(resolver=Offline())
    async with (
        serve_raw(replay.respond) as url,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        name = dns_name(receiver, ZONE)
        async with dns.serve(dns.zone({name: [dns.naptr_text(name, url)]})) as server:
            client = SmpClient(
                DnsResolver([server.address], timeout_seconds=1),
                SessionGetter(session),
                zone=ZONE,
                check_signer=capture.check_signer,
                rules=rules,
            )
            return await client.lookup(receiver, document_type, process, now=NOW)


async def test_invoice_endpoint_is_found(capture):
    replay = Replay(capture, "get-metadata-invoice")
    found = await look_up(capture, replay, PARTICIPANT, INVOICE)
    assert found.endpoint.address == "http://127.0.0.1:8082/as4"
    assert found.signed_metadata == capture.body("get-metadata-invoice")
    assert found.endpoint.published_document_type == INVOICE
    assert len(replay.asked) == 1


async def test_wildcard_entry_is_found_for_a_concrete_type(capture):
    replay = Replay(capture, "get-metadata-pint-wildcard", "get-unknown-doctype")
    missing = capture.response("get-unknown-doctype")
    concrete = capture.request_line("get-metadata-pint-wildcard").replace("-1%2A", "-1%40jp-1")
    replay.answers |= {concrete: missing, concrete.replace("jp-1", "jp-1%2A"): missing}
    verified = capture.verify(capture.body("get-metadata-pint-wildcard")).content
    process = verified.processes[0].process
    found = await look_up(capture, replay, PARTICIPANT, PINT_JP, process)
    assert found.endpoint.published_document_type == verified.document_type
    assert len(replay.asked) == 3


async def test_redirect_to_a_dead_host_is_unavailable_not_absent(capture):
    replay = Replay(capture, "get-redirect-creditnote")
    with pytest.raises(SmpUnavailable, match=r"other-smp\.example"):
        await look_up(capture, replay, PARTICIPANT, CREDIT_NOTE)


async def test_unknown_document_type_is_absent(capture):
    unknown = DocumentTypeId(INVOICE.scheme, INVOICE.value.replace("billing:3.0", "billing:3.9"))
    replay = Replay(capture, "get-unknown-doctype", "get-group")
    with pytest.raises(DocumentTypeAbsent):
        await look_up(capture, replay, PARTICIPANT, unknown)
    assert len(replay.asked) == 2


async def test_deleted_redirect_is_an_absent_document_type(capture):
    replay = Replay(capture, "get-deleted-redirect", "get-group")
    with pytest.raises(DocumentTypeAbsent):
        await look_up(capture, replay, PARTICIPANT, CREDIT_NOTE)


async def test_unknown_participant_is_absent(capture):
    replay = Replay(capture, "get-unknown-participant", "get-unknown-doctype")
    line = capture.request_line("get-metadata-invoice").replace("0987654394", "0000000097")
    replay.answers[line] = capture.response("get-unknown-doctype")
    with pytest.raises(ParticipantAbsent):
        await look_up(capture, replay, UNKNOWN, INVOICE)
    assert len(replay.asked) == 2


async def test_malformed_request_is_named(capture):
    replay = Replay(capture)
    line = capture.request_line("get-metadata-invoice")
    replay.answers[line] = capture.response("get-malformed-participant")
    with pytest.raises(BadRequestToSmp):
        await look_up(capture, replay, PARTICIPANT, INVOICE)


@pytest.mark.parametrize("name", ["get-group", "get-complete"])
async def test_client_does_not_route_on_an_unsigned_answer(capture, name):
    replay = Replay(capture)
    replay.answers[capture.request_line("get-metadata-invoice")] = capture.response(name)
    with pytest.raises(InvalidMetadata):
        await look_up(capture, replay, PARTICIPANT, INVOICE)


async def test_client_refuses_the_captured_address_outside_the_sandbox(capture):
    rules = type(PUBLIC)(http=True, smp_ports=None)
    replay = Replay(capture, "get-metadata-invoice")
    with pytest.raises(EndpointAddressRefused, match="port"):
        await look_up(capture, replay, PARTICIPANT, INVOICE, rules=rules)
