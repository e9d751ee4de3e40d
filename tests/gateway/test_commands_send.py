"""`gateway send` and `gateway ping` beside a running API."""

import asyncio
import base64

import pytest

from gateway.store.documents import find_document
from gateway.store.sendings import move_documents
from tests.support.api import RECEIVER, SENDER, an_invoice, run_api
from tests.support.command import run_beside
from tests.support.pki import leaf
from tests.support.store import a_move


@pytest.fixture
def invoice(tmp_path):
    path = tmp_path / "invoice.xml"
    path.write_bytes(an_invoice())
    return path


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def api(database, tmp_path):
    async def ping(participant):
        ok = participant.value == RECEIVER
        return {
            "participant": participant.value, "address": "https://red.example/as4",
            "access_point": "PBE000002", "ok": ok, "detail": "it is asleep", "milliseconds": 12,
            "phase": "http", "temporary": participant.value != SENDER,
        }  # fmt: skip

    async with run_api(database, tmp_path, ping=ping) as running, running.client() as client:
        await client.register_participant(SENDER)
        yield running


def access(api):
    return ("--url", api.url, "--api-key-file", api.services.settings.data_dir / "api-key")


async def test_a_document_is_accepted(api, invoice, capsys):
    ended = await run_beside(capsys, "send", invoice, "--to", RECEIVER, "--json", *access(api))
    assert ended.code == 0
    assert (ended.facts["status"], ended.facts["receiver"]) == ("accepted", RECEIVER)
    async with api.client() as client:
        (document,) = (await client.list_documents()).documents
    assert ended.facts["document_id"] == str(document.id)


async def test_a_number_that_was_sent_is_sent_again_when_it_is_meant(api, invoice, capsys):
    await run_beside(capsys, "send", invoice, *access(api))
    again = await run_beside(capsys, "send", invoice, "--json", *access(api))
    assert (again.code, again.facts["code"]) == (1, "duplicate-number")
    plain = await run_beside(capsys, "send", invoice, "--duplicate", *access(api))
    assert plain.out.strip().endswith("is accepted")


async def test_the_key_comes_from_the_environment_too(api, invoice, capsys, monkeypatch):
    monkeypatch.setenv("GATEWAY_URL", api.url)
    monkeypatch.setenv("GATEWAY_API_KEY", api.key)
    assert (await run_beside(capsys, "send", invoice)).code == 0
    monkeypatch.setenv("GATEWAY_API_KEY", "gk_test_wrong")
    ended = await run_beside(capsys, "send", invoice, "--json")
    assert (ended.code, ended.facts["code"]) == (1, "wrong-api-key")


async def test_without_a_key_it_is_bad_usage(api, invoice, capsys):
    ended = await run_beside(capsys, "send", invoice, "--url", api.url)
    assert ended.code == 2
    assert "no API key: gateway-data/api-key cannot be read" in ended.err


async def test_the_same_key_sends_once(api, invoice, capsys):
    sent = [
        (await run_beside(capsys, "send", invoice, "--key", "k", "--json", *access(api))).facts
        for _ in range(2)
    ]
    assert sent[0]["document_id"] == sent[1]["document_id"]


async def test_another_receiver_than_the_one_meant_is_refused(api, invoice, capsys):
    ended = await run_beside(capsys, "send", invoice, "--to", SENDER, "--json", *access(api))
    assert (ended.code, ended.facts["code"]) == (1, "receiver-differs")
    assert RECEIVER in ended.err


async def finish(api, database, status):
    """Play the worker: bring the one document to *status*, a step later than it was accepted."""
    async with api.client() as client:
        found = ()
        while not found:
            await asyncio.sleep(0.02)
            found = (await client.list_documents()).documents
        now = api.services.clock.now()
        for last, to in (("accepted", "sealed"), ("sealed", "sending"), ("sending", status)):
            async with database.transaction(api.dossier) as tx:
                detail = {"text": f"this is {to}", "phase": "http", "detail": "it sleeps"}
                await move_documents(tx, [a_move(found[0].id, last, to, at=now, **detail)])
            await asyncio.sleep(0.15)


@pytest.mark.parametrize(
    ("status", "code"),
    [("delivered", 0), ("refused", 1), ("failed", 1), ("gave_up", 1), ("uncertain", 3),
     ("waiting", 3)],
)  # fmt: skip
async def test_watching_shows_each_step_and_ends_with_the_document(
    api, invoice, capsys, database, status, code
):
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(api, database, status))
        watching = group.create_task(run_beside(capsys, "send", invoice, "--watch", *access(api)))
    ended = watching.result()
    assert ended.code == code
    *steps, last = ended.out.splitlines()
    told = [line.split()[1] for line in steps]
    assert told == ["accepted", "checked", "sealed", "sending", status]
    assert steps[-1].endswith(f"this is {status}")
    assert last.endswith(f"is {status}" + ("" if status == "delivered" else " (http: it sleeps)"))


async def test_watching_with_json_prints_the_object_alone(api, invoice, capsys, database):
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(api, database, "delivered"))
        watching = group.create_task(
            run_beside(capsys, "send", invoice, "--watch", "--json", *access(api))
        )
    ended = watching.result()
    assert len(ended.out.splitlines()) == 1
    assert ended.facts["status"] == "delivered"
    assert ended.err == ""


async def test_watching_ends_after_its_time_as_a_temporary_failure(api, invoice, capsys):
    words = ("--watch", "--timeout", "0.2", "--json")
    ended = await run_beside(capsys, "send", invoice, *words, *access(api))
    assert (ended.code, ended.facts["code"]) == (3, "unavailable")


async def test_a_gateway_that_is_not_there_is_a_temporary_failure(api, invoice, capsys):
    key = api.services.settings.data_dir / "api-key"
    words = ("--url", "http://127.0.0.1:1", "--api-key-file", key, "--json")
    ended = await run_beside(capsys, "send", invoice, *words)
    assert (ended.code, ended.facts["code"]) == (3, "unavailable")


async def test_files_that_cannot_be_used_are_bad_usage(api, invoice, capsys, tmp_path):
    for words, code in [
        ((tmp_path / "none.xml",), "file-unreadable"),
        ((invoice, "--endpoint", "https://a.example/as4"), "incomplete-endpoint"),
        ((invoice, "--certificate", invoice), "incomplete-endpoint"),
        ((invoice, "--endpoint", "https://a.example/as4", "--certificate", invoice),
         "bad-certificate"),
    ]:  # fmt: skip
        ended = await run_beside(capsys, "send", *words, "--json", *access(api))
        assert (ended.code, ended.facts["code"]) == (2, code)


@pytest.mark.parametrize("form", ["pem", "der"])
async def test_a_fixed_endpoint_is_handed_on(api, invoice, capsys, tmp_path, database, form):
    identity = leaf("receiver")
    path = tmp_path / "receiver.cert"
    path.write_bytes(getattr(identity, f"certificate_{form}"))
    words = ("--endpoint", "http://127.0.0.1:1/as4", "--certificate", path, "--json")
    ended = await run_beside(capsys, "send", invoice, *words, *access(api))
    assert ended.code == 0
    async with api.client() as client:
        (document,) = (await client.list_documents()).documents
    async with database.transaction(api.dossier) as tx:
        options = (await find_document(tx, document.id)).options
    assert base64.b64decode(options["certificate"]) == identity.certificate_der


async def test_a_ping_says_how_it_was_answered(api, capsys):
    ended = await run_beside(capsys, "ping", RECEIVER, *access(api))
    assert ended.code == 0
    assert "PBE000002 at https://red.example/as4 answered with a receipt (12 ms)" in ended.out
    ended = await run_beside(capsys, "ping", SENDER, "--json", *access(api))
    assert (ended.code, ended.facts["ok"]) == (1, False)
    ended = await run_beside(capsys, "ping", "0208:0000000196", *access(api))
    assert (ended.code, "it is asleep" in ended.out) == (3, True)
