"""A request that is sent again: carried out once, answered with what the first one was told."""

from datetime import datetime

from gateway.errors import Fault, Kind
from gateway.store.idempotency import InFlight, Mismatch, Stored, claim_key, find_key
from gateway.store.pool import OfficeTransaction, Transaction

__all__ = ["claim", "find_answer", "in_flight"]

_AGAIN_SECONDS = 1.0


async def claim(
    tx: Transaction | OfficeTransaction,
    key: str,
    fingerprint: bytes,
    *,
    now: datetime,
    alone: bool = False,
) -> Stored | None:
    """Return the answer that the first request with *key* got; None if this is the first.

    *fingerprint* is the digest of all that a repetition must repeat.  *alone*: the lock of the key
    is ours, so that a request without an answer is one whose process died.  Raises Fault: INVALID
    when the key was used for something else, CONFLICT while the first request is being carried out.
    """
    return _answer(await claim_key(tx, key, fingerprint, now=now, alone=alone))


async def find_answer(
    tx: Transaction | OfficeTransaction, key: str, fingerprint: bytes
) -> Stored | None:
    """Return what `claim` would return, and raise what it would, but claim nothing."""
    return _answer(await find_key(tx, key, fingerprint))


def _answer(found: Stored | Mismatch | InFlight | None) -> Stored | None:
    if isinstance(found, Mismatch):
        detail = "this Idempotency-Key was used for another request"
        raise Fault(Kind.INVALID, "idempotency-key-reused", detail)
    if isinstance(found, InFlight):
        raise in_flight()
    return found


def in_flight() -> Fault:
    """Return the refusal while the first request is being carried out."""
    detail = "the first request with this Idempotency-Key is still being carried out"
    return Fault(
        Kind.CONFLICT,
        "idempotency-key-in-flight",
        detail,
        retry_after_seconds=_AGAIN_SECONDS,
    )
