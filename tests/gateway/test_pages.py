"""Pages to read: every problem has one, and they load nothing from elsewhere."""

import re

import pytest

from gateway.web.help import catalogue
from gateway.web.problems import _code
from tests.support.api import ask
from tests.support.codes import codes
from tests.support.contract import document, operations

OF_THE_SERVER = {status: _code(status) for status in (400, 404, 405, 413, 415, 417, 500, 504)}


def test_the_source_makes_the_codes_that_the_catalogue_has_and_no_others():
    made = set(codes()) | set(OF_THE_SERVER.values())
    assert made - set(catalogue()) == set(), "reference/problems.toml lacks these"
    assert set(catalogue()) - made == set(), "no longer made"


def test_each_code_has_the_status_that_the_source_gives_it():
    wrong = {
        code: statuses
        for code, statuses in codes().items()
        if code in catalogue() and not statuses <= set(catalogue()[code].status)
    }
    assert wrong == {}
    for status, code in OF_THE_SERVER.items():
        assert status in catalogue()[code].status


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_each_problem_says_what_happened_why_and_what_to_do(code):
    problem = catalogue()[code]
    assert problem.title
    assert not problem.title.endswith(".")
    for text in (problem.happened, problem.why, problem.todo):
        assert text.endswith((".", "?"))
        assert text[0].isupper() or not text[0].isalpha() or text.startswith("`")


async def test_the_type_of_a_problem_is_the_address_of_its_page(api):
    _, _, problem = await ask(api, "GET", "/v1/documents", key="gk_test_wrong")
    assert problem["type"] == "/problems/wrong-api-key"
    status, headers, page = await ask(api, "GET", problem["type"], headers={"Authorization": None})
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for part in ("What happened", "Why", "What to do"):
        assert f"<h2>{part}</h2>" in page.decode()


async def test_every_problem_is_listed_and_has_a_page(api):
    _, _, listed = await ask(api, "GET", "/problems", key="")
    links = set(re.findall(r'href="/problems/([^"]+)"', listed.decode()))
    assert links == set(catalogue())
    for code in links:
        status, _, page = await ask(api, "GET", f"/problems/{code}", key="")
        assert status == 200
        assert f"<code>{code}</code>" in page.decode()


@pytest.mark.parametrize("code", ["nothing", "%00", "%ED%A0%80", "%3Cb%3E", "no-api-key%2F"])
async def test_what_is_no_code_is_a_problem(api, code):
    status, _, problem = await ask(api, "GET", f"/problems/{code}", key="")
    assert (status, problem["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/problems", "/problems/internal", "/docs"])
async def test_a_page_loads_nothing_from_elsewhere_and_runs_no_text_of_its_own(api, path):
    """[CSP3 §6]"""
    _, headers, page = await ask(api, "GET", path, key="")
    policy = dict(
        rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    text = page.decode()
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
        assert re.match(r"/(?!/)|#", address), address
    assert not re.search(r"<style|style=|<script(?! src=)| on[a-z]+=|javascript:", text)


async def test_the_page_of_the_api_has_every_operation_and_shape(api):
    status, headers, page = await ask(api, "GET", "/docs", key="")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    named = set(re.findall(r'id="([^"]+)"', page.decode()))
    assert {operation["operationId"] for _, _, operation in operations()} <= named
    assert {f"shape-{name}" for name in document()["components"]["schemas"]} <= named
    assert set(re.findall(r'href="#([^"]+)"', page.decode())) <= named


@pytest.mark.parametrize(
    ("name", "media"), [("style.css", "text/css"), ("try.js", "text/javascript")]
)
async def test_what_a_page_needs_comes_from_here(api, name, media):
    status, headers, body = await ask(api, "GET", f"/docs/{name}", key="")
    assert (status, headers["Content-Type"]) == (200, f"{media}; charset=utf-8")
    assert body


@pytest.mark.parametrize("name", ["problems.toml", "..%2Fpages.py", "api.html", "%00"])
async def test_nothing_else_is_sent(api, name):
    status, _, problem = await ask(api, "GET", f"/docs/{name}", key="")
    assert (status, problem["code"]) == (404, "not-found")
