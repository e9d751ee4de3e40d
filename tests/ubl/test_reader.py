"""Reading documents: every value to its place, and nothing dropped in silence."""

from datetime import UTC, date, time
from decimal import Decimal

import pytest

from tests.support.documents import a_document, official_examples, replaced
from ubl.errors import BadContent, MalformedXml, UnknownDocument
from ubl.invoice import Attachment, Invoice, Kind
from ubl.money import Amount, Quantity
from ubl.party import Identifier
from ubl.reader import read_document
from ubl.response import ApplicationResponse
from ubl.writer import write_document

# What the examples hold beyond BIS Billing 3: the list of a category's code, and a reference of a
# line that does not say to be the invoiced object.
BEYOND_BIS = {
    "Norwegian-example-1.xml": "cac:ClassifiedTaxCategory/cbc:ID/@schemeID",
    "ubl-tc434-example5.xml": "cac:DocumentReference",
}
TAXED = "<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>21</cbc:Percent><cac:TaxScheme><cbc:ID>"
PAYMENT_DUE = "<cbc:PaymentDueDate>2026-12-22</cbc:PaymentDueDate>"


def read(*changes):
    return read_document(replaced(a_document(), *changes))


@pytest.mark.captured
def test_examples_are_held_entirely_but_for_what_is_beyond_bis(test_data):
    seen, beyond = 0, {}
    for path in official_examples(test_data):
        seen += 1
        for unheld in read_document(path.read_bytes()).unheld:
            beyond.setdefault(path.name, set()).add(unheld)
    assert seen == 86
    assert beyond.keys() == BEYOND_BIS.keys()
    for name, paths in beyond.items():
        assert all(path.endswith(BEYOND_BIS[name]) for path in paths)


def test_an_invoice_says_what_it_is():
    document = read().document
    assert isinstance(document, Invoice)
    assert (document.kind, document.number, document.issued_on) == (
        Kind.INVOICE,
        "2026-001",
        date(2026, 11, 22),
    )
    assert document.seller.endpoint == Identifier("0123456749", "0208")
    assert document.seller.vat_id == "BE0123456749"
    assert document.lines[0].quantity == Quantity(Decimal(2), "C62")
    assert document.totals.due == Amount(Decimal("121.00"), "EUR")


@pytest.mark.parametrize(
    ("customization", "root", "kind"),
    [
        ("billing", "Invoice", Kind.INVOICE),
        ("selfbilling", "Invoice", Kind.SELF_BILLED_INVOICE),
        ("billing", "CreditNote", Kind.CREDIT_NOTE),
        ("selfbilling", "CreditNote", Kind.SELF_BILLED_CREDIT_NOTE),
    ],
)
def test_the_kind_follows_from_root_and_specification(customization, root, kind):
    data = replaced(a_document(root), ("billing:3.0", f"{customization}:3.0"))
    assert read_document(data).document.kind is kind


def test_a_credit_note_has_its_due_date_in_its_payment_means():
    reading = read_document(
        replaced(
            a_document("CreditNote"),
            (
                "<cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>",
                "<cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>" + PAYMENT_DUE,
            ),
        )
    )
    assert (reading.document.due_on, reading.unheld) == (date(2026, 12, 22), ())


@pytest.mark.parametrize(
    ("old", "new", "unheld"),
    [
        ("<cbc:ID>2026", "<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:ID>2026", "UBLVersionID"),
        ("<cbc:ID>2026", '<cbc:ID schemeID="X">2026', "/cbc:ID/@schemeID"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026<!-- half -->-001", "/cbc:ID/comment()"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026<?half?>-001", "/cbc:ID/processing-instruction()"),
        ("<cbc:ID>2026-001", "<cbc:ID>2026<b>-</b>-001", "/cbc:ID/Q{x}b"),
        ("<cac:InvoiceLine>", "<cac:InvoiceLine>words", "/cac:InvoiceLine/text()"),
        ("<cac:Item>", "words<cac:Item>", "/cac:InvoiceLine/text()"),
        ("<cac:PartyName>", '<cac:PartyName lang="nl">', "cac:PartyName/@lang"),
        ("</cac:PartyName>", "</cac:PartyName><cac:PartyName/>", "cac:PartyName[2]"),
        ("<cbc:ID>VAT</cbc:ID>", 2 * "<cbc:ID>VAT</cbc:ID>", "cac:TaxScheme/cbc:ID[2]"),
        (f"{TAXED}VAT<", f"{TAXED}GST<", "cac:TaxCategory/cac:TaxScheme/cbc:ID"),
        ("2026-11-22", "2026-11-22+01:00", "/cbc:IssueDate"),
        (
            "<cbc:Note>Dank u</cbc:Note>",
            "<cbc:Note>Dank u</cbc:Note>" + 2 * "<cbc:DueDate>2026-12-01</cbc:DueDate>",
            "/cbc:DueDate[2]",
        ),
    ],
)
def test_what_has_no_place_is_listed_by_its_path(old, new, unheld):
    reading = read((old, new), ("xmlns:cac", 'xmlns:x="x" xmlns:cac'), ("<b>", '<b xmlns="x">'))
    assert len(reading.unheld) == 1
    assert unheld in reading.unheld[0]
    assert reading.unheld[0].startswith("/ubl:Invoice")


def test_a_comment_between_elements_says_nothing():
    assert read(("<cac:InvoiceLine>", "<!-- the lines --><cac:InvoiceLine>")).unheld == ()


def test_a_value_is_all_of_its_text():
    """[XML §2.5]"""
    assert read(("2026-001", "2026<!-- half -->-001")).document.number == "2026-001"


@pytest.mark.parametrize(
    ("old", "new", "location"),
    [
        ("2026-11-22", "2026-02-30", "/ubl:Invoice/cbc:IssueDate"),
        ("2026-11-22", "20261122", "/ubl:Invoice/cbc:IssueDate"),
        ("2026-11-22", "2026-W47-7", "/ubl:Invoice/cbc:IssueDate"),
        (">121.00<", ">NaN<", "/ubl:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
        (">121.00<", ">1e2<", "/ubl:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
        (">121.00<", ">1_21<", "/ubl:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
        (">121.00<", f">{'1' * 41}<", "/ubl:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
        (
            'PayableAmount currencyID="EUR"',
            "PayableAmount",
            "/ubl:Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount/@currencyID",
        ),
        ("<cbc:ID>2026-001</cbc:ID>", "", "/ubl:Invoice/cbc:ID"),
        ("<cbc:ID>1</cbc:ID>", "", "/ubl:Invoice/cac:InvoiceLine/cbc:ID"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_path(old, new, location):
    """[XSD §3.2]"""
    data = replaced(a_document(), (old, new))
    with pytest.raises(BadContent) as caught:
        read_document(data)
    assert caught.value.location == location


def test_whitespace_around_a_number_and_a_date_is_no_part_of_it():
    document = read((">121.00<", ">\n 121.00 <"), ("2026-11-22", " 2026-11-22\n")).document
    assert document.totals.due.value == Decimal("121.00")
    assert document.issued_on == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("written", "value"),
    [(f"121.{'0' * 45}", "121"), (f"+{'0' * 45}121.50", "121.5"), (f"-{'0' * 45}", "0")],
)
def test_zeros_that_say_nothing_are_no_digits(written, value):
    reading = read((">121.00</cbc:PayableAmount>", f">{written}</cbc:PayableAmount>"))
    assert reading.document.totals.due == Amount(Decimal(value), "EUR")
    again = read_document(write_document(reading.document))
    assert (again.document, again.unheld, reading.unheld) == (reading.document, (), ())


def test_an_account_without_a_number_is_listed_not_refused():
    data = replaced(a_document(), ("<cbc:ID>BE71096123456769</cbc:ID>", "<cbc:Name>x</cbc:Name>"))
    assert read_document(data).unheld == (
        "/ubl:Invoice/cac:PaymentMeans/cac:PayeeFinancialAccount",
    )


def test_a_charge_on_the_price_is_no_discount():
    charge = (
        '<cbc:PriceAmount currencyID="EUR">50</cbc:PriceAmount><cac:AllowanceCharge>'
        '<cbc:ChargeIndicator>true</cbc:ChargeIndicator><cbc:Amount currencyID="EUR">1</cbc:Amount>'
        "</cac:AllowanceCharge>"
    )
    reading = read(('<cbc:PriceAmount currencyID="EUR">50</cbc:PriceAmount>', charge))
    assert reading.document.lines[0].price.discount is None
    assert reading.unheld == ("/ubl:Invoice/cac:InvoiceLine/cac:Price/cac:AllowanceCharge",)


def test_an_attachment_is_read_as_bytes():
    held = read().document.supporting_documents[0].attachment
    assert held == Attachment(content=b"%PDF-", media_type="application/pdf", filename="a.pdf")


def test_base64_that_is_none_is_refused():
    with pytest.raises(BadContent, match="is not base64"):
        read((">JVBERi0=<", ">JVBE=Ri0<"))


def test_another_document_is_refused_by_its_name():
    with pytest.raises(UnknownDocument, match="Order"):
        read_document(b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>')


def test_a_doctype_is_refused():
    with pytest.raises(MalformedXml, match="DOCTYPE"):
        read_document(b"<!DOCTYPE Invoice>" + a_document().partition(b"?>")[2])


@pytest.mark.captured
def test_a_status_says_what_happened(test_data):
    path = test_data / "rules/mls-1.0.1/examples/MessageLevelStatus_Example_RE3.xml"
    document = read_document(path.read_bytes()).document
    assert isinstance(document, ApplicationResponse)
    assert document.issued_at == time(12, tzinfo=UTC)
    assert document.responses[0].response.code == "RE"
    assert document.responses[0].lines
