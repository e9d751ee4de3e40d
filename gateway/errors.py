"""What can go wrong in a use case of the gateway, as values that any edge can render.

    Exception
    ├── Fault         the use case refuses; *kind* says in which way, *code* names the case for good
    └── Unavailable   something outside is down or busy; the same call may succeed later

Errors of the protocols (`as4.errors`, `smp.errors`, `ubl.errors`) carry their own wire codes.
One table for each edge turns a Fault into HTTP (`gateway.web.problems`) or an exit code
(`gateway.commands.options`); nothing else decides by kind, and nothing decides by message text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """In which way a use case refuses."""

    INVALID = "invalid"
    """The input is wrong and will stay wrong."""
    TOO_LARGE = "too-large"
    """The input passes a bound."""
    UNAUTHENTICATED = "unauthenticated"
    """Nobody we know is asking."""
    DENIED = "denied"
    """Somebody we know asks for what is not allowed."""
    NOT_FOUND = "not-found"
    """There is no such thing, or it belongs to somebody else."""
    CONFLICT = "conflict"
    """It does not fit the present state."""
    TOO_SLOW = "too-slow"
    """The input comes more slowly than we wait for."""
    TOO_MANY = "too-many"
    """More than the caller's share; less often it is welcome."""
    REFUSED_BY_PEER = "refused-by-peer"
    """A party outside said no."""
    UNAVAILABLE = "unavailable"
    """Something needed for it is down; try again later."""
    NOT_INSTALLED = "not-installed"
    """It needs an optional part of the program; *detail* says which."""
    INTERNAL = "internal"
    """Our own fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding about a document or request: which rule, where, what, and how to mend it.

    *location* is an XPath, a JSON pointer, a header or parameter name, or `line 3, column 7`;
    *term* is the business term (BT-…, BG-…) when there is one; *hint* says what to change.
    """

    rule: str
    message: str
    severity: str = "error"
    location: str = ""
    term: str = ""
    hint: str = ""


class Fault(Exception):  # noqa: N818 - it is what went wrong, not always an error of ours
    """A use case refuses: *kind* for the machine, *code* for good, *detail* for a person.

    *code* is a short word in kebab-case that never changes its meaning; clients branch on it.
    *phase* says how far something got that speaks to others: look-up, certificate, connect, ….
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        detail: str,
        *,
        errors: Sequence[Problem] = (),
        retry_after_seconds: float | None = None,
        phase: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.phase = phase
        self.kind = kind
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[object, ...]:
        """Let a process beside ours hand it over whole."""
        return Fault, (self.kind, self.code, self.detail), self.__dict__


class Unavailable(Exception):  # noqa: N818 - it names the state of the world, as Fault names the refusal
    """Something outside is down or busy; ask again after *retry_after_seconds*.

    *code* and *phase* are as those of a Fault, where what was asked said so itself.
    """

    def __init__(
        self,
        detail: str,
        retry_after_seconds: float = 30.0,
        *,
        code: str = "unavailable",
        phase: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.phase = phase
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
