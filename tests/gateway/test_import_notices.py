"""A file that is done, or cannot be: its dossier is told, in the feed and by webhooks."""

import logging

import pytest

from gateway.exchange.imports import fail_given_up
from gateway.store.imports import find_given_up
from gateway.web.imports import UNFINISHED_MAX
from gateway.worker import SWEEP, run_slot
from tests.gateway.test_worker import running
from tests.support.api import ask
from tests.support.command import run_beside
from tests.support.imports import importer, lines, payload, ubl_line, upload, work
from tests.support.store import CLOCK, until
from tests.support.webhooks import hooked

pytestmark = pytest.mark.usefixtures("registered")

IMPORTS = ["import.done", "import.failed"]


async def notices(api):
    """The events that are about imports."""
    _, _, page = await ask(api, "GET", "/v1/events?limit=200")
    return [each for each in page["events"] if each["type"].startswith("import.")]


async def given_up(api, *, status="failed"):
    """Hand in a file of three; let the job be put aside after the first document."""
    _, _, made = await upload(api, lines(ubl_line("1"), b"{}", ubl_line("3")))
    async with api.services.db.exchange() as xtx:
        await xtx.connection.execute(
            "UPDATE pgqueuer SET status = $1::text::pgqueuer_status"
            " WHERE entrypoint = 'import_documents'",
            status,
        )
    return made


async def shown(api, made):
    return (await ask(api, "GET", f"/v1/imports/{made['id']}"))[2]


async def test_a_file_that_is_done_is_told_once_with_its_counts(api):
    async with hooked(api, wanted={"event_types": IMPORTS}) as hook:
        _, _, made = await upload(api, lines(ubl_line("1"), b"{}"))
        await work(api, made)
        await importer(api).work(payload(api, made))
        await hook.telling.tell()
        [came] = hook.receiver.genuine
    [told] = await notices(api)
    assert (told["type"], told["id"], told["document_id"]) == ("import.done", came.id, None)
    assert told["detail"] == {
        "import_id": made["id"], "status": "done", "total": 2, "accepted": 1, "refused": 1,
        "text": "All of the file is done: 1 accepted, 1 refused",
    }  # fmt: skip
    assert (came.message.type, came.message.data) == ("import.done", told["detail"])


async def test_a_file_whose_job_was_given_up_has_failed_and_is_told_once(api, caplog):
    made = await given_up(api)
    with caplog.at_level(logging.ERROR, "gateway.exchange.imports"):
        for _ in range(2):
            await fail_given_up(api.services.db, now=CLOCK.now())
    [told] = await notices(api)
    assert (told["type"], told["detail"]["import_id"]) == ("import.failed", made["id"])
    assert told["detail"]["text"].startswith("It stopped after 0 of 3")
    assert (await shown(api, made))["status"] == "failed"
    [logged] = caplog.records
    assert (logged.code, getattr(logged, "import")) == ("import-failed", made["id"])


@pytest.mark.parametrize("status", ["queued", "picked"])
async def test_a_file_that_somebody_still_works_on_has_not_failed(api, status):
    await given_up(api, status=status)
    async with api.services.db.exchange_statements() as xtx:
        assert await find_given_up(xtx) == []


async def test_a_file_that_failed_takes_no_place_of_others(api):
    for _ in range(UNFINISHED_MAX):
        await given_up(api)
    assert (await upload(api, lines(ubl_line("9"))))[0] == 409
    await fail_given_up(api.services.db, now=CLOCK.now())
    assert (await upload(api, lines(ubl_line("9"))))[0] == 202


async def test_a_file_that_failed_can_still_be_worked_through_and_is_told_again(api):
    made = await given_up(api)
    await fail_given_up(api.services.db, now=CLOCK.now())
    assert (await work(api, made))["status"] == "done"
    assert [(each["type"], each["seq"]) for each in await notices(api)] == [
        ("import.failed", 1), ("import.done", 2),
    ]  # fmt: skip


async def test_the_sweep_finds_what_was_given_up(api):
    made = await given_up(api)

    async def failed():
        return (await shown(api, made))["status"] == "failed"

    async with running(api.services.db, {}):
        await run_slot(api.services.db, SWEEP, now=CLOCK.now())
        await until(failed)


async def test_who_waits_for_a_file_that_failed_is_told_so(api, client, capsys, tmp_path):
    made = await given_up(api)
    await fail_given_up(api.services.db, now=CLOCK.now())
    assert (await client.wait_for_import(made["id"])).status == "failed"
    (tmp_path / "key").write_text(api.key)
    ended = await run_beside(capsys, "events", "--url", api.url, "--api-key-file", tmp_path / "key")
    assert "import.failed" in ended.out
    assert "hand the others in again" in ended.out
