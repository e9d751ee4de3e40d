"""`gateway conformance`: what it lists, and what it refuses before anything is tested."""

import json

import pytest

from conformance.cases import all_cases
from gateway.__main__ import main


def refused(capsys, *words):
    """Run the command, which must refuse; return what it says."""
    assert main(["conformance", "run", *words]) == 2
    return capsys.readouterr().err


def test_every_case_is_listed(capsys):
    assert main(["conformance", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["cases"]
    assert [case["id"] for case in listed] == [case.id for case in all_cases()]


def test_cases_are_listed_by_suite(capsys):
    assert main(["conformance", "list", "--suite", "smp"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith("smp.") for line in lines)


def test_an_unknown_suite_is_refused(capsys):
    assert "there is no suite 'as5'" in refused(capsys, "--suite", "as4,as5")


def test_an_unknown_case_is_refused(capsys):
    assert "there is no case 'as4.nothing'" in refused(capsys, "--case", "as4.nothing")


def test_a_report_folder_that_cannot_be_written_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused(capsys, "--report", str(tmp_path / "file"))
    assert f"{tmp_path / 'file'} cannot be written" in said


def test_a_target_without_what_it_needs_is_refused(capsys):
    said = refused(capsys, "--target", "https://127.0.0.1:1/as4", "--participant", "0208:1")
    assert "--target needs --certificate, --keys, --trust" in said


@pytest.fixture
def flags(tmp_path):
    """Flags of a target whose files are no certificates."""
    (tmp_path / "junk").write_text("junk")
    return [
        "--target", "https://127.0.0.1:1/as4", "--participant", "0208:0987654394",
        "--certificate", str(tmp_path / "junk"), "--keys", str(tmp_path),
        "--trust", str(tmp_path / "junk"),
    ]  # fmt: skip


def test_a_certificate_that_is_none_is_refused_by_name(capsys, flags, tmp_path):
    assert f"{tmp_path / 'junk'} holds no certificate" in refused(capsys, *flags)


def test_an_address_that_is_none_is_refused(capsys, flags):
    assert "'ftp://x' is no address" in refused(capsys, *flags, "--target", "ftp://x")


def test_a_file_that_is_not_there_is_refused_by_name(capsys, flags, tmp_path):
    said = refused(capsys, *flags, "--password-file", str(tmp_path / "nothing"))
    assert f"{tmp_path / 'nothing'} cannot be read" in said
