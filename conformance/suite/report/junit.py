"""The report as JUnit XML, which build servers show: one test case for each case."""

import re
from typing import Any
from xml.sax.saxutils import quoteattr

__all__ = ["write_junit"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(summary: dict[str, Any]) -> bytes:
    """Return *summary* (of `summarize`) as JUnit XML."""
    cases = summary["cases"]
    counts = f'tests="{len(cases)}" failures="{summary["failed"]}"'
    counts += f' skipped="{summary["not_applicable"]}" time="{summary["seconds"]:.3f}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="conformance" {counts}>']
    for suite in dict.fromkeys(case["suite"] for case in cases):
        lines.append(f"<testsuite name={_attribute(suite)} {_counts(cases, suite)}>")
        lines += [_case(case) for case in cases if case["suite"] == suite]
        lines.append("</testsuite>")
    return "\n".join([*lines, "</testsuites>", ""]).encode()


def _counts(cases: list[dict[str, Any]], suite: str) -> str:
    outcomes = [case["outcome"] for case in cases if case["suite"] == suite]
    failed, skipped = outcomes.count("failed"), outcomes.count("not_applicable")
    return f'tests="{len(outcomes)}" failures="{failed}" skipped="{skipped}"'


def _case(case: dict[str, Any]) -> str:
    head = f"<testcase classname={_attribute(case['suite'])} name={_attribute(case['id'])}"
    head += f' time="{case["seconds"]:.3f}"'
    if case["outcome"] == "passed":
        return f"{head}/>"
    element = "failure" if case["outcome"] == "failed" else "skipped"
    return f"{head}><{element} message={_attribute(case['reason'])}/></testcase>"


def _attribute(text: str) -> str:
    """Return *text* as a quoted attribute; what XML cannot hold is shown by a question mark."""
    return quoteattr(_NOT_XML.sub("?", text))
