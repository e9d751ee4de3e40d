"""Reads Schematron: includes, abstract patterns, and all of it that decides.  [SCHEMATRON §6.3]

Phases name patterns to be run alone; without one, which is how official rules are used, all run.
Texts for readers (`title`, `p`) are passed over.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

from ubl.schematron.encoding import parse_rules
from ubl.schematron.rulefile import Assertion, Declaration, Pattern, Rule, RuleFile, Text
from ubl.schematron.source import SCH, Source, attribute, judge_severity, normalize_message

__all__ = ["read_schema"]

# LIMIT: files that include one another.
INCLUDES_MAX: Final = 100

_FOR_READERS: Final = frozenset({f"{SCH}title", f"{SCH}p", f"{SCH}phase"})
_PARAMETER: Final = re.compile(r"\$([A-Za-z_][\w.-]*)")
_ANNOTATIONS: Final = frozenset(
    {"see", "icon", "fpi", "{http://www.w3.org/XML/1998/namespace}lang"}
)


def read_schema(files: Mapping[str, bytes], main: str) -> RuleFile:
    """Return the rules of the schema *main*, which may include others of *files*."""
    return _Reader(files, main).read()


class _Reader:
    """Reads one schema and what it includes."""

    def __init__(self, files: Mapping[str, bytes], main: str) -> None:
        self._files = files
        self._main = main
        self._left = INCLUDES_MAX
        self._namespaces: dict[str, str] = {}
        self._abstract: dict[str, tuple[Source, etree._Element]] = {}
        self._variables: list[Declaration] = []
        self._functions: list[tuple[Source, etree._Element]] = []
        self._keys: list[tuple[Source, etree._Element]] = []
        self._patterns: list[tuple[Source, etree._Element]] = []

    def read(self) -> RuleFile:
        root = parse_rules(self._files[self._main])
        source = Source(self._main)
        source.check(
            root, {"schemaVersion", "defaultPhase", "title", *_ANNOTATIONS}, {"queryBinding"}
        )
        if attribute(root, "queryBinding") not in {"xslt2", "xpath2"}:
            raise source.unknown(root, f"the query language {attribute(root, 'queryBinding')}")
        if root.get("defaultPhase", "#ALL") != "#ALL":
            raise source.unknown(root, "a default phase")
        self._namespaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
        self._read_parts(source, root)
        return RuleFile(
            name=self._main,
            namespaces=self._namespaces,
            variables=tuple(self._variables),
            functions=tuple(s.read_function(e) for s, e in self._functions),
            keys=tuple(s.read_key(e) for s, e in self._keys),
            patterns=tuple(self._read_pattern(s, e) for s, e in self._patterns),
        )

    def _read_parts(self, source: Source, parent: etree._Element) -> None:
        for element in source.children(parent):
            self._read_part(source, element)

    def _read_part(self, source: Source, element: etree._Element) -> None:
        match element.tag:
            case tag if tag in _FOR_READERS:
                return
            case "{http://purl.oclc.org/dsdl/schematron}ns":
                source.check(element, (), {"prefix", "uri"})
                self._namespaces[attribute(element, "prefix")] = attribute(element, "uri")
            case "{http://purl.oclc.org/dsdl/schematron}let":
                self._variables.append(_read_let(source, element, {}))
            case "{http://purl.oclc.org/dsdl/schematron}include":
                self._include(source, element)
            case "{http://purl.oclc.org/dsdl/schematron}pattern":
                self._add_pattern(source, element)
            case "{http://www.w3.org/1999/XSL/Transform}function":
                self._functions.append((source, element))
            case "{http://www.w3.org/1999/XSL/Transform}key":
                self._keys.append((source, element))
            case _:
                raise source.unknown_element(element)

    def _include(self, source: Source, element: etree._Element) -> None:
        source.check(element, (), {"href"})
        href = attribute(element, "href")
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source.file), href))
        self._left -= 1
        if name not in self._files or self._left < 0:
            raise source.unknown(element, f"the include of {href}, which is not there")
        root = parse_rules(self._files[name])
        included = Source(name)
        if root.tag == f"{SCH}schema":
            raise included.unknown(root, "a whole schema that is included")
        self._read_part(included, root)

    def _add_pattern(self, source: Source, element: etree._Element) -> None:
        source.check(element, {"id", "is-a", "abstract", *_ANNOTATIONS})
        if element.get("abstract", "false") == "true":
            if "id" not in element.attrib:
                raise source.unknown(element, "an abstract pattern without an id")
            self._abstract[attribute(element, "id")] = (source, element)
        else:
            self._patterns.append((source, element))

    def _read_pattern(self, source: Source, element: etree._Element) -> Pattern:
        parameters: dict[str, str] = {}
        if "is-a" in element.attrib:
            for parameter in source.children(element):
                if parameter.tag != f"{SCH}param":
                    raise source.unknown_element(parameter)
                source.check(parameter, (), {"name", "value"})
                parameters[attribute(parameter, "name")] = attribute(parameter, "value")
            name = attribute(element, "is-a")
            if name not in self._abstract:
                raise source.unknown(element, f"the abstract pattern {name}, which is not there")
            source, element = self._abstract[name]
        variables, rules = [], []
        for child in source.children(element):
            if child.tag == f"{SCH}let":
                variables.append(_read_let(source, child, parameters))
            elif child.tag == f"{SCH}rule":
                rules.append(_read_rule(source, child, parameters))
            elif child.tag not in _FOR_READERS:
                raise source.unknown_element(child)
        return Pattern(tuple(variables), tuple(rules))


def _fill(text: Text, parameters: Mapping[str, str]) -> Text:
    """Put the values of *parameters* into *text*.  [SCHEMATRON §6.3]"""
    if not parameters:
        return text
    filled = _PARAMETER.sub(lambda match: parameters.get(match[1], match[0]), text.source)
    return Text(filled, text.place)


def _read_let(
    source: Source, element: etree._Element, parameters: Mapping[str, str]
) -> Declaration:
    source.check(element, (), {"name", "value"})
    return Declaration(attribute(element, "name"), _fill(source.text(element, "value"), parameters))


def _read_rule(source: Source, element: etree._Element, parameters: Mapping[str, str]) -> Rule:
    source.check(element, {"id", "flag", "role", *_ANNOTATIONS}, {"context"})
    variables, assertions = [], []
    for child in source.children(element):
        if child.tag == f"{SCH}let":
            variables.append(_read_let(source, child, parameters))
        elif child.tag in {f"{SCH}assert", f"{SCH}report"}:
            assertions.append(_read_assertion(source, child, parameters))
        elif child.tag not in _FOR_READERS:
            raise source.unknown_element(child)
    context = _fill(source.text(element, "context"), parameters)
    return Rule(context, tuple(variables), tuple(assertions))


def _read_assertion(
    source: Source, element: etree._Element, parameters: Mapping[str, str]
) -> Assertion:
    source.check(element, {"id", "flag", "role", *_ANNOTATIONS}, {"test"})
    flag = element.get("flag", element.get("role"))
    return Assertion(
        rule=element.get("id", ""),
        severity=judge_severity(source, element, flag),
        test=_fill(source.text(element, "test"), parameters),
        message=_read_message(source, element, parameters),
        report=element.tag == f"{SCH}report",
    )


def _read_message(
    source: Source, element: etree._Element, parameters: Mapping[str, str]
) -> tuple[str | Text, ...]:
    parts: list[str | Text] = [element.text or ""]
    for child in element:
        if child.tag == f"{SCH}value-of":
            source.check(child, (), {"select"})
            parts.append(_fill(source.text(child, "select"), parameters))
        elif child.tag == f"{SCH}name":
            source.check(child, ())
            parts.append(Text("name(.)", source.place(child)))
        elif child.tag in {f"{SCH}emph", f"{SCH}span"} and not len(child):
            parts.append(child.text or "")
        elif isinstance(child.tag, str):
            raise source.unknown_element(child)
        parts.append(child.tail or "")
    return normalize_message(parts)
