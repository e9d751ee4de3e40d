"""Every error is problem+json: ours, and those that aiohttp makes by itself."""

import asyncio
import json
import logging

import pytest

from gateway.errors import Fault, Kind, Unavailable
from gateway.web.help import catalogue
from gateway.web.problems import STATUS, problem_response
from tests.support.api import ask, run_api
from tests.support.contract import document


async def raw(api, request):
    """Send bytes, return status line and the JSON behind the head."""
    port = int(api.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


def test_every_kind_has_a_status_of_its_own():
    assert set(STATUS) == set(Kind)
    assert len(set(STATUS.values())) == len(STATUS)


def titled(code):
    return catalogue()[code].title


def test_a_problem_is_titled_by_its_code_whatever_happened():
    """[RFC9457 §3.1.3]"""
    for kind, code in [(Kind.INVALID, "bad-json"), (Kind.NOT_INSTALLED, "not-installed")]:
        for detail in ("one thing", "another"):
            response = problem_response(Fault(kind, code, detail))
            assert json.loads(response.body)["title"] == titled(code)


def test_an_example_of_a_problem_has_the_title_of_its_code():
    def problems(value):
        if isinstance(value, dict):
            is_one = isinstance(value.get("code"), str) and "title" in value
            yield from [value] if is_one else ()
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            yield from problems(each)

    shown = list(problems(document()))
    assert shown
    assert [each["title"] for each in shown] == [titled(each["code"]) for each in shown]


def test_who_is_to_ask_again_is_told_when_whatever_the_reason():
    for kind in Kind:
        told = "Retry-After" in problem_response(Fault(kind, "some-code", "x")).headers
        assert told == (kind in (Kind.TOO_MANY, Kind.UNAVAILABLE))


def test_a_fault_is_rendered_with_all_it_says():
    """[RFC9457 §3]"""
    fault = Fault(Kind.CONFLICT, "some-code", "what happened", retry_after_seconds=1.2)
    response = problem_response(fault)
    assert response.status == 409
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "2"
    assert json.loads(response.body) == {
        "type": "/problems/some-code",
        "title": "Conflict",
        "status": 409,
        "detail": "what happened",
        "instance": "about:blank",
        "code": "some-code",
        "errors": [],
    }


async def test_an_unknown_address_is_a_problem(api):
    status, headers, problem = await ask(api, "GET", "/v1/nothing")
    assert (status, problem["code"], problem["title"]) == (404, "not-found", titled("not-found"))
    assert headers["Content-Type"] == "application/problem+json"


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(api):
    status, headers, problem = await ask(api, "DELETE", "/v1/documents")
    assert (status, problem["code"]) == (405, "method-not-allowed")
    assert headers["Allow"] == "GET,POST"
    assert "GET,POST" in problem["detail"]


async def test_an_expectation_nobody_can_meet_is_a_problem(api):
    status, _, problem = await ask(api, "GET", "/v1/documents", headers={"Expect": "more"})
    assert (status, problem["code"]) == (417, "expectation-failed")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\x00b: 1\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["words", "length", "header", "long", "tls"],
)
async def test_what_is_no_http_is_a_problem(api, request_bytes):
    head, problem = await raw(api, request_bytes)
    assert head.startswith(("HTTP/1.1 400", "HTTP/1.0 400"))
    assert "application/problem+json" in head
    assert (problem["code"], problem["detail"]) == (
        "bad-request",
        "this is not HTTP as we read it",
    )


async def test_every_answer_has_a_reference_and_a_problem_repeats_it(api):
    status, headers, problem = await ask(api, "GET", "/v1/nothing")
    assert problem["instance"] == f"urn:uuid:{headers['X-Request-Id']}"
    status, headers, _ = await ask(api, "GET", "/v1/documents")
    assert status == 200
    assert headers["X-Request-Id"]


async def test_our_own_fault_shows_a_reference_and_nothing_more(database, tmp_path, caplog):
    async def ping(_participant):
        raise ValueError("the secret of the failure")

    async with run_api(database, tmp_path, ping=ping) as api:
        with caplog.at_level(logging.ERROR):
            status, headers, problem = await ask(api, "POST", "/v1/ping/0208:0123456749")
    assert (status, problem["code"]) == (500, "internal")
    assert "secret" not in json.dumps(problem)
    assert problem["instance"] == f"urn:uuid:{headers['X-Request-Id']}"
    assert "the secret of the failure" in caplog.text


async def test_what_is_down_is_said_with_a_time(database, tmp_path):
    async def ready():
        raise Unavailable("the gateway is stopping", 3.0)

    async with run_api(database, tmp_path, ready=ready) as api:
        status, headers, problem = await ask(api, "GET", "/health/ready", key="")
    assert (status, problem["code"], headers["Retry-After"]) == (503, "unavailable", "3")
    assert problem["detail"] == "the gateway is stopping"
