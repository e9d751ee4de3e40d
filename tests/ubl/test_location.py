"""Places in a document, written for people."""

import pytest

from tests.support.invoices import an_invoice_text
from ubl.location import Places, path_of
from ubl.reader import read_document
from ubl.xml import parse

DOCUMENT = b"""<a xmlns:c="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<!--1--><b/><c:ID/>text<b><d/><!--2--></b><?p?><b xmlns="x"/><!--3--></a>"""
PATHS = [
    "/a", "/a/comment()[1]", "/a/b[1]", "/a/cbc:ID", "/a/b[2]", "/a/b[2]/d", "/a/b[2]/comment()",
    "/a/processing-instruction()", "/a/Q{x}b", "/a/comment()[2]",
]  # fmt: skip


def test_a_path_has_a_number_where_there_are_several_of_a_name():
    assert [path_of(element) for element in parse(DOCUMENT).iter()] == PATHS


def test_the_paths_of_many_are_the_same():
    places = Places()
    assert [places.path_of(element) for element in parse(DOCUMENT).iter()] == PATHS


@pytest.fixture
def counted(monkeypatch):
    """The paths of the elements whose children were counted."""
    written = []
    write_within = Places._write_within

    def write(self, parent, path):
        written.append(path)
        write_within(self, parent, path)

    monkeypatch.setattr(Places, "_write_within", write)
    return written


def test_elements_within_one_are_counted_once(counted):
    places = Places()
    root = parse(b"<a>" + b"<b><c/><c/></b>" * 3 + b"</a>")
    for element in root.iter("c"):
        places.path_of(element)
    assert counted == ["/a", "/a/b[1]", "/a/b[2]", "/a/b[3]"]


def test_what_the_model_cannot_hold_is_counted_once_for_all_of_it(counted):
    signature = b"  <cac:Signature><cbc:ID>1</cbc:ID></cac:Signature>\n"
    before = b"  <cac:AccountingSupplierParty>"
    text = an_invoice_text(1).replace(before, signature * 50 + before)
    unheld = read_document(text).unheld
    assert unheld == tuple(f"/ubl:Invoice/cac:Signature[{number + 1}]" for number in range(50))
    assert counted == ["/ubl:Invoice"]
