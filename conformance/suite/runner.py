"""Runs cases one after the other, whatever the target does.

No case stops the run: each has its time, and whatever goes wrong in it is its outcome.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from conformance.forge.messages import NoIdentity
from conformance.suite.bench import Bench, Row, Tester
from conformance.suite.case import SUITES, Case, Need
from conformance.suite.keys import NAMES, Keys
from conformance.suite.outcome import Failed, NotApplicable, Outcome
from conformance.suite.sending import open_sending
from conformance.suite.target import Target
from conformance.suite.tools import Tools
from conformance.suite.wire import Exchange

__all__ = ["Result", "Run", "run_cases", "select"]


@dataclass(frozen=True, slots=True)
class Result:
    """How one case ended; *reason* says why, where it did not pass."""

    case: Case
    outcome: Outcome
    reason: str
    seconds: float
    rows: Sequence[Row] = ()
    remarks: Sequence[str] = ()
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What was tested, when, and how each case ended."""

    target: Target
    started_at: datetime
    seconds: float
    results: Sequence[Result]
    keys: frozenset[str] = field(default_factory=frozenset)

    def count(self, outcome: Outcome) -> int:
        """Return how many cases ended as *outcome*."""
        return sum(result.outcome is outcome for result in self.results)


def select(cases: Iterable[Case], suites: Sequence[str], names: Sequence[str]) -> list[Case]:
    """Return the cases of *suites*, or those that *names* begin with, in the order of suites.

    Raises ValueError for a suite or a name that no case has, and for names of other suites.
    """
    known = list(cases)
    for suite in suites:
        if suite not in SUITES:
            raise ValueError(f"there is no suite {suite!r}; there are {', '.join(SUITES)}")
    for name in names:
        if not any(_is_named(case, name) for case in known):
            raise ValueError(f"there is no case {name!r}; `gateway conformance list` shows them")
    chosen = [
        case
        for case in known
        if case.suite in (suites or SUITES)
        and (not names or any(_is_named(case, name) for name in names))
    ]
    if not chosen:
        raise ValueError(f"none of the cases {', '.join(names)} is in {', '.join(suites)}")
    return sorted(chosen, key=lambda case: SUITES.index(case.suite))


async def run_cases(  # noqa: PLR0913 - what is tested, with what, as whom, and who hears of it
    cases: Sequence[Case],
    target: Target,
    keys: Keys,
    tester: Tester,
    tools: Tools,
    *,
    only_harmless: bool,
    heard: Callable[[Result], None] = lambda _result: None,
) -> Run:
    """Run *cases* against *target* and return how they ended; *heard* is told of each.

    With *only_harmless* the others are not applicable.
    """
    started, started_at = tools.monotonic(), tools.now()
    results = []
    connector = aiohttp.TCPConnector(ssl=target.tls or True, limit=8)
    opened = open_sending(target, keys, tools, tester.participant)
    async with aiohttp.ClientSession(connector=connector) as session, opened as outgoing:
        for case in cases:
            bench = Bench(
                target=target,
                keys=keys,
                tester=tester,
                tools=tools,
                session=session,
                outgoing=outgoing,
            )
            result = await _run_one(case, bench, only_harmless=only_harmless)
            results.append(result)
            heard(result)
    return Run(target, started_at, tools.monotonic() - started, results, keys.names)


async def _run_one(case: Case, bench: Bench, *, only_harmless: bool) -> Result:
    """Run *case* and turn whatever happens into its outcome."""
    started = bench.tools.monotonic()
    outcome, reason = Outcome.PASSED, ""
    patience = bench.target.patience_seconds if Need.OUTBOX in case.needs else 0.0
    try:
        _require(case, bench, only_harmless=only_harmless)
        async with asyncio.timeout(case.seconds_max + patience):
            await case.run(bench)
    except Failed as error:
        outcome, reason = Outcome.FAILED, str(error)
    except NotApplicable as error:
        outcome, reason = Outcome.NOT_APPLICABLE, str(error)
    except NoIdentity as error:
        outcome, reason = Outcome.NOT_APPLICABLE, _missing(str(error))
    except TimeoutError:
        outcome, reason = Outcome.FAILED, f"it did not end within {case.seconds_max:g} seconds"
    except Exception as error:  # noqa: BLE001 - a case that breaks must not end the run
        outcome, reason = Outcome.FAILED, f"the case broke: {type(error).__name__}: {error}"
    seconds = bench.tools.monotonic() - started
    return Result(case, outcome, reason, seconds, bench.rows, bench.remarks, bench.exchanges)


def _require(case: Case, bench: Bench, *, only_harmless: bool) -> None:
    """Raise NotApplicable when the target, or the keys, lack what *case* needs."""
    if only_harmless and not case.harmless:
        raise NotApplicable("it costs the target work: say --mine if the target is yours")
    for need in case.needs:
        if not _has(bench.target, need):
            raise NotApplicable(f"it needs {need}")
    for name in case.keys:
        if name not in bench.keys.names:
            raise NotApplicable(_missing(name))


def _has(target: Target, need: Need) -> bool:
    found: dict[Need, object] = {
        Need.INBOX: target.inbox,
        Need.OUTBOX: target.outbox,
        Need.PING: target.outbox if target.can_ping else None,
        Need.PUBLISHING: target.publishing,
        Need.SMP: target.smp_url and target.smp_trust,
        Need.DNS: target.dns and target.zone,
    }
    return bool(found[need])


def _missing(name: str) -> str:
    return f"the key {name!r} was not given ({NAMES.get(name, 'of the target')})"


def _is_named(case: Case, name: str) -> bool:
    return case.id == name or case.id.startswith(f"{name}.")
