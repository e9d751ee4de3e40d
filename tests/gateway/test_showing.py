"""Documents as people read them, over HTTP."""

import asyncio
import uuid

import pytest

from gateway.store.documents import insert_document
from tests.support.api import another_dossier, ask
from tests.support.showing import (
    PDF_FILE,
    a_bill,
    an_attachment,
    embedded,
    read_page,
    words_of_pdf,
)
from tests.support.store import a_document, execute, until
from ubl.writer import write_document

CSV = b"dag;uren\nma;8\n"
BILL = write_document(a_bill())
PAGE = b"<script>alert(document.domain)</script>"


def with_files(*files):
    return write_document(
        a_bill(supporting_documents=tuple(an_attachment(*each) for each in files))
    )


@pytest.fixture
def keep(api):
    """Store a document, whatever is in it, and return where it is."""

    async def store(data):
        async with api.services.db.transaction(api.dossier) as tx:
            document = await insert_document(tx, a_document(content=data))
        return f"/v1/documents/{document.id}"

    return store


async def get(api, path, **given):
    status, headers, body = await ask(api, "GET", path, **given)
    return status, headers, body


async def test_a_document_is_a_page_in_the_language_asked_for(api, keep):
    place = await keep(BILL)
    for query, title in (
        ("", "Invoice"),
        ("?language=nl", "Factuur"),
        ("?language=de", "Rechnung"),
    ):
        status, headers, body = await get(api, f"{place}/html{query}")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert f"<h1>{title} " in body.decode()


async def test_the_page_has_a_policy_without_scripts(api, keep):
    """[CSP3 §6]"""
    _, headers, body = await get(api, f"{await keep(BILL)}/html")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert policy.removesuffix("; frame-ancestors 'none'").replace("'", "&#39;") in body.decode()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_the_pdf_is_ours_and_carries_the_document(api, keep):
    place = await keep(BILL)
    status, headers, body = await get(api, f"{place}/pdf?language=fr")
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert headers["Document-Source"] == "rendered"
    assert embedded(body) == [("document.xml", BILL, "/Alternative")]
    assert "Facture2026-0042" in words_of_pdf(body)
    assert (await get(api, f"{place}/pdf?language=fr"))[2] == body


async def test_a_documents_own_pdf_comes_first(api, keep):
    place = await keep(with_files((CSV, "uren.csv"), (PDF_FILE, "factuur é.pdf")))
    status, headers, body = await get(api, f"{place}/pdf")
    assert (status, body, headers["Document-Source"]) == (200, PDF_FILE, "own")
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"factuur _.pdf\"; filename*=UTF-8''factuur%20%C3%A9.pdf"
    )
    _, headers, body = await get(api, f"{place}/pdf?source=rendered")
    assert headers["Document-Source"] == "rendered"
    assert b"factuur" not in body[:100]


async def test_an_own_pdf_that_is_not_there_is_not_found(api, keep):
    status, _, problem = await get(api, f"{await keep(BILL)}/pdf?source=own")
    assert (status, problem["code"]) == (404, "no-own-pdf")


async def test_attachments_are_downloads_of_what_their_bytes_are(api, keep):
    """[RFC6266 §4]"""
    place = await keep(with_files((CSV, "uren.csv"), (PAGE, "factuur.pdf")))
    status, headers, body = await get(api, f"{place}/attachments/1")
    assert (status, headers["Content-Type"], body) == (200, "text/csv", CSV)
    status, headers, body = await get(api, f"{place}/attachments/2")
    assert (status, headers["Content-Type"], body) == (200, "application/octet-stream", PAGE)
    assert headers["Content-Disposition"].startswith('attachment; filename="factuur.pdf.bin"')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


async def test_the_page_links_to_the_attachments_beside_it(api, keep):
    place = await keep(with_files((CSV, "uren.csv"), (PDF_FILE, "own.pdf")))
    _, _, body = await get(api, f"{place}/html")
    links = [each for each in read_page(body.decode()).links if not each.startswith("data:")]
    assert links == ["attachments/2", "attachments/2", "attachments/1"]
    assert (await get(api, f"{place}/{links[0]}"))[2] == PDF_FILE


async def test_an_attachment_that_is_not_there_is_not_found(api, keep):
    place = await keep(with_files((CSV, "uren.csv")))
    for number in ("0", "2", "-1", "x", "1.0", "99999999"):
        status, _, problem = await get(api, f"{place}/attachments/{number}")
        assert (status, problem["code"]) == (404, "attachment-not-found"), number


@pytest.mark.parametrize("what", ["html", "pdf", "attachments/1"])
async def test_the_document_of_another_dossier_is_as_absent_as_none(api, keep, database, what):
    place = await keep(with_files((CSV, "uren.csv")))
    stranger = await another_dossier(database)
    for path, key in ((place, stranger), (f"/v1/documents/{uuid.uuid4()}", api.key)):
        status, _, problem = await get(api, f"{path}/{what}", key=key)
        assert (status, problem["code"]) == (404, "document-not-found")
    status, _, _ = await get(api, f"{place}/{what}", headers={"Authorization": None})
    assert status == 401


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("html?language=it", "bad-language"),
        ("pdf?source=theirs", "bad-source"),
        ("pdf?language=", "bad-language"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(api, keep, query, code):
    status, _, problem = await get(api, f"{await keep(BILL)}/{query}")
    assert (status, problem["code"]) == (422, code)


async def test_a_document_that_cannot_be_read_says_why(api, keep):
    place = await keep(BILL.replace(b"2026-11-20", b"soon"))
    for what in ("html", "pdf", "attachments/1"):
        status, _, problem = await get(api, f"{place}/{what}")
        assert (status, problem["code"]) == (409, "not-showable"), what
        assert "cannot be shown: /" in problem["detail"]


async def test_without_typst_the_answer_names_the_extra(api, keep, tmp_path, monkeypatch):
    missing = "raise ModuleNotFoundError('there is no typst', name='typst')\n"
    (tmp_path / "typst.py").write_text(missing)
    monkeypatch.syspath_prepend(tmp_path)
    place = await keep(BILL)
    status, _, problem = await get(api, f"{place}/pdf")
    assert (status, problem["code"]) == (501, "not-installed")
    assert "peppol-gateway[pdf]" in problem["detail"]
    assert (await get(api, f"{place}/html"))[0] == 200


async def test_a_document_is_fetched_when_its_turn_has_come_not_while_it_waits(api, keep):
    place = await keep(BILL)
    press = api.services.press
    async with asyncio.TaskGroup() as group, press.turn():
        left = press._lanes._waiting_left
        asked = group.create_task(get(api, f"{place}/html"))
        await until(lambda: _is(press._lanes._waiting_left < left))
        other = BILL.replace(b"2026-0042", b"2026-0043")
        await execute(api.services.db, api.dossier, "UPDATE documents SET content = $1", other)
    status, _, page = asked.result()
    assert (status, b"2026-0043" in page) == (200, True)


async def _is(condition):
    return condition
