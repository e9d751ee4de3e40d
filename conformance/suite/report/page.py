"""The report as a page for people: no scripts, nothing from elsewhere, every text escaped."""

from collections import Counter
from functools import cache
from typing import Any

import jinja2

from conformance.suite.outcome import Outcome

__all__ = ["write_page"]

ROWS_SHOWN_MAX = 40  # LIMIT: exchanges and rows of one case on the page; the JSON has them all.


def write_page(summary: dict[str, Any]) -> bytes:
    """Return *summary* (of `summarize`) as HTML, on its own in one file."""
    cases = summary["cases"]
    failed = [case for case in cases if case["outcome"] == "failed"]
    absent = [case for case in cases if case["outcome"] == "not_applicable"]
    suites = {
        suite: [case for case in cases if case["suite"] == suite]
        for suite in dict.fromkeys(case["suite"] for case in cases)
    }
    text = _template().render(
        summary=summary,
        standing={suite: _standing(those) for suite, those in suites.items()},
        failed=failed,
        missing=Counter(case["reason"] for case in absent).most_common(),
        suites=suites,
        rows_max=ROWS_SHOWN_MAX,
    )
    return text.encode("utf-8", "replace")


def _standing(cases: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many of *cases* ended how."""
    outcomes = [case["outcome"] for case in cases]
    return {outcome.value: outcomes.count(outcome.value) for outcome in Outcome}


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("conformance.suite.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    return environment.get_template("report.html")


def _shown(outcome: str) -> str:
    return outcome.replace("_", " ")
