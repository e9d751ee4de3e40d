"""What a check is asked and what it finds, bounded, so that nobody chokes on the answer.

Both go from one process to another; nothing here may import more than they need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.rules.choosing import Choice
from gateway.rules.hints import explain
from ubl.findings import Finding, Severity

__all__ = ["FINDINGS_MAX", "Outcome", "Question", "RuleSetInfo", "write_outcome"]

FINDINGS_MAX: Final = 500  # LIMIT: findings that are listed, the fatal ones first; all are counted.

_NO_CHOICE: Final = Choice(())


@dataclass(frozen=True, slots=True)
class RuleSetInfo:
    """A set of rules that a document was checked with."""

    id: str
    version: str


@dataclass(frozen=True, slots=True)
class Question:
    """A document, whether its schema is left out (for fragments), and the language of hints.

    Without a *language* findings have no hints.
    """

    data: bytes
    rules_only: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the check found, with which rules, and what a reader must know of it.

    *missing* are the ids of rule sets that apply and are not installed; *unlisted* counts the fatal
    findings and the warnings that are not among *findings*.
    """

    findings: tuple[Finding, ...]
    rules: tuple[RuleSetInfo, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlisted: tuple[int, int] = (0, 0)


def write_outcome(
    findings: Sequence[Finding],
    rules: tuple[RuleSetInfo, ...] = (),
    choice: Choice = _NO_CHOICE,
    *,
    language: str | None = None,
) -> Outcome:
    """Return *findings*, which *rules* of *choice* made, with their terms and hints."""
    notes, unlisted = choice.notes, (0, 0)
    if len(findings) > FINDINGS_MAX:
        findings = sorted(findings, key=_is_warning)
        warnings = sum(map(_is_warning, findings))
        fatal = len(findings) - warnings
        listed_fatal = min(fatal, FINDINGS_MAX)
        unlisted = fatal - listed_fatal, warnings - (FINDINGS_MAX - listed_fatal)
        findings = findings[:FINDINGS_MAX]
        counts = f"there are {fatal} fatal findings and {warnings} warnings"
        notes += (f"{counts}: the first {FINDINGS_MAX} are listed, fatal ones first",)
    return Outcome(
        findings=tuple(explain(each, language) for each in findings),
        rules=rules,
        notes=notes,
        missing=choice.missing,
        unlisted=unlisted,
    )


def _is_warning(finding: Finding) -> bool:
    return finding.severity is not Severity.FATAL
