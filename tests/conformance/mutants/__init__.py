"""For each case, an access point that has exactly the fault which the case looks for."""

from tests.conformance.mutants.attacks import ATTACKS
from tests.conformance.mutants.directory import DIRECTORY
from tests.conformance.mutants.receiving import RECEIVING
from tests.conformance.mutants.refusing import REFUSING
from tests.conformance.mutants.sending import SENDING

__all__ = ["MUTANTS"]

MUTANTS = {**RECEIVING, **REFUSING, **SENDING, **ATTACKS, **DIRECTORY}
"""The mutants by the id of the case that must find them."""
