"""What conformance/README.md shows works as it stands."""

import contextlib
import re
from pathlib import Path

from conformance.cases import all_cases
from conformance.suite.case import Case
from conformance.suite.keys import NAMES
from conformance.suite.outcome import Outcome
from gateway.__main__ import main
from tests.conformance.world import run
from tests.support.broken import accepting

TEXT = (Path(__file__).resolve().parents[2] / "conformance/README.md").read_text()


def worked_example() -> list[Case]:
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}
    exec(code, names)
    return list(names["CASES"])


async def test_the_worked_example_passes_on_what_works_and_fails_on_a_mutant():
    done = await run(worked_example())
    assert [result.outcome for result in done.results] == [Outcome.PASSED] * 2
    done = await run(worked_example(), accepting("EBMS:0009"))
    assert [result.outcome for result in done.results] == [Outcome.PASSED, Outcome.FAILED]


def test_the_cases_that_the_page_names_exist():
    named = re.findall(r"--case ((?:[a-z0-9.-]+ ?)+)", TEXT)
    known = [case.id for case in all_cases()]
    for name in " ".join(named).split():
        assert any(each == name or each.startswith(f"{name}.") for each in known), name


def test_the_table_of_keys_is_the_one_of_the_program():
    shown = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", TEXT, re.MULTILINE))
    assert shown.items() >= NAMES.items()


def test_every_flag_that_the_page_names_exists(capsys):
    for flag in set(re.findall(r"--[a-z][a-z-]+", TEXT)):
        assert flag in help_of(capsys), flag


def help_of(capsys):
    with contextlib.suppress(SystemExit):
        main(["conformance", "run", "--help"])
    return capsys.readouterr().out
