"""Files with many documents: which are taken, and what is said of those that are not."""

import io
import struct
import warnings
import zipfile
import zlib
from contextlib import suppress

import pytest

from gateway.errors import Fault, Kind
from gateway.exchange import bundles
from gateway.exchange.bundles import NDJSON, ZIP, LineCount, count_entries, read_entries
from gateway.store.imports import Place
from tests.support.imports import a_zip

BYTES_MAX = 4_000_000
END = b"PK\x05\x06"
START = Place(0, 1)


def judge(folder, data, **changes):
    path = folder / "upload"
    path.write_bytes(data)
    return count_entries(path, **{"document_bytes_max": BYTES_MAX} | changes)


def refused(folder, data, **changes) -> Fault:
    with pytest.raises(Fault) as caught:
        judge(folder, data, **changes)
    assert caught.value.kind is Kind.INVALID
    return caught.value


def rules(fault):
    return [problem.rule for problem in fault.errors]


def changed(data: bytes, *, at: bytes, offset: int, form: str, value: int) -> bytes:
    """The ZIP *data* with a number replaced, *offset* bytes behind the last mark *at*."""
    place = data.rindex(at) + offset
    size = struct.calcsize(form)
    return data[:place] + struct.pack(form, value) + data[place + size :]


def in_directory(data, *, offset, form, value):
    return changed(data, at=b"PK\x01\x02", offset=offset, form=form, value=value)


async def read_all(data, media_type=ZIP, start=START):
    entries = read_entries(io.BytesIO(data), media_type, start)
    return [(entry, await entry.whole()) async for entry in entries]


def test_the_documents_of_a_zip_are_counted_and_nothing_else(tmp_path):
    entries = {"a/": b"", "a/1.xml": b"<a/>", "2.json": b"{}", "__MACOSX/a": b"", "x": b""}
    assert judge(tmp_path, a_zip(entries)) == 3
    assert judge(tmp_path, a_zip(entries, method=zipfile.ZIP_STORED)) == 3


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up.xml",
        "a/../../up.xml",
        "a\\..\\up.xml",
        "\\\\host\\share.xml",
        "C:\\a.xml",
        "a\nb.xml",
        "\u202egnp.xml",
        "x" * 401,
    ],
)
def test_a_path_that_leads_elsewhere_or_hides_is_refused(tmp_path, name):
    fault = refused(tmp_path, a_zip({"ok.xml": b"", name: b""}))
    assert (fault.code, rules(fault)) == ("bad-zip", ["entry-name"])
    assert fault.errors[0].location == name[:400]


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused(tmp_path, flag):
    data = in_directory(a_zip({"a.xml": b"<a/>"}), offset=8, form="<H", value=flag)
    assert rules(refused(tmp_path, data)) == ["entry-encrypted"]


@pytest.mark.parametrize("name", ["more.zip", "a/B.ZIP", "x.tar.gz", "x.7z"])
def test_an_archive_in_the_archive_is_refused(tmp_path, name):
    assert rules(refused(tmp_path, a_zip({name: b""}))) == ["entry-nested"]


def test_a_bomb_is_refused_by_its_directory(tmp_path):
    data = a_zip({"bomb.xml": b"\0" * (BYTES_MAX + 1)})
    assert len(data) < 10_000
    assert rules(refused(tmp_path, data)) == ["entry-too-large", "entry-ratio"]


def test_many_documents_that_are_too_much_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "UNPACKED_BYTES_MAX", 2000)
    data = a_zip({f"{number}.xml": b"x" * 1000 for number in range(3)})
    assert rules(refused(tmp_path, data)) == ["entry-too-large"]


def test_a_way_of_packing_that_we_do_not_have_is_refused(tmp_path):
    """[ZIP §4.3]"""
    data = a_zip({"a.xml": b"<a/>"}, method=zipfile.ZIP_LZMA)
    assert rules(refused(tmp_path, data)) == ["entry-method"]


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    fault = refused(tmp_path, a_zip({"../a.zip": b"", "b.zip": b"", "c.xml": b""}))
    assert rules(fault) == ["entry-name", "entry-nested", "entry-nested"]


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "ENTRIES_MAX", 3)
    assert judge(tmp_path, a_zip({str(number): b"" for number in range(3)})) == 3
    fault = refused(tmp_path, a_zip({str(number): b"" for number in range(4)}))
    assert fault.code == "too-many-entries"


@pytest.mark.parametrize(("offset", "form", "value"), [(12, "<L", 0xFFFF_FFFF), (10, "<H", 0xFFFF)])
def test_a_directory_that_would_fill_the_memory_is_refused_unread(tmp_path, offset, form, value):
    data = changed(a_zip({"a.xml": b""}), at=END, offset=offset, form=form, value=value)
    assert refused(tmp_path, data).code == "too-many-entries"


def test_a_second_directory_for_large_archives_is_refused_unread(tmp_path):
    """[ZIP §4.3]"""
    data = a_zip({"a.xml": b""})
    place = data.rindex(END)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    fault = refused(tmp_path, data[:place] + locator + data[place:])
    assert fault.code == "too-many-entries"


def test_a_comment_hides_no_other_end(tmp_path):
    """The end that is judged is the end that is read, also where a comment looks like one."""
    data = a_zip({"a.xml": b""})
    other = struct.pack("<4s4H2LH", END, 0, 0, 0, 0, 0, 0, 0)
    length = len(data) - 2
    hiding = data[:length] + struct.pack("<H", len(other)) + other
    assert refused(tmp_path, hiding).code == "empty-import"


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", END, b"no zip at all " * 100, END + b"\0" * 10, END + b"\0" * 18 + b"tail"],
)
def test_what_is_no_zip_is_refused(tmp_path, data):
    assert refused(tmp_path, data).code in {"bad-zip", "empty-import"}


def test_a_zip_that_is_cut_off_anywhere_is_refused(tmp_path):
    data = a_zip({"a.xml": b"<a/>", "b.xml": b"<b/>"})
    for length in range(len(data)):
        assert refused(tmp_path, data[:length]).code in {"bad-zip", "empty-import"}


@pytest.mark.parametrize(("position", "value"), [(n, v) for n in range(46, 60) for v in (0, 255)])
def test_a_spoilt_zip_is_refused_or_its_entries_are(tmp_path, position, value):
    """Whatever stands in it, nothing but a refusal of ours comes out."""
    data = bytearray(a_zip({"a.xml": b"<a/>" * 50, "b.json": b"{}"}))
    data[-position] = value
    path = tmp_path / "upload"
    path.write_bytes(bytes(data))
    with suppress(Fault):
        assert count_entries(path, document_bytes_max=BYTES_MAX) <= 2


async def test_an_entry_that_is_not_what_the_directory_says_is_refused_alone():
    data = a_zip({"a.xml": b"<a/>" * 50, "b.xml": b"<b/>"})
    spoilt = data[:40] + bytes([data[40] ^ 0xFF]) + data[41:]
    found = []
    async for entry in read_entries(io.BytesIO(spoilt), ZIP, START):
        try:
            found.append(await entry.whole())
        except Fault as fault:
            found.append(fault.code)
    assert found == ["bad-entry", b"<b/>"]


async def test_an_entry_never_gives_more_than_the_directory_says():
    """The directory says four bytes; a million are packed there."""
    data = a_zip({"a.xml": b"x" * 1_000_000})
    data = in_directory(data, offset=24, form="<L", value=4)
    with pytest.raises(Fault) as caught:
        await read_all(data)
    assert caught.value.code == "bad-entry"


async def test_json_of_a_zip_has_its_own_bound(monkeypatch):
    monkeypatch.setattr(bundles, "FORM_BYTES_MAX", 10)
    with pytest.raises(Fault) as caught:
        await read_all(a_zip({"a.json": b"{" + b" " * 10}))
    assert (caught.value.kind, caught.value.code) == (Kind.TOO_LARGE, "entry-too-large")


async def test_entries_of_one_name_are_two_entries(tmp_path):
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("a.xml", b"1")
        archive.writestr("a.xml", b"2")
    assert judge(tmp_path, data.getvalue()) == 2
    assert [content for _, content in await read_all(data.getvalue())] == [b"1", b"2"]


@pytest.mark.parametrize("start", range(4))
async def test_a_zip_is_read_on_from_any_entry(start):
    data = a_zip({"x/": b"", **{f"{number}.xml": b"%d" % number for number in range(4)}})
    whole = await read_all(data)
    rest = await read_all(data, start=whole[start][0].at)
    assert [content for _, content in rest] == [b"%d" % number for number in range(start, 4)]


LINES = b'\n{"a": 1}\r\n\n\n{"b": 2}\n  \n{"c": 3}'


async def test_lines_are_numbered_as_a_person_would():
    found = await read_all(LINES, NDJSON)
    assert [entry.at.position for entry, _ in found] == [2, 5, 7]
    assert [content.strip() for _, content in found] == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


async def test_lines_are_read_on_from_where_each_ended():
    whole = await read_all(LINES, NDJSON)
    for done, (entry, _) in enumerate(whole, start=1):
        rest = await read_all(LINES, NDJSON, entry.then)
        assert [each.at for each, _ in rest] == [each.at for each, _ in whole[done:]]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_counted_however_they_arrive(size):
    """[NDJSON §3.1]"""
    lines = LineCount()
    for start in range(0, len(LINES), size):
        lines.feed(LINES[start : start + size])
    assert lines.close() == 3


def test_a_line_that_is_too_long_is_named(monkeypatch):
    monkeypatch.setattr(bundles, "FORM_BYTES_MAX", 10)
    lines = LineCount()
    lines.feed(b"0123456789\n012345")
    with pytest.raises(Fault) as caught:
        lines.feed(b"67890")
    assert (caught.value.code, caught.value.errors[0].location) == ("bad-ndjson", "line 2")


def test_too_many_lines_are_refused_blank_ones_too(monkeypatch):
    monkeypatch.setattr(bundles, "ENTRIES_MAX", 3)
    lines = LineCount()
    lines.feed(b"\n\n\n")
    with pytest.raises(Fault) as caught:
        lines.feed(b"\n")
    assert caught.value.code == "too-many-entries"


def test_deflate_cannot_reach_the_ratio_by_honest_invoices():
    line = b"<cac:InvoiceLine><cbc:ID>%d</cbc:ID><cbc:Note>%d</cbc:Note></cac:InvoiceLine>"
    document = b"".join(line % (number, number * 7919) for number in range(20_000))
    assert len(document) / len(zlib.compress(document)) < bundles.RATIO_MAX / 5
