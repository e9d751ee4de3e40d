"""The interop run's own parts: what a cell says, what excuses one, what the wire does."""

import json
import os
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import web

from gateway.sandbox.loopback import serve_application
from tests.interop import documents, phase4
from tests.interop.cells import OURS_TO_PHASE4, PHASE4_TO_OURS, Cell, line, summary
from tests.interop.curves import CASES as CURVES
from tests.interop.deviations import DEVIATIONS, reviewed
from tests.interop.incoming import CASES as INCOMING
from tests.interop.match import play
from tests.interop.outgoing import CASES as OUTGOING
from tests.interop.proxy import flip_payload, wire_to
from tests.support.pki import pki
from tests.support.web import free_port
from ubl.routing import read_routing

DEMANDED = {
    "invoice", "credit note", "status message", "10 MB document", "wrong recipient",
    "expired certificate", "revoked certificate", "foreign-CA certificate", "tampered payload",
    "duplicate MessageId", "uncompressed payload", "ping", "receipt lost, then retry",
}  # fmt: skip
MULTIPART = b"--b\r\nA: 1\r\n\r\n<soap/>\r\n--b\r\nC: 2\r\n\r\nPAYLOAD\r\n--b--\r\n"
CONTENT_TYPE = 'multipart/related; boundary="b"'


def a_cell(**changed):
    facts = {"direction": OURS_TO_PHASE4, "case": "ping", "expected": "x", "got": "y"}
    return Cell(**{**facts, "passed": False, **changed})


def test_each_demanded_case_is_played_in_both_directions():
    assert set(OUTGOING) >= DEMANDED
    assert set(INCOMING) >= DEMANDED


def test_the_second_suite_is_played_in_both_directions():
    for direction in (OURS_TO_PHASE4, PHASE4_TO_OURS):
        names = {name for where, name, _ in CURVES if where == direction}
        assert names >= {"invoice", "tampered payload"}


def test_the_summary_counts_what_passed_and_what_failed():
    report = summary([a_cell(), a_cell(passed=True), a_cell()])
    assert (report["passed"], report["failed"]) == (1, 2)
    assert [cell["pass"] for cell in report["cells"]] == [False, True, False]
    assert set(report["cells"][0]) >= {"direction", "case", "expected", "got", "pass"}
    assert "expected: x" in line(a_cell())


def test_a_reviewed_deviation_passes_and_says_why():
    known = DEVIATIONS[0]
    cell = a_cell(case=known.case, got="signed error EBMS:0004 and one delivery")
    assert reviewed(cell).passed
    assert known.harmless in reviewed(cell).note


@pytest.mark.parametrize(
    "changed",
    [
        {"direction": PHASE4_TO_OURS},
        {"case": "ping"},
        {"got": "signed error EBMS:0004 and 2 deliveries"},
        {"got": "UNSIGNED error EBMS:0004 and one delivery"},
        {"got": "receipt, verified by us and 2 deliveries"},
    ],
)
def test_what_is_not_on_the_list_stays_a_failure(changed):
    known = DEVIATIONS[0]
    good = {"case": known.case, "got": "signed error EBMS:0004 and one delivery"}
    assert not reviewed(a_cell(**{**good, **changed})).passed


def test_no_deviation_excuses_a_message_that_must_be_refused():
    never = ("certificate", "tampered", "recipient")
    assert [d for d in DEVIATIONS if any(word in d.case for word in never)] == []


async def test_a_case_that_breaks_is_a_failed_cell():
    async def broken(match):
        raise ValueError("no such thing")

    class Match:
        class wire:  # noqa: N801 - stands for an attribute
            mischief = "flip"

    (cell,) = [cell async for cell in play(Match, PHASE4_TO_OURS, {"ping": broken})]
    assert (cell.passed, cell.direction, cell.case) == (False, PHASE4_TO_OURS, "ping")
    assert "no such thing" in cell.got
    assert Match.wire.mischief == "none"


def test_a_flip_turns_one_bit_of_the_last_part_alone():
    flipped = flip_payload(MULTIPART, CONTENT_TYPE)
    changed = [at for at, (a, b) in enumerate(zip(MULTIPART, flipped, strict=True)) if a != b]
    assert len(changed) == 1
    assert MULTIPART.index(b"PAYLOAD") <= changed[0] < MULTIPART.index(b"\r\n--b--")
    assert (MULTIPART[changed[0]] ^ flipped[changed[0]]).bit_count() == 1


@pytest.mark.parametrize(
    ("mischief", "copies", "answered"),
    [("none", 1, True), ("repeat", 2, True), ("lose-answer", 1, False)],
)
async def test_the_wire_does_what_it_is_told(mischief, copies, answered):
    seen = []

    async def take(request):
        seen.append(await request.read())
        return web.Response(text=f"answer {len(seen)}")

    application = web.Application()
    application.router.add_post("/as4", take)
    headers = {"Content-Type": CONTENT_TYPE}
    async with (
        serve_application(application) as target,
        wire_to(target + "/as4", pki().tls_ca) as wire,
        aiohttp.ClientSession() as session,
    ):
        wire.mischief = mischief
        try:
            async with session.post(wire.url, data=MULTIPART, headers=headers) as response:
                got = await response.text()
        except aiohttp.ClientError:
            got = None
    assert seen == [MULTIPART] * copies
    assert got == (f"answer {copies}" if answered else None)


def test_the_documents_are_what_their_names_say():
    blue, theirs = documents.BLUE, documents.THEIRS
    assert "Invoice-2" in documents.invoice(blue, theirs).document_type
    assert "CreditNote-2" in documents.credit_note(blue, theirs).document_type
    status = documents.status_message(documents.OUR_SENDER, documents.THEIR_PROVIDER)
    assert read_routing(status.data).document_type.uri == documents.MLS_TYPE
    assert read_routing(status.data).process.uri == documents.MLS_PROCESS
    large = documents.large_invoice(blue, theirs)
    assert (large.sender, large.receiver) == (blue, theirs)
    assert len(large.data) >= documents.LARGE_BYTES


def test_without_java_the_run_says_so_and_does_not_fail(tmp_path):
    command = [sys.executable, "-m", "tests.interop", "--json"]
    nothing = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=nothing)
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0
    assert (report["cells"], report["passed"], report["failed"]) == ([], 0, 0)
    assert "java is not on the path" in report["not_run"]


def test_a_jar_that_is_newer_than_its_sources_is_not_built_again(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(phase4.subprocess, "run", lambda *a, **k: ran.append(a) or _built(tmp_path))
    (tmp_path / "src").mkdir()
    for name in ("pom.xml", "src/A.java"):
        (tmp_path / name).write_text("old")
        os.utime(tmp_path / name, (1000, 1000))
    assert phase4.build(tmp_path).name == "peer.jar"
    assert phase4.build(tmp_path).name == "peer.jar"
    assert len(ran) == 1
    os.utime(tmp_path / "src/A.java", (4e9, 4e9))
    phase4.build(tmp_path)
    assert len(ran) == 2


def _built(project):
    (project / "target").mkdir(exist_ok=True)
    (project / "target/peer.jar").write_text("jar")
    return subprocess.CompletedProcess([], 0, "", "")


def test_a_server_of_the_peer_listens_below_the_ports_of_outgoing_connections():
    assert 20_000 <= free_port() < 32_768
