"""Which problems a route can answer with: those of its kind, and those that it lists itself.

What a route asks of a request (a key, a dossier, a body, parameters) says what it refuses.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from gateway import client
from gateway.web.help import Help, catalogue
from gateway.web.route import JSON, KEY, Route

__all__ = ["refusals_of"]

_ALWAYS: Final = ("bad-request", "expectation-failed", "unavailable", "internal")
_WITH_KEY: Final = (
    "no-api-key", "wrong-api-key", "api-key-over", "scope-missing", "bad-text",
    "unknown-parameter",
    "rate-limited", "too-many-at-once",
)  # fmt: skip
_IN_DOSSIER: Final = ("dossier-not-named", "dossier-not-found")
_ONCE: Final = ("bad-idempotency-key", "idempotency-key-reused", "idempotency-key-in-flight")
_JSON: Final = ("not-json", "bad-json", "request-entity-too-large")
_MODELS: Final = client.__name__
_CHECKED: Final = frozenset({"limit", "cursor", "since", "updated_after"})
"""Parameters that are refused where they have no meaning, beside those with listed values."""


def refusals_of(route: Route) -> dict[int, list[Help]]:
    """Return the problems that *route* can answer with, by status; statuses and codes in order."""
    known = catalogue()
    found = [known[code] for code in dict.fromkeys(_codes(route)) if code in known]
    statuses = sorted({status for each in found for status in each.status})
    return {
        status: sorted((each for each in found if status in each.status), key=_by_code)
        for status in statuses
    }


def _by_code(problem: Help) -> str:
    return problem.code


def _codes(route: Route) -> Iterator[str]:
    yield from _ALWAYS
    if route.scope is not None:
        yield from _WITH_KEY
        if route.of_dossier:
            yield from _IN_DOSSIER
    yield from _of_address(route.path)
    for parameter in route.parameters:
        if parameter == KEY:
            yield from _ONCE
        elif parameter.allowed or parameter.name in _CHECKED:
            yield f"bad-{parameter.name.replace('_', '-')}"
    if route.sends:
        yield "body-too-slow"
    for body in route.sends:
        # A form of an invoice is read in another way than the models.
        if body.media == JSON and getattr(body.shape, "__module__", "").startswith(_MODELS):
            yield from _JSON
    yield from route.refusals


def _of_address(path: str) -> Iterator[str]:
    """Yield what a part of the address that names nothing, or nothing here, is answered with."""
    parts = path.strip("/").split("/")
    for before, part in pairwise(parts):
        if part == "{id}":
            yield f"{before.removesuffix('s')}-not-found"
        elif part == "{participant}":
            yield "bad-identifier"
