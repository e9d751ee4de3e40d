"""Documents over HTTP, against the real store."""

import hashlib

import pytest

from gateway.settings import Settings
from tests.support.api import (
    RECEIVER,
    SENDER,
    a_cursor,
    an_invoice,
    another_dossier,
    ask,
    count,
    post,
    root_of,
)

pytestmark = pytest.mark.usefixtures("registered")


async def assert_nothing_stored(api, dsn):
    for table in ("documents", "document_events", "idempotency_keys", "pgqueuer"):
        assert await count(dsn, table) == 0, table
    archive = api.services.settings.data_dir.parent / "archive"
    assert [path for path in archive.rglob("*") if path.is_file()] == []


def place_and_hint(problem):
    (error,) = problem["errors"]
    assert set(error) == {"rule", "severity", "location", "message", "term", "hint"}
    return error["location"], error["hint"]


async def test_a_document_is_accepted_with_its_place_and_its_facts(api):
    status, headers, body = await post(api, an_invoice())
    assert status == 202
    assert headers["Location"] == f"/v1/documents/{body['id']}"
    assert body["direction"] == "out"
    assert body["status"] == "accepted"
    assert (body["sender"], body["receiver"]) == (SENDER, RECEIVER)
    assert (body["kind"], body["number"]) == ("Invoice", "2026-1")
    assert body["sha256"] == hashlib.sha256(root_of(an_invoice())).hexdigest()
    assert body["size_bytes"] == len(root_of(an_invoice()))


async def test_an_accepted_document_has_a_job_and_its_first_steps(api, client, dsn):
    document = await client.send_document(an_invoice())
    steps = [(event.seq, event.name) for event in await client.timeline(document.id)]
    assert steps == [(1, "accepted"), (2, "checked")]
    assert await count(dsn, "pgqueuer") == 1


async def test_what_was_handed_in_comes_back_byte_for_byte(client):
    data = an_invoice(prolog="\ufeff<?xml version='1.0'?><!-- before -->", tail="<!-- after -->\n")
    document = await client.send_document(data)
    assert await client.ubl(document.id) == data
    assert document.sha256 == hashlib.sha256(root_of(an_invoice(prolog="", tail=""))).hexdigest()


async def test_a_large_document_goes_through_a_file_and_back(api, client):
    data = an_invoice(note="x" * 3_000_000)
    document = await client.send_document(data)
    assert len(api.services.archive.names()) == 1
    assert await client.ubl(document.id) == data
    assert document.sha256 == hashlib.sha256(root_of(data)).hexdigest()


async def test_a_document_may_be_sent_in_pieces(client):
    async def pieces():
        for byte in range(0, len(an_invoice()), 100):
            yield an_invoice()[byte : byte + 100]

    document = await client.send_document(pieces())
    assert await client.ubl(document.id) == an_invoice()


NOT_DOCUMENTS = {
    "empty": (b"", "not-xml", "line 1", "well-formed"),
    "no XML": (b"not xml", "not-xml", "line 1, column 1", "well-formed"),
    "wrong end tag": (
        an_invoice(note="</cbc:ID>"), "not-xml", "line 2, column", "well-formed",
    ),
    "cut off": (an_invoice()[:-20], "not-xml", "line 2", "well-formed"),
    "two roots": (an_invoice(tail="<a/>"), "not-xml", "line 2, column", "well-formed"),
    "DOCTYPE": (
        an_invoice(prolog="<!DOCTYPE Invoice>"), "doctype-refused", "line 1", "remove the DOCTYPE",
    ),
    "Latin-1": (
        an_invoice(prolog="<?xml version='1.0' encoding='ISO-8859-1'?>"), "not-utf-8", "", "UTF-8",
    ),
    "bad UTF-8": (
        an_invoice(note="?").replace(b"?</", b"\xff</"), "not-utf-8", "line 2", "UTF-8",
    ),
    "UTF-16": (an_invoice(prolog="").decode().encode("utf-16"), "not-utf-8", "", "UTF-8"),
    "deep": (an_invoice(note="<a>" * 1000), "too-deep", "line 2", "levels"),
    "other root": (b"<a/>", "unknown-document", "line 1", "known type"),
    "other UBL": (
        an_invoice().replace(b"Invoice-2", b"Order-2"), "unknown-document", "line 2", "known type",
    ),
    "no profile": (
        an_invoice().replace(b"cbc:ProfileID", b"cbc:Profile"), "unknown-document",
        "cbc:ProfileID", "complete",
    ),
    "no receiver": (an_invoice(receiver="0208:"), "unknown-document", "EndpointID", "complete"),
}  # fmt: skip


async def test_what_is_no_document_is_refused_with_place_and_fix(api, dsn):
    for name, (data, code, place, hint) in NOT_DOCUMENTS.items():
        status, headers, problem = await post(api, data, Idempotency_Key="k")
        assert (status, headers["Content-Type"]) == (422, "application/problem+json"), name
        assert (problem["code"], problem["status"]) == (code, 422), name
        found_place, found_hint = place_and_hint(problem)
        assert place in found_place, name
        assert hint in found_hint, name
    await assert_nothing_stored(api, dsn)


async def test_a_refused_large_document_leaves_no_file(api, dsn):
    data = an_invoice(note="x" * 3_000_000)[:-20]
    assert (await post(api, data))[0] == 422
    await assert_nothing_stored(api, dsn)


async def test_a_document_that_says_it_is_too_large_is_refused_unread(api, dsn):
    status, _, problem = await post(api, an_invoice(note="x" * 4_000_000))
    assert (status, problem["code"]) == (413, "document-too-large")
    assert "4000000 bytes" in problem["detail"]
    await assert_nothing_stored(api, dsn)


async def test_a_document_that_grows_too_large_is_refused(api, dsn):
    async def pieces():
        yield an_invoice(tail="")
        for _ in range(50):
            yield b" " * 100_000

    status, _, problem = await post(api, pieces())
    assert (status, problem["code"]) == (413, "document-too-large")
    await assert_nothing_stored(api, dsn)


def test_the_limit_is_a_hundred_megabytes_or_more():
    assert Settings().document_bytes_max >= 100_000_000


async def test_another_media_type_is_refused(api):
    status, _, problem = await post(api, an_invoice(), Content_Type="text/plain")
    assert (status, problem["code"]) == (415, "unsupported-media-type")
    assert "application/xml" in problem["detail"]


async def test_xml_has_several_names(api):
    for name in ("text/xml", "application/xml; charset=utf-8", "application/vnd.oasis.ubl+xml"):
        assert (await post(api, an_invoice(number=name), Content_Type=name))[0] == 202


async def test_a_sender_that_is_not_ours_is_refused_and_the_fix_is_named(api, dsn):
    data = an_invoice(sender=RECEIVER, receiver=SENDER)
    for document in (data, an_invoice(sender=RECEIVER, receiver=SENDER, note="x" * 2_000_000)):
        status, _, problem = await post(api, document, Idempotency_Key="k")
        assert (status, problem["code"]) == (422, "sender-not-ours")
        place, hint = place_and_hint(problem)
        assert place == "cac:AccountingSupplierParty/cac:Party/cbc:EndpointID"
        assert f"PUT /v1/participants/{RECEIVER}" in hint
    await assert_nothing_stored(api, dsn)


async def test_in_self_billing_the_buyer_is_the_sender(api, client):
    data = an_invoice(sender=RECEIVER, receiver=SENDER)
    data = data.replace(b":poacc:billing:", b":poacc:selfbilling:").replace(b">380<", b">389<")
    document = await client.send_document(data)
    assert (document.sender, document.receiver) == (SENDER, RECEIVER)


async def test_in_self_billing_a_sender_that_is_not_ours_is_the_buyer(api):
    data = an_invoice(sender=SENDER, receiver=RECEIVER)
    data = data.replace(b":poacc:billing:", b":poacc:selfbilling:").replace(b">380<", b">389<")
    _, _, problem = await post(api, data)
    place, _ = place_and_hint(problem)
    assert place == "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID"


async def test_wrong_check_digits_of_the_receiver_are_a_warning(client):
    document = await client.send_document(an_invoice(receiver="9925:BE0123456700"))
    event = (await client.timeline(document.id))[0]
    assert "9925:BE0123456700 has wrong check digits" in event.detail["warnings"][0]


async def test_the_receiver_the_caller_means_is_compared(api, dsn):
    assert (await post(api, an_invoice(), f"?to={RECEIVER}"))[0] == 202
    status, _, problem = await post(api, an_invoice(), f"?to={SENDER}")
    assert (status, problem["code"]) == (422, "receiver-differs")
    assert RECEIVER in problem["detail"]
    assert place_and_hint(problem)[0] == "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID"
    status, _, problem = await post(api, an_invoice(), "?to=nobody")
    assert (status, problem["code"]) == (422, "bad-identifier")
    assert await count(dsn, "documents") == 1


async def test_a_replayed_large_document_leaves_one_file(api):
    data = an_invoice(note="x" * 2_000_000)
    for _ in range(2):
        assert (await post(api, data, Idempotency_Key="k"))[0] == 202
    assert len(api.services.archive.names()) == 1


async def test_a_file_that_cannot_be_read_is_a_problem_and_not_half_an_answer(api, client):
    document = await client.send_document(an_invoice(note="x" * 2_000_000))
    for name in api.services.archive.names():
        api.services.archive.delete(name)
    status, headers, problem = await ask(api, "GET", f"/v1/documents/{document.id}/ubl")
    assert (status, headers["Content-Type"]) == (503, "application/problem+json")
    assert problem["code"] == "unavailable"


async def test_a_page_goes_on_where_the_one_before_ended(client):
    sent = [(await client.send_document(an_invoice(number=str(n)))).id for n in range(5)]
    first = await client.list_documents(limit=2)
    await client.send_document(an_invoice(number="late"))
    second = await client.list_documents(limit=2, cursor=first.next_cursor)
    third = await client.list_documents(limit=2, cursor=second.next_cursor)
    pages = [*first.documents, *second.documents, *third.documents]
    assert [each.id for each in pages] == sent[::-1]
    assert [page.has_more for page in (first, second, third)] == [True, True, False]
    assert third.next_cursor is None


async def test_documents_are_filtered_by_direction_and_status(client):
    document = await client.send_document(an_invoice())
    for given, expected in [
        ({"direction": "out"}, [document]), ({"direction": "in"}, []),
        ({"status": "accepted"}, [document]), ({"status": "delivered"}, []),
    ]:  # fmt: skip
        assert list((await client.list_documents(**given)).documents) == expected


async def test_filters_and_cursors_that_are_none_are_refused(api):
    for query, code in [
        ("limit=0", "bad-limit"), ("limit=201", "bad-limit"), ("limit=x", "bad-limit"),
        ("direction=up", "bad-direction"), ("status=gone", "bad-status"),
        ("cursor=x", "bad-cursor"), ("cursor=1.0", "bad-cursor"),
        ("status=%00", "bad-text"), ("x%00=1", "bad-text"),
    ]:  # fmt: skip
        status, _, problem = await ask(api, "GET", f"/v1/documents?{query}")
        assert (status, problem["code"]) == (422, code), query


async def test_a_cursor_at_the_end_of_time_is_fine(api):
    cursor = a_cursor(api, "/v1/documents", f"{'9' * 16}.{'f' * 32}")
    status, _, page = await ask(api, "GET", f"/v1/documents?cursor={cursor}")
    assert (status, page["documents"]) == (200, [])


@pytest.mark.parametrize("what", ["", "/timeline", "/ubl", "/evidence"])
async def test_a_foreign_or_unknown_document_is_not_found(api, client, database, what):
    mine = (await client.send_document(an_invoice())).id
    other = await another_dossier(database)
    for document, key in [(mine, other), ("01a20135-5727-7f49-a477-912ed9cefa11", None),
                          ("nonsense", None), ("%00", None)]:  # fmt: skip
        status, headers, problem = await ask(api, "GET", f"/v1/documents/{document}{what}", key=key)
        assert headers["Content-Type"] == "application/problem+json"
        expected = (422, "bad-text") if document == "%00" else (404, "document-not-found")
        assert (status, problem["code"]) == expected


async def test_another_dossier_lists_nothing_of_ours(api, client, database):
    await client.send_document(an_invoice())
    async with api.client(await another_dossier(database)) as other:
        assert (await other.list_documents()).documents == ()
        assert list(await other.participants()) == []


async def test_what_is_streamed_has_the_headers_of_every_answer(api, client):
    document = await client.send_document(an_invoice())
    status, headers, _ = await ask(api, "GET", f"/v1/documents/{document.id}/ubl")
    assert (status, len(headers["X-Request-Id"])) == (200, 36)
    assert headers["RateLimit"].startswith('"dossier";r=')


async def test_evidence_of_what_is_not_sealed_yet_is_a_conflict(api, client):
    document = await client.send_document(an_invoice())
    status, _, problem = await ask(api, "GET", f"/v1/documents/{document.id}/evidence")
    assert (status, problem["code"]) == (409, "no-message-yet")
