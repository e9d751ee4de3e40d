"""The served OpenAPI document as a judge of what the API answers."""

import json
import re
from functools import cache

from jsonschema import Draft202012Validator, FormatChecker

from gateway.web.openapi import describe_api
from gateway.web.routes import API_ROUTES

PROBLEM = "application/problem+json"
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9:]+)?")


@cache
def document():
    return json.loads(describe_api(API_ROUTES))


def operations():
    """Every operation: method, path, description."""
    return [
        (method.upper(), path, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    ]


def operation_of(method, address):
    """The operation at *address*: what names a part exactly goes before what takes any."""
    wanted = address.partition("?")[0]
    found = [
        (path.count("{"), operation)
        for each, path, operation in operations()
        if each == method and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), wanted)
    ]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def complaints(schema, value):
    """What is wrong with *value* by *schema*, which may refer to the document's components."""
    whole = {**schema, "components": document()["components"]}
    judge = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(value)]


def instants_elsewhere(value):
    """The instants in *value* that are written in another zone than UTC, or in none."""
    if isinstance(value, str):
        return [value] if INSTANT.fullmatch(value) and not value.endswith("Z") else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for part in parts for found in instants_elsewhere(part)]


def check_answer(method, address, status, headers, body):
    """Assert that an answer is one that the document describes."""
    operation = operation_of(method, address)
    assert operation is not None, f"{method} {address} is not described"
    described = operation["responses"].get(str(status))
    assert described is not None, f"{operation['operationId']} answers {status}: {body}"
    media = headers.get("Content-Type", "").partition(";")[0]
    for name in ("X-Request-Id", "RateLimit-Policy", "RateLimit"):
        assert (name in headers) or (name not in described["headers"]), (address, name)
    contents = described.get("content", {})
    if not contents:
        assert body == b""
        return
    content = contents.get(media) or contents.get("*/*")
    assert content is not None, f"{operation['operationId']} answers {media}"
    if media.endswith("json"):
        assert complaints(content["schema"], body) == []
        assert instants_elsewhere(body) == [], operation["operationId"]
    if media == PROBLEM:
        assert body["code"] in described["x-codes"], operation["operationId"]
    for name in ("Location", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate"):
        assert name not in headers or name in described["headers"], name
