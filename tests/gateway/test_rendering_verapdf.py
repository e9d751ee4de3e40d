"""veraPDF's verdict on our PDFs: archives take them.  [ISO19005-3 §6]

It needs Java and veraPDF in the local Maven repository; nothing is fetched here.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.languages import LANGUAGES
from tests.gateway.test_rendering_pdf import HOUSE
from tests.support.showing import a_bill, every_field, pdf_of
from tests.support.showing import an_attachment as attachment
from ubl.invoice import Invoice

VERSION = "1.28.2"
ARTIFACT = f"org.verapdf.apps:greenfield-apps:{VERSION}"
JAR = f".m2/repository/org/verapdf/apps/greenfield-apps/{VERSION}/greenfield-apps-{VERSION}.jar"


@pytest.fixture
def judge(tmp_path):
    java, jar = shutil.which("java"), Path.home() / JAR
    if java is None:
        pytest.skip("veraPDF needs Java")
    if not jar.exists():
        pytest.skip(f"veraPDF is not here: mvn dependency:get -Dartifact={ARTIFACT}")

    def verdicts():
        flags = ["--flavour", "3b", "--format", "json"]
        words = [
            f"-Duser.home={tmp_path}",
            "-cp",
            str(jar),
            "org.verapdf.apps.GreenfieldCliWrapper",
        ]
        files = [str(each) for each in sorted(tmp_path.glob("*.pdf"))]
        ended = subprocess.run([java, *words, *flags, *files], capture_output=True, check=False)
        jobs = json.loads(ended.stdout)["report"]["jobs"]
        return [result["compliant"] for job in jobs for result in job["validationResult"]]

    return verdicts


def test_every_pdf_of_ours_is_pdf_a_3b(judge, tmp_path):
    made = {language: pdf_of(a_bill(), language) for language in LANGUAGES}
    made["house"] = pdf_of(a_bill(), layout=HOUSE)
    made["full"] = pdf_of(every_field(Invoice, lambda path: path))
    made["strange"] = pdf_of(a_bill(notes=("\u4e2d\u0e01\u05d0 \U0001f600\U000e0041",)))
    made["files"] = pdf_of(a_bill(supporting_documents=(attachment(b"%PDF-1.4"),)))
    for name, pdf in made.items():
        (tmp_path / f"{name}.pdf").write_bytes(pdf)
    assert judge() == [True] * len(made)
