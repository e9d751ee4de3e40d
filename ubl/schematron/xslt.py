"""Writes rules as a stylesheet that makes a report in SVRL, for engines that run nothing else.

The official rules are published in this form too; it is written here where their source alone is
at hand.  Locations are written as the official stylesheets write them.  [XSLT2 §6]
"""

from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from ubl.schematron.reader import read_rules
from ubl.schematron.rulefile import (
    Assertion,
    Body,
    Choice,
    Declaration,
    Function,
    Pattern,
    Result,
    Rule,
    RuleFile,
    Text,
)
from ubl.schematron.source import SVRL, XSL

__all__ = ["write_stylesheet"]

# Rules of a pattern are tried in their order: the first has the highest priority.
_PRIORITY_FIRST: Final = 100_000
_BELOW: Final = "*|comment()|processing-instruction()"
_LOCATION: Final = "location"
_STEP: Final = (
    "concat('/', if (namespace-uri() = '') then name() else concat('*:', local-name(),"
    " '[namespace-uri()=''', namespace-uri(), ''']'), '[', 1 + count(preceding-sibling::*"
    "[local-name() = local-name(current()) and namespace-uri() = namespace-uri(current())]), ']')"
)


def write_stylesheet(files: Mapping[str, bytes], main: str) -> bytes:
    """Return the stylesheet of the rules *main* of *files*, or raise UnknownConstruct."""
    rules = read_rules(files, main)
    known = {"xsl": XSL[1:-1], "svrl": SVRL[1:-1], "xs": "http://www.w3.org/2001/XMLSchema"}
    root = etree.Element(f"{XSL}stylesheet", nsmap=known | dict(rules.namespaces), version="2.0")
    _write_whole(root, rules)
    _write_location(root)
    for number, pattern in enumerate(rules.patterns):
        _write_pattern(root, pattern, f"pattern-{number}")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _write_whole(root: etree._Element, rules: RuleFile) -> None:
    """Write what stands outside of patterns, and the template that applies them all."""
    _write_declarations(root, rules.variables)
    for function in rules.functions:
        _write_function(root, function)
    for key in rules.keys:
        _add(root, "key", name=key.name, match=key.match.source, use=key.use.source)
    report = etree.SubElement(_add(root, "template", match="/"), f"{SVRL}schematron-output")
    for number in range(len(rules.patterns)):
        _add(report, "apply-templates", mode=f"pattern-{number}", select="/")


def _write_location(root: etree._Element) -> None:
    template = _add(root, "template", match="*", mode=_LOCATION)
    _add(template, "apply-templates", mode=_LOCATION, select="parent::*")
    _add(template, "value-of", select=_STEP)


def _write_pattern(root: etree._Element, pattern: Pattern, mode: str) -> None:
    _write_declarations(root, pattern.variables)
    for number, rule in enumerate(pattern.rules):
        _write_rule(root, rule, mode, _PRIORITY_FIRST - number)
    _add(root, "template", match="text()", mode=mode, priority="-1")
    others = _add(root, "template", match="@*|node()", mode=mode, priority="-2")
    _add(others, "apply-templates", mode=mode, select=_BELOW)


def _write_rule(root: etree._Element, rule: Rule, mode: str, priority: int) -> None:
    template = _add(root, "template", match=rule.context.source, mode=mode, priority=str(priority))
    _write_declarations(template, rule.variables)
    for assertion in rule.assertions:
        _write_assertion(template, assertion)
    _add(template, "apply-templates", mode=mode, select=_BELOW)


def _write_assertion(template: etree._Element, assertion: Assertion) -> None:
    """Write a test with what is reported when it fails, or with a report, when it holds."""
    choose = _add(template, "choose")
    when = _add(choose, "when", test=assertion.test.source)
    place = when if assertion.report else _add(choose, "otherwise")
    name = "successful-report" if assertion.report else "failed-assert"
    found = etree.SubElement(place, f"{SVRL}{name}")
    _add(found, "attribute", name="id").text = assertion.rule
    _add(found, "attribute", name="flag").text = assertion.severity.value
    location = _add(found, "attribute", name="location")
    _add(location, "apply-templates", mode=_LOCATION, select=".")
    text = etree.SubElement(found, f"{SVRL}text")
    for part in assertion.message:
        if isinstance(part, Text):
            _add(text, "value-of", select=part.source)
        else:
            _add(text, "text").text = part


def _write_function(root: etree._Element, function: Function) -> None:
    written = _add(root, "function", name=function.name)
    _set_type(written, function.type)
    for name, kind in function.parameters:
        _set_type(_add(written, "param", name=name), kind)
    _write_body(written, function.body)


def _write_body(parent: etree._Element, body: Body) -> None:
    for step in body:
        match step:
            case Declaration():
                _write_declarations(parent, [step])
            case Choice():
                choose = _add(parent, "choose")
                for test, then in step.branches:
                    _write_body(_add(choose, "when", test=test.source), then)
                if step.otherwise:
                    _write_body(_add(choose, "otherwise"), step.otherwise)
            case Result():
                _write_result(parent, step)


def _write_declarations(parent: etree._Element, declarations: Iterable[Declaration]) -> None:
    for each in declarations:
        variable = _add(parent, "variable", name=each.name)
        _set_type(variable, each.type)
        if each.literal:
            variable.text = each.value.source
        elif each.wrapped:
            _add(variable, "value-of", select=each.value.source)
        else:
            variable.set("select", each.value.source)


def _write_result(parent: etree._Element, result: Result) -> None:
    if result.literal:
        _add(parent, "text").text = result.value.source
    else:
        name = "value-of" if result.wrapped else "sequence"
        _add(parent, name, select=result.value.source)


def _set_type(element: etree._Element, kind: str | None) -> None:
    if kind is not None:
        element.set("as", kind)


def _add(parent: etree._Element, local: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{XSL}{local}", attributes)
