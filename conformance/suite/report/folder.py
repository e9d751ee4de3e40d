"""The report as a folder: `report.html`, `report.json`, `junit.xml`, and the evidence."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance.suite.report.junit import write_junit
from conformance.suite.report.page import write_page
from conformance.suite.report.summary import evidence_files, summarize
from conformance.suite.runner import Run

__all__ = ["UnwritableReport", "check_folder", "write_report"]

EVIDENCE_BYTES_MAX = 512 << 20  # LIMIT: of all evidence of a run; what comes later is left out.
EVIDENCE = "evidence/*.*/[0-9][0-9][0-9]-*.http"
"""The files of evidence, and nothing else that somebody may keep beside them."""


class UnwritableReport(Exception):  # noqa: N818 - it says what happened
    """The folder of the report cannot be written; the text says which and why."""


def check_folder(folder: Path) -> None:
    """Make *folder* if need be, and see that it can be written; raises UnwritableReport."""
    probe = folder / "evidence" / ".writable"
    with _writing(folder):
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


def write_report(run: Run, folder: Path) -> dict[str, Any]:
    """Write all of *run* into *folder* and return its summary; raises UnwritableReport.

    The evidence of an earlier run there is taken away first: what is there belongs together.
    """
    summary = summarize(run)
    left = EVIDENCE_BYTES_MAX
    with _writing(folder):
        for old in folder.glob(EVIDENCE):
            old.unlink()
        for result in run.results:
            for file in evidence_files(result):
                left -= len(file.content)
                if left >= 0:
                    path = folder / file.path
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(file.content)
        text = json.dumps(summary, indent=1, ensure_ascii=False)
        (folder / "report.json").write_bytes(text.encode("utf-8", "replace"))
        (folder / "junit.xml").write_bytes(write_junit(summary))
        (folder / "report.html").write_bytes(write_page(summary))
    return summary


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableReport(f"{folder} cannot be written: {error.strerror}") from error
