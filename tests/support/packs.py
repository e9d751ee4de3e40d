"""Rule packs for tests: those that `make setup` installed, small ones of our own, and archives."""

import atexit
import functools
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from gateway.rules.catalogue import Artefact, Client, RuleSet
from gateway.rules.installing import install_from_path

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED = ROOT / ".data" / "rules"

SCH = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
  <ns uri="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2" prefix="cbc"/>
  <pattern><rule context="/*">
    <assert id="OWN-1" flag="fatal" test="{test}">There is a note.</assert>
  </rule></pattern>
</schema>
"""


def own_rules(test="cbc:Note") -> bytes:
    """A rule file with one rule, which asks for a note."""
    return SCH.format(test=test).encode()


def installed_rules() -> Path:
    """The folder of packs that `make setup` fetched, else one made of the captured rule files.

    Without either the test is skipped.
    """
    if (INSTALLED / "mcp-einvoicing-core").is_dir():
        return INSTALLED
    captured = os.environ.get("PEPPOL_TEST_DATA")
    if not captured:
        pytest.skip("the rules of Peppol are not installed: make setup fetches them")
    return _rules_of(Path(captured) / "rules")


@functools.cache
def _rules_of(captured: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rules-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rules = captured / "peppol-2026.5/xslt/PEPPOL-EN16931-UBL.xslt"
    install_from_path(rules, folder, "3.0.21", lambda _text: None)
    return folder


def a_zip(*members) -> bytes:
    """A zip file of (name, content) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def a_tar(*members) -> bytes:
    """A compressed tar file of (name, content) pairs; content None makes a link to /etc/passwd."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def an_artefact(data: bytes, **changes) -> Artefact:
    """An artefact of the hash of *data* that holds our own rules as BIS 3."""
    facts = {
        "id": "own-jar",
        "version": "1.0",
        "client": Client.MAVEN,
        "coordinates": "own:own-jar:1.0",
        "sha256": hashlib.sha256(data).hexdigest(),
        "members": {"rules.sch": "inside/rules.sch"},
        "rule_sets": (RuleSet(id="peppol-bis3", version="9.0", file="rules.sch"),),
    }
    return Artefact(**facts | changes)
