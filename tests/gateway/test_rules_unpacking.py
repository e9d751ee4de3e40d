"""Archives: single members by their exact names, and nothing else."""

import pytest

from gateway.errors import Fault
from gateway.rules import unpacking
from gateway.rules.unpacking import unpack
from tests.support.packs import a_tar, a_zip


@pytest.mark.parametrize("pack", [a_zip, a_tar])
def test_the_wanted_members_are_returned_and_no_others(pack):
    archive = pack(("a/one", b"1"), ("a/two", b"2"), ("../../evil", b"3"))
    assert unpack(archive, ["a/two"]) == {"a/two": b"2"}


@pytest.mark.parametrize("pack", [a_zip, a_tar])
def test_a_missing_member_is_named(pack):
    with pytest.raises(Fault, match="does not hold a/two"):
        unpack(pack(("a/one", b"1")), ["a/one", "a/two"])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [a_zip, a_tar])
def test_a_member_that_is_there_twice_is_refused(pack):
    with pytest.raises(Fault, match="twice"):
        unpack(pack(("one", b"1"), ("one", b"2")), ["one"])


@pytest.mark.parametrize("pack", [a_zip, a_tar])
def test_a_member_that_inflates_beyond_the_bound_is_refused(pack, monkeypatch):
    monkeypatch.setattr(unpacking, "PACK_FILE_BYTES_MAX", 1000)
    with pytest.raises(Fault, match="larger than 1000"):
        unpack(pack(("one", bytes(1001))), ["one"])


@pytest.mark.parametrize("pack", [a_zip, a_tar])
def test_an_archive_of_too_many_entries_is_refused(pack, monkeypatch):
    monkeypatch.setattr(unpacking, "ENTRIES_MAX", 1)
    with pytest.raises(Fault, match="more than 1 entries"):
        unpack(pack(("one", b"1"), ("two", b"2")), ["one"])


def test_a_link_is_not_followed():
    with pytest.raises(Fault, match="no plain file"):
        unpack(a_tar(("one", None)), ["one"])


@pytest.mark.parametrize("what", ["nothing", "text", "half"])
def test_what_is_no_archive_is_refused(what):
    data = {"nothing": b"", "text": b"no archive", "half": a_zip(("one", b"1"))[:-9]}[what]
    with pytest.raises(Fault, match="cannot be unpacked"):
        unpack(data, ["one"])
