"""Every route of the API in one table."""

from aiohttp import web

from gateway.web import api, directory

API_ROUTES: tuple[web.RouteDef, ...] = (
    web.get("/health/live", api.show_alive, allow_head=False),
    web.get("/health/ready", api.show_ready, allow_head=False),
    web.post("/v1/documents", api.post_document),
    web.get("/v1/documents", api.list_documents, allow_head=False),
    web.get("/v1/documents/{id}", api.show_document, allow_head=False),
    web.get("/v1/documents/{id}/timeline", api.show_timeline, allow_head=False),
    web.get("/v1/documents/{id}/ubl", api.stream_ubl, allow_head=False),
    web.get("/v1/documents/{id}/evidence", api.stream_evidence, allow_head=False),
    web.get("/v1/participants", directory.list_registered, allow_head=False),
    web.put("/v1/participants/{participant}", directory.register),
    web.get("/v1/participants/{participant}", directory.show_registered, allow_head=False),
    web.delete("/v1/participants/{participant}", directory.remove),
    web.get("/v1/lookup/{participant}", directory.look_up, allow_head=False),
    web.post("/v1/ping/{participant}", directory.ping),
)
