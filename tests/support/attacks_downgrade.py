"""Weaker or other algorithms, between the leaves of the test PKI."""

from conformance.forge import downgrade
from tests.support.attacks import forged

DOWNGRADES = forged(downgrade.DOWNGRADES)
