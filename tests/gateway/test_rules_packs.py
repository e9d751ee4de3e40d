"""Rule packs: manifests, hashes, and which release of a rule set counts."""

import json
from datetime import date

import pytest

from gateway.errors import Fault
from gateway.rules.catalogue import BIS3, EN16931, INVOICE_ROOT, RuleSet
from gateway.rules.packs import (
    Pack,
    choose_releases,
    find_packs,
    hash_of,
    outdated,
    read_pack,
    write_manifest,
)
from tests.support.packs import own_rules

DAY = date(2026, 8, 17)


def a_pack(folder, **changes):
    """Write a pack of one rule file into *folder*."""
    folder.mkdir(parents=True)
    (folder / "rules.sch").write_bytes(own_rules())
    facts = {
        "id": folder.name,
        "version": "1.0",
        "source": "a test",
        "sha256": "00",
        "folder": folder,
        "rule_sets": (RuleSet(id=BIS3, version="3.0.21", file="rules.sch", mandatory_on=DAY),),
        "schemas": {},
        "files": hash_of({"rules.sch": own_rules()}),
        "elsewhere": {},
    }
    pack = Pack(**facts | changes)
    write_manifest(pack)
    return pack


def test_a_written_manifest_reads_the_same(tmp_path):
    pack = a_pack(tmp_path / "one")
    assert read_pack(tmp_path / "one") == pack
    assert pack.mandatory_on == DAY


def test_the_core_and_the_schemas_are_there_without_being_installed(tmp_path):
    (pack,) = find_packs(tmp_path / "absent")
    assert [each.id for each in pack.rule_sets] == [EN16931]
    assert pack.damaged_files() == []
    assert pack.schemas[INVOICE_ROOT] in pack.files
    assert len(pack.sha256) == 64


def test_of_two_releases_the_newer_counts(tmp_path):
    older = (RuleSet(id=BIS3, version="3.0.9", file="rules.sch"),)
    a_pack(tmp_path / "a-older", rule_sets=older)
    a_pack(tmp_path / "b-newer")
    a_pack(tmp_path / "c-older", rule_sets=older)
    release, pack = choose_releases(find_packs(tmp_path))[BIS3]
    assert (release.version, pack.id) == ("3.0.21", "b-newer")


def test_a_file_that_changed_is_refused_by_name(tmp_path):
    pack = a_pack(tmp_path / "one")
    (tmp_path / "one/rules.sch").write_bytes(own_rules("true()"))
    with pytest.raises(Fault, match=r"rules\.sch is not the file that was installed"):
        pack.read("rules.sch")
    assert len(pack.damaged_files()) == 1


def test_a_file_that_is_gone_is_reported(tmp_path):
    pack = a_pack(tmp_path / "one")
    (tmp_path / "one/rules.sch").unlink()
    assert "cannot be read" in pack.damaged_files()[0]


@pytest.mark.parametrize("name", ["../rules.sch", "/etc/passwd", "a//b", "a\\b", "", ".", "a/.."])
def test_a_manifest_whose_files_leave_the_folder_is_refused(tmp_path, name):
    a_pack(tmp_path / "one")
    manifest = tmp_path / "one/pack.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(facts | {"files": {name: "00"}}))
    with pytest.raises(Fault, match="no manifest"):
        read_pack(tmp_path / "one")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', "\udcff"])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "pack.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Fault, match="no manifest"):
        read_pack(tmp_path)


def test_a_rule_set_without_a_hashed_file_is_refused(tmp_path):
    pack = a_pack(tmp_path / "one", files={})
    with pytest.raises(Fault, match="has no hash"):
        read_pack(pack.folder)


def test_a_pack_is_outdated_from_the_day_its_successor_is_mandatory(tmp_path):
    older = (RuleSet(id=BIS3, version="3.0.20", file="rules.sch"),)
    packs = [a_pack(tmp_path / "one", rule_sets=older)]
    assert outdated(packs, date(2026, 8, 16)) == {}
    warning = outdated(packs, date(2026, 8, 17))[BIS3]
    assert "peppol-bis3 3.0.20 is outdated: 3.0.21 is mandatory since 2026-08-17" in warning


def test_an_older_pack_beside_the_newest_is_not_outdated(tmp_path):
    older = (RuleSet(id=BIS3, version="3.0.20", file="rules.sch"),)
    packs = [a_pack(tmp_path / "one", rule_sets=older), a_pack(tmp_path / "two")]
    assert outdated(packs, date(2026, 12, 1)) == {}
