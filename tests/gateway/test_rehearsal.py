"""Recipients for tests: each ends as it says, by the code that sends everything else."""

import pytest

from gateway.exchange import rehearsal
from gateway.exchange.rehearsal import RECIPIENTS, Case, is_played
from tests.support.api import an_invoice
from tests.support.sending import AccessPoint, a_sender
from tests.support.web import free_port
from ubl.identifiers import ParticipantId, check_participant

OF_CASE = {case: receiver for receiver, case in RECIPIENTS.items()}

ENDINGS = {
    Case.DELIVERED: ("delivered", "receipt"),
    Case.SLOW: ("delivered", "receipt"),
    Case.NOT_REGISTERED: ("failed", None),
    Case.DOCUMENT_TYPE_ABSENT: ("failed", None),
    Case.CERTIFICATE_REVOKED: ("failed", None),
    Case.LOOKUP_DOWN: ("gave_up", None),
    Case.NOT_CONNECTED: ("gave_up", "not-connected"),
    Case.TLS_FAILED: ("gave_up", "tls-failed"),
    Case.HTTP_BUSY: ("gave_up", "http-unavailable"),
    Case.BROKEN_OFF: ("gave_up", "broken-off"),
    Case.NO_RECEIPT: ("gave_up", "no-receipt"),
    Case.REFUSED: ("refused", "refusal"),
    Case.UNCERTAIN: ("uncertain", ["broken-off", "refusal-or-duplicate"]),
    Case.WAITING: ("waiting", ["broken-off"]),
}


@pytest.fixture
async def sender(database, tmp_path):
    nowhere = AccessPoint(url=f"http://127.0.0.1:{free_port()}/as4")
    async with a_sender(database, tmp_path, nowhere) as made:
        yield made


def test_each_case_has_a_recipient_whose_number_is_right_and_nobody_s():
    assert set(OF_CASE) == set(Case) == set(ENDINGS)
    for receiver in RECIPIENTS:
        assert check_participant(ParticipantId.parse(receiver)) == []
        # Numbers of enterprises begin with 0 and a digit from 2 on, or with 1.
        assert receiver.startswith("0208:00")


@pytest.mark.parametrize("case", Case)
async def test_a_delivery_ends_as_its_recipient_says(sender, case, monkeypatch):
    monkeypatch.setattr(rehearsal, "_SLOW_SECONDS", 0.01)
    status, outcome = ENDINGS[case]
    ref = await sender.accept(an_invoice(receiver=OF_CASE[case]))
    started = sender.clock.instant
    document = await sender.finish(ref)
    assert document.status == status
    attempts = [attempt.outcome for attempt in await sender.attempts(ref)]
    if isinstance(outcome, list):
        assert attempts == outcome
    else:
        assert set(attempts) == ({outcome} if outcome else set())
    assert (sender.clock.instant - started).total_seconds() < 120
    assert sender.directory.refreshed == []


async def test_the_receipt_of_a_test_is_evidence_like_any_other(sender):
    ref = await sender.accept(an_invoice(receiver=OF_CASE[Case.DELIVERED]))
    await sender.finish(ref)
    (message,) = await sender.messages(ref)
    assert b"NonRepudiationInformation" in message.receipt
    assert is_played(message.endpoint_address)
    assert (await sender.last(ref)).detail["signed_by"] == "PBE000001"


async def test_a_large_document_is_opened_piece_by_piece(database, tmp_path):
    nowhere = AccessPoint(url=f"http://127.0.0.1:{free_port()}/as4")
    async with a_sender(database, tmp_path, nowhere, inline_bytes_max=2048) as sender:
        ref = await sender.accept(an_invoice(receiver=OF_CASE[Case.DELIVERED], note="x" * 4096))
        assert (await sender.finish(ref)).status == "delivered"


async def test_for_a_real_dossier_they_are_numbers_like_any_other(sender, database):
    async with database.office() as otx:
        await otx.connection.execute("SELECT set_config('role', 'none', true)")
        await otx.connection.execute("UPDATE dossiers SET is_test = false")
    ref = await sender.accept(an_invoice(receiver=OF_CASE[Case.DELIVERED]))
    assert await sender.run(ref) is not None
    assert sender.directory.refreshed != []


async def test_on_the_real_network_a_test_dossier_reaches_nobody_else(database, tmp_path):
    nowhere = AccessPoint(url=f"http://127.0.0.1:{free_port()}/as4")
    async with a_sender(database, tmp_path, nowhere, is_live=True) as sender:
        ref = await sender.accept(an_invoice())
        assert (await sender.finish(ref)).status == "failed"
        assert (await sender.last(ref)).detail["code"] == "test-dossier"
        assert sender.directory.refreshed == []
        ref = await sender.accept(an_invoice(receiver=OF_CASE[Case.DELIVERED]))
        assert (await sender.finish(ref)).status == "delivered"
