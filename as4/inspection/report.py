"""What an inspection finds: a `Report`, filled step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ParamSpec, TypeVar

from as4.errors import As4Error, FailedDecryption, Unreadable
from as4.signal import SignalError
from ubl.sbdh import Sbdh

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Kind(StrEnum):
    """What the bytes are."""

    USER_MESSAGE = "user-message"
    RECEIPT = "receipt"
    ERROR = "error"
    UNREADABLE = "unreadable"


class State(StrEnum):
    """What a check came to."""

    GOOD = "good"
    BAD = "bad"
    ABSENT = "absent"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is bad; *code* is None where no ebMS error stands for it.

    *http_status* is set for what HTTP alone refuses.
    """

    code: str | None
    detail: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something nobody can tell from what is at hand, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A reference of the signature: what it leads to, and whether that has the signed digest."""

    uri: str
    covers: str
    digest: State


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A reference that a receipt repeats, and whether the request was signed with the same."""

    uri: str
    digest_value: bytes
    in_request: State


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose certificate signed; *chain* says whether the given authorities issued it.

    *valid_at* is None when no time is known to judge it at.  *problem* is what the endpoint has
    against the certificate.
    """

    subject: str
    common_name: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    chain: State
    valid_at: bool | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What the attachment holds; *envelope* is the SBD after gunzip.

    *header* and *document* (its root's first byte to its last) are None as far as they could not
    be read.  *agrees* says whether the business header says what the ebMS header says.
    """

    envelope: bytes = field(repr=False)
    header: Sbdh | None
    agrees: State
    document_name: str | None
    document: bytes | None = field(repr=False)


@dataclass(slots=True)
class Report:
    """Everything found.  *problems* starts with the one that the endpoint stumbles over."""

    kind: Kind
    at: datetime | None = None
    message_id: str | None = None
    ref_to_message_id: str | None = None
    timestamp: datetime | None = None
    is_ping: bool = False
    from_party: str | None = None
    to_party: str | None = None
    sender: str | None = None
    receiver: str | None = None
    document_type: str | None = None
    process: str | None = None
    signature: State = State.NOT_CHECKED
    references: list[Checked] = field(default_factory=list)
    signer: Signer | None = None
    encrypted_for: str | None = None
    payload: Payload | None = None
    errors: list[SignalError] = field(default_factory=list)
    fault: str | None = None
    acknowledges: list[Acknowledgement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    not_checked: list[Unchecked] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything that could be checked is good."""
        return not self.problems

    @property
    def verdict(self) -> Problem | None:
        """What the endpoint would refuse it for, None if nothing."""
        return self.problems[0] if self.problems else None

    def attempt(self, check: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """Return what *check* returns, or note what it raises as an As4Error and return None."""
        try:
            return check(*args, **kwargs)
        except As4Error as error:
            self.note(error.code, error.detail)
            return None

    def note(self, code: str | None, detail: str) -> None:
        """Add a problem, unless it is known already."""
        problem = Problem(code, detail)
        if problem not in self.problems:
            self.problems.append(problem)

    def lead_with(self, refusal: As4Error | Unreadable | None) -> None:
        """Put what the endpoint refuses first before all other problems.

        Of a failed decryption the endpoint says nothing; here the known reason stands for it.
        """
        if refusal is None:
            return
        if isinstance(refusal, Unreadable):
            problem = Problem(None, refusal.detail, refusal.status)
        else:
            problem = Problem(refusal.code, refusal.detail)
            if isinstance(refusal, FailedDecryption):
                same = [each for each in self.problems if each.code == refusal.code]
                problem = same[0] if same else problem
        if problem in self.problems:
            self.problems.remove(problem)
        self.problems.insert(0, problem)

    def leave(self, what: str, why: str) -> None:
        """Say that *what* could not be checked, and why."""
        self.not_checked.append(Unchecked(what, why))
