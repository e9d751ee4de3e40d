"""What to do about a finding, in an accountant's words, for the failures that senders see most.

The words are data (`hints.toml`), complete in each language; a rule without a hint keeps its
message alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from gateway.languages import LANGUAGES
from gateway.rules.terms import find_term
from ubl.findings import Finding

__all__ = ["explain"]


def explain(finding: Finding, language: str | None = "en") -> Finding:
    """Return *finding* with its business term, and a hint in *language* (one of LANGUAGES) if any.

    A term or hint that it has already stays. Raises KeyError for another language.
    """
    hint = "" if language is None else _hints()[language].get(finding.rule, "")
    term = finding.term or find_term(finding.message, finding.location)
    return replace(finding, term=term, hint=finding.hint or hint)


@cache
def _hints() -> Mapping[str, Mapping[str, str]]:
    """Return for each language the hint of each rule."""
    import tomllib  # noqa: PLC0415 - a good document needs no hint

    written = tomllib.loads(Path(__file__).with_name("hints.toml").read_text("utf-8"))
    return {
        language: {rule: one[language] for one in written["hint"] for rule in one["rules"]}
        for language in LANGUAGES
    }
