"""Every official example is shown, in every language."""

import pytest

from gateway.languages import LANGUAGES
from gateway.rendering.documents import Source, make_html, make_pdf, view_document
from tests.support.showing import AT, codes_in, embedded, read_page, seen, words_of_pdf

pytestmark = pytest.mark.captured

FOLDERS = {
    "peppol-2026.5/examples": 34,
    "peppol-bis-3.0.19/examples": 9,
    "peppol-bis-3.0.19/national-examples": 3,
    "en16931-1.3.16/examples": 19,
}


def documents(test_data, folder):
    files = sorted((test_data / "rules" / folder).rglob("*"))
    return [each.read_bytes() for each in files if each.suffix.lower() == ".xml"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_is_a_page_and_a_pdf(test_data, folder, language):
    shown = 0
    for data in documents(test_data, folder):
        view = view_document(data, language)
        page = read_page(make_html(data, language).decode())
        pdf = make_pdf(data, language, AT, Source.RENDERED).content
        assert seen(f"{view.title} {view.number}") in words_of_pdf(pdf)
        assert view.number in page.words
        assert embedded(pdf) == [("document.xml", data, "/Alternative")]
        if codes := [each.code for each in view.payments if each.code]:
            assert codes_in(pdf) == codes
        shown += 1
    assert shown == FOLDERS[folder]
