"""Text of strangers stays text, in pages and in PDFs, whatever field it stands in."""

import base64
import hashlib

import pytest

from gateway.rendering.policy import read_style
from gateway.rendering.text import clean
from tests.support.showing import (
    a_bill,
    beyond_the_margins,
    every_field,
    page_of,
    pdf_of,
    read_page,
    seen,
    view_of,
    words_of_pdf,
)
from ubl.invoice import Invoice

MARKUP = {
    "HTML": "<script>alert(1)</script><img src=x onerror=y>&amp;</style></p>\"'><b",
    "Jinja": "{{ 7 * 7 }}{% include 'document.css' %}{# gone #}",
    "Typst": '#panic("x") $x^2$ *bold* _it_ = no @ref <label> \\ [c] //c /*d*/ `r` #read("a")',
    "address": "javascript:alert(1) data:text/html,<b> https://example.org/?a=1&b=2",
}
RIGHT_TO_LEFT = "\u202e\u2066abc\u202c"
CONTROLS = "a\x07b\x1b[31mc\x9bd\x00e"


def test_a_page_states_what_it_may_do():
    digest = base64.b64encode(hashlib.sha256(read_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    ).replace("'", "&#39;")
    page = page_of(a_bill())
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert f"<style>{read_style()}</style>" in page


@pytest.mark.parametrize("attack", MARKUP.values(), ids=MARKUP)
def test_markup_in_every_text_field_is_text_on_the_page(attack):
    page = read_page(page_of(every_field(Invoice, lambda path: attack + path)))
    harmless = read_page(page_of(every_field(Invoice, lambda path: "word" + path)))
    assert page.tags == harmless.tags
    assert [link.partition(",")[0] for link in page.links] == [
        link.partition(",")[0] for link in harmless.links
    ]
    words = " ".join(page.words)
    assert " ".join(harmless.words) == words.replace(attack, "word")


@pytest.mark.parametrize("attack", MARKUP.values(), ids=MARKUP)
def test_markup_in_every_text_field_is_text_in_the_pdf(attack):
    said = words_of_pdf(pdf_of(every_field(Invoice, lambda path: attack)))
    assert said.count(seen(attack)) > 100


@pytest.mark.parametrize("text", [RIGHT_TO_LEFT, CONTROLS], ids=["direction", "control"])
def test_what_would_act_is_shown_as_a_sign_in_every_field(text):
    """[UAX9 §2]"""
    bill = every_field(Invoice, lambda path: text)
    page = page_of(bill)
    assert not set(text) & set(page) - set("abcde[31m")
    assert "\ufffd" in page
    assert "\ufffd" in words_of_pdf(pdf_of(bill))


def test_a_mark_that_directs_its_own_word_stays():
    assert clean("\u05d0\u200f!") == "\u05d0\u200f!"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2028", "\x85", "\n"])
def test_lines_end_in_one_way(end):
    assert clean(f" a{end}b ") == "a\nb"


def test_lines_of_a_note_stay_lines():
    assert "one\ntwo" in page_of(a_bill(notes=("one\r\ntwo",)))
    assert view_of(a_bill(notes=("one\r\ntwo",))).notes == ("one\ntwo",)


def test_a_very_long_word_breaks_in_every_field_of_the_pdf():
    pdf = pdf_of(every_field(Invoice, lambda path: "W" * 150))
    assert words_of_pdf(pdf).count("W" * 150) > 100
    assert beyond_the_margins(pdf) == 0


@pytest.mark.parametrize("length", [10, 20, 27])
def test_a_word_of_any_length_stays_within_the_margins(length):
    words = " ".join(["W" * length] * 5)
    assert beyond_the_margins(pdf_of(every_field(Invoice, lambda path: words))) == 0
