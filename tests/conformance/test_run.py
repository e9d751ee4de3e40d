"""`gateway conformance run` against a sandbox that it starts itself."""

import asyncio
import json
import sys

import pytest

pytestmark = pytest.mark.system

CASES = [
    "as4", "peppol", "smp", "security.policy", "security.replay", "security.decryption",
    "security.structure", "security.wrapping.second", "security.downgrade.coverage",
]  # fmt: skip
"""All but the long lists of attacks, which `tests/system/test_hostile.py` has too."""


async def test_our_own_gateway_passes_and_the_report_says_so(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "conformance", "run", "--report", str(tmp_path), "--json",
        "--case", *CASES, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert out, err.decode()
    summary = json.loads(out.splitlines()[-1])
    assert [case for case in summary["cases"] if case["outcome"] == "failed"] == []
    assert process.returncode == 0
    assert summary["passed"] >= 80
    assert json.loads((tmp_path / "report.json").read_text()) == summary
    for case in summary["cases"]:
        for exchange in case["exchanges"]:
            assert all((tmp_path / file).stat().st_size for file in exchange["files"])
