"""XML Schema: whether a document has the shape of its type.  [UBL]

lxml says yes or no in microseconds, but refuses dates and times that are padded with blanks, which
XML Schema allows; so where it refuses, a copy without those blanks is asked about.  [XSD §4.3.6]
Why a document is refused, `ubl.explainer` says in plain words.
Schemas are made of bytes by name; nothing is opened.
"""

from collections.abc import Mapping
from copy import deepcopy
from itertools import islice
from typing import Any, Final

from lxml import etree

from ubl.findings import Finding, Severity
from ubl.xml import parse_linked

__all__ = [
    "FINDINGS_MAX",
    "RULE",
    "build_schema",
    "locate",
    "repeat_refusal",
    "without_padding",
]

RULE: Final = "XSD"
FINDINGS_MAX: Final = 50  # LIMIT: findings about the schema that are reported of one document.

_BLANKS: Final = " \t\r\n"
_OF_TIMES: Final = frozenset("0123456789-+:.TZ")


def build_schema(sources: Mapping[str, bytes], name: str) -> etree.XMLSchema:
    """Return lxml's schema of *name*, one of *sources*: files by their paths below one folder.

    Raises MalformedXml or lxml's XMLSchemaParseError where they are no schema.
    """
    return etree.XMLSchema(parse_linked(name, sources))


def without_padding(root: etree._Element) -> etree._Element:
    """Return a copy of *root* without blanks around dates and times, and without comments."""
    copy = deepcopy(root)
    # A comment parts a value for xmlschema, though not for XML Schema.
    etree.strip_tags(copy, etree.Comment, etree.ProcessingInstruction)
    for element in copy.iter(etree.Element):
        text = (element.text or "").strip(_BLANKS)
        if text and not len(element) and _OF_TIMES.issuperset(text):
            element.text = text
    return copy


def repeat_refusal(schema: etree.XMLSchema, root: etree._Element) -> list[Finding]:
    """Return what *schema* said of *root*, which it has just refused, in lxml's words."""
    errors: Any = schema.error_log
    return [
        Finding(
            rule=RULE,
            severity=Severity.FATAL,
            location=locate(_find(root, error.path)),
            message=error.message,
        )
        for error in islice(errors, FINDINGS_MAX)
    ]


def locate(element: etree._Element) -> str:
    """Return the XPath of *element*, as the official compiled rules write it."""
    steps = []
    step: etree._Element | None = element
    while step is not None:
        name = etree.QName(step)
        count = 1 + sum(1 for _ in step.itersiblings(step.tag, preceding=True))
        steps.append(f"/*:{name.localname}[namespace-uri()='{name.namespace or ''}'][{count}]")
        step = step.getparent()
    return "".join(reversed(steps))


def _find(root: etree._Element, path: str | None) -> etree._Element:
    """Return the element at *path*, as lxml writes it, or *root*."""
    prefixes = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    found: Any
    try:
        found = root.getroottree().xpath(path or "/*", namespaces=prefixes)
    except etree.XPathError:  # a prefix that is declared further down
        return root
    return found[0] if found else root
