"""What the readers of both forms share: attributes, places, functions, messages.

Every element and attribute that is met must be known, or the file is refused with its place.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from lxml import etree

from ubl.findings import Severity
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.rulefile import (
    Body,
    Choice,
    Declaration,
    Function,
    Key,
    Place,
    Result,
    Text,
)

__all__ = ["SCH", "SVRL", "XSL", "Source", "attribute", "judge_severity", "normalize_message"]

SCH: Final = "{http://purl.oclc.org/dsdl/schematron}"
SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
XSL: Final = "{http://www.w3.org/1999/XSL/Transform}"

_SEVERITIES: Final[Mapping[str, Severity]] = {
    "error": Severity.FATAL,
    "fatal": Severity.FATAL,
    "info": Severity.WARNING,
    "information": Severity.WARNING,
    "warning": Severity.WARNING,
}
_SHORT: Final = ((SCH, "sch:"), (SVRL, "svrl:"), (XSL, "xsl:"))


def attribute(element: etree._Element, name: str) -> str:
    """Return the value of an attribute of *element* that is there."""
    return str(element.attrib[name])


def judge_severity(source: "Source", element: etree._Element, flag: str | None) -> Severity:
    """Return the severity that *flag* names; an assertion without one is fatal."""
    if flag is None:
        return Severity.FATAL
    found = _SEVERITIES.get(flag.strip().lower())
    if found is None:
        raise source.unknown(element, f"the flag {flag!r}")
    return found


def normalize_message(parts: list[str | Text]) -> tuple[str | Text, ...]:
    """Return *parts* with neighbouring texts joined.

    Blanks alone between two parts are dropped, as a stylesheet drops them.  [XSLT2 §4.2]
    """
    joined: list[str | Text] = []
    for part in parts:
        if isinstance(part, str) and not part.strip():
            continue
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


class Source:
    """One file of rules, which says of its elements where they stand."""

    def __init__(self, file: str) -> None:
        self.file = file

    def place(self, element: etree._Element) -> Place:
        """Return where *element* stands."""
        line: int | None = getattr(element, "sourceline", None)
        return Place(self.file, line)

    def unknown(self, element: etree._Element, construct: str) -> UnknownConstruct:
        """Return the refusal of *construct*, met at *element*."""
        place = self.place(element)
        return UnknownConstruct(construct, file=place.file, line=place.line)

    def unknown_element(self, element: etree._Element) -> UnknownConstruct:
        """Return the refusal of *element* where it stands."""
        return self.unknown(element, f"the element {_shorten(str(element.tag))}")

    def check(
        self, element: etree._Element, known: Collection[str], required: Collection[str] = ()
    ) -> None:
        """Raise UnknownConstruct for an attribute of *element* that is not *known*."""
        names = {str(name) for name in element.attrib}
        for name in sorted(names - set(known) - set(required)):
            raise self.unknown(element, f"the attribute {name} of {_shorten(str(element.tag))}")
        for name in sorted(set(required) - names):
            raise self.unknown(element, f"{_shorten(str(element.tag))} without {name}")

    def text(self, element: etree._Element, name: str) -> Text:
        """Return the expression in the attribute *name*."""
        return Text(attribute(element, name), self.place(element))

    def children(self, element: etree._Element) -> Iterator[etree._Element]:
        """Yield the elements in *element*; text between them is refused."""
        if (element.text or "").strip():
            raise self.unknown(element, f"text in {_shorten(str(element.tag))}")
        for child in element:
            if (child.tail or "").strip():
                raise self.unknown(child, f"text in {_shorten(str(element.tag))}")
            if isinstance(child.tag, str):
                yield child

    def read_declaration(self, element: etree._Element) -> Declaration:
        """Return what `xsl:variable` or `xsl:param` declares."""
        self.check(element, {"select", "as"}, {"name"})
        name, kind = attribute(element, "name"), element.get("as")
        if "select" in element.attrib:
            return Declaration(name, self.text(element, "select"), kind)
        if not len(element):
            return Declaration(
                name, Text(element.text or "", self.place(element)), kind, literal=True
            )
        result = self._read_result(element)
        return Declaration(name, result.value, kind, result.literal, result.wrapped)

    def _read_result(self, element: etree._Element) -> Result:
        steps = self._read_body(list(self.children(element)))
        if len(steps) != 1 or not isinstance(steps[0], Result):
            raise self.unknown(element, f"the content of {_shorten(str(element.tag))}")
        return steps[0]

    def read_key(self, element: etree._Element) -> Key:
        """Return what `xsl:key` declares."""
        self.check(element, (), {"name", "match", "use"})
        name = attribute(element, "name")
        return Key(name, self.text(element, "match"), self.text(element, "use"))

    def read_function(self, element: etree._Element) -> Function:
        """Return what `xsl:function` declares."""
        self.check(element, {"as"}, {"name"})
        parameters: list[tuple[str, str | None]] = []
        inner = list(self.children(element))
        while inner and inner[0].tag == f"{XSL}param":
            parameter = inner.pop(0)
            self.check(parameter, {"as"}, {"name"})
            parameters.append((attribute(parameter, "name"), parameter.get("as")))
        body = self._read_body(inner)
        if not body or isinstance(body[-1], Declaration):
            raise self.unknown(element, "a function without a result")
        return Function(
            attribute(element, "name"),
            tuple(parameters),
            element.get("as"),
            body,
            self.place(element),
        )

    def _read_body(self, elements: list[etree._Element]) -> Body:
        steps: list[Declaration | Result | Choice] = []
        for element in elements:
            if steps and not isinstance(steps[-1], Declaration):
                raise self.unknown(element, "a second result of a function")
            steps.append(self._read_step(element))
        return tuple(steps)

    def _read_step(self, element: etree._Element) -> Declaration | Result | Choice:
        if element.tag == f"{XSL}variable":
            return self.read_declaration(element)
        if element.tag == f"{XSL}choose":
            return self._read_choice(element)
        if element.tag in {f"{XSL}sequence", f"{XSL}value-of"}:
            self.check(element, (), {"select"})
            return Result(self.text(element, "select"), wrapped=element.tag == f"{XSL}value-of")
        if element.tag == f"{XSL}text" and not len(element):
            self.check(element, ())
            return Result(Text(element.text or "", self.place(element)), literal=True)
        raise self.unknown_element(element)

    def _read_choice(self, element: etree._Element) -> Choice:
        self.check(element, ())
        *cases, last = list(self.children(element)) or [element]
        if last.tag != f"{XSL}otherwise":
            raise self.unknown(element, "xsl:choose without xsl:otherwise")
        branches = []
        for case in cases:
            if case.tag != f"{XSL}when":
                raise self.unknown_element(case)
            self.check(case, (), {"test"})
            branches.append((self.text(case, "test"), self._read_branch(case)))
        return Choice(tuple(branches), self._read_branch(last))

    def _read_branch(self, element: etree._Element) -> Body:
        body = self._read_body(list(self.children(element)))
        if not body or isinstance(body[-1], Declaration):
            raise self.unknown(element, "a branch without a result")
        return body


def _shorten(tag: str) -> str:
    for namespace, prefix in _SHORT:
        if tag.startswith(namespace):
            return prefix + tag.removeprefix(namespace)
    return tag
