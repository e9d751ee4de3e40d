"""Does the gateway live, does it take work, and what is its API?  Nobody needs a key to ask."""

from typing import Final

from aiohttp import web

from gateway.client import model
from gateway.web.jsonbody import json_response
from gateway.web.openapi import describe_api
from gateway.web.route import JSON, TABLE, Body, Route
from gateway.web.services import SERVICES

__all__ = ["ROUTES"]


async def show_alive(_request: web.Request) -> web.Response:
    """Say that the process runs; needs no key."""
    return json_response({"status": "live"})


async def show_ready(request: web.Request) -> web.Response:
    """Say whether the gateway takes work; needs no key."""
    await request.app[SERVICES].ready()
    return json_response({"status": "ready"})


async def show_openapi(request: web.Request) -> web.Response:
    """Show this description of the API; needs no key."""
    return web.Response(body=describe_api(tuple(request.app[TABLE].values())), content_type=JSON)


ROUTES: Final = (
    Route("GET", "/health/live", show_alive, None, Body(JSON, model.State)),
    Route("GET", "/health/ready", show_ready, None, Body(JSON, model.State)),
    Route("GET", "/v1/openapi.json", show_openapi, None, Body(JSON)),
)
