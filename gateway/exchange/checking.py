"""The check of a document inside the exchange: what its report means here, and how it is kept.

A report stands on the document (`valid`, `report`) and is one step of its timeline. Hints are not
stored: they are words, and whoever reads chooses the language. Where there are no rules for a
kind of document it is neither valid nor invalid, but not checked.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.rules.catalogue import EN16931
from gateway.rules.checker import Checker
from gateway.rules.hints import explain
from gateway.rules.pipeline import UNCHECKED, UNFINISHED, UNKNOWN_DOCUMENT
from gateway.rules.report import Engine, Report
from gateway.store.documents import Step
from ubl.findings import Finding, Severity

__all__ = ["Checking", "Verdict", "judge", "read_findings", "refusal_of", "without_rules"]

FINDINGS_MAX = 200  # LIMIT: findings kept with a document, the fatal ones first.
LARGE_WAITING_MAX = 32  # LIMIT: large documents that wait; each is in a file meanwhile.
RETRY_SECONDS = 10.0
TOLD_MAX = 5  # LIMIT: findings told on a timeline; the document has the others.
PROBLEMS_MAX = 100  # LIMIT: findings in one refusal, the fatal ones first.
LARGE_BYTES_MIN = 1024 * 1024
LARGE_MAX = 1  # LIMIT: documents from that size on checked at a time: each is in memory as a whole.

_NO_RULES = {UNCHECKED, UNKNOWN_DOCUMENT}
_CHECKED, _NOT_CHECKED = "checked", "not_checked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check came to, ready to be stored; *valid* is None where there were no rules."""

    valid: bool | None
    report: Mapping[str, Any]
    detail: Mapping[str, Any]

    def step(self, at: datetime) -> Step:
        """Return the step of the timeline that tells it."""
        return Step(at, _NOT_CHECKED if self.valid is None else _CHECKED, self.detail)


class Checking:
    """Checks documents of the exchange with *checker*, large ones in turn.

    Without *accept_uncovered*, an outgoing document that no rules of Peppol cover is refused
    (`refusal_of`).
    """

    def __init__(self, checker: Checker, *, accept_uncovered: bool = True) -> None:
        self._checker = checker
        self._exchanged, self._asked = _Turns(), _Turns()
        self.accept_uncovered = accept_uncovered

    async def check(self, pieces: AsyncIterator[bytes], size_bytes: int) -> Report:
        """Return the report on the document in *pieces*, of *size_bytes*, that is exchanged.

        It has no hints.  Raises what *pieces* raises, Unavailable where too many documents wait,
        and Fault where the rules cannot be used.
        """
        async with self._exchanged.take(size_bytes):
            return await self._checker.check(await _join(pieces), language=None)

    async def validate(
        self,
        pieces: AsyncIterator[bytes],
        size_bytes: int,
        *,
        language: str,
        engine: Engine,
        rules_only: bool,
    ) -> Report:
        """Return the report on a document that is not exchanged, with hints in *language*.

        It waits for its like alone.  Raises as `check` does, and Fault where *engine* is not
        installed.
        """
        async with self._asked.take(size_bytes):
            return await self._checker.check(
                await _join(pieces), language=language, engine=engine, rules_only=rules_only
            )


class _Turns:
    """The places of large documents, which are in memory as a whole, and of those that wait."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LARGE_MAX)
        self._left = LARGE_MAX + LARGE_WAITING_MAX

    @asynccontextmanager
    async def take(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for a place if *size_bytes* is large; raises Unavailable where too many wait."""
        if size_bytes < LARGE_BYTES_MIN:
            yield
            return
        if self._left == 0:
            raise Unavailable("too many large documents wait to be checked", RETRY_SECONDS)
        self._left -= 1
        try:
            async with self._places:
                yield
        finally:
            self._left += 1


def judge(report: Report) -> Verdict:
    """Return what is kept of *report*, and told."""
    is_covered = _is_covered(report)
    findings = _fatal_first(report.findings) if is_covered else []
    fatal, warnings = (report.fatal, report.warnings) if is_covered else (0, 0)
    counts = {"fatal": fatal, "warnings": warnings}
    valid = fatal == 0 if is_covered else None
    rules = [{"id": each.id, "version": each.version} for each in report.rules]
    kept = {
        "findings": msgspec.to_builtins(findings[:FINDINGS_MAX]),
        **counts,
        "rules": rules,
        "engine": report.engine,
        "notes": list(report.notes),
    }
    detail = {
        "text": _sentence(report, valid, **counts),
        "valid": valid,
        **counts,
        "rules": rules,
        "findings": [each.message for each in findings[:TOLD_MAX]],
    }
    return Verdict(valid, kept, detail)


def without_rules(why: str) -> Verdict:
    """Return what is kept of a document that could not be checked, for the reason *why*."""
    kept = {"findings": [], "fatal": 0, "warnings": 0, "rules": [], "engine": "native"}
    text = f"Not checked: {why}"
    return Verdict(None, {**kept, "notes": [why]}, {"text": text, "valid": None, "rules": []})


def refusal_of(report: Report, *, accept_uncovered: bool, language: str = "en") -> Fault | None:
    """Return why a document with *report* is not sent, or None when it is.

    Hints are in *language*.  With *accept_uncovered* a document that there are no rules for is
    sent; without, one that no rules but those of EN 16931 cover is not.
    """
    if _is_covered(report) and report.fatal:
        detail = (
            f"the document is not valid: {report.fatal} fatal"
            f" {'finding' if report.fatal == 1 else 'findings'}"
        )
        errors = _problems(report.findings, language)
        return Fault(Kind.INVALID, "document-invalid", detail, errors=errors)
    if accept_uncovered or not {each.id for each in report.rules} <= {EN16931}:
        return None
    if report.missing:
        detail = (
            f"this document is for the rules {' and '.join(report.missing)}, which are not"
            " installed, and such documents are not accepted here: run `gateway rules install`"
        )
        return Fault(Kind.CONFLICT, "rules-not-installed", detail)
    detail = "no rules of Peppol are for this document, and such documents are not accepted here"
    return Fault(Kind.CONFLICT, "document-not-covered", detail)


def read_findings(report: Mapping[str, Any], language: str) -> tuple[Finding, ...]:
    """Return the findings of a stored *report* with their hints in *language*."""
    stored = msgspec.convert(report["findings"], tuple[Finding, ...])
    return tuple(explain(each, language) for each in stored)


async def _join(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def _problems(findings: Sequence[Finding], language: str) -> list[Problem]:
    """Return *findings* as the problems of a refusal, with their hints."""
    told = [explain(each, language) for each in _fatal_first(findings)[:PROBLEMS_MAX]]
    return [
        Problem(
            rule=each.rule,
            message=each.message,
            severity=each.severity,
            location=each.location,
            term=each.term,
            hint=each.hint,
        )
        for each in told
    ]


def _is_covered(report: Report) -> bool:
    """Say whether *report* says more than that there are no rules."""
    return bool(report.rules) or not all(each.rule in _NO_RULES for each in report.findings)


def _fatal_first(findings: Iterable[Finding]) -> Sequence[Finding]:
    return sorted(findings, key=lambda each: each.severity is not Severity.FATAL)


def _sentence(report: Report, valid: bool | None, *, fatal: int, warnings: int) -> str:
    """Return the text of the timeline's step."""
    notes = "".join(f"; {note}" for note in report.notes)
    for finding in report.findings:
        if finding.rule == UNFINISHED:
            return f"{finding.message.removesuffix('.')}{notes}"
    if valid is None:
        return f"Not checked: there are no rules for this kind of document{notes}"
    rules = " and ".join(f"{each.id} {each.version}" for each in report.rules) or "its schema"
    counts = [f"{fatal} fatal"] if fatal else []
    counts += [f"{warnings} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
    found = f"{', '.join(counts)} found" if counts else "nothing found"
    return f"Checked by {rules}: {'valid' if valid else 'not valid'}, {found}{notes}"
