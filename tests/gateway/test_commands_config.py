import tomllib

import pytest

from gateway.settings import keys
from tests.support.command import run_command


@pytest.fixture(autouse=True)
def a_folder_with_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "GATEWAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "gateway.toml").write_text("stage = 'test'\nas4_key_password = 'hunter2'\n")


def test_show_prints_toml_that_says_the_same(capsys):
    ended = run_command(capsys, "config", "show")
    assert ended.code == 0
    read = tomllib.loads(ended.out)
    assert read["stage"] == "test"
    assert read["processes"] == 1
    assert "# seat_id is not set" in ended.out
    assert "hunter2" not in ended.out


def test_show_with_origin_says_where_each_value_comes_from(capsys, monkeypatch):
    monkeypatch.setenv("GATEWAY_PROCESSES", "3")
    facts = run_command(capsys, "config", "show", "--origin", "--json").facts
    assert facts["stage"] == {"value": "test", "origin": "gateway.toml"}
    assert facts["processes"] == {"value": 3, "origin": "GATEWAY_PROCESSES"}
    assert facts["log_level"] == {"value": "info", "origin": "default"}
    assert facts["as4_key_password"] == {"value": "***", "origin": "gateway.toml"}
    plain = run_command(capsys, "config", "show", "--origin").out
    assert any(
        line.startswith("processes = 3") and line.endswith("# GATEWAY_PROCESSES")
        for line in plain.splitlines()
    )


def test_show_as_json_is_one_object(capsys):
    facts = run_command(capsys, "config", "show", "--json").facts
    assert set(facts) == {key.name for key in keys()}


def test_a_named_file_is_read(capsys, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("processes = 7")
    facts = run_command(capsys, "config", "show", "--config", other, "--json").facts
    assert (facts["processes"], facts["stage"]) == (7, "production")


def test_an_unknown_key_is_bad_usage_and_names_the_nearest(capsys, monkeypatch):
    monkeypatch.setenv("GATEWAY_STAGES", "test")
    ended = run_command(capsys, "config", "show")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.strip() == "GATEWAY_STAGES: unknown key stages; did you mean stage?"


def test_keys_are_a_table_with_every_key(capsys):
    lines = run_command(capsys, "config", "keys").out.splitlines()
    assert lines[0] == "| key | kind | default | meaning |"
    assert [line.split("`")[1] for line in lines[2:]] == [key.name for key in keys()]
    assert all(line.count(" | ") == 3 for line in lines[2:])


def test_keys_as_json_have_bounds_and_choices(capsys):
    rows = {
        row["name"]: row for row in run_command(capsys, "config", "keys", "--json").facts["keys"]
    }
    assert (rows["processes"]["low"], rows["processes"]["high"]) == (1, 256)
    assert rows["log_format"]["choices"] == ["auto", "json", "text"]
    assert rows["api_key"]["secret"] is True
    assert rows["as4_ports"]["default"] == [443]
