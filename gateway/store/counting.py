"""What a dossier may have a number of is counted by one transaction at a time.

Otherwise two that count at once would both find room for one.
"""

from gateway.store.pool import Transaction

__all__ = ["count_alone"]


async def count_alone(tx: Transaction, what: str) -> None:
    """Let others that count *what* in this dossier wait until *tx* has ended.

    What they added is there to be counted afterwards.  Raises Unavailable when that takes too long.
    """
    await tx.connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"count {what} {tx.dossier_id}"
    )
