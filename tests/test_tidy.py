"""Rules about the code itself: sizes, docstrings, citations, marks."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "conformance", "ubl", "as4", "smp")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
CLAUSE = re.compile(r"\[([A-Z][A-Za-z0-9-]+) §")
LEFTOVER = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b")
NAMELESS = {"helpers", "helper", "utils", "util", "common", "base", "manager", "service", "impl"}


def known_specifications():
    lines = (ROOT / "conformance/specs/index.tsv").read_text().splitlines()[1:]
    return {line.split("\t")[0] for line in lines}


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_file_is_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_functions_fit_on_one_screen(path):
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name for f in functions if f.end_lineno - f.lineno >= FUNCTION_LINES_MAX}
    assert long == set()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_citations_name_known_specifications(path):
    assert set(CLAUSE.findall(path.read_text())) <= known_specifications()


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_no_leftover_marks(path):
    if path != Path(__file__):
        assert not LEFTOVER.search(path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_module_is_named_by_what_it_holds(path):
    assert path.stem not in NAMELESS


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_each_lint_exception_has_a_reason(path):
    for line in path.read_text().splitlines():
        if re.search(r"#\s*noqa", line) and path != Path(__file__):
            assert re.search(r"#\s*noqa: [A-Z0-9, ]+ - \S", line), line


def test_a_bound_is_marked_where_it_stands():
    marked = [path for path in SOURCES if "# LIMIT" in path.read_text()]
    assert marked


def test_every_specification_is_listed_once_with_a_status():
    rows = [
        line.split("\t") for line in (ROOT / "conformance/specs/index.tsv").read_text().splitlines()
    ]
    assert rows[0] == ["id", "version", "status", "title", "where"]
    assert {len(row) for row in rows} == {5}
    assert {row[2] for row in rows[1:]} <= {"Yes", "Partial", "No"}
    assert len({row[0] for row in rows}) == len(rows)


def test_every_direct_dependency_is_argued():
    text = "\n".join(path.read_text() for path in (ROOT / "docs/decisions").glob("*.md"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [d for group in project["optional-dependencies"].values() for d in group]
    names = {re.split(r"[<>=\[ ]", d)[0] for d in project["dependencies"] + extras}
    assert {name for name in names if name not in text} == set()
