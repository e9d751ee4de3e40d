"""Many documents in one file: kept at once, worked through by a job, each exactly once."""

import asyncio
import json
from uuid import UUID

import asyncpg
import pytest

from gateway.errors import Unavailable
from gateway.exchange import imports
from gateway.exchange.intake import Intake
from gateway.store.leftovers import sweep_archive
from tests.support.api import RECEIVER, a_key, an_invoice, another_dossier, ask, count
from tests.support.forms import a_form
from tests.support.imports import (
    JOB,
    ZIP,
    a_zip,
    importer,
    lines,
    payload,
    results,
    stands,
    ubl_line,
    upload,
    work,
)
from tests.support.store import a_dossier

pytestmark = pytest.mark.usefixtures("registered")


async def jobs(dsn):
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT payload, priority FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", str(JOB)
    )
    await connection.close()
    return [json.loads(row["payload"]) for row in rows]


def numbers(found):
    return [each["problem"]["code"] if "problem" in each else None for each in found]


async def test_a_file_is_answered_at_once_and_has_a_job(api, dsn):
    status, headers, answer = await upload(api, lines(ubl_line("1"), ubl_line("2")))
    assert status == 202
    assert headers["Location"] == f"/v1/imports/{answer['id']}"
    assert answer["status"] == "waiting"
    assert (answer["total"], answer["accepted"], answer["refused"]) == (2, 0, 0)
    assert await jobs(dsn) == [payload(api, answer)]
    assert (await ask(api, "GET", headers["Location"]))[2] == answer
    assert await count(dsn, "documents") == 0


async def test_each_line_becomes_a_document_or_a_refusal_in_order(api, dsn):
    data = lines(
        ubl_line("1"),
        a_form(number="2"),
        b"",
        b"no json",
        {"invoice": a_form(number="5")},
        a_form(number="1"),
        ubl_line("7", to="0208:0202239951"),
        {"ubl": "PHgvPg=="},
        ubl_line("9", surplus=1),
    )
    _, _, answer = await upload(api, data)
    done = await work(api, answer)
    assert (done["status"], done["total"], done["accepted"], done["refused"]) == ("done", 8, 3, 5)
    found = await results(api, answer)
    assert [each["position"] for each in found] == [1, 2, 4, 5, 6, 7, 8, 9]
    assert numbers(found) == [
        None,
        None,
        "not-json",
        None,
        "duplicate-number",
        "receiver-differs",
        "unknown-document",
        "bad-json",
    ]
    assert [each["status"] for each in found] == [202, 202, 422, 202, 409, 422, 422, 422]
    _, _, shown = await ask(api, "GET", f"/v1/documents/{found[1]['document_id']}")
    assert shown["number"] == "2"
    assert await count(dsn, "documents") == 3


async def test_each_entry_of_a_zip_becomes_a_document_or_a_refusal(api):
    data = a_zip(
        {
            "invoices/": b"",
            "invoices/1.xml": an_invoice(number="1"),
            "invoices/2.JSON": json.dumps(a_form(number="2")),
            "3.json": json.dumps(ubl_line("3")),
            "read me.txt": b"hello",
            "__MACOSX/._1.xml": b"noise",
            "5.xml": b"PK\x03\x04",
        }
    )
    _, _, answer = await upload(api, data, ZIP)
    assert answer["total"] == 5
    await work(api, answer)
    found = await results(api, answer)
    assert numbers(found) == [None, None, None, "unknown-entry", "not-xml"]
    assert [each["position"] for each in found] == [1, 2, 3, 4, 5]
    assert found[1]["name"] == "invoices/2.JSON"


async def test_a_large_document_of_a_zip_is_streamed_and_kept(api):
    noise = "".join(f"{number:x} " for number in range(300_000))
    _, _, answer = await upload(api, a_zip({"1.xml": an_invoice(note=noise)}), ZIP)
    done = await work(api, answer)
    assert done["accepted"] == 1
    assert len(api.services.archive.names()) == 1


async def test_results_are_paged_in_their_order_and_filtered(api):
    data = lines(*(ubl_line(str(number)) if number % 2 else b"{}" for number in range(1, 8)))
    _, _, answer = await upload(api, data)
    await work(api, answer)
    path, seen, cursor = f"/v1/imports/{answer['id']}/results?limit=3", [], ""
    while cursor is not None:
        _, _, page = await ask(api, "GET", path + (cursor and f"&cursor={cursor}"))
        seen += [each["position"] for each in page["results"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    refused = await results(api, answer, "?outcome=refused")
    assert [each["position"] for each in refused] == [2, 4, 6]
    accepted = await results(api, answer, "?outcome=accepted")
    assert [each["position"] for each in accepted] == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?cursor=x", "bad-cursor"),
        ("?cursor=-1", "bad-cursor"),
        ("?cursor=9999999999", "bad-cursor"),
        ("?limit=0", "bad-limit"),
        ("?outcome=lost", "bad-outcome"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(api, query, code):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    path = f"/v1/imports/{answer['id']}/results{query}"
    status, _, problem = await ask(api, "GET", path)
    assert (status, problem["code"]) == (422, code)


async def test_imports_are_listed_newest_first_page_by_page(api):
    made = [(await upload(api, lines(b"{}")))[2]["id"] for _ in range(3)]
    _, _, page = await ask(api, "GET", "/v1/imports?limit=2")
    assert [each["id"] for each in page["imports"]] == made[:0:-1]
    _, _, rest = await ask(api, "GET", f"/v1/imports?limit=2&cursor={page['next_cursor']}")
    assert [each["id"] for each in rest["imports"]] == made[:1]
    assert (rest["has_more"], rest["next_cursor"]) == (False, None)


async def test_another_dossier_finds_no_import(api, database):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    await work(api, answer)
    other = await another_dossier(database)
    for path in (f"/v1/imports/{answer['id']}", f"/v1/imports/{answer['id']}/results"):
        status, _, problem = await ask(api, "GET", path, key=other)
        assert (status, problem["code"]) == (404, "import-not-found")
    assert (await ask(api, "GET", "/v1/imports", key=other))[2]["imports"] == []


async def test_a_repeated_file_with_its_key_is_one_import_and_one_file(api, dsn):
    data = lines(ubl_line("1"))
    first = await upload(api, data, Idempotency_Key="k")
    again = await upload(api, data, Idempotency_Key="k")
    assert again[2] == first[2]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert again[1]["Location"] == first[1]["Location"]
    assert await count(dsn, "imports") == 1
    assert len(api.services.archive.names()) == 1
    status, _, problem = await upload(api, lines(ubl_line("2")), Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")


async def test_duplicates_that_are_meant_are_sent(api, dsn):
    await work(api, (await upload(api, lines(ubl_line("1"))))[2])
    _, _, answer = await upload(api, lines(ubl_line("1")), query="?duplicate=allow")
    assert (await work(api, answer))["accepted"] == 1
    data = lines(ubl_line("1", duplicate="allow"), ubl_line("1"))
    _, _, answer = await upload(api, data)
    await work(api, answer)
    assert numbers(await results(api, answer)) == [None, "duplicate-number"]
    assert await count(dsn, "documents") == 3


async def test_a_line_with_a_key_of_its_own_is_accepted_once_over_imports(api, dsn):
    found = []
    for _ in range(2):
        _, _, answer = await upload(api, lines(ubl_line("1", idempotency_key="own")))
        await work(api, answer)
        found += await results(api, answer)
    assert found[0]["document_id"] == found[1]["document_id"]
    assert await count(dsn, "documents") == 1


async def test_no_key_of_a_caller_is_one_of_an_import(api, dsn):
    _, _, made = await upload(api, lines(ubl_line("1")))
    for key in (f"import:{made['id']}:1", f"import {made['id']} 1"):
        headers = {"Idempotency-Key": key, "Content-Type": "application/xml"}
        await ask(api, "POST", "/v1/documents", data=an_invoice(number="other"), headers=headers)
    await work(api, made)
    _, _, shown = await ask(api, "GET", f"/v1/imports/{made['id']}")
    assert (shown["accepted"], shown["refused"]) == (1, 0)


async def test_documents_of_an_import_are_sent_after_others(api, dsn):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    await work(api, answer)
    connection = await asyncpg.connect(dsn)
    query = "SELECT priority FROM pgqueuer WHERE entrypoint = 'send_document'"
    priority = await connection.fetchval(query)
    await connection.close()
    assert priority < 0


async def test_the_file_goes_when_all_is_done_and_not_before(api):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    archive = api.services.archive
    assert await sweep_archive(api.services.db, archive, idle_seconds=-1.0) == 0
    assert len(archive.names()) == 1
    await work(api, answer)
    assert archive.names() == []


@pytest.mark.parametrize("media_type", ["ndjson", "zip"])
@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_killed_worker_loses_and_doubles_nothing(api, dsn, monkeypatch, media_type, where):
    """Killed at each document in turn, before it was accepted or before that was recorded."""
    if media_type == "ndjson":
        made = await upload(api, lines(*(ubl_line(str(number)) for number in range(4)), b"{}"))
    else:
        entries = {f"{number}.xml": an_invoice(number=str(number)) for number in range(4)}
        made = await upload(api, a_zip({**entries, "bad.json": b"{}"}), ZIP)
    answer, accept, killed = made[2], Intake.accept, []

    async def die(intake, dossier, upload_, submission):
        if where == "after":
            await accept(intake, dossier, upload_, submission)
        if submission.idempotency_key not in killed:
            killed.append(submission.idempotency_key)
            raise asyncio.CancelledError
        return await accept(intake, dossier, upload_, submission)

    monkeypatch.setattr(Intake, "accept", die)
    for _ in range(4):
        with pytest.raises(asyncio.CancelledError):
            await importer(api).work(payload(api, answer))
    done = await work(api, answer)
    assert (done["accepted"], done["refused"]) == (4, 1)
    found = await results(api, answer)
    assert len({each.get("document_id") for each in found}) == 5
    assert await count(dsn, "documents") == 4
    assert await count(dsn, "import_results") == 5


async def test_two_workers_at_one_import_do_each_entry_once(api, dsn):
    _, _, answer = await upload(api, lines(*(ubl_line(str(number)) for number in range(6))))

    async def insist():
        while (await stands(api, answer)).status != "done":
            try:
                await importer(api).work(payload(api, answer))
            except Unavailable:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(insist())
    assert await count(dsn, "documents") == 6
    assert await count(dsn, "import_results") == 6


async def test_a_slice_ends_and_hands_on_so_that_imports_take_turns(api, dsn, monkeypatch):
    monkeypatch.setattr(imports, "SLICE_SECONDS", 0.0)
    _, _, answer = await upload(api, lines(ubl_line("1"), ubl_line("2")))
    await importer(api).work(payload(api, answer))
    _, _, shown = await ask(api, "GET", f"/v1/imports/{answer['id']}")
    assert (shown["status"], shown["accepted"]) == ("running", 1)
    assert await jobs(dsn) == [payload(api, answer)] * 2
    assert (await work(api, answer))["accepted"] == 2


async def test_what_is_away_for_a_moment_is_waited_for(api, monkeypatch):
    _, _, answer = await upload(api, lines(ubl_line("1")))

    async def fail(*_):
        raise Unavailable("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "accept", fail)
        with pytest.raises(Unavailable):
            await importer(api).work(payload(api, answer))
    assert (await work(api, answer))["accepted"] == 1


async def test_a_fault_of_our_own_holds_up_no_other_document_and_tells_nothing(
    api, monkeypatch, caplog
):
    _, _, answer = await upload(api, lines(ubl_line("1"), ubl_line("2")))
    # The traceback shows the line that raised, and that is in the log.
    accept, words = Intake.accept, "a secret"

    async def stumble(intake, dossier, upload_, submission):
        if upload_.routing.number == "1":
            raise ZeroDivisionError(words)
        return await accept(intake, dossier, upload_, submission)

    monkeypatch.setattr(Intake, "accept", stumble)
    await work(api, answer)
    found = await results(api, answer)
    assert numbers(found) == ["internal", None]
    assert words not in caplog.text + json.dumps(found)


async def test_an_import_that_is_done_or_unknown_is_left_alone(api, dsn):
    _, _, answer = await upload(api, lines(ubl_line("1")))
    await work(api, answer)
    await importer(api).work(payload(api, answer))
    await importer(api).work({"dossier": str(api.dossier), "import": str(UUID(int=1))})
    assert await count(dsn, "import_results") == 1


async def test_a_dossier_has_a_bounded_number_of_unfinished_imports(api, database, monkeypatch):
    monkeypatch.setattr("gateway.web.imports.UNFINISHED_MAX", 1)
    _, _, first = await upload(api, lines(ubl_line("1")))
    status, _, problem = await upload(api, lines(ubl_line("2")))
    assert (status, problem["code"]) == (409, "too-many-imports")
    assert len(api.services.archive.names()) == 1
    await a_key(database, "gk_test_b", await a_dossier(database))
    assert (await upload(api, lines(b"{}"), key="gk_test_b"))[0] == 202
    await work(api, first)
    assert (await upload(api, lines(ubl_line("2"))))[0] == 202


@pytest.mark.parametrize(
    ("data", "media_type", "status", "code"),
    [
        (b"", "application/x-ndjson", 422, "empty-import"),
        (b"\n \r\n", "application/x-ndjson", 422, "empty-import"),
        (b"\n" * 10_001, "application/x-ndjson", 422, "too-many-entries"),
        (b"no zip", ZIP, 422, "bad-zip"),
        (b"{}", "application/json", 415, "unsupported-media-type"),
    ],
)
async def test_what_is_no_file_of_documents_is_refused_and_not_kept(
    api, dsn, data, media_type, status, code
):
    answered, _, problem = await upload(api, data, media_type)
    assert (answered, problem["code"]) == (status, code)
    assert await count(dsn, "imports") == 0
    assert api.services.archive.names() == []
    assert api.services.archive.sweep_leftovers() == 0


async def test_a_file_of_too_many_bytes_is_refused_with_and_without_its_length(api, monkeypatch):
    monkeypatch.setattr("gateway.web.imports.IMPORT_BYTES_MAX", 100)

    async def pieces():
        yield b"{}\n" * 50

    for data in (b"{}\n" * 50, pieces()):
        status, _, problem = await upload(api, data)
        assert (status, problem["code"]) == (413, "import-too-large")


async def test_the_receiver_that_is_meant_is_named_in_a_line(api):
    _, _, answer = await upload(api, lines(ubl_line("1", to=RECEIVER)))
    assert (await work(api, answer))["accepted"] == 1
