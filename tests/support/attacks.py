"""The tables of `conformance.forge`, as messages between the leaves of the test PKI.

A row is what builds a message, and the answer that it earns.
"""

from functools import partial

from conformance.forge import payload, policy, recipes, structure
from conformance.forge.payload import NOT_SERVED
from conformance.forge.recipes import bomb
from conformance.forge.structure import COMPRESSION
from tests.support.messages import FORGE, a_sealed_message

__all__ = ["BUSINESS", "COMPRESSION", "DECRYPTION", "NOT_SERVED", "POLICY", "TABLE", "bomb"]


def forged(table: recipes.Table):
    """*table* with rows that build their message without being asked for whom."""
    return {name: (partial(recipe, FORGE), expected) for name, (recipe, expected) in table.items()}


def paid(content, **changes):
    """A message with *content* attached as it is."""
    return partial(a_sealed_message, payload=content, **changes)


POLICY = forged(policy.POLICY)
BUSINESS = forged(payload.BUSINESS)
DECRYPTION = {name: build for name, (build, _) in forged(policy.DECRYPTION).items()}
TABLE = forged(
    {
        **structure.HTTP, **structure.HEADERS, **structure.MODES, **structure.PAYLOADS,
        **policy.POLICY, **policy.AUTHENTICATION, **policy.DECRYPTION,
        **payload.DECOMPRESSION, **payload.BUSINESS, **payload.SERVED,
    }
)  # fmt: skip
