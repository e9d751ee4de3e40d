"""What a run found: a page for people, JUnit XML for build servers, JSON for programs."""

from conformance.suite.report.folder import write_report
from conformance.suite.report.summary import summarize

__all__ = ["summarize", "write_report"]
