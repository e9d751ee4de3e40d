"""How a case ends."""

from enum import StrEnum

__all__ = ["Failed", "NotApplicable", "Outcome"]


class Outcome(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


class Failed(Exception):  # noqa: N818 - it is the outcome
    """The target does not do what the requirement says; the text says what it does."""


class NotApplicable(Exception):  # noqa: N818 - it is the outcome
    """The case cannot be tried against this target; the text says why."""
