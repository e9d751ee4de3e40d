"""Pages for people who build on the API: its problems, and the API to read and try.

Everything on them is ours: the style sheet and the script come from this gateway, and the policy
lets nothing come from elsewhere.  Nobody needs a key to read.  [CSP3 §6]
"""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway.errors import Fault, Kind
from gateway.web.help import FOLDER, PROBLEMS_PATH, catalogue
from gateway.web.openapi import describe
from gateway.web.reading import arrange, inline
from gateway.web.route import TABLE, Body, Route

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["ROUTES"]

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS: Final = {"style.css": "text/css", "try.js": "text/javascript"}
_HTML: Final = "text/html"


async def show_api(request: web.Request) -> web.Response:
    """Show the API to read, and to try with a key of yours; needs no key."""
    return _html(_api_page(tuple(request.app[TABLE].values())))


async def list_problems(_request: web.Request) -> web.Response:
    """Show every problem that the API answers with; needs no key."""
    return _html(_render("problems.html", problems=catalogue().values()))


async def show_problem(request: web.Request) -> web.Response:
    """Show what a problem means: what happened, why, and what to do; needs no key.

    The `type` of each problem is the address of its page.
    """
    problem = catalogue().get(request.match_info["code"])
    if problem is None:
        detail = f"there is no problem with this code; {PROBLEMS_PATH} lists them"
        raise Fault(Kind.NOT_FOUND, "not-found", detail)
    return _html(_render("problem.html", problem=problem))


async def send_asset(request: web.Request) -> web.Response:
    """Send the style sheet or the script of these pages; needs no key."""
    name = request.match_info["file"]
    if name not in _ASSETS:
        raise Fault(Kind.NOT_FOUND, "not-found", "there is no such file")
    return web.Response(
        body=files(__package__).joinpath(FOLDER, name).read_bytes(),
        content_type=_ASSETS[name],
        charset="utf-8",
        headers=_HEADERS,
    )


@cache
def _api_page(routes: tuple[Route, ...]) -> str:
    return _render("api.html", **arrange(describe(routes)))


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type=_HTML, headers=_HEADERS)


_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@cache
def _environment() -> "Environment":
    # An idle gateway need not hold what only its pages use: some 5 MiB.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - as said

    made = Environment(
        loader=PackageLoader(str(__package__), FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["inline"] = inline
    return made


ROUTES: Final = (
    Route("GET", "/docs", show_api, None, Body(_HTML)),
    Route(
        "GET",
        "/docs/{file}",
        send_asset,
        None,
        Body("text/css"),
        also=(Body("text/javascript"),),
        refusals=("not-found",),
    ),
    Route("GET", PROBLEMS_PATH, list_problems, None, Body(_HTML)),
    Route(
        "GET",
        f"{PROBLEMS_PATH}/{{code}}",
        show_problem,
        None,
        Body(_HTML),
        refusals=("not-found",),
    ),
)
