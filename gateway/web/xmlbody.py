"""XML in a request: refused by its head where that is enough, and held while it is looked at."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.exchange.holding import Held, Holding, Limits, too_large
from gateway.web.services import Services
from gateway.web.streams import arriving

__all__ = ["check_xml_head", "hold_xml"]

_XML_TYPE = re.compile(r"(application|text)/([^;\s]+\+)?xml")


def check_xml_head(request: web.Request, bytes_max: int) -> None:
    """Refuse what can be refused by its head alone: another media type, or more than *bytes_max*.

    Raises HTTPUnsupportedMediaType and Fault (TOO_LARGE).
    """
    if not _XML_TYPE.fullmatch(request.content_type):
        raise web.HTTPUnsupportedMediaType(
            text=f"send the UBL document as application/xml, not {request.content_type}"
        )
    if request.content_length is not None and request.content_length > bytes_max:
        raise too_large(bytes_max)


@asynccontextmanager
async def hold_xml(request: web.Request, services: Services) -> AsyncIterator[tuple[Held, bytes]]:
    """Read the body to its end and yield it with its digest; a large one's file goes afterwards.

    Raises as `check_xml_head`, also for a body that grows too large.
    """
    settings = services.settings
    limits = Limits(settings.document_bytes_max, settings.inline_bytes_max)
    check_xml_head(request, limits.document_bytes_max)
    holding, digest = Holding(services.archive, services.clock.uuid().hex, limits), hashlib.sha256()
    try:
        async for chunk in arriving(request):
            holding.feed(chunk)
            digest.update(chunk)
        yield holding.close(), digest.digest()
    finally:
        holding.discard()
