"""What a case is: a name, a requirement with its source, and a small function that tries it.

    @CASES.case(
        "as4.receipt.signed",
        title="A receipt is signed",
        requirement="The receipt is signed with the certificate of the receiving access point.",
        sources=("PEPPOL-AS4 §2",),
    )
    async def signed(bench: Bench) -> None:
        sealed = bench.forge().sealed()
        bench.expect_receipt(await bench.post(sealed), sealed)

A case that returns has passed.  One that raises `Failed` has found a fault of the target, one that
raises `NotApplicable` could not be tried; both say in words why.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypedDict, Unpack

from conformance.suite.bench import Bench
from conformance.suite.outcome import NotApplicable

__all__ = ["SUITES", "Case", "Cases", "Need", "Try"]

SUITES: Final = ("as4", "peppol", "security", "smp")
"""The suites, in the order in which they run."""

SECONDS_MAX: Final = 60.0  # LIMIT: a case that needs longer says so itself.

Try = Callable[[Bench], Awaitable[None]]


class Need(StrEnum):
    """What a case needs of the target; the value says it to people."""

    INBOX = "a way to see what the target delivered"
    OUTBOX = "a way to make the target send a document"
    PING = "a way to make the target send a test message"
    PUBLISHING = "a directory in which the tester's participant can be published"
    SMP = "the address of the target's SMP, and who may sign its metadata"
    DNS = "a DNS server and a zone in which the target's participant is registered"


class _Facts(TypedDict, total=False):
    assertions: tuple[str, ...]
    needs: tuple[Need, ...]
    keys: tuple[str, ...]
    harmless: bool
    seconds_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One requirement and how it is tried.

    *id* begins with its suite (`as4.receipt.signed`); *sources* are clauses of specifications in
    `conformance/specs/index.tsv`; *assertions* are ids of the eDelivery AS4 conformance test.
    *keys* are identities without which it cannot be tried.  What is not *harmless* costs the
    target work that nobody should cause at a stranger's.
    """

    id: str
    title: str
    requirement: str
    sources: tuple[str, ...]
    run: Try
    assertions: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    keys: tuple[str, ...] = ()
    harmless: bool = True
    seconds_max: float = SECONDS_MAX

    @property
    def suite(self) -> str:
        """The suite that the case belongs to."""
        return self.id.partition(".")[0]


@dataclass(slots=True)
class Cases:
    """A table of cases, filled by its decorator `case`."""

    found: list[Case] = field(default_factory=list)

    def case(
        self,
        name: str,
        *,
        title: str,
        requirement: str,
        sources: tuple[str, ...],
        **facts: Unpack[_Facts],
    ) -> Callable[[Try], Try]:
        """Return a decorator that adds its function as the case *name*; see `Case`."""

        def add(run: Try) -> Try:
            self.found.append(
                Case(
                    id=name, title=title, requirement=requirement, sources=sources, run=run, **facts
                )
            )
            return run

        return add

    def absent(
        self,
        name: str,
        reason: str,
        *,
        title: str,
        requirement: str,
        sources: tuple[str, ...],
        assertions: tuple[str, ...],
    ) -> None:
        """Add a requirement that no Peppol access point has to meet, for *reason*."""

        async def run(_bench: Bench) -> None:
            raise NotApplicable(reason)

        self.case(
            name, title=title, requirement=requirement, sources=sources, assertions=assertions
        )(run)

    def __iter__(self) -> Iterator[Case]:
        """Yield the cases in the order in which they were added."""
        return iter(self.found)
