"""What many cases do alike: try every row of a table, and see that the target still works."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from as4.signal import Receipt
from conformance.forge.hooks import Unspoiled
from conformance.forge.messages import NoIdentity, Sealed
from conformance.forge.recipes import Recipe, Table
from conformance.suite.bench import Bench
from conformance.suite.case import Try
from conformance.suite.outcome import Failed
from conformance.suite.reply import Reply

__all__ = ["refused", "rows_refused"]

LOOKED_AT = 5
"""How many of a table's messages are looked for among what was delivered."""
NAMED = 5
"""How many of a table's rows a remark names."""


def refused(recipe: Recipe, *, code: str = "", detail: str = "") -> Try:
    """Return the try of one message that must be refused, with *code* and *detail* if given."""

    async def run(bench: Bench) -> None:
        await bench.refuse(recipe(bench.forge()), code=code, detail=detail)

    return run


def rows_refused(
    table: Table,
    *,
    may_close: bool = False,
    masses: bool = False,
    free: Collection[str] = frozenset(),
) -> Try:
    """Return the try of every row of *table*: each must be refused, and nothing delivered.

    The code that a row names is the one that fits best; another one is noted, not held against
    the target.  With *may_close* a connection that the target closes is a refusal, too; what is
    sent in *masses* may be turned away with any answer, but in time.  A row in *free* may be taken
    as well, with a receipt for all of it.  Rows that need a key that was not given are left out.
    """

    async def run(bench: Bench) -> None:
        refused: list[Sealed] = []
        taken: list[str] = []
        unusual = 0
        for name, (recipe, expected) in table.items():
            sealed = _made(bench, name, recipe)
            if sealed is None:
                continue
            reply = await bench.post(sealed, name)
            if name in free and _is_acknowledged(bench, reply, sealed):
                bench.note(name, reply.words, passed=True)
                taken.append(name)
                continue
            passed = (
                reply.is_refusal
                or (may_close and _is_closed(reply))
                or (masses and _is_turned_away(reply))
            )
            bench.note(name, reply.words, passed=passed)
            unusual += reply.is_refusal and _verdict(reply) != expected
            refused.append(sealed)
        _remark(bench, len(refused), unusual, taken)
        bench.finish_rows()
        for sealed in refused[:LOOKED_AT]:
            await bench.expect_nothing_delivered(sealed)
        await _still_works(bench)

    return run


def _made(bench: Bench, name: str, recipe: Recipe) -> Sealed | None:
    """Return the message of a row; None, and a remark, where it cannot be made."""
    try:
        return recipe(bench.forge())
    except NoIdentity as missing:
        bench.remarks.append(f"{name}: not tried without the key {missing}")
    except Unspoiled as why:
        bench.remarks.append(f"{name}: not tried, for {why}")
    return None


def _is_acknowledged(bench: Bench, reply: Reply, sealed: Sealed) -> bool:
    """Return whether *reply* is a receipt for all of *sealed*, whose MessageId may be longer."""
    if not isinstance(reply.signal, Receipt):
        return False
    named = reply.signal.ref_to_message_id or ""
    if named.endswith(sealed.message_id):
        sealed = replace(sealed, message_id=named)
    try:
        bench.expect_receipt(reply, sealed)
    except Failed:
        return False
    return True


def _is_closed(reply: Reply) -> bool:
    """Return whether there was no answer because the target closed the connection."""
    return not reply.answer.status and not reply.answer.is_late


def _is_turned_away(reply: Reply) -> bool:
    """Return whether a mass was not taken: in time, and with no receipt."""
    return not reply.is_receipt and not reply.answer.is_late


def _remark(bench: Bench, refused: int, unusual: int, taken: Sequence[str]) -> None:
    if unusual:
        bench.remarks.append(
            f"{unusual} of {refused} were refused with another answer than the one that fits"
        )
    if taken:
        names = f"{', '.join(taken[:NAMED])}{', ...' if len(taken) > NAMED else ''}"
        bench.remarks.append(f"{len(taken)} were taken whole, as no specification forbids: {names}")


async def _still_works(bench: Bench) -> None:
    """A good message goes through after all the bad ones."""
    try:
        await bench.accept(bench.forge().sealed(), "good message afterwards")
    except Failed as error:
        raise Failed(f"afterwards a good message failed: {error}") from error


def _verdict(reply: Reply) -> str:
    return f"{reply.code} {reply.detail}".strip() or str(reply.answer.status)
