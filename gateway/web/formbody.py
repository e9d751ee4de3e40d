"""An invoice that comes as the small JSON form: made into UBL, then accepted like any other."""

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from gateway.errors import Fault
from gateway.exchange.forms import FORM_BYTES_MAX, Forms
from gateway.exchange.holding import too_large
from gateway.web.streams import arriving

__all__ = ["FORM_TYPE", "read_bounded", "read_invoice"]

FORM_TYPE = "application/json"


async def read_invoice(request: web.Request, bytes_max: int, forms: Forms) -> AsyncIterator[bytes]:
    """Yield the UBL of the invoice that the JSON in *request* describes.

    Raises Fault: TOO_LARGE, or as `Forms.build`.
    """
    yield await forms.build(await read_bounded(request, min(FORM_BYTES_MAX, bytes_max)))


async def read_bounded(
    request: web.Request, bytes_max: int, refusal: Callable[[int], Fault] = too_large
) -> bytes:
    """Return the body of *request*; raises *refusal* (TOO_LARGE) when it passes *bytes_max*."""
    data = bytearray()
    async for chunk in arriving(request):
        data += chunk
        if len(data) > bytes_max:
            raise refusal(bytes_max)
    return bytes(data)
