"""What the documents say of the program is what the program says of itself."""

import re
import tomllib
from pathlib import Path

from gateway.__main__ import main

ROOT = Path(__file__).resolve().parent.parent


def text_of(name):
    return (ROOT / name).read_text()


def test_the_table_of_settings_is_the_one_that_the_program_prints(capsys):
    assert main(["config", "keys"]) == 0
    assert capsys.readouterr().out.strip() in text_of("docs/OPERATIONS.md")


def test_every_file_that_the_invariants_name_exists():
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", text_of("docs/INVARIANTS.md")))
    roots = (ROOT, ROOT / "gateway")
    assert {name for name in named if not any((root / name).exists() for root in roots)} == set()


def test_every_folder_that_the_readme_names_exists():
    named = re.findall(r"^\| `([a-z0-9_/]+)/` \|", text_of("README.md"), re.MULTILINE)
    assert named
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_every_verb_that_the_readme_shows_exists():
    shown = set(re.findall(r"^gateway ([a-z]+)", text_of("README.md"), re.MULTILINE))
    assert shown
    assert {verb for verb in shown if not (ROOT / f"gateway/commands/{verb}.py").exists()} == set()


def test_the_documents_are_short_enough_to_read():
    assert len(text_of("README.md").splitlines()) <= 120
    assert len(text_of("docs/ARCHITECTURE.md").splitlines()) <= 250


def test_the_example_settings_have_known_keys():
    example = re.search(r"```toml\n(.*?)```", text_of("docs/OPERATIONS.md"), re.DOTALL)
    known = set(re.findall(r"^\| `([a-z0-9_]+)` \|", text_of("docs/OPERATIONS.md"), re.MULTILINE))
    assert set(tomllib.loads(example[1])) <= known
