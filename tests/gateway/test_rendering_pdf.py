"""The PDF: it opens, carries the document, says the same as the page, and can be paid from."""

import io
from dataclasses import replace

import pikepdf
import pytest

from gateway.rendering.documents import Source, make_pdf
from gateway.rendering.pdf import render_pdf
from gateway.rendering.view import Layout
from tests.support.showing import (
    AT,
    IBAN,
    a_bill,
    an_attachment,
    codes_in,
    embedded,
    every_field,
    page_of,
    pdf_of,
    read_page,
    seen,
    view_of,
    words_of_pdf,
)
from ubl.invoice import Invoice
from ubl.writer import write_document

LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>"""
HOUSE = Layout(logo=LOGO, header="#header\nTwo", footer="$footer", terms="<b>terms")


def test_it_carries_the_document_byte_for_byte_as_an_alternative():
    """[ISO19005-3 §6.8]"""
    data = write_document(a_bill())
    made = make_pdf(data, "nl", AT)
    assert embedded(made.content) == [("document.xml", data, "/Alternative")]
    assert (made.name, made.source) == ("Factuur 2026-0042.pdf", Source.RENDERED)


def test_it_says_that_it_is_pdf_a_and_what_it_is():
    with pikepdf.open(io.BytesIO(pdf_of(a_bill(), "fr"))) as opened:
        with opened.open_metadata() as metadata:
            assert metadata.pdfa_status == "3B"
            assert metadata["dc:title"] == "Facture 2026-0042"
        assert opened.Root.Lang == "fr"


def test_its_code_is_the_payment():
    (code,) = codes_in(pdf_of(a_bill()))
    assert code.splitlines() == [
        "BCD", "002", "1", "SCT", "", "Het Blauwe Huis BV", IBAN, "EUR100.00", "", "",
        "+++090/9337/55493+++",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["nl", "fr", "de", "en"])
def test_it_says_what_the_page_says(language):
    bill = every_field(Invoice, lambda path: path.rpartition(".")[2])
    said = words_of_pdf(pdf_of(bill, language))
    values = [word for word in read_page(page_of(bill, language)).words if seen(word)]
    shown = {each for each in values if seen(each).upper() not in said.upper()}
    (style, title, *_), table = values, {"Lines", "Lijnen", "Lignes", "Positionen"}
    on_the_web = {"On the web", "Op het web", "Sur le web", "Im Web"}
    alone = {each.strip(": \n") for each in shown - {style, title}}
    assert alone <= table | on_the_web


def test_the_same_document_gives_the_same_bytes():
    assert pdf_of(a_bill()) == pdf_of(a_bill())


def test_a_character_that_no_font_has_is_replaced_and_the_pdf_says_so():
    said = words_of_pdf(pdf_of(a_bill(notes=("a\U000e0041\ufddab \U0001f9ff",))))
    assert "Somecharacterscannotbeprintedhere" in said
    assert "Somecharacters" not in words_of_pdf(pdf_of(a_bill(notes=("Žluťoučký €",))))


def test_many_characters_that_no_font_has_are_replaced_too():
    strange = "".join(chr(0x20000 + 7 * at) for at in range(500))
    bill = every_field(Invoice, lambda path: strange)
    assert "Somecharacters" in words_of_pdf(pdf_of(bill))


@pytest.mark.parametrize("text", ["Ελληνικά", "Българска", "עברית", "1\u202f234,50\xa0€ → ½"])
def test_letters_of_the_union_are_printed(text):
    said = words_of_pdf(pdf_of(a_bill(notes=(text,))))
    assert "Somecharacters" not in said


def test_a_layout_adds_logo_header_footer_and_terms():
    said = words_of_pdf(pdf_of(a_bill(), layout=HOUSE))
    page = page_of(a_bill(), layout=HOUSE)
    for each in ("#header", "Two", "$footer", "<b>terms"):
        assert seen(each) in said
        assert each in "".join(read_page(page).words)
    assert "data:image/svg+xml;base64," in page
    assert len(pdf_of(a_bill(), layout=replace(HOUSE, logo=None))) < len(
        pdf_of(a_bill(), layout=HOUSE)
    )


def test_typst_opens_no_file_and_no_package(monkeypatch):
    template = b'#read("/etc/hostname") #import "@preview/a:1.0.0"'
    monkeypatch.setattr("gateway.rendering.pdf._template", lambda: template)
    with pytest.raises(Exception, match="not found"):
        render_pdf(view_of(a_bill()), b"<a/>", at=AT)


def test_an_attachment_that_is_no_file_of_ours_does_no_harm():
    bill = a_bill(supporting_documents=(an_attachment(b"MZ\x90", "../../etc/x.exe"),))
    assert seen("../../etc/x.exe") in words_of_pdf(pdf_of(bill))
