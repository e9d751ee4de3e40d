"""What the check of a document says to who asked for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.rules.outcome import Outcome, RuleSetInfo
from ubl.findings import Finding, Severity, is_valid

__all__ = ["Engine", "Report", "write_report"]

Engine = Literal["native", "saxon"]


@dataclass(frozen=True, slots=True)
class Report:
    """What the check of a document says: its findings, and by which rules and engine.

    *unlisted* counts the fatal findings and the warnings that are not among *findings*; *missing*
    are the ids of rule sets that apply and are not installed.
    """

    findings: tuple[Finding, ...]
    rules: tuple[RuleSetInfo, ...]
    engine: str
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlisted: tuple[int, int] = (0, 0)

    @property
    def fatal(self) -> int:
        """How many findings are fatal, listed or not."""
        return _count_fatal(self.findings) + self.unlisted[0]

    @property
    def warnings(self) -> int:
        """How many findings are warnings, listed or not."""
        return len(self.findings) - _count_fatal(self.findings) + self.unlisted[1]

    @property
    def valid(self) -> bool:
        """Whether no finding is fatal."""
        return is_valid(self.findings)


def write_report(outcome: Outcome, outdated: Mapping[str, str], *, engine: Engine) -> Report:
    """Return what *engine* found as a report.

    *outdated* has the warning about each rule set, by its id, that should be another by now.
    """
    return Report(
        findings=outcome.findings,
        rules=outcome.rules,
        engine=engine,
        notes=(
            *outcome.notes,
            *(outdated[each.id] for each in outcome.rules if each.id in outdated),
        ),
        missing=outcome.missing,
        unlisted=outcome.unlisted,
    )


def _count_fatal(findings: Iterable[Finding]) -> int:
    return sum(each.severity is Severity.FATAL for each in findings)
