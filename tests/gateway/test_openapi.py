"""The OpenAPI document: what it says of the API is what the API does."""

import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.web.help import catalogue
from gateway.web.openapi import name_of
from gateway.web.refusals import _codes
from gateway.web.route import KEY
from gateway.web.routes import API_ROUTES
from tests.support.api import ask
from tests.support.contract import complaints, document, operations

NAMES = {
    "submit_document", "list_documents", "show_document", "show_timeline", "download_document",
    "download_evidence", "download_pdf", "download_attachment", "show_document_page",
    "submit_batch", "acknowledge",
    "list_inbox", "list_events", "validate_document", "list_participants",
    "register_participant", "show_participant", "remove_participant", "look_up_participant",
    "ping_participant", "create_dossier", "list_dossiers", "show_dossier", "change_dossier",
    "create_key", "list_keys", "show_key", "rotate_key", "revoke_key", "show_alive", "show_ready",
}  # fmt: skip
"""Operations that programs call by these names: one that is gone breaks them."""


def bodies():
    for method, path, operation in operations():
        described = [("request", operation.get("requestBody", {}))]
        described += operation["responses"].items()
        for where, each in described:
            for media, content in each.get("content", {}).items():
                yield f"{method} {path} {where}", media, content


OPEN = {
    "/health/live", "/health/ready", "/v1/openapi.json", "/problems", "/problems/{code}", "/docs",
    "/docs/{file}",
}  # fmt: skip


async def test_every_route_is_described_and_nothing_else(api):
    status, headers, served = await ask(api, "GET", "/v1/openapi.json", key="")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert served == document()
    found = {(method, path) for method, path, _ in operations()}
    assert found == {(route.method, route.path) for route in API_ROUTES}


def test_the_document_is_openapi_3_1():
    """[OPENAPI §4.8]"""
    assert document()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_each_operation_says_what_it_does_and_what_it_refuses():
    tags = {tag["name"] for tag in document()["tags"]}
    for _, path, operation in operations():
        assert operation["summary"].endswith("."), path
        assert operation["tags"][0] in tags
        assert {"400", "500", "503"} <= set(operation["responses"])
        keyed = operation.get("security") != []
        assert keyed == ({"401", "403"} <= set(operation["responses"]))


def test_each_operation_has_a_name_of_its_own_and_names_stay():
    names = [name_of(route) for route in API_ROUTES]
    assert len(set(names)) == len(names)
    assert set(names) >= NAMES


def test_what_a_route_says_that_it_refuses_has_a_page():
    for route in API_ROUTES:
        named = {code for code in _codes(route) if code.endswith("-not-found")}
        assert named | set(route.refusals) <= set(catalogue()), route.path


def test_every_post_can_be_repeated_under_a_key():
    posts = [route for route in API_ROUTES if route.method == "POST"]
    assert [route.path for route in posts if KEY not in route.parameters] == []


def test_each_problem_is_listed_under_its_status():
    for _, path, operation in operations():
        for status, described in operation["responses"].items():
            for code in described.get("x-codes", ()):
                assert int(status) in catalogue()[code].status, path


def test_each_status_says_whether_it_tells_when_to_ask_again():
    for method, path, operation in operations():
        for status, described in operation["responses"].items():
            waits = "idempotency-key-in-flight" in described.get("x-codes", ())
            waits = waits or status in {"429", "503"}
            assert ("Retry-After" in described["headers"]) == waits, f"{method} {path} {status}"
        if operation.get("security") != []:
            assert {"RateLimit", "Retry-After"} <= set(operation["responses"]["429"]["headers"])


def test_each_example_is_valid_and_each_body_of_a_shape_has_one():
    for where, media, content in bodies():
        if media == "application/json" and content["schema"] != {"type": "object"}:
            assert "example" in content, f"reference/examples.json: {where} {content['schema']}"
        if "example" in content:
            assert complaints(content["schema"], content["example"]) == [], where


async def test_only_what_needs_no_key_says_so(api):
    opened = {path for _, path, operation in operations() if operation.get("security") == []}
    assert opened == OPEN
    for path in opened:
        status, _, _ = await ask(api, "GET", path.format(code="internal", file="try.js"), key="")
        assert status == 200


def test_parameters_have_the_type_and_the_bounds_of_their_values():
    listing = document()["paths"]["/v1/documents"]["get"]
    found = {each["name"]: each["schema"] for each in listing["parameters"]}
    assert (found["limit"]["minimum"], found["limit"]["maximum"]) == (1, 200)
    assert found["direction"]["enum"] == ["in", "out"]
    assert found["Dossier"]["format"] == "uuid"
    assert found["updated_after"]["format"] == "date-time"
    checking = document()["paths"]["/v1/validate"]["post"]["parameters"]
    assert {"type": "boolean"} in [each["schema"] for each in checking]


def test_a_body_is_required_unless_nothing_in_it_is():
    paths = document()["paths"]
    assert paths["/v1/documents"]["post"]["requestBody"]["required"] is True
    assert paths["/v1/dossiers"]["post"]["requestBody"]["required"] is True
    assert paths["/v1/dossiers/{id}"]["patch"]["requestBody"]["required"] is False


def test_the_form_of_an_invoice_is_described_field_by_field():
    content = document()["paths"]["/v1/documents"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/xml", "application/json"}
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    form = document()["components"]["schemas"][name]
    assert {"number", "issue_date", "seller", "buyer", "lines"} <= set(form["required"])
    assert form["additionalProperties"] is False


def test_every_reference_leads_somewhere():
    text = json.dumps(document())
    for kind in ("schemas", "headers"):
        names = {piece.split('"')[0] for piece in text.split(f"#/components/{kind}/")[1:]}
        assert names
        assert names <= set(document()["components"][kind])
