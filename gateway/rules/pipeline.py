"""The check of one document from its bytes to findings: parse, schema, business rules.

Everything that is wrong becomes a finding, and so does what could not be checked: no document is
valid that was not.  The functions at the end run in processes of their own (`gateway.lanes`), so
nothing here may import a web server or a database driver.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from lxml import etree

from gateway.rules.catalogue import (
    CREDIT_NOTE_ROOT,
    EUSR_ROOT,
    INVOICE_ROOT,
    RESPONSE_ROOT,
    TSR_ROOT,
)
from gateway.rules.choosing import choose_rule_sets
from gateway.rules.outcome import Outcome, Question, RuleSetInfo, write_outcome
from gateway.rules.rulebook import Rulebook
from gateway.rules.shelf import Shelf
from ubl.errors import MalformedXml
from ubl.findings import Finding, Severity
from ubl.schema import locate, repeat_refusal, without_padding
from ubl.schematron import build_tree
from ubl.xml import parse_document

# LIMIT: what is checked by who is asked: a document in bytes, and "<" in it, for it is elements
# that take time.
INLINE_BYTES_MAX: Final = 200_000
INLINE_MARKUP_MAX: Final = 1_000
# LIMIT: "<" in a document: half a million elements, or 15,000 lines, take ten seconds and 1 GB.
MARKUP_MAX: Final = 1_000_000
# LIMIT: a document in bytes; Peppol's access points carry 100 MB.
DOCUMENT_BYTES_MAX: Final = 128 << 20

UNKNOWN_DOCUMENT: Final = "DOCUMENT"
"""The finding on a document of a kind that is not known here."""
UNCHECKED: Final = "UNCHECKED"
"""The finding on a document that no installed rules or schema cover."""
UNFINISHED: Final = "UNFINISHED"
"""The finding on a document whose check did not end."""
REPEATED_LINE: Final = "REPEATED-LINE"
"""The finding on a line that has the number of another."""
# LIMIT: values with comments inside that are pointed out, and numbers of lines.
INTERRUPTED_MAX: Final = 50

_ROOTS: Final = (INVOICE_ROOT, CREDIT_NOTE_ROOT, RESPONSE_ROOT, EUSR_ROOT, TSR_ROOT)
_VALUE_CHARS_MAX: Final = 300

Judge = Callable[[Rulebook, Sequence[str], Any], list[Finding]]


class Unexplained(Exception):  # noqa: N818 - it is what the schema check ended with
    """The schema refuses the document; why, xmlschema must say, which takes a while."""


class NotLoaded(Exception):  # noqa: N818 - it is what the check ended with
    """What the document is checked with has to be read first; *load* does it, in a while."""

    def __init__(self, load: Callable[[], object]) -> None:
        super().__init__("rules or a schema are not loaded yet")
        self.load = load


def check_document(
    question: Question,
    book: Rulebook,
    judge: Judge,
    *,
    may_explain: bool = True,
    may_load: bool = True,
) -> Outcome:
    """Return what is wrong with the document of *question* by the rules of *book*.

    *judge* evaluates the rules.  Raises Fault where the rules themselves cannot be used,
    Unexplained where lxml refuses the document by its schema and *may_explain* is false, and
    NotLoaded where something has to be read and *may_load* is false.
    """
    root = _parse(question.data)
    if isinstance(root, Finding):
        return write_outcome([root], language=question.language)
    name = str(root.tag)
    if name not in _ROOTS:
        return write_outcome([_unknown_root(name)], language=question.language)
    choice = choose_rule_sets(
        name, _value(root, "CustomizationID"), _value(root, "ProfileID"), book.releases
    )
    if not (may_load or book.is_loaded(name, choice.rule_sets)):
        raise NotLoaded(partial(book.load, name, choice.rule_sets))
    findings: list[Finding] = []
    if not question.rules_only:
        findings += _check_schema(root, name, book, may_explain=may_explain, may_load=may_load)
    findings += _find_interrupted(root)
    findings += _find_repeated_numbers(root)
    if choice.rule_sets:
        findings += judge(book, choice.rule_sets, root)
    else:
        findings.append(_unchecked("no business rules are known for it"))
    rules = tuple(RuleSetInfo(each, book.releases[each][0].version) for each in choice.rule_sets)
    return write_outcome(findings, rules, choice, language=question.language)


def check_here(question: Question, book: Rulebook, *, may_load: bool = True) -> Outcome | None:
    """Return what is wrong with a small document by the rules of *book*, after some milliseconds.

    None where it is not small, or where explaining what its schema refuses takes longer: that is
    for a process of its own.  Raises Fault where the rules cannot be used, and NotLoaded as
    `check_document` does.
    """
    data = question.data
    if len(data) > INLINE_BYTES_MAX or data.count(b"<") > INLINE_MARKUP_MAX:
        return None
    try:
        return check_document(question, book, judge_natively, may_explain=False, may_load=may_load)
    except Unexplained:
        return None


def judge_natively(book: Rulebook, rule_sets: Sequence[str], root: etree._Element) -> list[Finding]:
    """Return what the rules find, evaluated by our own engine."""
    tree = build_tree(root)
    return [finding for each in rule_sets for finding in book.check(each)(tree)]


def make_native(rules_dir: Path) -> Callable[[Question], Outcome]:
    """Return what checks documents with our own engine, in a process for that."""
    shelf = Shelf(rules_dir)
    return lambda question: check_document(question, shelf.take(), judge_natively)


def make_saxon(rules_dir: Path) -> Callable[[Question], Outcome]:
    """Return what checks documents with Saxon, in a process for that; raises Fault without it."""
    from gateway.rules.saxon import Saxon  # noqa: PLC0415 - an extra

    shelf, saxon = Shelf(rules_dir), Saxon()

    def judge(book: Rulebook, rule_sets: Sequence[str], root: etree._Element) -> list[Finding]:
        findings: list[Finding] = []
        for each in rule_sets:
            findings += saxon.check(each, book.stylesheet(each), root)
        return findings

    return lambda question: check_document(question, shelf.take(), judge)


def unchecked(why: str) -> Outcome:
    """Return the outcome of a check that did not end, for the reason *why*."""
    message = f"Not checked to the end: {why}."
    finding = Finding(rule=UNFINISHED, severity=Severity.FATAL, location="/", message=message)
    return write_outcome([finding])


def _parse(data: bytes) -> etree._Element | Finding:
    if data.count(b"<") > MARKUP_MAX:
        return _refused(f"the document has more than {MARKUP_MAX // 2} elements")
    try:
        return parse_document(data, bytes_max=DOCUMENT_BYTES_MAX)
    except MalformedXml as error:
        return _refused(str(error))


def _check_schema(
    root: etree._Element, name: str, book: Rulebook, *, may_explain: bool, may_load: bool
) -> list[Finding]:
    """Return what is wrong with *root* by the schema of its type."""
    if not book.has_schema(name):
        return [_unchecked("its schema is not installed: run `gateway rules install`")]
    narrow = book.narrow_schema(name)
    if narrow is not None and narrow.validate(root):
        return []
    if not (may_load or book.has_read_schema(name)):
        raise NotLoaded(partial(book.schema, name))
    schema = book.schema(name)
    if schema.validate(root):
        return []
    plain = without_padding(root)
    if schema.validate(plain):
        return []
    if not may_explain:
        raise Unexplained
    from ubl.explainer import explain  # noqa: PLC0415 - for few documents, and slow

    return explain(book.explainer(name), plain) or repeat_refusal(schema, plain)


def _find_interrupted(root: etree._Element) -> list[Finding]:
    """Point out values with a comment or an instruction inside.

    The official rules read such a value to its end, so it is no error; other readers stop there.
    """
    inside = (node.getparent() for node in root.iter(etree.Comment, etree.ProcessingInstruction))
    parents = dict.fromkeys(parent for parent in inside if parent is not None)
    values = (parent for parent in parents if _is_value(parent))
    return [
        Finding(
            rule="XML",
            severity=Severity.WARNING,
            location=locate(parent),
            message="The value is interrupted by a comment or a processing instruction, where some"
            " readers stop: write it in one piece.",
        )
        for parent in islice(values, INTERRUPTED_MAX)
    ]


def _find_repeated_numbers(root: etree._Element) -> list[Finding]:
    """Point out lines of an invoice that have the number of a line before them (BT-126).

    EN 16931 has each number once, but no official rule looks; who answers such a line cannot say
    which he means.
    """
    met: set[str] = set()
    found = []
    for line in root.iterchildren("{*}InvoiceLine", "{*}CreditNoteLine"):
        number = _value(line, "ID")
        if number in met:
            message = f"Another line has the number {number!r}, too: give each its own."
            place = locate(line)
            found.append(
                Finding(
                    rule=REPEATED_LINE,
                    severity=Severity.WARNING,
                    location=place,
                    message=message,
                    term="BT-126",
                )
            )
        if len(found) == INTERRUPTED_MAX:
            break
        met.add(number)
    return found


def _is_value(element: etree._Element) -> bool:
    """Say whether *element* has text and no elements."""
    if any(isinstance(child.tag, str) for child in element):
        return False
    return any(text.strip() for text in (element.text or "", *(c.tail or "" for c in element)))


def _value(root: etree._Element, name: str) -> str:
    """Return the text of the child *name* of *root*, whatever comments are inside."""
    found = root.find(f"{{*}}{name}")
    text = "" if found is None else "".join(map(str, found.itertext()))
    return text.strip(" \t\r\n")[:_VALUE_CHARS_MAX]


def _refused(detail: str) -> Finding:
    message = f"{detail[:1].upper()}{detail[1:]}."
    return Finding(rule="XML", severity=Severity.FATAL, location="/", message=message)


def _unknown_root(name: str) -> Finding:
    known = ", ".join(sorted(root.partition("}")[2] for root in _ROOTS))
    namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    message = (
        f"The root element {local!r} in the namespace {namespace!r} is no document that is known"
        f" here: it must be one of {known}, each in its own namespace."
    )
    location = f"/*:{local}[namespace-uri()='{namespace}'][1]"
    return Finding(
        rule=UNKNOWN_DOCUMENT, severity=Severity.FATAL, location=location, message=message
    )


def _unchecked(why: str) -> Finding:
    message = f"The document could not be checked: {why}."
    return Finding(rule=UNCHECKED, severity=Severity.FATAL, location="/", message=message)
