"""Orderly documents: what is read along the tags is what the tree says, and all else is left to it.

Everything goes through the parser first, so each change here is of a document that it accepts.
"""

import random
import re

import pytest

from tests.support.documents import a_document, official_examples, replaced
from tests.support.invoices import an_invoice_text
from ubl.errors import UblError
from ubl.orderly import ORDERLY_BYTES_MAX, read_orderly
from ubl.plain import PREFIXES_MAX
from ubl.reader import read_root
from ubl.xml import parse_document

SEEDS = range(600)
FAKE = b"<cbc:ID>forged</cbc:ID><cbc:IssueDate>2020-01-01</cbc:IssueDate>"
# What is put behind some ">" of a document.
ODD = (
    b"<!-- c -->", b"<!-- > -->", b"<!-- " + FAKE + b" -->", b"<?pi x?>", b"<![CDATA[x<y>]]>",
    b"<![CDATA[<!-- ]]>", b"&amp;", b"&lt;a&gt;", b"&#65;", b"&#xa0;", b">", b"x", b"\r\n",
    "\u00a0".encode(), "\u2028".encode(), b"<x/>", b"<cbc:ID/>", b"<cbc:Note>a</cbc:Note>",
    b">/cbc:Note>\n>cbc:DueDate>2020-01-01>/cbc:DueDate", b"<cbc:Percent>1</cbc:Percent>",
)  # fmt: skip
# What is put behind the name of some tag.
ATTRIBUTES = (
    b' schemeID="0088"', b" schemeID = '0088' ", b' schemeID="a b"', b' schemeID="a\nb"',
    b' schemeID="a&amp;b"', b' schemeID="a>b"', b" schemeID='a\"b'", b' x="1"',
    b' currencyID="EUR"', b' xml:lang="nl"', b' xmlns:cbc="urn:other"', b' xmlns="urn:other"',
    b' xmlns:z="urn:z"', b' listID="a" listVersionID="b"', b"\n", b" ",
)  # fmt: skip


def both(data):
    """What is read along the tags (or None), and from the tree."""
    root = parse_document(data, bytes_max=len(data))
    return read_orderly(root, data), read_root(root)


def renamed(data, **prefixes):
    for old, new in prefixes.items():
        data = re.sub(rb"(</?|xmlns:)%b(?=[:=])" % old.encode(), rb"\1" + new.encode(), data)
    return data


@pytest.mark.parametrize("document", [a_document(), a_document("CreditNote"), an_invoice_text(3)])
@pytest.mark.parametrize(
    "write",
    [
        lambda data: data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data.partition(b"?>")[2].lstrip(),
        lambda data: renamed(data, cac="n1", cbc="n2"),
        lambda data: re.sub(rb' (\w+)="(\w+)">', rb"\n\1 = '\2' >", data),
        lambda data: re.sub(rb">\s+<", b"><", data),
        lambda data: data.replace(b"<cac:", b"<!-- a <b> - c --><cac:"),
        lambda data: data.replace(b"</cbc:Note>", b" &amp;lt; &quot;&apos;&gt;&lt;</cbc:Note>"),
        lambda data: data.replace(b"</cbc:Note>", "é\u00a0ü</cbc:Note>".encode()),
        lambda data: data + b"<!-- the end -->\n",
    ],
)
def test_an_orderly_document_is_read_as_its_tree_is(document, write):
    """[XML §2.11] [XML §3.1] [XML §4.6]"""
    orderly, reading = both(write(document))
    assert (orderly, reading.unheld) == (reading.document, ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<cbc:ID>2026-001", "<cbc:ID>2026<!-- half -->-001"),
        ("<cbc:ID>2026-001", "<cbc:ID><![CDATA[2026-001]]>"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026<?half?>-001"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026&#45;001"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026>001"),
        ("<cac:Item>", "\u00a0<cac:Item>"),
        ("<cac:Item>", "&amp;<cac:Item>"),
        ("<cac:Item>", "<!-- --><?pi?><cac:Item>"),
        ("<cac:Item>", '<cac:Item xmlns:cbc="urn:other">'),
        ("<cbc:ID>2026-001</cbc:ID>", ""),
        ("<cbc:ID>2026-001</cbc:ID>", 2 * "<cbc:ID>2026-001</cbc:ID>"),
        ("<cbc:Note>", "<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:Note>"),
        ("<cbc:Note>", "<cbc:Note/><cbc:Note>"),
        (">121.00<", "> 121.00<"),
        (">121.00<", ">NaN<"),
        (">121.00<", ">1-2<"),
        ('currencyID="EUR"', 'currencyID="E&amp;R"'),
        ('currencyID="EUR"', 'currencyID="E>R"'),
        ('currencyID="EUR"', 'currencyID="EUR" schemeID="EUR"'),
        ("</cac:PartyName>", "</cac:PartyName><cac:PartyName></cac:PartyName>"),
        ("<cbc:Note>", f"<!-- {FAKE.decode()} --><?pi?><cbc:Note>"),
    ],
)
def test_what_is_not_orderly_is_left_to_the_tree(old, new):
    data = replaced(a_document(), (old, new))
    assert read_orderly(parse_document(data, bytes_max=len(data)), data) is None


def test_a_comment_before_the_root_is_not_taken_for_it():
    declaration, _, document = a_document().partition(b"?>")
    forged = document.replace(b"2026-001", b"forged").strip()
    orderly, reading = both(declaration + b"?><!-- " + forged + b" -->" + document)
    assert reading.document.number == "2026-001"
    assert orderly in (None, reading.document)


def test_prefixes_that_changed_places_are_left_to_the_tree():
    orderly, reading = both(renamed(a_document(), cac="x", cbc="cac", x="cbc"))
    assert (orderly, reading.unheld) == (None, ())


def test_a_root_with_many_prefixes_is_left_to_the_tree():
    many = " ".join(f'xmlns:n{number}="urn:n"' for number in range(PREFIXES_MAX))
    orderly, reading = both(replaced(a_document(), ("xmlns:cac", f"{many} xmlns:cac")))
    assert (orderly, reading.unheld) == (None, ())


@pytest.mark.parametrize("place", ["</cac:InvoiceLine>", "</cbc:Note>"])
def test_comments_in_a_row_before_the_end_of_an_element_are_left_to_the_tree(place):
    orderly, _ = both(replaced(a_document(), (place, 5 * "<!-- - --> " + place)))
    assert orderly is None


def test_a_large_document_is_left_to_the_tree():
    note = "<cbc:Note>" + "x" * ORDERLY_BYTES_MAX
    orderly, reading = both(replaced(a_document(), ("<cbc:Note>", note)))
    assert (orderly, reading.unheld) == (None, ())


def test_another_document_is_not_orderly():
    data = b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>'
    assert read_orderly(parse_document(data, bytes_max=len(data)), data) is None


def spoiled(data, draw):
    """Put something odd into *data*, wherever its root is open."""
    what, pattern = draw.choice(((ODD, rb">"), (ATTRIBUTES, rb"<(?:\w+:)?\w+(?=[^<>]*>)")))
    places = [found.end() for found in re.finditer(pattern, data)]
    place = draw.choice(places[2:-1])
    return data[:place] + draw.choice(what) + data[place:]


@pytest.mark.captured
def test_what_is_read_along_the_tags_is_what_the_tree_says(test_data):
    examples = [path.read_bytes() for path in official_examples(test_data)]
    documents = [data for data in examples if len(data) < 50_000] + 20 * [a_document()]
    outcomes = {"orderly": 0, "tree": 0}
    for seed in SEEDS:
        draw = random.Random(seed)
        data = draw.choice(documents)
        for _ in range(draw.randrange(3)):
            data = spoiled(data, draw)
        try:
            root = parse_document(data, bytes_max=len(data))
        except UblError:
            continue
        orderly = read_orderly(root, data)
        if orderly is None:
            outcomes["tree"] += 1
            continue
        outcomes["orderly"] += 1
        reading = read_root(root)
        assert (orderly, reading.unheld) == (reading.document, ()), seed
        assert repr(orderly) == repr(reading.document), seed
    assert min(outcomes.values()) > 50, outcomes
