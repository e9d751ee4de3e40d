"""Saxon as the oracle: what the official compiled rules say of a document, read from its SVRL.

A rule that cannot be evaluated makes Saxon give up the whole document.  The oracle then asks the
same stylesheet again with a guard (`xsl:try`) around each assertion, so that what the others say
can be compared too; the assertion that fails to evaluate is reported as an error.

Saxon also prints its errors, straight to the file descriptor of standard error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor, PyXsltExecutable

from ubl.xml import parse

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_LETS = f"{_XSL}variable", f"{_XSL}param"
_VARIABLE = re.compile(r"\$\s*([\w.:-]+)")
_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """One line of a verdict: what an engine says of one place.

    Where *error* is true, the rule could not be evaluated and *message* is empty, for the two
    engines word their errors differently.
    """

    rule: str
    severity: str
    location: str
    message: str
    error: bool = False


@cache
def processor() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


class Oracle:
    """One compiled rule file, ready to judge documents."""

    def __init__(self, xslt: Path) -> None:
        self._xslt = xslt
        self._rules = _compile(xslt.read_bytes())
        self._guarded: PyXsltExecutable | None = None

    def check(self, root: etree._Element) -> list[Said]:
        """Return all that the rules say of the document *root*."""
        # Saxon resolves external entities, so it gets a text written from a tree that has none.
        text = etree.tostring(root, encoding="unicode")
        try:
            return list(_read(self._transform(self._rules, text)))
        except PySaxonApiError:
            if self._guarded is None:
                self._guarded = _compile(_guard(self._xslt.read_bytes()))
            return list(_read(self._transform(self._guarded, text)))

    def svrl(self, root: etree._Element) -> str:
        """Return the report as Saxon writes it, or raise Saxon's error."""
        return self._transform(self._rules, etree.tostring(root, encoding="unicode"))

    @staticmethod
    def _transform(rules: PyXsltExecutable, text: str) -> str:
        return rules.transform_to_string(xdm_node=processor().parse_xml(xml_text=text))


def _compile(stylesheet: bytes) -> PyXsltExecutable:
    compiler = processor().new_xslt30_processor()
    return compiler.compile_stylesheet(stylesheet_text=stylesheet.decode())


def _read(svrl: str) -> Iterator[Said]:
    report = parse(svrl.encode(), bytes_max=_BYTES_MAX)
    for found in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        error = found.get("error") is not None
        yield Said(
            rule=found.get("id", ""),
            severity=found.get("flag", ""),
            location=found.get("location", ""),
            message="" if error else " ".join(found.findtext(f"{_SVRL}text", "").split()),
            error=error,
        )


def _guard(stylesheet: bytes) -> bytes:
    """Return the *stylesheet* with a guard around each assertion and the variables it may use.

    A variable is evaluated when it is first needed, so it must stand inside of the guard too.
    """
    root = parse(stylesheet, bytes_max=_BYTES_MAX)
    root.set("version", "3.0")
    lets = [_local(variable) for variable in root.iterchildren(*_LETS) if variable.get("select")]
    for assertion in root.findall(f".//{_SVRL}failed-assert"):
        choice = assertion.getparent().getparent()
        guard = etree.Element(f"{_XSL}try")
        near = [*lets, *choice.getparent().iterchildren(*_LETS)]
        guard.extend(_copy(let) for let in _used(near, choice))
        choice.getparent().replace(choice, guard)
        guard.append(choice)
        failure = etree.SubElement(guard, f"{_XSL}catch", errors="*")
        report = etree.SubElement(failure, f"{_SVRL}failed-assert", error="true", flag="fatal")
        for attribute in assertion.findall(f"{_XSL}attribute"):
            if attribute.get("name") in ("id", "location"):
                report.append(_copy(attribute))
    return etree.tostring(root)


def _used(lets: list[etree._Element], choice: etree._Element) -> list[etree._Element]:
    """Return those of *lets* that *choice* needs, by itself or through others that stand later.

    All of them around each assertion make a stylesheet of a size that takes Saxon a minute.
    """
    wanted, used = _names(choice), []
    for let in reversed(lets):
        if let.get("name") in wanted:
            wanted |= _names(let)
            used.append(let)
    return used[::-1]


def _names(element: etree._Element) -> set[str]:
    values = (value for each in element.iter() for value in each.attrib.values())
    return {name for value in values for name in _VARIABLE.findall(value)}


def _local(variable: etree._Element) -> etree._Element:
    """Return a global *variable* as one of a template: evaluated at the document's root."""
    local = _copy(variable)
    local.tag = f"{_XSL}variable"
    local.set("select", f"/({variable.get('select')})")
    return local


def _copy(element: etree._Element) -> etree._Element:
    return parse(etree.tostring(element, with_tail=False))
