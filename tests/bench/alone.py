"""One rule engine in a process of its own: how soon it is ready, and what memory it takes.

    python -m tests.bench.alone native|saxon FOLDER

FOLDER has compiled rules (`*.code` for ours, `*.xslt` for Saxon) and documents (`*.xml`), each of
which is checked a few times.  What is found is printed as JSON.
"""

import json
import marshal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import psutil
from lxml import etree

ROUNDS = 5
MIB = 1 << 20


def main(engine: str, folder: Path) -> None:
    me = psutil.Process()
    check = {"native": open_native, "saxon": open_saxon}[engine](folder)
    ready_seconds = time.time() - me.create_time()
    loaded = me.memory_info().rss
    documents = [path.read_bytes() for path in sorted(folder.glob("*.xml"))]
    started = time.perf_counter()
    check(documents[0])
    first_ms = (time.perf_counter() - started) * 1000
    for _ in range(ROUNDS):
        for document in documents:
            check(document)
    figures = {
        "ready_seconds": round(ready_seconds, 2),
        "first_ms": round(first_ms, 1),
        "loaded_mib": round(loaded / MIB),
        "resident_mib": round(me.memory_info().rss / MIB),
    }
    print(json.dumps(figures))


def open_native(folder: Path) -> Callable[..., None]:
    """Return our engine with all rules of *folder*; a tree that was parsed may be given."""
    from ubl.schematron import build_tree
    from ubl.xml import parse

    checks = []
    for path in sorted(folder.glob("*.code")):
        code = marshal.loads(path.read_bytes())
        assert isinstance(code, CodeType)
        module: dict[str, object] = {"__name__": path.stem}
        exec(code, module)
        checks.append(module["check"])

    def check(document: bytes, root: etree._Element | None = None) -> None:
        tree = build_tree(parse(document) if root is None else root)
        for rules in checks:
            rules(tree)

    return check


def open_saxon(folder: Path) -> Callable[[bytes], None]:
    """Return Saxon with all rules of *folder*."""
    from saxonche import PySaxonProcessor

    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    rules = [
        compiler.compile_stylesheet(stylesheet_file=str(path))
        for path in sorted(folder.glob("*.xslt"))
    ]

    def check(document: bytes) -> None:
        tree = processor.parse_xml(xml_text=document.decode())
        for stylesheet in rules:
            stylesheet.transform_to_string(xdm_node=tree)

    return check


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
