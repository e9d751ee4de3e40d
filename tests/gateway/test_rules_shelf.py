"""The rules of a folder as they are now: what makes them be read anew, and what does not."""

import shutil

import pytest

from gateway.errors import Fault
from gateway.rules import installing
from gateway.rules.catalogue import BIS3, EN16931, INVOICE_ROOT, RuleSet
from gateway.rules.installing import install_from_path
from gateway.rules.packs import find_packs
from gateway.rules.shelf import Shelf
from tests.gateway.test_rules_packs import a_pack
from tests.support.packs import own_rules


@pytest.fixture
def folder(tmp_path):
    """A folder with one pack, the rules of Peppol in version 3.0.21."""
    a_pack(tmp_path / "rules/one")
    return tmp_path / "rules"


def install(folder, version):
    """Install rules of Peppol of this *version* over those that were installed so before."""
    path = folder.parent / f"PEPPOL-EN16931-UBL-{version}.sch"
    path.write_bytes(own_rules())
    install_from_path(path, folder, None, lambda _: None)


def version_of(book):
    return book.releases[BIS3][0].version if BIS3 in book.releases else None


def test_a_folder_that_nobody_changed_is_read_once(folder):
    shelf = Shelf(folder)
    assert shelf.find_current() is None
    book = shelf.take()
    book.load(INVOICE_ROOT, (EN16931, BIS3))
    assert shelf.take() is shelf.find_current() is book


def test_a_pack_that_is_installed_replaced_or_removed_counts_at_once(folder):
    shelf = Shelf(folder)
    versions = [version_of(shelf.take())]
    for version in ("4.0.1", "4.0.2"):
        install(folder, version)
        assert shelf.find_current() is None
        versions.append(version_of(shelf.take()))
    for gone in list(folder.iterdir()):
        shutil.rmtree(gone)
    versions.append(version_of(shelf.take()))
    assert versions == ["3.0.21", "4.0.1", "4.0.2", None]


def test_a_folder_may_come_and_go(tmp_path):
    shelf = Shelf(tmp_path / "rules")
    assert version_of(shelf.take()) is None
    install(tmp_path / "rules", "4.0.1")
    assert version_of(shelf.take()) == "4.0.1"
    shutil.rmtree(tmp_path / "rules")
    assert version_of(shelf.take()) is None


def test_while_a_pack_is_replaced_the_old_rules_count(folder, monkeypatch):
    """Between two names of folders it would be missing, and its rules not be checked."""
    install(folder, "4.0.1")
    shelf = Shelf(folder)
    before = shelf.take()
    seen = []

    def watch(fresh, place):
        seen.append(shelf.find_current())
        place.rename(fresh.with_name(f"{fresh.name}.old"))
        seen.append(shelf.find_current())
        fresh.rename(place)
        seen.append(shelf.find_current())
        return place

    monkeypatch.setattr(installing, "_move", watch)
    install(folder, "4.0.2")
    assert seen == [before, before, None]
    assert version_of(shelf.take()) == "4.0.2"


def test_what_was_read_in_such_a_moment_is_read_again(folder):
    aside = folder / ".one-abcdefgh.old"
    (folder / "one").rename(aside)
    shelf = Shelf(folder)
    assert version_of(shelf.take()) is None
    aside.rename(folder / "one")
    assert version_of(shelf.take()) == "3.0.21"


def test_a_pack_that_is_not_in_its_place_yet_is_none(folder):
    newer = RuleSet(id=BIS3, version="9.0", file="rules.sch")
    a_pack(folder / ".two-abcdefgh", rule_sets=(newer,))
    assert [pack.id for pack in find_packs(folder)] == ["factur-x", "one"]


def test_a_damaged_pack_is_refused_until_it_is_mended(folder):
    shelf = Shelf(folder)
    shelf.take()
    (folder / "bad").mkdir()
    (folder / "bad/pack.json").write_text("{")
    for _ in range(2):
        with pytest.raises(Fault, match="no manifest of a rule pack"):
            shelf.take()
    shutil.rmtree(folder / "bad")
    assert version_of(shelf.take()) == "3.0.21"
