"""What a caller decides about a document whose sending has stopped: to try again, or to cancel."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.client import model
from gateway.exchange.decisions import cancel_sending, retry_sending
from gateway.store.messages.carriers import find_message_ids
from gateway.store.pool import Transaction
from gateway.web import parameters
from gateway.web.answers import document_answer, get_document
from gateway.web.once import Answer, store_once
from gateway.web.route import JSON, KEY, Body, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES

__all__ = ["ROUTES"]


async def retry(request: web.Request) -> web.Response:
    """Have a document tried again that is `failed`, `gave_up` or `waiting`; time begins anew.

    A message that may have arrived is sent again under its own id, so that its receiver knows it.
    Only when the receiver has another access point by now is a new one made: that is what the
    gateway waited with, since the receiver may then have it twice.
    """
    return await _decide(request, retry_sending)


async def cancel(request: web.Request) -> web.Response:
    """End a document that is `waiting`: it is not sent on, and is `failed`.

    It may have arrived all the same; so its number stays taken.
    """
    return await _decide(request, cancel_sending)


async def _decide(request: web.Request, decide: Callable[..., Awaitable[None]]) -> web.Response:
    wanted = parameters.read_id(request, "document")
    now = request.app[SERVICES].clock.now()

    async def work(tx: Transaction) -> Answer:
        await get_document(tx, wanted)
        await decide(tx, wanted, now=now)
        document = await get_document(tx, wanted)
        carriers = await find_message_ids(tx, [wanted])
        return Answer(value=document_answer(document, carriers.get(wanted)))

    return await store_once(request, b"", work)


_STOPPED: Final = ("nothing-to-decide", "not-outgoing", "status-changed")

ROUTES: Final = (
    Route(
        "POST",
        "/v1/documents/{id}/retry",
        retry,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, model.Document),
        parameters=(KEY,),
        refusals=(*_STOPPED, "duplicate-number"),
        name="retry_document",
    ),
    Route(
        "POST",
        "/v1/documents/{id}/cancel",
        cancel,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, model.Document),
        parameters=(KEY,),
        refusals=_STOPPED,
        name="cancel_document",
    ),
)
