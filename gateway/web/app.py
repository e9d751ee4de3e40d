"""The two applications: the API for those who hold a key, and the public side for peers.

Nothing here opens a pool or a socket: what the handlers need is handed in as one value.
"""

from collections.abc import Iterable

from aiohttp import web

from gateway.web.access import authenticated
from gateway.web.problems import ProblemRunner, problems
from gateway.web.rates import RATES, Rates, rated
from gateway.web.route import TABLE
from gateway.web.routes import API_ROUTES
from gateway.web.security import add_headers, referenced
from gateway.web.services import SERVICES, Services

__all__ = ["SERVICES", "ProblemRunner", "Services", "build_api_app", "build_public_app"]

_JSON_BYTES_MAX = 1024 * 1024  # LIMIT: a JSON request; documents are streamed and counted apart.


def build_api_app(services: Services) -> web.Application:
    """Return the API behind its key; `ProblemRunner` runs it."""
    middlewares = [referenced(services.clock), problems, authenticated(services.db, services.clock)]
    rates = Rates(services.settings.api_requests_per_minute, services.clock)
    middlewares.append(rated(rates))
    app = web.Application(middlewares=middlewares, client_max_size=_JSON_BYTES_MAX)
    app[SERVICES] = services
    app[RATES] = rates
    app[TABLE] = {(route.method, route.path): route for route in API_ROUTES}
    for route in API_ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET" and route.scope is None:  # monitors ask so
            app.router.add_route("HEAD", route.path, route.handler)
    app.on_response_prepare.append(add_headers)
    app.on_cleanup.append(_close_press)
    return app


def build_public_app(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """Return the public side: *routes* of AS4 and SMP, each of which counts its own bytes."""
    app = web.Application()
    app.add_routes(routes)
    return app


async def _close_press(app: web.Application) -> None:
    await app[SERVICES].press.close()
