"""Bad documents at the doors of the gateway: each is told where it is wrong, none is accepted."""

import json

import pytest

from tests.support import badinput
from tests.support.api import SENDER, ask, count, post
from tests.support.command import run_command
from ubl.findings import Finding

MALFORMED = [bad for bad in badinput.malformed_documents() if bad.data]
MISSHAPEN = list(badinput.misshapen_documents())
UNTRUE = [bad for bad in badinput.untrue_documents() if not bad.rule.startswith("PEPPOL")]
EMPTY = [bad for bad in badinput.malformed_documents() if not bad.data]
REFUSED = {400, 415, 422}


def findings_of(shown):
    return [Finding(**each) for each in shown]


async def validate(api, data):
    headers = {"Content-Type": "application/xml"}
    return await ask(api, "POST", "/v1/validate", data=data, headers=headers)


@pytest.mark.parametrize("kind", [EMPTY + MALFORMED, MISSHAPEN, UNTRUE])
async def test_a_bad_document_is_never_valid_nor_accepted_and_its_place_is_named(
    api, registered, dsn, kind
):
    valid, accepted = [], []
    for bad in kind:
        status, _, report = await validate(api, bad.data)
        named = bad.is_named(findings_of(report.get("findings", ())))
        if status != 200 or report["valid"] or not named:
            valid.append((bad.name, status, report))
        status, headers, problem = await post(api, bad.data)
        if status not in REFUSED or headers["Content-Type"] != "application/problem+json":
            accepted.append((bad.name, status, problem))
    assert (valid, accepted) == ([], [])
    assert await count(dsn, "documents") == 0


async def test_what_the_rules_refuse_is_named_in_the_problem(api, registered):
    for bad in UNTRUE:
        _, _, problem = await post(api, bad.data)
        assert bad.is_named(findings_of(problem["errors"])), bad.name


def test_the_command_names_the_place_in_each_bad_file(capsys, tmp_path):
    cases = [*EMPTY, *MALFORMED, *MISSHAPEN, *UNTRUE]
    files = [tmp_path / f"{number:03}.xml" for number in range(len(cases))]
    for file, bad in zip(files, cases, strict=True):
        file.write_bytes(bad.data)
    ended = run_command(capsys, "validate", "--json", "--rules-dir", tmp_path, *files)
    reports = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, ended.err, len(reports)) == (1, "", len(cases))
    wrong = [
        (bad.name, report)
        for bad, report in zip(cases, reports, strict=True)
        if report["valid"] or not bad.is_named(findings_of(report["findings"]))
    ]
    assert wrong == []


def test_the_invoice_that_is_spoilt_is_of_a_sender_who_takes_part():
    assert SENDER.partition(":")[2].encode() in UNTRUE[0].data
