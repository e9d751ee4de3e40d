"""JSON in and out: bodies decoded into structs, checked for text no column can hold."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.errors import Fault, Kind, Problem
from gateway.web.instants import to_utc
from gateway.web.security import is_plain_text
from gateway.web.streams import read_all
from ubl.halves import HALF, find_half
from ubl.pointers import complaint_of, step

__all__ = ["bad_value", "decode_json", "json_response", "read_json"]

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
    """Return the body of *request* as *shape*; raises as `read_all` and `decode_json`."""
    return decode_json(await read_all(request), shape)


def decode_json(body: bytes, shape: type[Shape]) -> Shape:
    """Return *body* as *shape*; an empty body counts as `{}`.

    Raises Fault (INVALID) naming the place by its JSON pointer; U+0000 and lone surrogates are
    refused everywhere.  [RFC6901 §3]
    """
    body = body or b"{}"
    try:
        plain = msgspec.json.decode(body)
        place = _find_bad_text(plain, "")
        if place is None:
            return _in_utc(msgspec.convert(plain, type=shape))
    except msgspec.ValidationError as error:
        place, message = complaint_of(error)
        raise _bad_json("bad-json", message, place) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        if (half := find_half(body)) is not None:
            raise _bad_json("bad-text", HALF, half) from error
        raise _bad_json("not-json", str(error), "") from error
    raise _bad_json("bad-text", "text must not hold U+0000 or half a character", place)


def _in_utc(value: Shape) -> Shape:
    """Return *value* with its instants in UTC, or raise Fault for one that has no date there."""
    if not isinstance(value, msgspec.Struct):
        return value
    changed = {}
    for name in value.__struct_fields__:
        given = getattr(value, name)
        if isinstance(given, datetime):
            try:
                changed[name] = to_utc(given)
            except ValueError as error:
                raise _bad_json("bad-json", str(error), step(name)) from error
    return msgspec.structs.replace(value, **changed) if changed else value


def bad_value(code: str, place: str, message: str) -> Fault:
    """Return the refusal of the value at *place*, a JSON Pointer: no such thing can be."""
    problem = Problem(rule=code, location=place, message=message)
    return Fault(Kind.INVALID, code, f"{place} {message}", errors=[problem])


def _bad_json(code: str, message: str, place: str) -> Fault:
    problem = Problem(rule=code, location=place, message=message, hint="see the API's reference")
    detail = f"the JSON cannot be used: {message}{f' ({place})' if place else ''}"
    return Fault(Kind.INVALID, code, detail, errors=[problem])


def _find_bad_text(value: Any, place: str, depth: int = 0) -> str | None:
    """Return the JSON pointer of a text in *value* that cannot be stored, or None."""
    if depth > _DEPTH_MAX:
        return place
    if isinstance(value, str):
        return None if is_plain_text(value) else place
    if isinstance(value, dict):
        children = [(place + step(name), child) for name, child in value.items()]
        if not all(is_plain_text(name) for name in value):
            return place
    elif isinstance(value, list):
        children = [(place + step(number), child) for number, child in enumerate(value)]
    else:
        return None
    found = (_find_bad_text(child, where, depth + 1) for where, child in children)
    return next((where for where in found if where is not None), None)
