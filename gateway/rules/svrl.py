"""A report as SVRL, the answer format of Schematron validators.  [SCHEMATRON]

One pattern stands for all rule sets, one fired rule for the document: a report keeps what failed,
not what was looked at. The test of an assertion is in the rule file, under the id given here.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from ubl.findings import Finding, Severity

if TYPE_CHECKING:
    from gateway.rules.report import Report

__all__ = ["write_svrl"]

_SVRL = "http://purl.oclc.org/dsdl/svrl"
_NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_svrl(report: "Report") -> bytes:
    """Return *report* as a document of SVRL in UTF-8; characters XML cannot have become U+FFFD."""
    return "".join(_lines(report)).encode()


def _lines(report: "Report") -> Iterator[str]:
    rules = ", ".join(f"{each.id} {each.version}" for each in report.rules) or "no rules"
    title = f"{rules} by engine {report.engine}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<svrl:schematron-output xmlns:svrl="{_SVRL}"{_is("title", title)}>\n'
    for note in report.notes:
        yield f"<svrl:text>{_text(note)}</svrl:text>\n"
    for prefix, uri in _NAMESPACES.items():
        yield f"<svrl:ns-prefix-in-attribute-values{_is('uri', uri)}{_is('prefix', prefix)}/>\n"
    yield f"<svrl:active-pattern{_is('name', rules)}/>\n"
    yield '<svrl:fired-rule context="/"/>\n'
    for finding in report.findings:
        yield _failed(finding)
    yield "</svrl:schematron-output>\n"


def _failed(finding: Finding) -> str:
    """Return the failed assertion of *finding*, its term and hint as diagnostics."""
    flag = "fatal" if finding.severity is Severity.FATAL else "warning"
    diagnostics = "".join(
        f"<svrl:diagnostic-reference{_is('diagnostic', name)}>{_text(value)}"
        "</svrl:diagnostic-reference>"
        for name, value in (("term", finding.term), ("hint", finding.hint))
        if value
    )
    return (
        f"<svrl:failed-assert{_is('id', finding.rule)}{_is('test', finding.rule)}"
        f"{_is('flag', flag)}{_is('location', finding.location or '/')}>"
        f"{diagnostics}<svrl:text>{_text(finding.message)}</svrl:text></svrl:failed-assert>\n"
    )


def _is(name: str, value: str) -> str:
    return f" {name}={quoteattr(_FORBIDDEN.sub('�', value))}"


def _text(value: str) -> str:
    return escape(_FORBIDDEN.sub("�", value), {"\r": "&#13;"})
