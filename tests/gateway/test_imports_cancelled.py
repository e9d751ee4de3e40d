"""Imports that their owner ends, and how many of a dossier there are at a time."""

import asyncio

import pytest

from gateway.exchange import imports
from gateway.exchange.intake import Intake
from tests.support.api import ask, count
from tests.support.imports import importer, lines, payload, results, ubl_line, upload, work

pytestmark = pytest.mark.usefixtures("registered")


async def test_imports_that_come_at_once_are_no_more_than_the_bound(api, monkeypatch):
    monkeypatch.setattr("gateway.web.imports.UNFINISHED_MAX", 3)
    answers = await asyncio.gather(
        *(upload(api, lines(ubl_line(str(number)))) for number in range(12))
    )
    assert sorted(status for status, _, _ in answers) == [202] * 3 + [409] * 9
    assert len(api.services.archive.names()) == 3


async def cancel(api, answer):
    status, _, ended = await ask(api, "POST", f"/v1/imports/{answer['id']}/cancel")
    assert status == 200
    return ended


async def test_an_import_that_waits_is_cancelled_and_nothing_of_it_is_done(api, dsn, monkeypatch):
    monkeypatch.setattr("gateway.web.imports.UNFINISHED_MAX", 1)
    _, _, answer = await upload(api, lines(ubl_line("1"), ubl_line("2")))
    ended = await cancel(api, answer)
    assert (ended["status"], ended["accepted"], ended["refused"]) == ("cancelled", 0, 0)
    assert await cancel(api, answer) == ended
    assert api.services.archive.names() == []
    await importer(api).work(payload(api, answer))
    assert await count(dsn, "documents") == 0
    assert (await ask(api, "GET", f"/v1/imports/{answer['id']}"))[2] == ended
    assert (await upload(api, lines(ubl_line("3"))))[0] == 202
    events = (await ask(api, "GET", "/v1/events"))[2]["events"]
    [told] = [each for each in events if each["type"].startswith("import.")]
    assert (told["type"], told["detail"]["import_id"]) == ("import.cancelled", answer["id"])


async def test_what_an_import_did_before_it_is_cancelled_stays(api, dsn, monkeypatch):
    monkeypatch.setattr(imports, "SLICE_SECONDS", 0)
    _, _, answer = await upload(api, lines(ubl_line("1"), b"{}", ubl_line("3")))
    for _ in range(2):
        await importer(api).work(payload(api, answer))
    ended = await cancel(api, answer)
    assert (ended["status"], ended["accepted"], ended["refused"]) == ("cancelled", 1, 1)
    await importer(api).work(payload(api, answer))
    assert await count(dsn, "documents") == 1
    assert [each["position"] for each in await results(api, answer)] == [1, 2]


async def test_a_document_that_is_being_done_meanwhile_has_its_result_and_is_the_last(
    api, dsn, monkeypatch
):
    _, _, answer = await upload(api, lines(ubl_line("1"), ubl_line("2")))
    accept = Intake.accept

    async def accept_late(*given):
        await cancel(api, answer)
        return await accept(*given)

    monkeypatch.setattr(Intake, "accept", accept_late)
    await importer(api).work(payload(api, answer))
    _, _, ended = await ask(api, "GET", f"/v1/imports/{answer['id']}")
    assert (ended["status"], ended["accepted"]) == ("cancelled", 1)
    assert await count(dsn, "documents") == 1
    assert [each["status"] for each in await results(api, answer)] == [202]


async def test_the_last_document_may_be_cancelled_too(api, monkeypatch):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    accept = Intake.accept

    async def accept_late(*given):
        await cancel(api, answer)
        return await accept(*given)

    monkeypatch.setattr(Intake, "accept", accept_late)
    await importer(api).work(payload(api, answer))
    _, _, ended = await ask(api, "GET", f"/v1/imports/{answer['id']}")
    assert (ended["status"], ended["accepted"]) == ("cancelled", 1)


async def test_an_import_that_is_done_stays_done(api):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    done = await work(api, answer)
    assert await cancel(api, answer) == done
