"""Why a document is refused by its schema, in plain words, as `xmlschema` finds it.  [UBL]

It does not decide (`ubl.schema`), for it takes numbers with blanks inside and digits of any script.
Schemas are made of bytes by name; nothing is opened.  Few documents need this, and it is slow to
load.
"""

import io
import urllib.request
import urllib.response
from collections.abc import Mapping
from email.message import Message
from itertools import islice
from typing import Any, Final

import xmlschema
from lxml import etree

from ubl.findings import Finding, Severity
from ubl.schema import FINDINGS_MAX, RULE, locate

__all__ = ["build_explainer", "explain"]

_VALUE_CHARS_MAX: Final = 80  # LIMIT: of a wrong value, so much is repeated in a message.
_ROOT: Final = "file:///"
_KINDS: Final[Mapping[str, str]] = {
    "base64Binary": "base64",
    "boolean": "true or false",
    "date": "a date like 2026-01-31",
    "dateTime": "a date and time like 2026-01-31T12:00:00",
    "decimal": "a number like 1234.56",
    "integer": "a whole number",
    "time": "a time like 12:00:00",
}


def build_explainer(sources: Mapping[str, bytes], name: str) -> xmlschema.XMLSchema10:
    """Return the schema of *name* that explains; it takes seconds to build."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(_Sources(sources))
    return xmlschema.XMLSchema10(f"{_ROOT}{name}", opener=opener, defuse="never", loglevel=50)


def explain(schema: xmlschema.XMLSchema10, root: etree._Element) -> list[Finding]:
    """Return what is wrong with *root* by *schema*, at most FINDINGS_MAX findings, in order."""
    found = islice(schema.iter_errors(root), FINDINGS_MAX)
    return [_finding(error, root) for error in found]


class _Sources(urllib.request.BaseHandler):
    """Answers what a schema asks for with the bytes that were given."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources

    def file_open(self, request: urllib.request.Request) -> urllib.response.addinfourl:
        """Return the file that *request* names; the name of this method is urllib's."""
        url = request.full_url
        data = self._sources.get(url.removeprefix(_ROOT))
        if data is None:
            raise FileNotFoundError(url)
        return urllib.response.addinfourl(io.BytesIO(data), Message(), url)


def _finding(error: Any, root: etree._Element) -> Finding:
    """Return what an error of xmlschema says, in plain words."""
    place = error.elem if error.elem is not None else root
    child = getattr(error, "invalid_child", None)
    if child is not None:
        message = _misplaced(error, child)
        place = child
    elif getattr(error, "expected", None):
        message = f"{_short(place)} is not complete: {_expected(error)} is missing"
    elif isinstance(error.obj, str) and (kind := _kind_of(error.validator)) is not None:
        value = error.obj.strip()
        shown = value if len(value) <= _VALUE_CHARS_MAX else f"{value[:_VALUE_CHARS_MAX]}…"
        message = f"{_short(place)} has the value {shown!r}, which is not {kind}"
    else:
        message = f"{_short(place)}: {error.reason}"
    return Finding(
        rule=RULE, severity=Severity.FATAL, location=locate(place), message=f"{message}."
    )


def _misplaced(error: Any, child: etree._Element) -> str:
    """Say why *child* may not stand where it does."""
    expected = _expected(error)
    if expected:
        return f"{_short(child)} may not stand here: {expected} must come before it"
    return f"{_short(child)} may not stand here: it is unknown, out of order, or there too often"


def _expected(error: Any) -> str:
    """Return the names of the elements that could stand at the place of *error*."""
    names = [each.prefixed_name or each.name for each in error.expected or () if each.name]
    return " or ".join(names[:3])


def _kind_of(validator: Any) -> str | None:
    """Return what a value of the type *validator* looks like."""
    for each in (validator, getattr(validator, "primitive_type", None)):
        kind = _KINDS.get(getattr(each, "local_name", None) or "")
        if kind is not None:
            return kind
    return None


def _short(element: etree._Element) -> str:
    """Return the name of *element* as documents write it."""
    name = etree.QName(element)
    return f"{element.prefix}:{name.localname}" if element.prefix else name.localname
