"""Participants, look-ups and test messages over HTTP."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from as4.certificates import load_certificate
from gateway import client as api_client
from gateway.client import Service
from gateway.errors import Fault, Kind, Unavailable
from gateway.store import participants
from smp.client import Found
from smp.endpoint import AS4_PROFILE, Endpoint
from smp.errors import ParticipantAbsent, SmpUnavailable, UntrustedSigner
from tests.support.api import RECEIVER, SENDER, a_cursor, another_dossier, ask, run_api
from tests.support.pki import leaf
from ubl.identifiers import BILLING, CREDIT_NOTE, INVOICE, SELF_BILLING, SELF_BILLING_INVOICE

QUOTED = "iso6523-actorid-upis%3A%3A0208%3A0123456749"


async def test_a_participant_takes_billing_by_default(client):
    registered = await client.register_participant(SENDER)
    assert registered.participant == SENDER
    assert {(each.document_type, each.process) for each in registered.services} == {
        (INVOICE.uri, BILLING.uri),
        (CREDIT_NOTE.uri, BILLING.uri),
    }
    assert list(await client.participants()) == [registered]
    assert await client.participant(SENDER.upper()) == registered


async def test_a_participant_takes_what_was_named_last(client):
    wanted = Service(document_type=SELF_BILLING_INVOICE.uri, process=SELF_BILLING.uri)
    await client.register_participant(SENDER)
    registered = await client.register_participant(SENDER, [wanted])
    assert registered.services == (wanted,)


async def test_a_participant_is_named_with_or_without_its_scheme(client):
    await client.register_participant(f"iso6523-actorid-upis::{SENDER}")
    assert (await client.participant(SENDER)).participant == SENDER


async def test_put_without_a_body_registers(api):
    status, _, body = await ask(api, "PUT", f"/v1/participants/{QUOTED}")
    assert (status, body["participant"]) == (200, SENDER)


async def test_participants_are_listed_page_by_page_each_once(client):
    for number in range(1, 6):
        await client.register_participant(f"9999:{number}")
    first = await client.participants(limit=2)
    assert [each.participant for each in first] == ["9999:1", "9999:2"]
    assert first.has_more
    await client.remove_participant("9999:2")
    await client.register_participant("9999:21")
    rest = await client.participants(limit=3, cursor=first.next_cursor)
    assert [each.participant for each in rest] == ["9999:21", "9999:3", "9999:4"]
    last = await client.participants(cursor=rest.next_cursor)
    assert [each.participant for each in last] == ["9999:5"]
    assert (last.has_more, last.next_cursor) == (False, None)
    assert len([found async for found in api_client.each(client.participants, limit=1)]) == 5


async def test_a_page_of_participants_that_take_much_is_shorter(client, monkeypatch):
    monkeypatch.setattr(participants, "PAGE_SERVICES_MAX", 5)
    for number in range(1, 6):
        await client.register_participant(f"9999:{number}")
    taken = [
        Service(document_type=f"busdox-docid-qns::a::b##{number}::2.1", process=BILLING.uri)
        for number in range(9)
    ]
    await client.register_participant("9999:3", taken)
    pages, cursor = [], None
    while cursor is not None or not pages:
        page = await client.participants(cursor=cursor)
        pages.append([each.participant for each in page])
        cursor = page.next_cursor
    assert pages == [["9999:1", "9999:2"], ["9999:3"], ["9999:4", "9999:5"]]


async def test_a_page_begins_where_a_page_ended(api):
    path = "/v1/participants"
    marked = [a_cursor(api, path, place) for place in ("9999:", "x")]
    for cursor in ("x", "9999:", "12.ab", *marked):
        status, _, problem = await ask(api, "GET", f"/v1/participants?cursor={cursor}")
        assert (status, problem["code"]) == (422, "bad-cursor")


async def test_a_dossier_has_as_many_participants_as_it_may(client, api, database, monkeypatch):
    monkeypatch.setattr(participants, "PARTICIPANTS_MAX", 3)
    await client.register_participant("9999:1")
    wanted = [f"9999:{number}" for number in range(2, 12)]
    tried = await asyncio.gather(*map(client.register_participant, wanted), return_exceptions=True)
    refused = [each for each in tried if isinstance(each, Fault)]
    assert {(each.kind, each.code) for each in refused} == {
        (Kind.CONFLICT, "too-many-participants")
    }
    assert len(refused) == len(wanted) - 2
    assert len(list(await client.participants())) == 3
    await client.register_participant("9999:1")
    async with api.client(await another_dossier(database)) as other:
        await other.register_participant(SENDER)


async def test_a_participant_can_be_removed(client):
    await client.register_participant(SENDER)
    await client.remove_participant(SENDER)
    assert list(await client.participants()) == []
    for call in (client.participant, client.remove_participant):
        with pytest.raises(Fault) as caught:
            await call(SENDER)
        assert (caught.value.kind, caught.value.code) == (Kind.NOT_FOUND, "participant-not-found")


@pytest.mark.parametrize(
    "participant", ["0208:0123456700", "0208:123", "9925:be0123456700", "0088:1234567890123"]
)
async def test_check_digits_are_enforced_where_a_participant_is_registered(client, participant):
    with pytest.raises(Fault) as caught:
        await client.register_participant(participant)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "bad-participant")
    assert participant.partition(":")[2] in caught.value.errors[0].message
    assert list(await client.participants()) == []


async def test_what_is_no_participant_is_refused(api):
    for text in ("nobody", "0208%3A", "other%3A%3A0208%3A0123456749", "0208%3Aa%20b"):
        status, _, problem = await ask(api, "PUT", f"/v1/participants/{text}")
        assert (status, problem["code"]) == (422, "bad-identifier"), text


async def test_a_participant_of_another_dossier_is_taken(client, api, database):
    await client.register_participant(SENDER)
    async with api.client(await another_dossier(database)) as other:
        with pytest.raises(Fault) as caught:
            await other.register_participant(SENDER)
        assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "participant-taken")
        with pytest.raises(Fault) as caught:
            await other.participant(SENDER)
        assert caught.value.kind is Kind.NOT_FOUND


async def test_json_that_cannot_be_used_is_refused_with_its_place(api):
    service = f'"document_type": "{INVOICE.uri}", "process": "{BILLING.uri}"'
    for body, code, place in [
        ("{", "not-json", ""),
        ("\xff", "not-json", ""),
        ("[]", "bad-json", ""),
        ('{"service": []}', "bad-json", "/service"),
        ('{"a/b~c": []}', "bad-json", "/a~1b~0c"),
        ('{"services": [{"process": "x"}]}', "bad-json", "/services/0"),
        (f'{{"services": [{{{service}}}, 7]}}', "bad-json", "/services/1"),
        ('{"services": [{"document_type": "a\\u0000", "process": "x"}]}', "bad-text",
         "/services/0/document_type"),
        ('{"a\\u0000": 1}', "bad-text", ""),
        ('{"services": [{"document_type": "\\ud800", "process": "x"}]}', "bad-text",
         "/services/0/document_type"),
        ("[" * 100 + "]" * 100, "bad-text", "/0" * 33),
        ('{"services": []}', "bad-services", "/services"),
        ('{"services": [{"document_type": "x", "process": "x"}]}', "bad-identifier",
         "/services/0/document_type"),
    ]:  # fmt: skip
        data = body.encode("latin-1")
        status, _, problem = await ask(api, "PUT", f"/v1/participants/{QUOTED}", data=data)
        assert (status, problem["code"]) == (422, code), body
        places = [error["location"] for error in problem["errors"]]
        assert places == ([] if place is None else [place]), body


async def test_json_without_end_is_too_large(api):
    status, _, problem = await ask(api, "PUT", f"/v1/participants/{QUOTED}", data=b" " * 2_000_000)
    assert (status, problem["code"]) == (413, "request-entity-too-large")


@dataclass
class Answering:
    """A finder that answers what it was told, and notes the question."""

    answer: object
    asked: tuple = ()

    async def lookup(self, receiver, document_type, process, *, now, refresh=False):
        self.asked = (receiver.value, document_type, process)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def found():
    identity = leaf("receiver")
    endpoint = Endpoint(
        address="https://red.example/as4",
        certificate=identity.certificate_der,
        process=BILLING,
        published_document_type=INVOICE,
        transport_profile=AS4_PROFILE,
        active_from=datetime(2026, 1, 1, tzinfo=UTC),
        active_until=None,
    )
    signer = load_certificate(identity.certificate_der)
    return Found(endpoint, b"<signed/>", "https://smp.example", (signer,))


async def test_a_look_up_tells_where_and_who_says_so(database, tmp_path):
    finder = Answering(found())
    async with run_api(database, tmp_path, finder=finder) as api, api.client() as client:
        answer = await client.lookup(RECEIVER)
        assert finder.asked == (RECEIVER, INVOICE, BILLING)
        assert answer["endpoint"]["address"] == "https://red.example/as4"
        assert answer["smp_url"] == "https://smp.example"
        assert answer["endpoint"]["certificate"]["subject"].startswith("CN=")
        await client.lookup(RECEIVER, SELF_BILLING_INVOICE.uri)
        assert finder.asked == (RECEIVER, SELF_BILLING_INVOICE, SELF_BILLING)
        await client.lookup(RECEIVER, "busdox-docid-qns::a::b##c::2.1", BILLING.uri)
        assert finder.asked[2] == BILLING
        with pytest.raises(Fault) as caught:
            await client.lookup(RECEIVER, "busdox-docid-qns::a::b##c::2.1")
        assert caught.value.code == "process-missing"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ParticipantAbsent("x"), Kind.NOT_FOUND, "participant-absent"),
        (UntrustedSigner("x"), Kind.REFUSED_BY_PEER, "untrusted-signer"),
    ],
)
async def test_a_look_up_that_finds_nothing_says_why(database, tmp_path, error, kind, code):
    async with (
        run_api(database, tmp_path, finder=Answering(error)) as api,
        api.client() as client,
    ):
        with pytest.raises(Fault) as caught:
            await client.lookup(RECEIVER)
        assert (caught.value.kind, caught.value.code) == (kind, code)
        assert caught.value.phase == "look-up"


async def test_a_look_up_that_is_down_asks_to_be_asked_again(database, tmp_path):
    finder = Answering(SmpUnavailable("x"))
    async with run_api(database, tmp_path, finder=finder) as api, api.client() as client:
        with pytest.raises(Unavailable) as caught:
            await client.lookup(RECEIVER)
        assert (caught.value.code, caught.value.phase) == ("unavailable", "look-up")


async def test_a_test_message_is_sent_by_whoever_can(database, tmp_path):
    async def ping(participant):
        return {"participant": participant.value, "ok": True}

    async with run_api(database, tmp_path, ping=ping) as api, api.client() as client:
        assert await client.ping(RECEIVER) == {"participant": RECEIVER, "ok": True}


async def test_a_gateway_that_cannot_look_up_or_ping_says_so(client):
    for call, code in ((client.lookup, "no-lookup"), (client.ping, "no-ping")):
        with pytest.raises(Fault) as caught:
            await call(RECEIVER)
        assert caught.value.code == code
