"""Bad requests derived from the API's description: what a schema says tells what breaks it.

Each field of a good example is given a wrong type, left out, made too long, and so on.  A place is
the path to a field: names and positions from the root.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass

from jsonschema import Draft202012Validator

from tests.support.contract import document

LONG = 5_000
HUGE = 10**30
NO_NAME = "no_such_field"
TEXTS = {"U+0000": "a\0b", "a lone surrogate": "a\ud800b"}
TYPED = {"date", "date-time", "decimal", "uuid"}
"""Formats of text that is read as something else."""


@dataclass(frozen=True)
class Spoilt:
    """A request's body that is wrong in one way, and the field that has to be named."""

    name: str
    place: tuple
    data: bytes


def spoilt_bodies(schema, example, *, whole=()) -> Iterator[Spoilt]:
    """Yield every way to spoil *example*, good by *schema*; fields in *whole* are not entered."""
    for name, place, value in _ways(_resolved(schema), example, (), frozenset(whole)):
        yield Spoilt(name, place, json.dumps(_put(example, place, value)).encode())
    for place, found in _objects(_resolved(schema), example, (), frozenset(whole)):
        for name in found.get("required", ()):
            less = {key: value for key, value in _at(example, place).items() if key != name}
            yield Spoilt("missing", (*place, name), json.dumps(_put(example, place, less)).encode())
        more = _at(example, place) | {NO_NAME: 1}
        extra = json.dumps(_put(example, place, more)).encode()
        yield Spoilt("extra", (*place, NO_NAME), extra)


def broken_bodies() -> dict[str, bytes]:
    """Return bodies that are no JSON object at all, by what they are."""
    return {
        "an array": b"[]",
        "text": b'"x"',
        "cut off": b'{"a": ',
        "not UTF-8": b'{"a": "\xff"}',
        "too deep": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        "a lone surrogate in a name": b'{"\\ud800": 1}',
    }


@dataclass(frozen=True)
class SpoiltParameter:
    """A parameter with a value that it must not have; *where* it stands: query, path, header."""

    where: str
    name: str
    value: str


def spoilt_parameters(parameters) -> Iterator[SpoiltParameter]:
    """Yield every way to spoil one of *parameters*, values quoted as an address has them."""
    for each in parameters:
        where, name, schema = each["in"], each["name"], each["schema"]
        for value in _wrong_values(where, name, schema):
            yield SpoiltParameter(where, name, value)


def _wrong_values(where, name, schema):
    if where == "header":
        yield "no such thing"
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1)
        return
    yield from ("a%00b", "x" * LONG)
    if name != "reference":  # to a reader of addresses it is six signs, and a reference may be any
        yield "a%ED%A0%80b"
    if schema["type"] == "integer":
        yield from ("x", "1.5", "-1", str(schema["minimum"] - 1), str(schema["maximum"] + 1))
        yield str(HUGE)
    elif schema["type"] == "boolean" or "enum" in schema or "format" in schema:
        yield "no-such-thing"
    elif name == "cursor":
        yield from ("", "x", "-1", "1.5")


def is_named(place, problem) -> bool:
    """Return whether *problem* (an entry of `errors`) is about the field at *place*."""
    location = problem["location"]
    found = ["*" if part.isdigit() else part for part in location.split("/")[1:]]
    wanted = [str(part) if isinstance(part, str) else "*" for part in place]
    if location and not location.startswith("/"):  # no JSON Pointer [RFC6901 §3]
        return False
    if found == wanted:
        return True
    if place and place[-1] == NO_NAME:
        return False
    return found == wanted[:-1] and str(place[-1]) in problem["message"]


def _ways(schema, value, place, whole):
    """Yield (what is wrong, where, the wrong value) for *value* and all below it."""
    if place:
        yield from _of_field(schema, value, place)
    if place and place[-1] in whole:
        return
    schema = _matching(schema, value)
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from _ways(_resolved(child), value[name], (*place, name), whole)
            else:
                yield from _of_field(_resolved(child), None, (*place, name))
    elif isinstance(value, list) and value:
        yield from _ways(_resolved(schema["items"]), value[0], (*place, 0), whole)


def _of_field(schema, value, place):
    """Yield what is wrong with a field as such, by each of the shapes it may have."""
    shapes = [_resolved(each) for each in schema.get("anyOf", [schema])]
    holds = {each.get("type") for each in shapes} & {"object", "array"}
    yield "a wrong type", place, 1.5 if holds else {"x": 1}
    for each in shapes:
        if "enum" in each:
            yield "an unknown choice", place, "no-such-choice"
        elif each.get("type") == "string":
            yield from _of_text(each, place)
        elif each.get("type") == "array" and "maxItems" in each and value:
            yield "too many", place, [value[0]] * (each["maxItems"] + 1)
        elif each.get("type") == "integer":
            for bound, step in (("minimum", -1), ("maximum", 1)):
                if bound in each:
                    yield f"beyond the {bound}", place, each[bound] + step
            yield "a huge number", place, HUGE


def _of_text(schema, place):
    for name, text in TEXTS.items():
        yield name, place, text
    if schema.get("format") in TYPED:
        yield f"no {schema['format']}", place, "no-such-thing"
    if schema.get("contentEncoding") == "base64":
        yield "no Base64", place, "no base64!"
    elif "maxLength" in schema:
        yield "too long", place, "x" * (schema["maxLength"] + 1)
    elif "enum" not in schema:
        yield "far too long", place, "x" * LONG
    if schema.get("minLength"):
        yield "empty", place, ""


def _objects(schema, value, place, whole):
    """Yield (place, schema) of each object in *value*."""
    schema = _matching(schema, value)
    if isinstance(value, dict):
        yield place, schema
        for name, child in value.items():
            if name not in whole:
                yield from _objects(
                    _resolved(schema["properties"][name]), child, (*place, name), whole
                )
    elif isinstance(value, list) and value:
        yield from _objects(_resolved(schema["items"]), value[0], (*place, 0), whole)


def _matching(schema, value):
    """Return the one of several shapes that *value* has."""
    if "anyOf" in schema:
        shapes = map(_resolved, schema["anyOf"])
        return next(each for each in shapes if _fits(each, value))
    return schema


def _fits(schema, value):
    whole = {**schema, "components": document()["components"]}
    return Draft202012Validator(whole).is_valid(value)


def _resolved(schema):
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return document()["components"]["schemas"][reference.rpartition("/")[2]]


def _at(value, place):
    for part in place:
        value = value[part]
    return value


def _put(value, place, new):
    """Return a copy of *value* with *new* at *place*."""
    if not place:
        return new
    changed = copy.deepcopy(value)
    _at(changed, place[:-1])[place[-1]] = new
    return changed
