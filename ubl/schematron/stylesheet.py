"""Reads the stylesheets that ISO Schematron's skeleton makes of rules.  [XSLT2 §5] [SCHEMATRON §D]

Official rules are often published in this form alone.  The skeleton writes each pattern as
templates of a mode of its own (`M26`), each rule as a template whose priority falls from one to the
next, each assertion as a choice with nothing in its first branch.  What has another shape is
refused; what the skeleton adds for itself (paths, ids, the report around) is passed over.
"""

import re
from typing import Final

from lxml import etree

from ubl.schematron.rulefile import Assertion, Declaration, Pattern, Rule, RuleFile, Text
from ubl.schematron.source import SVRL, XSL, Source, attribute, judge_severity, normalize_message

__all__ = ["read_stylesheet"]

_PATTERN_MODE: Final = re.compile(r"M\d+")
# The templates with which the skeleton writes locations and ids.
_SKELETON_MODES: Final = frozenset(
    {
        "generate-id-2",
        "generate-id-from-path",
        "schematron-get-full-path",
        "schematron-get-full-path-2",
        "schematron-get-full-path-3",
        "schematron-select-full-path",
    }
)
_SKELETON_NAMES: Final = frozenset(
    {
        "archiveDirParameter",
        "archiveNameParameter",
        "document-uri",
        "fileDirParameter",
        "fileNameParameter",
    }
)
_CHILDREN: Final = frozenset({"@*|*", "*", "*|comment()|processing-instruction()"})
_PASSED_OVER: Final = frozenset({f"{XSL}output", f"{SVRL}text"})


def read_stylesheet(file: str, root: etree._Element) -> RuleFile:
    """Return the rules of the stylesheet *root*, which stands in *file*."""
    return _Reader(file, root).read()


class _Reader(Source):
    """Reads one stylesheet."""

    def __init__(self, file: str, root: etree._Element) -> None:
        super().__init__(file)
        self._root = root
        self._order: list[str] = []
        self._rules: dict[str, list[tuple[float, Rule]]] = {}

    def read(self) -> RuleFile:
        self.check(self._root, {"version", "exclude-result-prefixes"})
        variables, functions, keys = [], [], []
        for element in self.children(self._root):
            match element.tag:
                case tag if tag in _PASSED_OVER:
                    continue
                case "{http://www.w3.org/1999/XSL/Transform}template":
                    self._read_template(element)
                case "{http://www.w3.org/1999/XSL/Transform}function":
                    functions.append(self.read_function(element))
                case "{http://www.w3.org/1999/XSL/Transform}key":
                    keys.append(self.read_key(element))
                case "{http://www.w3.org/1999/XSL/Transform}variable":
                    variables += self._read_global(element)
                case "{http://www.w3.org/1999/XSL/Transform}param":
                    variables += self._read_global(element)
                case _:
                    raise self.unknown_element(element)
        for mode in self._rules:
            if mode not in self._order:
                raise self.unknown(self._root, f"the mode {mode}, which is not applied")
        return RuleFile(
            name=self.file,
            namespaces={prefix: uri for prefix, uri in self._root.nsmap.items() if prefix},
            variables=tuple(variables),
            functions=tuple(functions),
            keys=tuple(keys),
            patterns=tuple(self._make_pattern(mode) for mode in self._order),
        )

    def _make_pattern(self, mode: str) -> Pattern:
        ranked = self._rules.get(mode, [])
        priorities = [priority for priority, _ in ranked]
        if len(set(priorities)) < len(priorities):
            raise self.unknown(self._root, f"two rules of one priority in the mode {mode}")
        ranked = sorted(ranked, key=lambda entry: -entry[0])
        return Pattern((), tuple(rule for _, rule in ranked))

    def _read_global(self, element: etree._Element) -> list[Declaration]:
        if element.get("name") in _SKELETON_NAMES:
            return []
        return [self.read_declaration(element)]

    def _read_template(self, element: etree._Element) -> None:
        self.check(element, {"mode", "priority"}, {"match"})
        mode, match = element.get("mode"), attribute(element, "match")
        if mode is None:
            self._read_default(element, match)
        elif mode in _SKELETON_MODES:
            return
        elif not _PATTERN_MODE.fullmatch(mode):
            raise self.unknown(element, f"the mode {mode}")
        elif not self._is_fallback(element, match):
            self._rules.setdefault(mode, []).append(self._read_rule(element, mode))

    def _is_fallback(self, element: etree._Element, match: str) -> bool:
        """Say whether the template only leads on to the children."""
        if match == "text()" and not len(element):
            return True
        if match != "@*|node()":
            return False
        if len(element) != 1 or not self._leads_on(element[0]):
            raise self.unknown(element, "a template for all nodes that does more than lead on")
        return True

    def _leads_on(self, element: etree._Element) -> bool:
        return element.tag == f"{XSL}apply-templates" and element.get("select") in _CHILDREN

    def _read_default(self, element: etree._Element, match: str) -> None:
        """Read the order of the patterns from the template of the document."""
        if match == "text()" and not len(element):
            return
        if match != "/" or self._order:
            raise self.unknown(element, f"the template for {match} without a mode")
        for call in element.iter(f"{XSL}apply-templates"):
            mode = call.get("mode")
            if mode is None:
                continue
            if call.get("select") != "/" or not _PATTERN_MODE.fullmatch(mode):
                raise self.unknown(call, f"the use of the mode {mode}")
            self._order.append(mode)

    def _read_rule(self, element: etree._Element, mode: str) -> tuple[float, Rule]:
        children = list(self.children(element))
        if not children or not self._leads_on(children[-1]) or children[-1].get("mode") != mode:
            raise self.unknown(element, "a rule that does not lead on to the children")
        variables, assertions = [], []
        for child in children[:-1]:
            if child.tag == f"{XSL}variable":
                variables.append(self.read_declaration(child))
            elif child.tag == f"{XSL}choose":
                assertions.append(self._read_assert(child))
            elif child.tag == f"{XSL}if":
                assertions.append(self._read_report(child))
            elif child.tag != f"{SVRL}fired-rule":
                raise self.unknown_element(child)
        if "priority" not in element.attrib:
            raise self.unknown(element, "a rule without a priority")
        rule = Rule(self.text(element, "match"), tuple(variables), tuple(assertions))
        return float(attribute(element, "priority")), rule

    def _read_assert(self, element: etree._Element) -> Assertion:
        children = list(self.children(element))
        shape = [child.tag for child in children]
        if shape != [f"{XSL}when", f"{XSL}otherwise"] or len(children[0]):
            raise self.unknown(element, "a choice that is no assertion")
        self.check(children[0], (), {"test"})
        inner = list(self.children(children[1]))
        if [child.tag for child in inner] != [f"{SVRL}failed-assert"]:
            raise self.unknown(element, "a choice that is no assertion")
        return self._read_outcome(self.text(children[0], "test"), inner[0], report=False)

    def _read_report(self, element: etree._Element) -> Assertion:
        self.check(element, (), {"test"})
        inner = list(self.children(element))
        if [child.tag for child in inner] != [f"{SVRL}successful-report"]:
            raise self.unknown(element, "a condition that is no report")
        return self._read_outcome(self.text(element, "test"), inner[0], report=True)

    def _read_outcome(self, test: Text, outcome: etree._Element, *, report: bool) -> Assertion:
        facts: dict[str, str] = {}
        message: tuple[str | Text, ...] = ()
        for child in self.children(outcome):
            if child.tag == f"{SVRL}text":
                message = self._read_message(child)
            elif child.tag == f"{XSL}attribute":
                self.check(child, (), {"name"})
                facts[attribute(child, "name")] = self._read_fact(child)
            else:
                raise self.unknown_element(child)
        for name in facts:
            if name not in {"id", "flag", "role", "location", "see"}:
                raise self.unknown(outcome, f"the attribute {name} of an outcome")
        severity = judge_severity(self, outcome, facts.get("flag", facts.get("role")))
        return Assertion(facts.get("id", ""), severity, test, message, report)

    def _read_fact(self, element: etree._Element) -> str:
        if attribute(element, "name") != "location":
            if len(element):
                raise self.unknown(element, f"a {attribute(element, 'name')} that is worked out")
            return element.text or ""
        inner = list(self.children(element))
        usual = len(inner) == 1 and inner[0].get("mode") == "schematron-select-full-path"
        if not usual or inner[0].get("select") != ".":
            raise self.unknown(element, "a location of another kind")
        return ""

    def _read_message(self, element: etree._Element) -> tuple[str | Text, ...]:
        parts: list[str | Text] = [element.text or ""]
        for child in element:
            if child.tag == f"{XSL}value-of":
                self.check(child, (), {"select"})
                parts.append(self.text(child, "select"))
            elif child.tag == f"{XSL}text" and not len(child):
                parts.append(child.text or "")
            elif isinstance(child.tag, str):
                raise self.unknown_element(child)
            parts.append(child.tail or "")
        return normalize_message(parts)
