"""The cases: `all_cases()` returns every one, in the order of its modules."""

from conformance.cases.as4 import absent, receiving, refusing, sending, transport
from conformance.cases.peppol import receiving as peppol_receiving
from conformance.cases.peppol import sending as peppol_sending
from conformance.cases.security import corpus, secrets
from conformance.cases.smp import locating, publishing
from conformance.suite.case import Case

__all__ = ["all_cases"]

_TABLES = (
    receiving.CASES,
    refusing.CASES,
    transport.CASES,
    sending.CASES,
    absent.CASES,
    peppol_receiving.CASES,
    peppol_sending.CASES,
    corpus.CASES,
    secrets.CASES,
    locating.CASES,
    publishing.CASES,
)


def all_cases() -> list[Case]:
    """Return every case; each id is there once."""
    return [case for table in _TABLES for case in table]
