"""Wrapped signatures, between the leaves of the test PKI."""

from conformance.forge import wrapping
from tests.support.attacks import forged

WRAPPINGS = forged(wrapping.WRAPPINGS)
