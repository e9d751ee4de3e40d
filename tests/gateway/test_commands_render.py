"""`gateway render`: a document as a page or a PDF, without a gateway."""

import io

import pytest

from tests.support.command import run_command
from tests.support.showing import PDF_FILE, a_bill, an_attachment, embedded
from ubl.writer import write_document


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "bill.xml"
    path.write_bytes(write_document(a_bill()))
    return path


class Output(io.TextIOWrapper):
    """A stdout that keeps its bytes, as a terminal or not."""

    def __init__(self, *, terminal):
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def test_a_page_goes_to_stdout(capfdbinary, file):
    from gateway.__main__ import main

    assert main(["render", str(file), "--lang", "de"]) == 0
    assert b"<h1>Rechnung " in capfdbinary.readouterr().out


def test_a_pdf_goes_to_the_file_named(capsys, file, tmp_path):
    out = tmp_path / "bill.pdf"
    ended = run_command(capsys, "render", file, "--format", "pdf", "--out", out, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.facts == {"file": str(file), "written": str(out), "source": "rendered"}
    assert embedded(out.read_bytes()) == [("document.xml", file.read_bytes(), "/Alternative")]


def test_an_own_pdf_is_offered_and_written_when_asked_for(capsys, file, tmp_path):
    bill = a_bill(supporting_documents=(an_attachment(PDF_FILE, "own.pdf"),))
    file.write_bytes(write_document(bill))
    out = tmp_path / "out.pdf"
    words = ("render", file, "--format", "pdf", "--out", out)
    offered = run_command(capsys, *words)
    assert (offered.code, "own.pdf: --own" in offered.err) == (0, True)
    assert out.read_bytes() != PDF_FILE
    assert run_command(capsys, *words, "--own").code == 0
    assert out.read_bytes() == PDF_FILE


def test_without_an_own_pdf_none_is_written(capsys, file, tmp_path):
    out = tmp_path / "out.pdf"
    ended = run_command(capsys, "render", file, "--format", "pdf", "--own", "--out", out)
    assert (ended.code, out.exists()) == (1, False)


def test_what_cannot_be_shown_says_where(capsys, file, tmp_path):
    file.write_bytes(file.read_bytes().replace(b"2026-11-20", b"soon"))
    ended = run_command(capsys, "render", file, "--out", tmp_path / "x.html", "--json")
    assert (ended.code, ended.facts["code"]) == (1, "not-showable")
    assert "IssueDate" in ended.err


def test_a_file_that_is_not_there_is_a_wrong_word(capsys, tmp_path):
    ended = run_command(capsys, "render", tmp_path / "none.xml")
    assert ended.code == 2
    assert "none.xml cannot be read" in ended.err


@pytest.mark.parametrize("words", [["--own"], ["--json"], ["--lang", "it"], ["--format", "png"]])
def test_words_that_do_not_go_together_are_refused(capsys, file, words):
    assert run_command(capsys, "render", file, *words).code == 2


def test_a_pdf_is_not_for_a_terminal(capsys, file, monkeypatch):
    monkeypatch.setattr("sys.stdout", Output(terminal=True))
    from gateway.__main__ import main

    assert main(["render", str(file), "--format", "pdf"]) == 2
