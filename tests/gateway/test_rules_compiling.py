"""The folder of compiled rules: what is read back, and what is rather compiled again."""

import marshal
import os
import stat

import pytest

from gateway.rules import compiling
from gateway.rules.compiling import Cache
from tests.gateway.test_rules_packs import a_pack
from ubl.schematron import compiler


@pytest.fixture
def counted(monkeypatch):
    """Count how often rules are compiled."""
    calls = []

    def compile_rules(files, main):
        calls.append(main)
        return f"def check(tree):\n    return ['{main}', {len(calls)}]\n"

    monkeypatch.setattr(compiler, "compile_rules", compile_rules)
    return calls


@pytest.fixture
def pack(tmp_path):
    return a_pack(tmp_path / "rules/one")


def said(tmp_path, pack):
    """What the rules of *pack* answer, from the folder in *tmp_path*."""
    return Cache(tmp_path / "rules").rules(pack, pack.rule_sets[0])(None)


def kept(tmp_path):
    (path,) = (tmp_path / "rules/compiled").iterdir()
    return path


def test_what_was_compiled_is_not_compiled_again(tmp_path, pack, counted):
    assert said(tmp_path, pack) == said(tmp_path, pack) == ["rules.sch", 1]
    assert len(counted) == 1


def test_folder_and_files_are_ours_alone(tmp_path, pack, counted):
    said(tmp_path, pack)
    assert stat.S_IMODE(kept(tmp_path).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("what", ["compiler", "python", "content"])
def test_another_compiler_python_or_content_is_compiled(tmp_path, pack, counted, monkeypatch, what):
    said(tmp_path, pack)
    if what == "compiler":
        monkeypatch.setattr(compiling, "_hash_of", lambda _pattern: "another")
    elif what == "python":
        monkeypatch.setattr(compiling.sys, "version", "4.0")
    else:
        pack.files["rules.sch"] = "00"
        monkeypatch.setattr(type(pack), "read", lambda self, name: b"")
    assert said(tmp_path, pack) == ["rules.sch", 2]


def spoil_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def replace_code(path):
    """A file with somebody's code and no right hash."""
    code = compile("def check(tree):\n    return 'evil'\n", "x", "exec")
    path.write_bytes(bytes(32) + marshal.dumps(code))


SPOILERS = {
    "a turned bit": spoil_byte,
    "somebody's code": replace_code,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "empty": lambda path: path.write_bytes(b""),
    "writable by others": lambda path: path.chmod(0o666),
    "writable by the group": lambda path: path.chmod(0o620),
}


@pytest.mark.parametrize("how", SPOILERS)
def test_a_file_that_is_not_right_is_made_anew(tmp_path, pack, counted, how):
    said(tmp_path, pack)
    SPOILERS[how](kept(tmp_path))
    assert said(tmp_path, pack) == ["rules.sch", 2]
    assert said(tmp_path, pack) == ["rules.sch", 2]


def test_a_link_is_not_followed(tmp_path, pack, counted):
    said(tmp_path, pack)
    path = kept(tmp_path)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    assert said(tmp_path, pack) == ["rules.sch", 2]


def test_a_file_of_somebody_else_is_not_executed(tmp_path, pack, counted, monkeypatch):
    said(tmp_path, pack)
    real = os.fstat
    monkeypatch.setattr(
        compiling.os,
        "fstat",
        lambda handle: os.stat_result((*real(handle)[:4], 4242, *real(handle)[5:10])),
    )
    assert said(tmp_path, pack) == ["rules.sch", 2]


def test_a_folder_that_others_may_enter_is_not_used(tmp_path, pack, counted):
    said(tmp_path, pack)
    (tmp_path / "rules/compiled").chmod(0o755)
    said(tmp_path, pack)
    assert len(counted) == 2


def test_a_folder_of_somebody_else_is_neither_read_nor_written(
    tmp_path, pack, counted, monkeypatch
):
    said(tmp_path, pack)
    before = kept(tmp_path).read_bytes()
    monkeypatch.setattr(compiling.os, "geteuid", lambda: 4242)
    assert [said(tmp_path, pack), said(tmp_path, pack)] == [["rules.sch", 2], ["rules.sch", 3]]
    assert kept(tmp_path).read_bytes() == before


def test_without_a_folder_nothing_is_written(tmp_path, pack, counted):
    check = Cache(tmp_path / "absent").rules(pack, pack.rule_sets[0])
    assert check(None) == ["rules.sch", 1]
    assert not (tmp_path / "absent").exists()


def test_old_files_make_room(tmp_path, pack, counted, monkeypatch):
    monkeypatch.setattr(compiling, "FILES_MAX", 3)
    for number in range(5):
        monkeypatch.setattr(compiling, "_hash_of", lambda _, number=number: str(number))
        said(tmp_path, pack)
    assert len(list((tmp_path / "rules/compiled").iterdir())) == 3
    assert said(tmp_path, pack) == ["rules.sch", 5]


def test_a_schema_is_built_once(tmp_path, pack):
    built = []
    cache = Cache(tmp_path / "rules")
    for _ in range(2):
        assert cache.schema({"a": b"1"}, "a", lambda: built.append(1) or {"built": 1}) == {
            "built": 1
        }
    assert cache.schema({"a": b"2"}, "a", lambda: "another") == "another"
    assert built == [1]
