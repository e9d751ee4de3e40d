"""What a caller says beside the document: his key for it, and a fixed endpoint."""

import asyncio
import base64

import pytest

from gateway.client import GatewayClient
from gateway.errors import Fault, Kind
from gateway.settings import Stage
from gateway.store.documents import find_document
from tests.support.api import (
    RECEIVER,
    SENDER,
    an_invoice,
    another_dossier,
    count,
    post,
    run_api,
)
from tests.support.pki import leaf

pytestmark = pytest.mark.usefixtures("registered")


async def test_the_same_key_and_document_get_the_first_answer(api, dsn):
    status, headers, first = await post(api, an_invoice(), Idempotency_Key="k")
    again_status, again_headers, again = await post(api, an_invoice(), Idempotency_Key="k")
    assert (again_status, again, again_headers["Location"]) == (status, first, headers["Location"])
    assert "Idempotent-Replayed" not in headers
    assert again_headers["Idempotent-Replayed"] == "true"
    assert await count(dsn, "documents") == 1
    assert await count(dsn, "pgqueuer") == 1


async def test_neither_a_repetition_nor_a_stranger_costs_a_check(api, dsn, monkeypatch):
    checking, checked = api.services.checking, []
    check = checking.check

    async def count_checks(*given, **named):
        checked.append(given)
        return await check(*given, **named)

    monkeypatch.setattr(checking, "check", count_checks)
    stranger = an_invoice().replace(SENDER[5:].encode(), b"0987654394")
    large = an_invoice(number="2026-2", note="x" * 2_000_000)
    for invoice in (an_invoice(), large):
        status, _, first = await post(api, invoice, Idempotency_Key=f"k{len(invoice)}")
        again, headers, same = await post(api, invoice, Idempotency_Key=f"k{len(invoice)}")
        assert (status, again, same) == (202, 202, first)
        assert headers["Idempotent-Replayed"] == "true"
    status, _, problem = await post(api, stranger)
    assert (status, problem["code"]) == (422, "sender-not-ours")
    assert len(checked) == 2
    assert len(api.services.archive.names()) == 1


async def test_the_same_key_with_another_document_is_refused(api, dsn):
    await post(api, an_invoice(), Idempotency_Key="k")
    status, _, problem = await post(api, an_invoice(number="2"), Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert await count(dsn, "documents") == 1


async def test_the_same_key_with_another_endpoint_is_refused(client, dsn):
    der = leaf("receiver").certificate_der
    one, two = (f"http://127.0.0.1:{port}/as4" for port in (1, 2))
    for _ in range(2):
        await client.send_document(an_invoice(), idempotency_key="k", endpoint=one, certificate=der)
    with pytest.raises(Fault) as caught:
        await client.send_document(an_invoice(), idempotency_key="k", endpoint=two, certificate=der)
    assert caught.value.code == "idempotency-key-reused"
    assert await count(dsn, "documents") == 1


async def test_requests_in_flight_with_one_key_make_one_document(api, dsn):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(api, an_invoice(), Idempotency_Key="k")) for _ in range(8)]
    answers = [task.result() for task in tasks]
    accepted = [body["id"] for status, _, body in answers if status == 202]
    refused = [(headers, body) for status, headers, body in answers if status != 202]
    assert len(accepted) >= 1
    assert len(set(accepted)) == 1
    for headers, problem in refused:
        assert (problem["status"], problem["code"]) == (409, "idempotency-key-in-flight")
        assert headers["Retry-After"] == "1"
    assert await count(dsn, "documents") == 1


async def test_a_key_that_is_none_is_refused(api):
    for key in ("", "x" * 256, "two words", "é"):
        status, _, problem = await post(api, an_invoice(), Idempotency_Key=key)
        assert (status, problem["code"]) == (422, "bad-idempotency-key")


async def test_keys_of_two_dossiers_do_not_meet(api, database):
    other = await another_dossier(database)
    async with api.client(other) as second:
        await second.register_participant(RECEIVER)
        one = await second.send_document(
            an_invoice(sender=RECEIVER, receiver=SENDER), idempotency_key="k"
        )
    async with api.client() as first:
        two = await first.send_document(an_invoice(), idempotency_key="k")
    assert one.id != two.id


async def test_a_fixed_endpoint_is_kept_for_the_job(api, client, database):
    der = leaf("receiver").certificate_der
    document = await client.send_document(
        an_invoice(), endpoint="http://127.0.0.1:1/as4", certificate=der
    )
    async with database.transaction(api.dossier) as tx:
        options = (await find_document(tx, document.id)).options
    assert options["endpoint"] == "http://127.0.0.1:1/as4"
    assert base64.b64decode(options["certificate"]) == der


async def test_a_fixed_endpoint_that_cannot_be_used_is_refused(client):
    for endpoint, certificate, code in [
        ("https://ap.example/as4", None, "incomplete-endpoint"),
        (None, b"x", "incomplete-endpoint"),
        ("ftp://ap.example/as4", b"x", "bad-endpoint"),
        ("https://[::1/as4", b"x", "bad-endpoint"),
        ("https:///as4", b"x", "bad-endpoint"),
        ("https://ap.example/as4", b"x", "bad-certificate"),
    ]:
        with pytest.raises(Fault) as caught:
            await client.send_document(an_invoice(), endpoint=endpoint, certificate=certificate)
        assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)


@pytest.mark.parametrize(
    ("stage", "kind", "code"),
    [
        (Stage.PRODUCTION, Kind.DENIED, "fixed-endpoint-refused"),
        (Stage.TEST, Kind.INVALID, "bad-endpoint"),
    ],
)
async def test_a_fixed_endpoint_is_refused_in_production_and_http_outside_the_sandbox(
    database, tmp_path, stage, kind, code
):
    async with run_api(database, tmp_path / stage, stage=stage) as api:
        async with api.client() as office:
            dossier = await office.create_dossier("Another", "BE")
        async with GatewayClient(api.url, api.key, dossier=dossier.id) as client:
            with pytest.raises(Fault) as caught:
                await client.send_document(
                    an_invoice(), endpoint="http://ap.example/as4", certificate=b"x"
                )
        assert (caught.value.kind, caught.value.code) == (kind, code)
