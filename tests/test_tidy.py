"""Rules about the code itself: sizes, docstrings, citations, marks."""

import ast
import re
import tomllib
from pathlib import Path

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


def found_in(paths, find):
    """What *find* finds in each of *paths* where it finds something, by the file's name."""
    assert len(paths) > 100
    found = {relative(path): find(path.read_text()) for path in paths}
    return {name: what for name, what in found.items() if what}


def test_files_are_short_enough_to_read():
    def too_long(text):
        return max(0, len(text.splitlines()) - FILE_LINES_MAX)

    assert found_in(SOURCES + TESTS, too_long) == {}


def test_functions_fit_on_one_screen():
    def too_long(text):
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)]
        return [f.name for f in functions if f.end_lineno - f.lineno >= FUNCTION_LINES_MAX]

    assert found_in(SOURCES, too_long) == {}


def test_modules_say_what_they_are_for():
    assert found_in(SOURCES, lambda text: not ast.get_docstring(ast.parse(text))) == {}


def test_citations_name_known_specifications():
    known = known_specifications()
    assert found_in(SOURCES, lambda text: set(CLAUSE.findall(text)) - known) == {}


def test_no_leftover_marks():
    others = [path for path in SOURCES + TESTS if path != Path(__file__)]
    assert found_in(others, lambda text: [found[0] for found in LEFTOVER.finditer(text)]) == {}


def test_modules_are_named_by_what_they_hold():
    assert [relative(path) for path in SOURCES if path.stem in NAMELESS] == []


def test_each_lint_exception_has_a_reason():
    def unargued(text):
        lines = [line for line in text.splitlines() if re.search(r"#\s*noqa", line)]
        return [line for line in lines if not re.search(r"#\s*noqa: [A-Z0-9, ]+ - \S", line)]

    others = [path for path in SOURCES + TESTS if path != Path(__file__)]
    assert found_in(others, unargued) == {}


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
