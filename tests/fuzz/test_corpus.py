"""Every input of the corpora goes through its target: a finding becomes a test by its file."""

import pytest

from tests.fuzz.corpora import FOLDER, seeds_of
from tests.fuzz.targets import TARGETS

BYTES_MAX = 100 << 10
INPUTS = [(name, path) for name in TARGETS for path in seeds_of(name)]


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(*each, id=f"{each[0]}-{each[1].name}") for each in INPUTS]
)
def test_input_of_the_corpus_holds(name, path):
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_an_input_too(name):
    TARGETS[name](b"")


def test_each_corpus_has_a_target():
    assert {folder.name for folder in FOLDER.iterdir()} == set(TARGETS)


def test_the_corpora_are_small():
    assert sum(path.stat().st_size for _, path in INPUTS) < BYTES_MAX
