"""The view of a document: all of it is shown, as the document states it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from gateway.rendering.documents import view_document
from gateway.rendering.html import render_html
from gateway.rendering.responses import view_response
from gateway.rendering.wording import Wording
from tests.support.showing import (
    PDF_FILE,
    a_bill,
    a_transfer,
    an_attachment,
    euro,
    every_field,
    page_of,
    read_page,
    seen,
    view_of,
)
from ubl.invoice import DocumentTotals, Invoice, SupportingDocument
from ubl.line import AllowanceCharge, InvoiceLine, Item, Price
from ubl.money import Amount, Quantity
from ubl.payment import DirectDebit
from ubl.response import ApplicationResponse
from ubl.tax import TaxCategory
from ubl.writer import write_document

# What tells a machine how to read the rest, or is shown as words: not as it is written.
INVOICE_UNSEEN = {
    ".customization",
    ".profile",
    ".type_code",
    ".tax_currency",
    ".supporting_documents.attachment.media_type",
    ".allowance_charges.reason_code",
    ".lines.allowance_charges.reason_code",
    ".lines.allowance_charges.category.code",
    ".lines.item.classifications.list_version",
}
RESPONSE_UNSEEN = {
    ".customization",
    ".profile",
    ".responses.documents.type_code",
    ".responses.documents.version",
    ".responses.response.statuses.list_id",
    ".responses.lines.responses.statuses.list_id",
}


def tokens():
    """A text for each path that is like no other, and all of them by path."""
    given = {}
    return given, lambda path: given.setdefault(path, f"T{len(given):03}x")


def unseen(given, page):
    words = seen(" ".join(read_page(page).words))
    missing = {path for path, token in given.items() if token not in words}
    return {path for path in missing if not path.endswith(".tax_registration.scheme")}


def test_every_text_of_an_invoice_is_shown():
    given, text = tokens()
    page = page_of(every_field(Invoice, text))
    assert unseen(given, page) == INVOICE_UNSEEN


def test_every_text_of_a_response_is_shown():
    given, text = tokens()
    answer = every_field(ApplicationResponse, text)
    page = render_html(view_response(answer, Wording.of("en")))
    assert unseen(given, page) == RESPONSE_UNSEEN


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Factuur"),
        ({"type_code": "386"}, "Voorschotfactuur"),
        ({"type_code": "384"}, "Gecorrigeerde factuur"),
        ({"type_code": "389"}, "Factuur (self-billing)"),
        ({"is_credit_note": True, "type_code": "381"}, "Creditnota"),
        ({"is_credit_note": True, "type_code": "261"}, "Creditnota (self-billing)"),
    ],
)
def test_the_title_says_what_it_is(changes, title):
    assert view_of(a_bill(**changes), "nl").title == title


def amounts(invoice):
    return {each.label: each.value for each in view_of(invoice).totals}


def test_totals_are_those_that_the_document_states():
    totals = DocumentTotals(
        lines=euro(7), without_vat=euro(1), with_vat=euro(2), paid=euro("0.50"), due=euro(99)
    )
    assert amounts(a_bill(totals=totals)) == {
        "Total excl. VAT": "€1.00", "Total incl. VAT": "€2.00", "Already paid": "-€0.50",
        "Amount due": "€99.00",
    }  # fmt: skip


def test_the_sum_of_lines_stands_where_something_is_taken_off_it():
    totals = DocumentTotals(lines=euro(100), allowances=euro(10), due=euro(90))
    assert amounts(a_bill(totals=totals)) == {
        "Sum of lines": "€100.00", "Discounts": "-€10.00", "Amount due": "€90.00",
    }  # fmt: skip


def test_what_is_credited_is_not_called_due():
    assert "Amount credited" in amounts(a_bill(is_credit_note=True, type_code="381"))


def a_line(**changes):
    given = {
        "id": "1",
        "net": euro("30.00"),
        "item": Item(name="Nails", category=TaxCategory("S", Decimal(21))),
        "quantity": Quantity(Decimal("1.50"), "KGM"),
        "price": Price(amount=euro("2.0005"), base_quantity=Quantity(Decimal(100), "C62")),
    }
    return InvoiceLine(**(given | changes))


def item_of(line):
    (item,) = view_of(a_bill(lines=(line,))).items
    return item


def test_a_line_says_how_much_at_which_price():
    item = item_of(a_line())
    assert (item.quantity, item.vat, item.amount) == ("1.5 kg", "21%", "30.00")
    assert item.price == "2.0005 per 100 pcs"


def test_an_amount_of_another_currency_says_so():
    assert item_of(a_line(net=Amount(Decimal(5), "SEK"))).amount == "SEK5.00"


def test_a_discount_says_why_and_of_what():
    off = AllowanceCharge(
        is_charge=False, amount=euro(3), base=euro(30), percent=Decimal(10), reason="Loyal"
    )
    (row,) = item_of(a_line(allowance_charges=(off,))).rows
    assert (row.label, row.value) == ("Discount", "Loyal, 10% of €30.00: -€3.00")
    whole = replace(off, is_charge=True, category=TaxCategory("S", Decimal(21)))
    (sum_,) = view_of(a_bill(allowance_charges=(whole,))).adjustments
    assert (sum_.label, sum_.value) == ("Charge: Loyal, 10% of €30.00 (VAT 21%)", "€3.00")


def test_a_note_is_shown_without_its_subject_code():
    notes = ("#AAI#Thank you", "#1 for you")
    assert view_of(a_bill(notes=notes)).notes == ("Thank you", "#1 for you")


def test_an_iban_is_written_by_fours_and_another_number_as_it_is():
    (payment,) = view_of(a_bill()).payments
    assert ("IBAN", "BE68 5390 0754 7034") in [(r.label, r.value) for r in payment.rows]


def test_a_direct_debit_names_mandate_and_account():
    means = a_transfer(code="59", direct_debit=DirectDebit(mandate="M-1", account="BE71"))
    (payment,) = view_of(a_bill(payment_means=(means,))).payments
    rows = {row.label: row.value for row in payment.rows}
    assert rows["Means"] == "SEPA direct debit"
    assert (rows["Mandate"], rows["Debited account"]) == ("M-1", "BE71")


def test_the_own_pdf_stands_first_whatever_came_before_it():
    named = SupportingDocument(id="web", url="https://example.org/")
    sheet = an_attachment(b"a;b\n", "hours.csv", "application/pdf")
    own = an_attachment(PDF_FILE, "own.pdf", "text/plain")
    bill = a_bill(supporting_documents=(named, sheet, own, own))
    shown = view_of(bill).attachments
    assert [(each.name, each.number, each.own_pdf) for each in shown] == [
        ("own.pdf", 2, True), ("web", 0, False), ("hours.csv", 1, False), ("own.pdf", 3, False),
    ]  # fmt: skip
    assert page_of(bill).index("The sender&#39;s own PDF") < page_of(bill).index("<h1>")


def test_what_the_model_does_not_hold_is_named():
    data = write_document(a_bill(currency="EUR"))
    more = b"<cbc:Note>one</cbc:Note><cbc:PricingCurrencyCode>EUR</cbc:PricingCurrencyCode>"
    at = data.index(b"<cbc:DocumentCurrencyCode")
    assert view_document(data, "en").unheld == ""
    told = view_document(data[:at] + more + data[at:], "en").unheld
    assert "/Invoice/PricingCurrencyCode." in told
    assert "attached XML" in told


def test_the_period_may_be_open():
    assert Wording.of("en").period(date(2026, 1, 1), None) == "1 January 2026 \N{EN DASH} …"
