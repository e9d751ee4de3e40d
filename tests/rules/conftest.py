"""Where the official rule files are."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def rules():
    folder = os.environ.get("PEPPOL_TEST_DATA")
    if not folder:
        give_up = pytest.fail if os.environ.get("PEPPOL_TEST_REQUIRE") == "1" else pytest.skip
        give_up("PEPPOL_TEST_DATA does not name the folder of captured messages and rule files")
    return Path(folder) / "rules"
