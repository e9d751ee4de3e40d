"""Saxon as a rule engine: the official compiled rules, run as their publishers run them.

It is slower and larger than our own engine, and blocks the interpreter while it works, so that it
runs in a process of its own.  It reads a text that was written from a tree, never the document
itself: Saxon would open the external entities that a document names.
"""

import os
from typing import TYPE_CHECKING, Final

from lxml import etree

from gateway.errors import Fault, Kind
from ubl.errors import MalformedXml
from ubl.findings import Finding, Severity
from ubl.xml import parse_document

if TYPE_CHECKING:
    from saxonche import PyXsltExecutable

# LIMIT: a report that is read; each finding takes 700 bytes of it.
REPORT_BYTES_MAX: Final = 64 << 20

_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_WARNINGS: Final = frozenset({"warning", "information", "info"})


class Saxon:
    """A processor and the stylesheets it has compiled; raises Fault if it is not installed."""

    def __init__(self) -> None:
        try:
            import saxonche  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise not_installed() from error
        # Saxon prints the errors that it also raises, straight to the descriptor.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        self._error = saxonche.PySaxonApiError
        self._processor = saxonche.PySaxonProcessor(license=False)
        self._compiled: dict[str, PyXsltExecutable] = {}

    def check(self, rule_set: str, stylesheet: bytes, root: etree._Element) -> list[Finding]:
        """Return what the *stylesheet* of *rule_set* finds in the document of *root*."""
        rules = self._compiled.get(rule_set)
        if rules is None:
            compiler = self._processor.new_xslt30_processor()
            rules = compiler.compile_stylesheet(stylesheet_text=stylesheet.decode("utf-8-sig"))
            self._compiled[rule_set] = rules
        text = etree.tostring(root, encoding="unicode")
        try:
            document = self._processor.parse_xml(xml_text=text)
            return _read_report(rules.transform_to_string(xdm_node=document).encode())
        except (self._error, MalformedXml) as error:
            return [_failed(rule_set, str(error))]


def not_installed() -> Fault:
    """Return the refusal that names the extra to install."""
    detail = (
        "Saxon is not installed: install the extra `saxon` (pip install 'peppol-gateway[saxon]')"
    )
    return Fault(Kind.NOT_INSTALLED, "not-installed", detail)


def _read_report(svrl: bytes) -> list[Finding]:
    """Return the findings of a report in SVRL, in its order."""
    report = parse_document(svrl, bytes_max=REPORT_BYTES_MAX)
    return [
        Finding(
            rule=each.get("id", ""),
            severity=Severity.WARNING if each.get("flag") in _WARNINGS else Severity.FATAL,
            location=each.get("location", ""),
            message=_message(each),
        )
        for each in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    ]


def _message(found: etree._Element) -> str:
    text = found.find(f"{_SVRL}text")
    words = "" if text is None else "".join(map(str, text.itertext()))
    return " ".join(words.split())


def _failed(rule_set: str, detail: str) -> Finding:
    """Return the finding that stands for rules that could not be evaluated: never "valid"."""
    message = f"A rule of {rule_set} cannot be evaluated on this document: {detail}"
    return Finding(rule="RULES", severity=Severity.FATAL, location="/", message=message)
