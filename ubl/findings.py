"""What a check found in a document: the one shape of it, in code, JSON and problems.

A finding names the rule, the place and the reason, and says what to do.  [EN16931-1]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Severity", "is_valid"]


class Severity(StrEnum):
    """How bad a finding is: with a fatal one a document may not be sent."""

    FATAL = "fatal"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: the *rule* that says so, where, and what it says.

    *location* is an XPath that picks out one node, with namespaces as Saxon's `path()` writes them;
    *term* is the business term (BT-…, BG-…) when there is one; *hint* says what to change.
    """

    rule: str
    severity: Severity
    location: str
    message: str
    term: str = ""
    hint: str = ""


def is_valid(findings: Iterable[Finding]) -> bool:
    """Say whether a document with these *findings* may be sent."""
    return all(finding.severity is not Severity.FATAL for finding in findings)
