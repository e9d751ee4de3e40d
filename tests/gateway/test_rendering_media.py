"""What a file is, by its bytes, and what it may be called."""

import io
import zipfile

import pytest

from gateway.rendering.documents import take_attachment
from gateway.rendering.media import EXTENSIONS, UNKNOWN, file_name, media_type
from tests.support.showing import a_bill, an_attachment
from ubl.writer import write_document


def a_zip(**files):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return written.getvalue()


SHEET = "application/vnd.oasis.opendocument.spreadsheet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {
    "pdf": (b"%PDF-1.4\n<script>", "application/pdf"),
    "png": (b"\x89PNG\r\n\x1a\n...", "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0", "image/jpeg"),
    "ods": (a_zip(mimetype=SHEET, content="<a/>"), SHEET),
    "xlsx": (a_zip(**{"[Content_Types].xml": "<a/>", "xl__workbook.xml": "<a/>"}), XLSX),
    "csv": ("naam;prijs\ncafé;1,50\n".encode(), "text/csv"),
    "csv in Latin-1": (b"caf\xe9,1\n", "text/csv"),
    "docx": (a_zip(**{"[Content_Types].xml": "<a/>", "word__a.xml": "<a/>"}), UNKNOWN),
    "page": (b"a;b\n<script>alert(1)</script>", UNKNOWN),
    "page behind spaces": (b" \n<!doctype html>a,b", UNKNOWN),
    "svg": (b"<svg xmlns='x'>,</svg>", UNKNOWN),
    "program": (b"MZ\x90\x00,", UNKNOWN),
    "text": (b"hello", UNKNOWN),
    "empty": (b"", UNKNOWN),
}


@pytest.mark.parametrize(("content", "kind"), KINDS.values(), ids=KINDS)
def test_a_file_is_what_its_bytes_say(content, kind):
    """[BIS3 §14]"""
    assert media_type(content) == kind


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.pdf", "application/pdf", "a.pdf"),
        ("A.PDF", "application/pdf", "A.PDF"),
        ("a.jpeg", "image/jpeg", "a.jpeg"),
        ("../../etc/passwd", "text/csv", "etcpasswd.csv"),
        ("invoice.pdf", UNKNOWN, "invoice.pdf.bin"),
        ("invoice\u202efdp.exe", UNKNOWN, "invoicefdp.exe.bin"),
        ("x.html", "text/csv", "x.html.csv"),
        ("", "image/png", "document.png"),
        (" .. ", "image/png", "document.png"),
        ('a"\r\nb: c', "image/png", "ab c.png"),
        ("é" * 300, "image/png", "é" * 100 + ".png"),
    ],
)
def test_a_name_fits_any_disk_and_ends_as_its_content_deserves(name, kind, expected):
    assert file_name(name, kind) == expected


def test_what_a_document_says_of_a_file_counts_for_nothing():
    lie = an_attachment(b"<script>alert(1)</script>", "factuur.pdf", "application/pdf")
    file = take_attachment(write_document(a_bill(supporting_documents=(lie,))), 1)
    assert (file.name, file.media_type) == ("factuur.pdf.bin", UNKNOWN)
    assert UNKNOWN not in EXTENSIONS
