"""Requests of another implementation, posted as they were captured to a running receiver."""

import json
from datetime import UTC, datetime

import pytest

from as4.certificates import Anchors, Use, check_certificate, load_key_pair
from as4.dump import read_dump
from as4.signal import Receipt, read_signal
from gateway.trust import KeyRing
from tests.support.reception import FixedClock, a_receiver, a_trust, serve_participant
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

CAPTURED_AT = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)
MLS_RECEIVER = ParticipantId.parse("iso6523-actorid-upis::0242:234567")
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
BILLING = "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
BIS = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
EXPECTED = {
    "not-serviced": "EBMS:0004 PEPPOL:NOT_SERVICED",
    "tampered": "EBMS:0102",
    "duplicate-again": "EBMS:0004",
    "cert-untrusted": "EBMS:0101",
    "cert-expired": "EBMS:0101",
    "cert-bad-cn": "EBMS:0101",
    "cert-other-seat": "EBMS:0101",
    "cert-encipher-only": "EBMS:0101",
    "cert-direct-root": "EBMS:0101",
}
"""What a correct receiver answers; every other one gets a receipt."""


@pytest.fixture
def captured(test_data):
    return test_data / "phase4-captured"


@pytest.mark.captured
async def test_a_captured_request_gets_a_receipt_or_the_error_it_earns(
    captured, database, tmp_path
):
    pki = captured / "pki"
    anchors = Anchors.load(*((pki / f"{n}.cert.pem").read_bytes() for n in ("root", "inter")))
    own = b"".join((pki / f"PBE000002.{kind}.pem").read_bytes() for kind in ("key", "cert"))
    trust = a_trust(tmp_path, known=anchors, keys=KeyRing(load_key_pair(own)))
    index = json.loads((captured / "index.json").read_text())["files"]
    requests = [
        each for each in index if each["direction"] == "sender to receiver"
        and each["file"].startswith("messages/")
    ]  # fmt: skip

    def check(der, now):
        return check_certificate(der, anchors=anchors, now=CAPTURED_AT, use=Use.SIGN)

    clock = FixedClock(CAPTURED_AT)
    async with a_receiver(database, tmp_path, trust=trust, clock=clock, services=()) as receiver:
        # The one that is not serviced is for the receiver of all the others: it comes first.
        for each in sorted(requests, key=lambda each: each["case"] != "not-serviced"):
            if each["case"] != "not-serviced":
                await serve_all(database)
            dump = read_dump((captured / each["file"]).read_bytes())
            answer = await receiver.post(dump)
            signal = read_signal(answer.body, check_signer=check, now=CAPTURED_AT)
            assert verdict(signal) == EXPECTED.get(each["case"], "receipt"), each["case"]
            assert signal.ref_to_message_id == each["found"]["message_id"]
        await receiver.deliver()
        rows = await receiver.rows("SELECT status FROM documents")
        assert {row["status"] for row in rows} == {"delivered"}
        async with database.transaction(receiver.dossier_id) as tx:
            events = await tx.connection.fetch(
                "SELECT detail->>'envelope_sha256' AS sha FROM document_events"
                " WHERE name = 'delivered'"
            )
    good = [
        each["found"]["payload_sha256"] for each in requests
        if each["case"] not in EXPECTED and each["case"] != "ping"
    ]  # fmt: skip
    # A repeated document under a new MessageId is stored once.
    assert {event["sha"] for event in events} == set(good)


def verdict(signal):
    if isinstance(signal, Receipt):
        return "receipt"
    error = signal.errors[0]
    return f"{error.code} {error.error_detail}" if error.error_detail else error.code


async def serve_all(database):
    """Serve what the captured messages are for, except the one that is not serviced."""
    billing = [
        (DocumentTypeId.parse(f"busdox-docid-qns::{UBL}{name}-2::{name}##{BIS}"),
         ProcessId.parse(BILLING))
        for name in ("Invoice", "CreditNote")
    ]  # fmt: skip
    mls = (
        DocumentTypeId.parse(
            f"busdox-docid-qns::{UBL}ApplicationResponse-2::ApplicationResponse"
            "##urn:peppol:edec:mls:1.0::2.1"
        ),
        ProcessId.parse("cenbii-procid-ubl::urn:peppol:edec:mls"),
    )
    await serve_participant(database, services=billing)
    await serve_participant(database, participant=MLS_RECEIVER, services=[mls])
