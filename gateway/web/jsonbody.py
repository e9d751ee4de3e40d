"""JSON in and out: bodies decoded into structs, checked for text no column can hold."""

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.errors import Fault, Kind, Problem
from gateway.web.security import is_plain_text

__all__ = ["json_response", "read_json"]

_DEPTH_MAX = 32  # LIMIT: levels of a JSON request; ours have four.

Shape = TypeVar("Shape")


def json_response(
    value: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return *value* (a struct or plain JSON) as a response."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers=headers,
    )


async def read_json(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the body of *request* as *shape*; an empty body counts as `{}`.

    Raises Fault (INVALID) naming the place; U+0000 and lone surrogates are refused everywhere.
    """
    body = await request.read() or b"{}"
    try:
        plain = msgspec.json.decode(body)
        place = _find_bad_text(plain, "$")
        if place is None:
            return msgspec.convert(plain, type=shape)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        raise _bad_json("bad-json", message, place.strip("`") or "$") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _bad_json("not-json", str(error), "") from error
    raise _bad_json("bad-text", "text must not hold U+0000 or half a character", place)


def _bad_json(code: str, message: str, place: str) -> Fault:
    problem = Problem(rule=code, location=place, message=message, hint="see the API's reference")
    detail = f"the JSON cannot be used: {message}{f' ({place})' if place else ''}"
    return Fault(Kind.INVALID, code, detail, errors=[problem])


def _find_bad_text(value: Any, place: str, depth: int = 0) -> str | None:
    """Return where in *value* a text is that cannot be stored, or None."""
    if depth > _DEPTH_MAX:
        return place
    if isinstance(value, str):
        return None if is_plain_text(value) else place
    if isinstance(value, dict):
        children = [(f"{place}.{name}", child) for name, child in value.items()]
        if not all(is_plain_text(name) for name in value):
            return place
    elif isinstance(value, list):
        children = [(f"{place}[{number}]", child) for number, child in enumerate(value)]
    else:
        return None
    found = (_find_bad_text(child, where, depth + 1) for where, child in children)
    return next((where for where in found if where is not None), None)
