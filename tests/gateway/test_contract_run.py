"""How a run of `make contract` is judged: by what it found, and by what it never reached."""

import json

from tests.contract.__main__ import judge
from tests.support.contract import operations


def a_run(folder, answers):
    report = {"test_cases": {"generated": len(answers), "unique_failures": 0}}
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "tally.json").write_text(json.dumps(dict.fromkeys(answers, 1)))
    return judge(folder, 0)


def test_an_operation_that_only_ever_refused_was_not_reached(tmp_path):
    answers = [f"{method} {path} 200" for method, path, _ in operations()]
    assert a_run(tmp_path, answers)["unreached"] == []
    answers.remove("GET /v1/inbox 200")
    assert a_run(tmp_path, [*answers, "GET /v1/inbox 404"])["unreached"] == ["GET /v1/inbox"]
