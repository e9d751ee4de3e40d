"""`gateway validate`: documents in, findings out, in three forms."""

import json
import subprocess
import sys

import pytest

from gateway.commands import validate
from tests.support.command import run_command
from tests.support.packs import installed_rules
from tests.support.samples import an_invoice
from ubl.xml import parse

PAID = ('<cbc:PayableAmount currencyID="EUR">', '<cbc:PayableAmount currencyID="EUR">1')
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@pytest.fixture
def desk(tmp_path):
    """A good invoice, one with a wrong total, and what is no invoice."""
    (tmp_path / "good.xml").write_bytes(an_invoice())
    (tmp_path / "bad.xml").write_bytes(an_invoice(PAID))
    (tmp_path / "text.xml").write_text("no XML")
    return tmp_path


def run(capsys, *words):
    return run_command(capsys, "validate", "--rules-dir", installed_rules(), *words)


def test_a_good_document_ends_with_0_and_says_by_which_rules(capsys, desk):
    ended = run(capsys, desk / "good.xml")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{desk}/good.xml: valid, 0 fatal, 0 warnings (en16931 1.3.16, pep")
    assert len(ended.out.splitlines()) == 1


def test_a_bad_document_ends_with_1_and_says_where_why_and_what_to_do(capsys, desk):
    ended = run(capsys, desk / "bad.xml")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert "NOT VALID, 1 fatal" in lines[0]
    assert lines[1] == "  fatal BR-CO-16 BT-115 at /Invoice[1]/LegalMonetaryTotal[1]"
    assert "[BR-CO-16]" in lines[2]
    assert lines[3].startswith("    -> ")


def test_json_is_one_object_for_each_file_on_its_line(capsys, desk):
    files = [desk / name for name in ("good.xml", "bad.xml", "text.xml")]
    ended = run(capsys, "--json", *files)
    assert ended.code == 1
    good, bad, text = map(json.loads, ended.out.splitlines())
    assert list(good) == ["file", "valid", "findings", "rules", "engine", "notes"]
    assert (good["file"], good["valid"], good["findings"]) == (str(files[0]), True, [])
    assert good["rules"][0] == {"id": "en16931", "version": "1.3.16"}
    assert (bad["valid"], bad["engine"]) == (False, "native")
    (finding,) = bad["findings"]
    assert list(finding) == ["rule", "severity", "location", "message", "term", "hint"]
    assert (finding["rule"], finding["severity"], finding["term"]) == (
        "BR-CO-16",
        "fatal",
        "BT-115",
    )
    assert (text["valid"], text["findings"][0]["rule"]) == (False, "XML")


def test_format_json_is_the_same_as_json(capsys, desk):
    assert run(capsys, "--format", "json", desk / "bad.xml") == run(
        capsys, "--json", desk / "bad.xml"
    )


def test_svrl_is_a_report_that_other_tools_read(capsys, desk):
    ended = run(capsys, "--format", "svrl", desk / "bad.xml")
    assert ended.code == 1
    report = parse(ended.out.strip().encode())
    assert report.tag == f"{SVRL}schematron-output"
    assert [each.get("id") for each in report.iter(f"{SVRL}failed-assert")] == ["BR-CO-16"]


def test_hints_are_in_the_language_that_is_asked_for(capsys, desk):
    hints = {
        run(capsys, "--json", "--lang", lang, desk / "bad.xml").facts["findings"][0]["hint"]
        for lang in ("en", "nl", "fr", "de")
    }
    assert len(hints) == 4


def test_a_fragment_is_checked_by_the_rules_alone(capsys, desk):
    fragment = desk / "fragment.xml"
    fragment.write_bytes(an_invoice(("<cbc:ID>2026-0042</cbc:ID>", "")))
    ended = run(capsys, "--json", "--rules-only", fragment)
    rules = {each["rule"] for each in ended.facts["findings"]}
    assert "BR-02" in rules
    assert "XSD" not in rules


def test_saxon_is_asked_on_demand(capsys, desk):
    pytest.importorskip("saxonche")
    ended = run(capsys, "--json", "--engine", "saxon", desk / "bad.xml")
    assert (ended.code, ended.facts["engine"]) == (1, "saxon")
    assert [each["rule"] for each in ended.facts["findings"]] == ["BR-CO-16"]


def test_without_saxon_the_extra_to_install_is_named(capsys, desk, monkeypatch):
    monkeypatch.setattr("gateway.rules.checker.find_spec", lambda name: None)
    ended = run(capsys, "--json", "--engine", "saxon", desk / "bad.xml")
    assert (ended.code, ended.facts["code"]) == (1, "not-installed")
    assert "extra `saxon`" in ended.err


def test_a_file_that_cannot_be_read_ends_with_2_after_the_others(capsys, desk):
    ended = run(capsys, desk / "absent.xml", desk / "good.xml", desk)
    assert ended.code == 2
    assert "absent.xml cannot be read: No such file" in ended.err
    assert "good.xml: valid" in ended.out


def test_a_file_beyond_the_bound_is_refused_without_reading_it_all(capsys, desk, monkeypatch):
    monkeypatch.setattr(validate, "FILE_BYTES_MAX", 100)
    ended = run(capsys, desk / "good.xml")
    assert (ended.code, "NOT VALID" in ended.out) == (1, True)


def test_a_space_that_does_not_break_is_shown():
    assert validate._clean("a\u00a0b\u202fc\u2028d\u200be") == "a\u00a0b\u202fc\ufffdd\ufffde"


def test_text_of_a_document_cannot_command_a_terminal(capsys, desk):
    (desk / "odd.xml").write_bytes(an_invoice(("2026-11-20", "\x9b31mred\u202e")))
    ended = run(capsys, desk / "odd.xml")
    assert ended.code == 1
    assert not {"\x9b", "\u202e"} & set(ended.out)


@pytest.mark.parametrize(
    "words",
    [("--format", "svrl", "good.xml", "bad.xml"), ("--json", "--format", "text", "good.xml"), ()],
)
def test_flags_that_contradict_each_other_end_with_2(capsys, desk, monkeypatch, words):
    monkeypatch.chdir(desk)
    assert run(capsys, *words).code == 2


NEEDLESS = {
    "aiohttp", "asyncio", "asyncpg", "babel", "cryptography", "email", "facturx", "http", "jinja2",
    "msgspec", "multiprocessing", "pgqueuer", "pydantic", "rich", "saxonche", "ssl", "tomllib",
    "typer", "typst", "uvloop", "xmlschema", "ubl.explainer", "ubl.schematron.compiler",
    "ubl.subschema",
}  # fmt: skip


def test_a_small_document_is_checked_without_what_others_need(desk):
    """What a command imports is most of what it takes: an answer is to be there in half a second.

    The first run fills the cache.
    """
    program = (
        "import sys; from gateway.__main__ import main;"
        "code = main(sys.argv[1:]); print(code, *sys.modules)"
    )
    command = (
        sys.executable, "-c", program, "validate", "--rules-dir", installed_rules(),
        desk / "good.xml",
    )  # fmt: skip
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    verdict, modules = done.stdout.splitlines()
    code, *loaded = modules.split()
    assert ("valid" in verdict, code) == (True, "0")
    assert {"lxml", "gateway.rules.pipeline", "ubl.schematron.runtime"} <= set(loaded)
    assert NEEDLESS & set(loaded) == set()


def test_the_bare_program_says_what_it_did_not_check(capsys, desk):
    ended = run_command(
        capsys, "validate", "--rules-dir", desk / "none", "--json", desk / "good.xml"
    )
    assert (ended.code, ended.facts["rules"]) == (0, [{"id": "en16931", "version": "1.3.16"}])
    assert "peppol-bis3 are not installed" in ended.facts["notes"][0]
    assert not (desk / "none").exists()
