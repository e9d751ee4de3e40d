"""The client against servers that behave well, badly, or not at all."""

import asyncio
import contextlib
from uuid import UUID

import pytest
from aiohttp import web

from gateway.client import GatewayClient
from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.store.documents import append_event
from gateway.store.sendings import move_documents
from tests.support.api import RECEIVER, SENDER, an_invoice, run_api
from tests.support.store import a_move
from tests.support.web import serve_app, serve_raw

ANY = UUID(int=1)


async def test_what_the_gateway_refuses_is_the_fault_it_was(database, tmp_path):
    async with run_api(database, tmp_path) as api, api.client() as client:
        with pytest.raises(Fault) as caught:
            await client.send_document(an_invoice())
        assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "sender-not-ours")
        (problem,) = caught.value.errors
        assert isinstance(problem, Problem)
        assert problem.rule == "sender-not-ours"
        assert problem.hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.INVALID), (401, Kind.UNAUTHENTICATED), (403, Kind.DENIED),
        (404, Kind.NOT_FOUND), (409, Kind.CONFLICT), (413, Kind.TOO_LARGE), (415, Kind.INVALID),
        (408, Kind.TOO_SLOW), (422, Kind.INVALID), (500, Kind.INTERNAL),
        (501, Kind.NOT_INSTALLED), (302, Kind.INTERNAL),
    ],
)  # fmt: skip
async def test_an_error_that_is_no_problem_is_told_by_its_status(status, kind):
    async def answer(_request):
        return web.Response(status=status, text="<html>", headers={"Location": "/elsewhere"})

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        with pytest.raises(Fault) as caught:
            await client.document(ANY)
        assert (caught.value.kind, caught.value.code) == (kind, f"http-{status}")


@contextlib.asynccontextmanager
async def answering(status, problem=None, **headers):
    """A client of a gateway that answers everything with *status*, and *problem* if it has one."""

    async def answer(_request):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if problem is None:
            return web.Response(status=status, text="<html>", headers=named)
        return web.json_response(problem, status=status, headers=named)

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        yield client


def a_problem(status, code, **more):
    return {
        "type": "t", "title": "t", "status": status, "detail": "d", "instance": "i", "code": code,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "idempotency-key-in-flight"), (429, "rate-limited"), (503, "unavailable"),
        (504, "gateway-timeout"),
    ],
)  # fmt: skip
async def test_what_asks_to_be_asked_again_is_unavailable_and_says_when(status, code):
    problem = a_problem(status, code, phase="look-up")
    async with answering(status, problem, Retry_After="7") as client:
        with pytest.raises(Unavailable) as caught:
            await client.document(ANY)
    told = caught.value
    assert (told.code, told.detail, told.phase) == (code, "d", "look-up")
    assert told.retry_after_seconds == 7.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_stands_before_the_gateway_is_unavailable_for_it(status):
    date = "Sun, 22 Nov 2026 10:00:00 GMT"
    async with answering(status, Retry_After=date) as client:
        with pytest.raises(Unavailable) as caught:
            await client.document(ANY)
    assert caught.value.code == f"http-{status}"
    assert caught.value.retry_after_seconds > 0


@pytest.mark.parametrize(("status", "kind"), [(409, Kind.CONFLICT), (502, Kind.REFUSED_BY_PEER)])
async def test_what_the_gateway_says_for_good_is_a_fault(status, kind):
    async with answering(status, a_problem(status, "x")) as client:
        with pytest.raises(Fault) as caught:
            await client.document(ANY)
    assert (caught.value.kind, caught.value.code) == (kind, "x")


async def test_who_asks_again_after_unavailable_with_the_same_key_gets_through():
    """The loop of docs/CLIENT.md."""
    codes = {429: "rate-limited", 503: "unavailable", 409: "idempotency-key-in-flight"}
    to_come, keys = list(codes), []

    async def answer(request):
        keys.append(request.headers["Idempotency-Key"])
        if not to_come:
            return web.json_response({"results": []})
        status = to_come.pop()
        body = a_problem(status, codes[status])
        return web.json_response(body, status=status, headers={"Retry-After": "0"})

    async def send_surely(client):
        while True:
            try:
                return await client.send_batch([], idempotency_key="k")
            except Unavailable as trouble:
                await asyncio.sleep(trouble.retry_after_seconds)

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        assert await send_surely(client) == ()
    assert keys == ["k"] * 4


async def test_a_redirect_is_not_followed_with_our_key():
    asked = []

    async def answer(request):
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        with pytest.raises(Fault):
            await client.document(ANY)
    assert len(asked) == 1


async def test_a_gateway_that_is_not_there_is_unavailable():
    async with GatewayClient("http://127.0.0.1:1", "k") as client:
        with pytest.raises(Unavailable, match="cannot be asked"):
            await client.participants()
        assert await client.ready() is False


async def test_an_answer_of_something_else_is_not_taken_for_ours():
    async def answer(_request):
        return web.Response(text="hello")

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        with pytest.raises(Unavailable, match="answered by something else"):
            await client.participants()


async def test_an_answer_without_end_is_given_up():
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 1_000_000)

    async with serve_app(answer) as url, GatewayClient(url, "k") as client:
        with pytest.raises(Unavailable, match="without end"):
            await client.participants()


async def test_an_answer_that_breaks_off_is_unavailable():
    def respond(_line):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

    async with serve_raw(respond) as url, GatewayClient(url, "k") as client:
        with pytest.raises(Unavailable):
            await client.participants()


async def test_a_gateway_that_says_nothing_is_unavailable():
    async def answer(_request):
        await asyncio.sleep(30)

    async with serve_app(answer) as url, GatewayClient(url, "k", timeout_seconds=0.2) as client:
        with pytest.raises(Unavailable, match="cannot be asked"):
            await client.participants()


async def test_it_has_to_be_entered():
    with pytest.raises(TypeError, match="async with"):
        await GatewayClient("http://127.0.0.1:1", "k").participants()


async def test_the_path_of_a_participant_is_percent_encoded_once():
    seen = []

    async def answer(request):
        seen.append(request.raw_path)
        return web.json_response({"participant": "x", "services": []})

    async with serve_app(answer) as url, GatewayClient(url + "/", "k") as client:
        await client.participant("iso6523-actorid-upis::0208:a/b")
    assert seen == ["/v1/participants/iso6523-actorid-upis%3A%3A0208%3Aa%2Fb"]


async def test_waiting_ends_at_a_status_and_hears_each_step_once(database, tmp_path):
    async with run_api(database, tmp_path) as api, api.client() as client:
        await client.register_participant(SENDER)
        document = await client.send_document(an_invoice(receiver=RECEIVER))
        heard = []

        async def finish():
            now = api.services.clock.now()
            async with database.transaction(api.dossier) as tx:
                await append_event(tx, document.id, "sealed", {}, now=now)
            await asyncio.sleep(0.3)
            async with database.transaction(api.dossier) as tx:
                await move_documents(tx, [a_move(document.id, "accepted", "failed", at=now)])

        async with asyncio.TaskGroup() as group:
            group.create_task(finish())
            waiting = group.create_task(
                client.wait_for(document.id, heard=lambda event: heard.append(event.name))
            )
        assert waiting.result().status == "failed"
        assert heard == ["accepted", "checked", "sealed", "failed"]


async def test_waiting_is_given_up_after_its_time(database, tmp_path):
    async with run_api(database, tmp_path) as api, api.client() as client:
        await client.register_participant(SENDER)
        document = await client.send_document(an_invoice())
        with pytest.raises(Unavailable, match=r"is not delivered after 0\.2 s"):
            await client.wait_for(document.id, ("delivered",), timeout_seconds=0.2)


async def test_a_gateway_that_takes_work_is_ready(database, tmp_path):
    async with run_api(database, tmp_path) as api, api.client("no key") as client:
        assert await client.ready() is True
