"""What one route of the API is: its address, who may use it, what is sent and answered.

Each module of handlers has its `ROUTES`; `gateway.web.routes` puts them together.  From that one
table come the application's routes, the check of scopes and the OpenAPI document.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.languages import LANGUAGES
from gateway.web.scopes import Scope

__all__ = ["JSON", "KEY", "LANGUAGE", "PAGED", "TABLE", "XML", "Body", "Parameter", "Route"]

JSON: Final = "application/json"
XML: Final = "application/xml"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of the media type *media*; *shape* describes them where they are JSON.

    *example* is a file in `reference/`; JSON has its examples by shape.
    """

    media: str
    shape: type | None = None
    example: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header; *allowed* are all its values, if they are few."""

    name: str
    says: str
    allowed: tuple[str, ...] = ()
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Route:
    """An address and method, answered by *handler*, whose docstring describes it.

    *scope* is what a key needs to use it; None: nobody needs a key.  *answer* goes with *status*.
    *of_dossier* is False where the request is about the whole gateway, not one company's books.
    *also* are other media types that it may answer in.  *refusals* are the codes of problems that
    come beside those which every route of its kind has (`gateway.web.refusals`).  *name* is for
    programs made from the description, and stays; without it the handler's is used.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    answer: Body | None = None
    status: int = 200
    sends: tuple[Body, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    of_dossier: bool = True
    also: tuple[Body, ...] = ()
    refusals: tuple[str, ...] = ()
    name: str = ""


LANGUAGE: Final = Parameter(
    "language", "of hints, pages and PDFs; Accept-Language counts without it", LANGUAGES
)
PAGED: Final = (
    Parameter("limit", "how many on a page, up to 200"),
    Parameter("cursor", "next_cursor of the page before"),
)
KEY: Final = Parameter(
    "Idempotency-Key",
    "the same key and request are carried out once; a repetition gets the first one's answer",
    place="header",
)

Table = Mapping[tuple[str, str], Route]
"""Routes by method and path."""

TABLE: Final = web.AppKey("table", Mapping)
"""The Table of an application."""
