"""Cut a body for the wire: in one piece or in chunks of any size, with pauses in between.

[RFC9110 §6.4]
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from conformance.awkward.dice import Dice, often, stream
from conformance.awkward.packaging import cased

__all__ = ["Sleep", "Transfer", "draw_transfer", "pieces"]

Sleep = Callable[[float], Awaitable[None]]
"""Waits for seconds; handed in, so that a test waits for nothing."""

PAUSE_SECONDS_MAX: Final = 0.05  # LIMIT: of one pause; a message must not take longer than it may.
PAUSES_MAX: Final = 4  # LIMIT: of one message.
PIECES_MAX: Final = 4096  # LIMIT: of one message, about; a large one is cut into larger pieces.
_SIZES: Final = ((1, 7), (1, 2000), (512, 512), (8192, 65536))
_NAMES: Final = ("title", "lower", "upper", "mixed")
_HEADERS: Final = (
    ("MIME-Version", "1.0"),
    ("SOAPAction", '""'),
    ("X-Awkward", 'a, b;c="d"'),
    ("Cache-Control", "no-store, private=x"),
    ("Via", "1.1 awkward"),
)
_ASKING: Final = (
    ("User-Agent", "awkward/1.0 (no known peer) x/2"),
    ("Accept", "*/*;q=0.1, application/soap+xml"),
    # Who expects leave to go on need not wait for it.  [RFC9110 §10.1.1]
    ("Expect", "100-continue"),
)
_INTERIM: Final = ("", "", "", "100 Continue", "102 Processing", "103 Early Hints")


@dataclass(frozen=True, slots=True)
class Transfer:
    """How a body travels.

    *chunked* says whether it comes in chunks of *sizes* (least, most) bytes, else its length is
    told; *extension* follows the size of a chunk, *zeros* precede it, *trailer* ends the last one.
    *gap* follows the name of a header.  *pauses* are (where in the body, 0 to 1; seconds).
    A request has the headers *asking*, too; before an answer comes the status *interim*, and its
    body is *zipped* where the other side takes that.
    """

    chunked: bool
    sizes: tuple[int, int]
    extension: str
    trailer: str
    zeros: str
    gap: str
    pauses: tuple[tuple[float, float], ...]
    case: str
    headers: tuple[tuple[str, str], ...]
    close: bool
    asking: tuple[tuple[str, str], ...]
    interim: str
    zipped: bool
    seed: str

    def header(self, name: str) -> str:
        """Return the name of a header in this transfer's case."""
        return cased(name, self.case)


def draw_transfer(dice: Dice) -> Transfer:
    """Return how the next body travels."""
    times = dice.randrange(PAUSES_MAX + 1) if often(dice, 0.4) else 0
    pauses = [(dice.random(), dice.random() * PAUSE_SECONDS_MAX) for _ in range(times)]
    return Transfer(
        chunked=often(dice, 0.5),
        sizes=dice.choice(_SIZES),
        extension=dice.choice(("", "", ";a", ";name=value", ';q="a b;c"')),
        trailer=dice.choice(("", "", "X-Trailer: it came last\r\n")),
        zeros=dice.choice(("", "", "000")),
        gap=dice.choice((" ", " ", "", "\t ")),
        pauses=tuple(sorted(pauses)),
        case=dice.choice(_NAMES),
        headers=tuple(dice.sample(_HEADERS, dice.randrange(4))),
        close=often(dice, 0.3),
        asking=tuple(dice.sample(_ASKING, dice.choice((0, 1, 2)))),
        interim=dice.choice(_INTERIM),
        zipped=often(dice, 0.3),
        seed=f"{dice.getrandbits(64):x}",
    )


async def pieces(body: bytes, how: Transfer, sleep: Sleep) -> AsyncIterator[bytes]:
    """Yield *body* cut as *how* says, and wait where it says so."""
    pauses = [(int(where * len(body)), seconds) for where, seconds in how.pauses]
    done = 0
    for piece in _cut(body, how):
        while pauses and pauses[0][0] <= done:
            await sleep(pauses.pop(0)[1])
        yield piece
        done += len(piece)


def _cut(body: bytes, how: Transfer) -> Iterator[bytes]:
    dice, at, least = stream(0, how.seed), 0, len(body) // PIECES_MAX
    while at < len(body):
        size = max(dice.randint(*how.sizes), least)
        yield body[at : at + size]
        at += size
