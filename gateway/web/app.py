"""The two applications: the API for those who hold a key, and the public side for peers.

Nothing here opens a pool or a socket: what the handlers need is handed in as one value.
"""

from collections.abc import Iterable

from aiohttp import web

from gateway.web.problems import ProblemRunner, problems
from gateway.web.routes import API_ROUTES
from gateway.web.security import authenticated, referenced
from gateway.web.services import SERVICES, Services

__all__ = ["SERVICES", "ProblemRunner", "Services", "build_api_app", "build_public_app"]

_JSON_BYTES_MAX = 1024 * 1024  # LIMIT: a JSON request; documents are streamed and counted apart.


def build_api_app(services: Services) -> web.Application:
    """Return the API behind its key; `ProblemRunner` runs it."""
    middlewares = [referenced(services.clock), problems, authenticated(services.db)]
    app = web.Application(middlewares=middlewares, client_max_size=_JSON_BYTES_MAX)
    app[SERVICES] = services
    app.add_routes(API_ROUTES)
    return app


def build_public_app(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """Return the public side: *routes* of AS4 and SMP, each of which counts its own bytes."""
    app = web.Application()
    app.add_routes(routes)
    return app
