"""The wheel holds what a gateway needs outside the clone, and no tests.

That it runs in an empty environment is for CI, which installs it with all it depends on.
"""

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = {"gateway", "conformance", "as4", "smp", "ubl"}
PEERS = ROOT / "conformance" / "peers"
"""Projects in Java, for interoperability runs from a clone."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    made = subprocess.run([*command, ROOT], capture_output=True, check=False, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    [path] = folder.glob("*.whl")
    assert path.name.startswith("peppol_gateway-")
    with zipfile.ZipFile(path) as archive:
        yield archive


def source_files():
    """Every file of the packages that the code may read at run time."""
    return {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and PEERS not in path.parents
    }


def test_the_wheel_holds_all_files_of_the_packages_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == source_files()
    assert "gateway/sandbox/invoice.xml" in inside
    assert [name for name in inside if name.startswith("gateway/store/migrations/")]


def test_the_wheel_installs_the_command_and_names_what_it_needs(wheel):
    [entries] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert b"gateway = gateway.__main__:main" in wheel.read(entries)
    [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    facts = message_from_bytes(wheel.read(metadata))
    assert (facts["Name"], facts["License-Expression"]) == ("peppol-gateway", "Apache-2.0")
    needed = [name for name in facts.get_all("Requires-Dist") if "extra ==" not in name]
    assert any(name.startswith("asyncpg") for name in needed)
    assert not any(name.startswith(("pytest", "hypothesis", "mypy")) for name in needed)


def test_the_packages_run_from_the_wheel_alone(wheel, tmp_path):
    """Data that is found beside the code is found inside the wheel's files too."""
    wheel.extractall(tmp_path)
    program = (
        "import gateway, sys; from gateway.sandbox.stories import sample_invoice;"
        "from importlib.resources import files;"
        "assert sample_invoice(); assert list((files('gateway.store') / 'migrations').iterdir());"
        "print(gateway.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False,
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path)
