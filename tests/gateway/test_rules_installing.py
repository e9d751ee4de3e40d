"""Installing packs: what the clients of the registries bring, files and folders, and refusals.

Maven is a small program of the test: it is called as the real one is, and copies a file.
"""

import shutil
from dataclasses import replace

import pytest

from gateway.errors import Fault
from gateway.rules import fetching, installing
from gateway.rules.catalogue import BIS3
from gateway.rules.installing import (
    install_from_path,
    install_from_registries,
    outdated_packs,
)
from gateway.rules.packs import find_packs, write_manifest
from tests.support.packs import a_zip, an_artefact, own_rules

MAVEN = """#!/bin/sh
set -e
echo "$@" >> "{log}"
for word in "$@"; do
  case "$word" in -DoutputDirectory=*) folder="${{word#-DoutputDirectory=}}";; esac
done
{action}
"""


def silent(_text):
    """Nobody listens."""


@pytest.fixture
def jar():
    return a_zip(("inside/rules.sch", own_rules()), ("../evil", b"x"))


@pytest.fixture
def maven(tmp_path, monkeypatch, jar):
    """A registry with one jar, and the program that fetches it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "the.jar").write_bytes(jar)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(installing, "ARTEFACTS", (an_artefact(jar),))

    def write(action):
        program = programs / "mvn"
        program.write_text(MAVEN.format(log=tmp_path / "log", action=action))
        program.chmod(0o755)

    write(f'cp "{tmp_path}/the.jar" "$folder/own-jar-1.0.jar"')
    return write


def versions(folder):
    return {
        each.id: each.version
        for pack in find_packs(folder)
        for each in pack.rule_sets
        if each.id != "en16931"
    }


def test_an_artefact_is_fetched_and_unpacked(tmp_path, maven):
    said = []
    done = install_from_registries(tmp_path / "rules", said.append)
    assert [pack.id for pack in done.packs] == ["own-jar"]
    assert done.problems == ()
    assert versions(tmp_path / "rules") == {BIS3: "9.0"}
    assert "mvn: fetching own:own-jar:1.0" in said
    assert "-Dartifact=own:own-jar:1.0" in (tmp_path / "log").read_text()
    assert not (tmp_path / "evil").exists()


def test_what_is_there_is_not_fetched_again(tmp_path, maven):
    install_from_registries(tmp_path / "rules", silent)
    done = install_from_registries(tmp_path / "rules", silent)
    assert ([pack.id for pack in done.unchanged], done.packs) == (["own-jar"], ())
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_a_damaged_pack_is_fetched_again(tmp_path, maven):
    install_from_registries(tmp_path / "rules", silent)
    (tmp_path / "rules/own-jar/rules.sch").write_bytes(b"spoilt")
    done = install_from_registries(tmp_path / "rules", silent)
    assert [pack.id for pack in done.packs] == ["own-jar"]
    assert done.packs[0].damaged_files() == []


def test_a_pack_whose_manifest_was_cut_off_is_fetched_again(tmp_path, maven):
    installed = install_from_registries(tmp_path / "rules", silent).packs[0]
    (installed.folder / "pack.json").write_bytes(b"")
    with pytest.raises(Fault, match="gateway rules install"):
        find_packs(tmp_path / "rules")
    again = install_from_registries(tmp_path / "rules", silent)
    assert [pack.id for pack in again.packs] == [installed.id]
    assert versions(tmp_path / "rules")


def test_a_later_release_than_this_program_knows_stays(tmp_path, maven):
    installed = install_from_registries(tmp_path / "rules", silent).packs[0]
    write_manifest(replace(installed, version="99.0", sha256="ab"))
    assert outdated_packs(tmp_path / "rules") == []
    again = install_from_registries(tmp_path / "rules", silent)
    assert [pack.version for pack in again.unchanged] == ["99.0"]
    write_manifest(replace(installed, version="0.1", sha256="ab"))
    assert [pack.version for pack, _ in outdated_packs(tmp_path / "rules")] == ["0.1"]


def test_another_file_than_the_pinned_one_is_refused(tmp_path, maven):
    maven('echo other > "$folder/own-jar-1.0.jar"')
    done = install_from_registries(tmp_path / "rules", silent)
    assert done.packs == ()
    assert "its sha256 is" in done.problems[0]
    assert versions(tmp_path / "rules") == {}


def test_a_registry_that_cannot_be_reached_is_a_problem_in_its_own_words(tmp_path, maven):
    maven("echo no route to the registry; exit 1")
    done = install_from_registries(tmp_path / "rules", silent)
    assert "no route to the registry" in done.problems[0]


def test_a_client_that_does_not_end_is_ended(tmp_path, maven, monkeypatch):
    monkeypatch.setattr(fetching, "FETCH_SECONDS_MAX", 0.2)
    maven("exec sleep 60")
    done = install_from_registries(tmp_path / "rules", silent)
    assert "did not end well" in done.problems[0]


def test_a_client_that_fetches_nothing_is_a_problem(tmp_path, maven):
    maven("true")
    done = install_from_registries(tmp_path / "rules", silent)
    assert "cannot be read" in done.problems[0]


def test_without_maven_it_is_said(tmp_path, maven, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = install_from_registries(tmp_path / "rules", silent)
    assert "Maven (`mvn`) is not installed" in done.problems[0]


def test_an_artefact_downloaded_elsewhere_is_known_by_its_hash(tmp_path, maven, jar):
    (tmp_path / "any-name").write_bytes(jar)
    done = install_from_path(tmp_path / "any-name", tmp_path / "rules", None, silent)
    assert [pack.id for pack in done.packs] == ["own-jar"]
    assert not (tmp_path / "log").exists()


def test_an_archive_that_is_not_pinned_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "new.jar").write_bytes(a_zip(("a", b"1")))
    with pytest.raises(Fault, match="unpack it"):
        install_from_path(tmp_path / "new.jar", tmp_path / "rules", None, silent)


def test_an_installed_pack_can_be_carried_to_another_machine(tmp_path, maven):
    install_from_registries(tmp_path / "rules", silent)
    done = install_from_path(tmp_path / "rules/own-jar", tmp_path / "other", None, silent)
    assert versions(tmp_path / "other") == {BIS3: "9.0"}
    assert done.packs[0].damaged_files() == []


def test_a_rule_file_is_known_by_its_name_and_the_version_in_it(tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL-3.0.99.sch"
    path.write_bytes(own_rules())
    install_from_path(path, tmp_path / "rules", None, silent)
    assert versions(tmp_path / "rules") == {BIS3: "3.0.99"}


def test_a_folder_of_rule_files_is_one_pack(tmp_path):
    (tmp_path / "new/sch").mkdir(parents=True)
    for name in ("PEPPOL-EN16931-UBL", "PEPPOLBIS-T111-2026.11", "other"):
        (tmp_path / f"new/sch/{name}.sch").write_bytes(own_rules())
    install_from_path(tmp_path / "new", tmp_path / "rules", "3.0.22", silent)
    wanted = {BIS3: "3.0.22", "peppol-invoice-response": "2026.11"}
    assert versions(tmp_path / "rules") == wanted


def test_one_version_is_not_given_to_several_rule_sets(tmp_path):
    (tmp_path / "new").mkdir()
    for name in ("PEPPOL-EN16931-UBL", "CEN-EN16931-UBL"):
        (tmp_path / f"new/{name}.sch").write_bytes(own_rules())
    with pytest.raises(Fault, match="one by one"):
        install_from_path(tmp_path / "new", tmp_path / "rules", "3.0.22", silent)


def test_a_rule_file_without_a_version_is_refused(tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL.sch"
    path.write_bytes(own_rules())
    with pytest.raises(Fault, match="add --version"):
        install_from_path(path, tmp_path / "rules", None, silent)


def test_rule_files_of_unknown_names_are_refused_with_the_known_ones(tmp_path):
    path = tmp_path / "mine.sch"
    path.write_bytes(own_rules())
    with pytest.raises(Fault, match="PEPPOL-EN16931-UBL"):
        install_from_path(path, tmp_path / "rules", "1.0", silent)


def test_rules_with_an_unknown_construct_are_refused_and_the_old_ones_stay(tmp_path):
    path = tmp_path / "PEPPOL-EN16931-UBL.sch"
    path.write_bytes(own_rules())
    install_from_path(path, tmp_path / "rules", "1.0", silent)
    path.write_bytes(own_rules("unparsed-text('x')"))
    with pytest.raises(Fault, match=r"PEPPOL-EN16931-UBL\.sch") as refused:
        install_from_path(path, tmp_path / "rules", "2.0", silent)
    assert "unparsed-text" in refused.value.detail
    assert versions(tmp_path / "rules") == {BIS3: "1.0"}
    assert not [each for each in (tmp_path / "rules").iterdir() if each.name.startswith(".")]


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(Fault, match="cannot be read"):
        install_from_path(tmp_path / "absent.sch", tmp_path / "rules", "1.0", silent)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, maven):
    (tmp_path / "rules").write_text("a file")
    done = install_from_registries(tmp_path / "rules", silent)
    assert "rules" in done.problems[0]
    assert shutil.which("mvn")
