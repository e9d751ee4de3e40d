"""The OpenAPI document of the API: made from the route table, the models and the problems.

Nothing in it is written twice: what a route asks of a request says what it refuses, and examples
are those that the tests send.  [OPENAPI §4.8]
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec

from gateway.client import model
from gateway.web.choices import add_choices
from gateway.web.examples import example_of
from gateway.web.help import Help, type_of
from gateway.web.hookcontract import describe_webhooks
from gateway.web.refusals import refusals_of
from gateway.web.route import JSON, KEY, Body, Parameter, Route
from gateway.web.scopes import MEANINGS

__all__ = ["DOSSIER_HEADER", "describe", "describe_api", "name_of"]

DOSSIER_HEADER: Final = Parameter(
    "Dossier",
    "the dossier to work in; not needed where the key opens one alone",
    place="header",
)
_ABOUT: Final = """\
Hand documents in, follow them to their receipt, take received ones from the inbox.

Instants are in UTC, amounts are decimal strings, digests are in lower-case hexadecimal. Every \
refusal is `application/problem+json`; its `type` is the address of a page that says what \
happened, why, and what to do. A request with an `Idempotency-Key` can be sent again without doing \
anything twice. Lists come in pages: pass `next_cursor` on as `cursor` while `has_more` is true.
"""
_PROBLEM: Final = Body("application/problem+json", model.ProblemDetails)
_REFERENCE: Final = "#/components/schemas/{name}"
_BINARY: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_TAGS: Final[dict[str, tuple[str, str]]] = {
    "documents": ("Documents", "Handed in, followed, shown, and proved."),
    "inbox": ("Inbox and events", "What came, what happened, and what changed."),
    "events": ("Inbox and events", ""),
    "imports": ("Imports", "Many documents in one file, worked through as a job."),
    "validate": ("Validation", "Documents checked, and not kept."),
    "participants": ("Participants", "Whom a dossier serves, and what others publish."),
    "lookup": ("Participants", ""),
    "ping": ("Participants", ""),
    "dossiers": ("Dossiers", "Companies' books: every row belongs to one."),
    "api-keys": ("API keys", "Who may do what, where, and until when."),
    "webhook-endpoints": ("Webhooks", "Told, instead of asking."),
}
_GATEWAY: Final = ("Gateway", "The gateway itself, and these pages; no key is needed.")
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "id": {"type": "string", "format": "uuid"},
    "Dossier": {"type": "string", "format": "uuid"},
    "participant": {"type": "string", "examples": ["0208:0123456749"]},
    "to": {"type": "string", "examples": ["0208:0987654394"]},
    "number": {"type": "integer", "minimum": 1, "maximum": 9999},
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "cursor": {"type": "string", "maxLength": 200},
    "since": {"type": "string", "format": "date-time"},
    "updated_after": {"type": "string", "format": "date-time"},
    "endpoint": {"type": "string", "format": "uri", "maxLength": 2048},
    "Endpoint-Certificate": {"type": "string", "contentEncoding": "base64"},
    "Idempotency-Key": {"type": "string", "pattern": "^[!-~]{1,255}$", "maxLength": 255},
}
"""What the value of a parameter is, by its name: a name means the same everywhere."""
_TRUTH: Final = ("true", "false")
_HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "X-Request-Id": ("names this request in the gateway's log", _TYPES["id"]),
    "Location": ("the address of what was made", {"type": "string", "format": "uri-reference"}),
    "Idempotent-Replayed": (
        "there when this is the answer of an earlier request with the same Idempotency-Key",
        {"type": "string", "const": "true"},
    ),
    "Cache-Control": ("no-store: it shows a secret", {"type": "string", "const": "no-store"}),
    "Content-Disposition": ("what to call the file", {"type": "string"}),
    "Retry-After": (
        "after how many seconds to ask again: with 429, 503 and 409 `idempotency-key-in-flight`",
        {"type": "integer", "minimum": 0},
    ),
    "WWW-Authenticate": ("how a key is sent", {"type": "string"}),
    "RateLimit-Policy": (
        "how many requests a dossier, or a key without one, has in how many seconds",
        {"type": "string"},
    ),
    "RateLimit": ("how many are left, and for how many seconds", {"type": "string"}),
}
_IN_FLIGHT: Final = "idempotency-key-in-flight"
_OF_STATUS: Final[dict[int, tuple[str, ...]]] = {
    201: ("Location",),
    202: ("Location",),
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit-Policy", "RateLimit"),
    503: ("Retry-After",),
}


@cache
def describe_api(routes: tuple[Route, ...]) -> bytes:
    """Return the OpenAPI document of *routes*, as JSON."""
    return msgspec.json.encode(describe(routes))


@cache
def describe(routes: tuple[Route, ...]) -> dict[str, Any]:
    """Return the OpenAPI document of *routes*; it is shared, and nobody changes it."""
    shapes, components = _shapes(routes)
    webhooks, notices = describe_webhooks(_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "peppol-gateway",
            "version": version("peppol-gateway"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": _tags(routes),
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": components | notices,
            "headers": {
                name: {"description": says, "schema": schema}
                for name, (says, schema) in _HEADERS.items()
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "an API key: `gk_…`"}
            },
        },
    }


def name_of(route: Route) -> str:
    """Return the name of the operation, which programs made from the description call."""
    return route.name or route.handler.__name__


def _shapes(routes: Iterable[Route]) -> tuple[dict[type, Any], dict[str, Any]]:
    """Return the schema of each model by its type, and all that they refer to by name."""
    bodies = [body for each in routes for body in (*_answers(each), *each.sends)]
    used = list(dict.fromkeys(body.shape for body in bodies if body.shape is not None))
    used.append(model.ProblemDetails)
    schemas, components = msgspec.json.schema_components(used, ref_template=_REFERENCE)
    add_choices(components)
    return dict(zip(used, schemas, strict=True)), components


def _answers(route: Route) -> tuple[Body, ...]:
    return () if route.answer is None else (route.answer, *route.also)


def _tags(routes: Iterable[Route]) -> list[dict[str, str]]:
    """Return the tags in use, each with what it says, in the order of `_TAGS`."""
    used = {_tag(route) for route in routes}
    known = [*_TAGS.values(), _GATEWAY]
    says = {name: text for name, text in reversed(known) if text}
    order = dict.fromkeys(name for name, _ in known)
    return [
        {"name": name, "description": says.get(name, name)}
        for name in (*(each for each in order if each in used), *sorted(used - set(order)))
    ]


def _tag(route: Route) -> str:
    root, _, rest = route.path.strip("/").partition("/")
    segment = rest.split("/")[0] if root == "v1" else ""
    if not segment or segment == "openapi.json":
        return _GATEWAY[0]
    return _TAGS.get(segment, (segment.replace("-", " ").capitalize(),))[0]


def _describe(route: Route, shapes: Mapping[type, Any]) -> dict[str, Any]:
    summary, _, rest = (route.handler.__doc__ or "").strip().partition("\n")
    parameters = route.parameters
    if route.scope is not None and route.of_dossier:
        parameters = (*parameters, DOSSIER_HEADER)
    details = " ".join(rest.split())
    described: dict[str, Any] = {
        "operationId": name_of(route),
        "tags": [_tag(route)],
        "summary": summary,
        "parameters": [*_in_path(route.path), *map(_parameter, parameters)],
        "responses": {
            str(route.status): _done(route, shapes),
            **{
                str(status): _refused(status, problems, shapes)
                for status, problems in refusals_of(route).items()
            },
        },
    }
    if route.scope is None:
        described["security"] = []
    else:
        details = f"{details} Needs the scope `{route.scope}`: {MEANINGS[route.scope]}.".strip()
    if details:
        described["description"] = details
    if route.sends:
        needed = not all(map(_may_be_empty, route.sends))
        described["requestBody"] = {"required": needed, **_content(route.sends, shapes)}
    return described


def _may_be_empty(body: Body) -> bool:
    """Return whether no body says as much as `{}`: nothing in it is required."""
    if not (isinstance(body.shape, type) and issubclass(body.shape, msgspec.Struct)):
        return False
    return not any(field.required for field in msgspec.structs.fields(body.shape))


def _done(route: Route, shapes: Mapping[type, Any]) -> dict[str, Any]:
    bodies = _answers(route)
    named = ["X-Request-Id", *_OF_STATUS.get(route.status, ())]
    if "answer-sealed" in route.refusals:
        named.append("Cache-Control")
    if KEY in route.parameters:
        named.append("Idempotent-Replayed")
    if route.scope is not None and any(not body.media.startswith(JSON) for body in bodies):
        named.append("Content-Disposition")
    if route.scope is not None:
        named += ["RateLimit-Policy", "RateLimit"]
    content = _content(bodies, shapes) if bodies else {}
    return {"description": "Done.", "headers": _headers(named), **content}


def _refused(status: int, problems: Collection[Help], shapes: Mapping[type, Any]) -> dict[str, Any]:
    named = ["X-Request-Id", *_OF_STATUS.get(status, ())]
    if any(each.code == _IN_FLIGHT for each in problems):
        named.append("Retry-After")
    listed = [f"[`{each.code}`]({type_of(each.code)}): {each.title}" for each in problems]
    return {
        "description": "; ".join(listed) + ".",
        "headers": _headers(named),
        "content": {_PROBLEM.media: {"schema": _schema(_PROBLEM, shapes)}},
        "x-codes": [each.code for each in problems],
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(bodies: Iterable[Body], shapes: Mapping[type, Any]) -> dict[str, Any]:
    return {"content": {body.media: _media(body, shapes) for body in bodies}}


def _media(body: Body, shapes: Mapping[type, Any]) -> dict[str, Any]:
    example = example_of(body)
    said = {"schema": _schema(body, shapes)}
    return said if example is None else {**said, "example": example}


def _schema(body: Body, shapes: Mapping[type, Any]) -> Any:
    if body.shape is not None:
        return shapes[body.shape]
    if body.media == JSON:
        return {"type": "object"}
    return {"type": "string"} if body.example or body.media.startswith("text/") else _BINARY


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.says,
        "schema": _type(parameter),
    }


def _type(parameter: Parameter) -> dict[str, Any]:
    if set(parameter.allowed) == set(_TRUTH):
        return {"type": "boolean"}
    if parameter.allowed:
        return {"type": "string", "enum": list(parameter.allowed)}
    return _TYPES.get(parameter.name, {"type": "string"})


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _TYPES.get(name, {"type": "string"}),
        }
        for name in names
    ]
