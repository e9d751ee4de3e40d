"""From a finding to the business term it is about: BT-… for a field, BG-… for a group of fields.

The rules of EN 16931 name terms in brackets; of several, the one that has to change is meant.
Other rules say only where they failed, and a table knows which term stands there.
[EN16931-1] [EN16931-3-2]
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

__all__ = ["find_term", "path_of", "term_at"]

_TERM = re.compile(r"\bB[TG]-[0-9]+\b")
_STEP = re.compile(
    r"""/(?:Q\{[^}]*\}|\*:|[\w.-]+:)?(?P<attribute>@)?
    (?:\*\[local-name\(\)='(?P<named>[^']*)'[^\]]*\]|(?P<name>[\w.-]+))(?:\[[^\]]*\])*""",
    re.VERBOSE,
)
_POSITION = re.compile(r"\[[0-9]+\]")
_KEPT_MAX = 1024  # LIMIT: answers kept; a document breaks the same rule on many of its lines.
_DEMANDS = re.compile(r"\bshall (?:not )?(?:have|contain|specify|be defined through)\b")
_SAME = {"CreditNoteLine": "InvoiceLine", "CreditedQuantity": "InvoicedQuantity"}


def find_term(message: str, location: str) -> str:
    """Return the term that a rule's *message* at *location* (an XPath) is about, or "".

    The place decides where the message names its term too; else the message does, where it names
    one at all.
    """
    return _find_term(message, _POSITION.sub("", location))


@lru_cache(maxsize=_KEPT_MAX)
def _find_term(message: str, location: str) -> str:
    here = term_at(location)
    named = _fields(message)
    both = [term for term in _fields(here) if term in named]
    return both[0] if both else _meant(message) or here


def term_at(location: str) -> str:
    """Return the term that stands at *location*, or that of the nearest element around it."""
    steps = path_of(location).split("/")
    table = _terms()
    while steps:
        if term := table.get("/".join(steps)):
            return term
        steps.pop()
    return ""


def path_of(location: str) -> str:
    """Return *location* below the root, without namespaces, positions and kinds of document."""
    names = [
        f"{step['attribute'] or ''}{step['named'] or step['name']}"
        for step in _STEP.finditer(location)
    ]
    return "/".join(_SAME.get(name, name) for name in names[1:])


def _meant(message: str) -> str:
    """Return that of the terms in *message* which the rule wants to be different."""
    demand = _DEMANDS.search(message)
    if demand is not None and (wanted := _first(message[demand.end() :])):
        return wanted
    condition = re.match(r"(?:\[[^\]]*\]-)?\s*(?:In|If|For)\b", message)
    before, shall, _ = message.partition(" shall ")
    if condition and shall and (named := _fields(before)):
        # What stands last before the demand is its subject, but for the group it is in.
        plain = re.sub(r"in an? [^()]*\(BG-[0-9]+\)\s*$", "", before)
        return (_fields(plain) or named)[-1]
    return _first(message)


def _first(text: str) -> str:
    """Return the first field named in *text*, else the first group, else ""."""
    return next(iter(_fields(text) or _TERM.findall(text)), "")


def _fields(text: str) -> list[str]:
    return [term for term in _TERM.findall(text) if term.startswith("BT")]


@cache
def _terms() -> Mapping[str, str]:
    lines = Path(__file__).with_name("terms.tsv").read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))
