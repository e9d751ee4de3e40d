"""What each problem of the API means: what happened, why, and what to do.

The words are data (`reference/problems.toml`), one entry for each code; `gateway.web.pages` shows
them at the address that a problem has as its type.  [RFC9457 §3]
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

__all__ = ["FOLDER", "PROBLEMS_PATH", "Help", "catalogue", "type_of"]

FOLDER: Final = "reference"
PROBLEMS_PATH: Final = "/problems"


class Help(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page of one *code*; *status* are those it is answered with."""

    code: str
    status: tuple[int, ...]
    title: str
    happened: str
    why: str
    todo: str


class _Catalogue(msgspec.Struct, frozen=True):
    problem: tuple[Help, ...]


def type_of(code: str) -> str:
    """Return the type of a problem with *code*: the address of its page, relative to the API."""
    return f"{PROBLEMS_PATH}/{code}"


@cache
def catalogue() -> Mapping[str, Help]:
    """Return every problem by its code, in the order in which a reader wants them."""
    text = files(__package__).joinpath(FOLDER, "problems.toml").read_text("utf-8")
    listed = msgspec.convert(tomllib.loads(text), _Catalogue).problem
    found = {each.code: each for each in listed}
    assert len(found) == len(listed), "a code has one entry"
    return found
