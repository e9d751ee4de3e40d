"""A run as plain values: what the JSON report holds, and what the others are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.suite.outcome import Outcome
from conformance.suite.runner import Result, Run

__all__ = ["evidence_files", "summarize"]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence: its *path* in the report's folder, and its *content*."""

    path: str
    content: bytes


def summarize(run: Run, *, with_evidence: bool = True) -> dict[str, Any]:
    """Return *run* as JSON holds it; *with_evidence* names the files that the folder holds.

    {"passed": 1, "failed": 0, "not_applicable": 0, "cases": [{"id": …, "outcome": …}], …}
    """
    target = run.target
    return {
        **{outcome.value: run.count(outcome) for outcome in Outcome},
        "target": {
            "as4": target.as4_url,
            "seat": target.seat,
            "participant": target.participant.value,
            "document_type": target.document_type.uri,
            "process": target.process.uri,
            "smp": target.smp_url,
            "dns": f"{target.dns[0]}:{target.dns[1]}" if target.dns else None,
            "zone": target.zone,
        },
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 3),
        "keys": sorted(run.keys),
        "cases": [_case(result, with_evidence=with_evidence) for result in run.results],
    }


def evidence_files(result: Result) -> Sequence[EvidenceFile]:
    """Return the files of evidence of one case, in the order of its exchanges."""
    files = []
    for number, exchange in enumerate(result.exchanges, 1):
        for side, content in (("request", exchange.request), ("answer", exchange.answer)):
            if content:
                path = f"evidence/{result.case.id}/{number:03}-{side}.http"
                files.append(EvidenceFile(path, content))
    return files


def _case(result: Result, *, with_evidence: bool) -> dict[str, Any]:
    case = result.case
    files = [file.path for file in evidence_files(result)] if with_evidence else []
    return {
        "id": case.id,
        "suite": case.suite,
        "title": case.title,
        "requirement": case.requirement,
        "sources": [f"[{source}]" for source in case.sources],
        "assertions": list(case.assertions),
        "outcome": result.outcome.value,
        "reason": result.reason,
        "remarks": list(result.remarks),
        "seconds": round(result.seconds, 3),
        "rows": [
            {"name": row.name, "passed": row.passed, "words": row.words} for row in result.rows
        ],
        "exchanges": [
            {
                "sent": exchange.label,
                "came": exchange.came,
                "note": exchange.note,
                "files": [path for path in files if f"/{number:03}-" in path],
            }
            for number, exchange in enumerate(result.exchanges, 1)
        ],
    }
