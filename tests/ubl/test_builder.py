"""From a form to an invoice: categories, sums, references, and everything that is refused."""

from datetime import date
from decimal import Decimal

import pytest

from tests.support.forms import (
    BUYER,
    IBAN,
    PDF,
    SELLER,
    a_form,
    a_line,
    as_json,
    in_base64,
)
from ubl.builder import build_invoice
from ubl.errors import BadForm
from ubl.form import read_form
from ubl.invoice import Kind, OrderReference, PrecedingInvoice
from ubl.money import Amount, Quantity
from ubl.party import Identifier
from ubl.reader import read_document
from ubl.writer import write_document

DELIVERY = {"delivery_date": "2026-11-20", "address": {"country": "DE"}}
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def build(*lines, **more):
    return build_invoice(read_form(as_json(a_form(*lines, **more))))


def pointers_of(*lines, **more):
    with pytest.raises(BadForm) as caught:
        build(*lines, **more)
    return [problem.pointer for problem in caught.value.problems]


def euro(value):
    return Amount(Decimal(value), "EUR")


def without(party, *names):
    return {name: value for name, value in party.items() if name not in names}


@pytest.mark.parametrize(
    ("case", "category", "rate", "code"),
    [
        ("21", "S", 21, None),
        ("12", "S", 12, None),
        ("6", "S", 6, None),
        ("0", "Z", 0, None),
        ("reverse_charge", "AE", 0, "VATEX-EU-AE"),
        ("reverse_charge_works", "AE", 0, "VATEX-EU-AE"),
        ("intra_community", "K", 0, "VATEX-EU-IC"),
        ("export", "G", 0, "VATEX-EU-G"),
        ("exempt", "E", 0, "VATEX-EU-132"),
        ("small_enterprise", "E", 0, None),
    ],
)
def test_a_case_of_vat_has_its_category_rate_and_code(case, category, rate, code):
    (subtotal,) = build(a_line(vat=case), delivery=DELIVERY).vat_breakdown
    assert (subtotal.category.code, subtotal.category.rate) == (category, rate)
    assert subtotal.exemption_code == code
    assert (subtotal.exemption_reason is None) == (category in {"S", "Z"})
    assert subtotal.tax == euro(rate)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", "Btw verlegd"),
        ("fr", "Autoliquidation"),
        ("de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("en", "Reverse charge"),
    ],
)
def test_the_reason_is_in_the_language_of_the_form(language, words):
    invoice = build(a_line(vat="reverse_charge"), language=language)
    assert invoice.vat_breakdown[0].exemption_reason == words


def test_what_is_outside_the_scope_has_neither_rate_nor_vat_numbers():
    bare = {"seller": without(SELLER, "vat_number"), "buyer": without(BUYER, "vat_number")}
    (subtotal,) = build(a_line(vat="outside_scope"), **bare).vat_breakdown
    assert (subtotal.category.code, subtotal.category.rate) == ("O", None)
    assert pointers_of(a_line(vat="outside_scope"), a_line()) == [
        "/lines",
        "/seller/vat_number",
        "/buyer/vat_number",
    ]


def test_vat_is_due_on_the_discounted_amount_and_the_whole_is_due_if_paid_late():
    """[BE-VAT §28]"""
    # The worked example of the law: 100 at 2 % is 20.58 of VAT, 120.58 late, 118.58 in time.
    invoice = build(cash_discount={"percent": "2", "days": 8})
    taxed, exempt = invoice.vat_breakdown
    assert (taxed.taxable, taxed.tax) == (euro("98.00"), euro("20.58"))
    assert (exempt.taxable, exempt.category.code) == (euro("2.00"), "E")
    assert invoice.totals.due == euro("120.58")
    assert invoice.totals.without_vat == euro("100.00")
    allowance, charge = invoice.allowance_charges
    assert (allowance.reason_code, charge.reason_code) == ("64", "ZZZ")
    assert "2026-11-30" in invoice.payment_terms
    assert "118.58 EUR" in invoice.payment_terms


def test_a_discount_has_one_allowance_for_each_rate():
    invoice = build(a_line(vat="21"), a_line(vat="6"), cash_discount={"percent": "2", "days": 8})
    rates = [each.category.rate for each in invoice.allowance_charges if not each.is_charge]
    assert rates == [21, 6]
    assert invoice.totals.charges == euro("4.00")


def test_a_discount_raises_what_was_taken_back_at_another_rate():
    returned = a_line(vat="6", price="50", quantity="-1")
    invoice = build(a_line(), returned, cash_discount={"percent": "2", "days": 8})
    taxable = {(each.category.code, each.category.rate): each for each in invoice.vat_breakdown}
    assert taxable["S", 21].taxable == euro("98.00")
    assert (taxable["S", 6].taxable, taxable["S", 6].tax) == (euro("-49.00"), euro("-2.94"))
    assert taxable["E", 0].taxable == euro("1.00")
    amounts = [(each.is_charge, each.amount) for each in invoice.allowance_charges]
    assert amounts == [(False, euro("2.00")), (True, euro("1.00")), (True, euro("1.00"))]
    assert invoice.totals.without_vat == euro("50.00")


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([a_line()], {"paid": "120.58"}),
        ([a_line()], {"paid": "118.58"}),
        ([a_line(quantity="-1")], {}),
        ([a_line(), a_line(vat="6", quantity="-1")], {}),
        ([a_line(vat="exempt")], {}),
    ],
)
def test_a_discount_that_leaves_nothing_to_be_paid_is_refused(lines, more):
    discount = {"percent": "2", "days": 8}
    assert pointers_of(*lines, cash_discount=discount, **more) == ["/cash_discount"]


def test_a_discount_may_leave_a_cent():
    invoice = build(paid="118.57", cash_discount={"percent": "2.0", "days": 8})
    assert "2 % korting contant bij betaling tot en met" in invoice.payment_terms
    assert invoice.payment_terms.endswith("te betalen 0.01 EUR")


def test_numbers_are_written_with_no_more_decimals_than_they_have():
    line = a_line(price="0E-5000", quantity=f"1.{'0' * 5000}", vat={"category": "S", "rate": "6"})
    found = build(line, paid=f"0.{'0' * 5000}")
    assert (found.lines[0].price.amount.value, found.lines[0].quantity.value) == (0, 1)
    assert read_document(write_document(found)).document == found


@pytest.mark.parametrize(
    ("lines", "pointers"),
    [
        ([a_line(price="999999999999", quantity="2")], ["/lines/0"]),
        ([a_line(price="999999999999")] * 2, ["/lines"]),
        ([a_line(price="9E+11")], ["/lines"]),
        ([a_line(charges=[{"reason": "x", "amount": "999999999999"}])], ["/lines/0"]),
        (
            [a_line(price="2E+11", charges=[{"reason": "x", "percent": "1000"}])],
            ["/lines/0/charges/0"],
        ),
        ([*[a_line(vat="0", price="6E+11")] * 2, a_line(price="6E+11", quantity="-1")], ["/lines"]),
    ],
)
def test_what_no_system_could_book_is_refused(lines, pointers):
    assert pointers_of(*lines) == pointers


def test_large_amounts_that_cancel_each_other_are_taken():
    build(*[a_line(price="8E+11", quantity=number) for number in ("1", "-1", "1", "-1")])


def test_allowances_and_charges_stand_on_lines_and_on_the_document():
    line = a_line(
        quantity="3",
        price="10.333",
        allowances=[{"reason": "Korting", "percent": "10"}],
        charges=[{"reason": "Verpakking", "reason_code": "PC", "amount": "1.25"}],
    )
    invoice = build(line, allowances=[{"reason": "Trouw", "vat": "21", "percent": "50"}])
    assert invoice.lines[0].net == euro("29.15")  # 31.00 - 3.10 + 1.25
    assert invoice.allowance_charges[0].base == euro("29.15")
    assert invoice.totals.allowances == euro("14.58")
    assert invoice.totals.without_vat == euro("14.57")


def test_a_price_may_be_for_many_and_come_down_from_a_list_price():
    line = build(a_line(price="8", list_price="10", price_quantity="100", quantity="50")).lines[0]
    assert line.net == euro("4.00")
    assert line.price.base_quantity == Quantity(Decimal(100), "C62")
    assert line.price.discount.amount == euro(2)


@pytest.mark.parametrize(
    ("kind", "code", "profile"),
    [
        (Kind.INVOICE, "380", "billing:01"),
        (Kind.CREDIT_NOTE, "381", "billing:01"),
        (Kind.SELF_BILLED_INVOICE, "389", "selfbilling:01"),
        (Kind.SELF_BILLED_CREDIT_NOTE, "261", "selfbilling:01"),
    ],
)
def test_each_kind_has_its_code_and_process(kind, code, profile):
    invoice = build(
        kind=str(kind), preceding_invoices=[{"number": "1", "issue_date": "2026-01-02"}]
    )
    assert (invoice.kind, invoice.type_code) == (kind, code)
    assert f":{profile}:1.0" in invoice.profile
    assert invoice.preceding_invoices == (PrecedingInvoice(id="1", issued_on=date(2026, 1, 2)),)


def test_a_credit_note_says_what_it_credits():
    assert pointers_of(kind="credit_note") == ["/preceding_invoices"]


def test_a_payment_has_account_and_structured_communication():
    payment = {"iban": "BE71 0961 2345 6769", "bic": "kredbebb", "communication": "090933755493"}
    (means,) = build(payment=payment).payment_means
    assert (means.code, means.remittance) == ("30", "+++090/9337/55493+++")
    assert (means.account.id, means.account.service_provider) == (IBAN, "KREDBEBB")


def test_a_direct_debit_names_mandate_and_creditor():
    payment = {"method": "direct_debit", "mandate": "M1", "creditor": "BE68ZZZ0123456789"}
    invoice = build(payment=payment)
    assert invoice.payment_means[0].direct_debit.mandate == "M1"
    assert invoice.creditor_id == "BE68ZZZ0123456789"


def test_notes_are_one_and_references_keep_their_places():
    invoice = build(notes=["a", "b"], sales_order_reference="S1", contract_reference="C1")
    assert invoice.notes == ("a\nb",)
    assert invoice.order == OrderReference(id="NA", sales_order="S1")
    assert (invoice.contract, invoice.buyer_reference) == ("C1", "PO 7")


def test_the_pdf_of_the_invoice_comes_before_other_files():
    file = {"filename": "uren.csv", "media_type": "text/csv", "content": in_base64(b"a;b")}
    first, second = build(
        number="2026/1", pdf=in_base64(PDF), attachments=[file]
    ).supporting_documents
    assert (first.attachment.content, first.attachment.filename) == (PDF, "2026-1.pdf")
    assert (second.id, second.attachment.content) == ("uren.csv", b"a;b")


@pytest.mark.parametrize(
    ("media_type", "content", "pointer", "words"),
    [
        ("application/msword", b"\xd0\xcf", "media_type", "make it one of PDF, PNG, JPEG, CSV"),
        ("application/pdf", b"PK\x03\x04", "content", "does not look like PDF"),
        (EXCEL, b"%PDF-", "content", r"does not look like Excel \(.xlsx\)"),
        ("text/csv", b"a\0b", "content", "is not text"),
        ("image/png", b"", "content", "is empty"),
    ],
)
def test_a_file_that_may_not_be_attached_is_refused_in_clear_words(
    media_type, content, pointer, words
):
    file = {"filename": "x", "media_type": media_type, "content": in_base64(content)}
    assert pointers_of(attachments=[file]) == [f"/attachments/0/{pointer}"]
    with pytest.raises(BadForm, match=words):
        build(attachments=[file])


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"currency": "EURO"}, ["/currency"]),
        ({"buyer_reference": None}, ["/buyer_reference"]),
        ({"notes": [" \n"]}, ["/notes/0"]),
        ({"number": "a\u0007"}, ["/number"]),
        ({"period": {"start": "2026-02-01", "end": "2026-01-01"}}, ["/period/end"]),
        ({"period": {}}, ["/period"]),
        ({"paid": "1.001"}, ["/paid"]),
        ({"rounding": "NaN"}, ["/rounding"]),
        ({"tax_currency": "SEK"}, ["/vat_in_tax_currency"]),
        ({"tax_currency": "EUR", "vat_in_tax_currency": "1"}, ["/tax_currency"]),
        ({"tax_currency": "SEK", "vat_in_tax_currency": "-1"}, ["/vat_in_tax_currency"]),
        ({"payee": {"name": SELLER["name"]}}, ["/payee/name"]),
        ({"payment": {}}, ["/payment/iban"]),
        ({"payment": {"iban": "BE71096123456768"}}, ["/payment/iban"]),
        ({"payment": {"iban": IBAN, "communication": "1"}}, ["/payment/communication"]),
        ({"payment": {"method": "direct_debit"}}, ["/payment/mandate"]),
        ({"payment": {"iban": IBAN, "mandate": "M"}}, ["/payment/mandate"]),
        ({"links": [{"id": "1", "url": "ftp://x y"}]}, ["/links/0/url"]),
        ({"cash_discount": {"percent": "0", "days": 1}}, ["/cash_discount"]),
        ({"cash_discount": {"percent": "101", "days": 1}}, ["/cash_discount/percent"]),
        (
            {"issue_date": "9999-12-31", "cash_discount": {"percent": "2", "days": 1}},
            ["/cash_discount/days"],
        ),
        ({"allowances": [{"reason": "x", "vat": "21"}]}, ["/allowances/0"]),
        ({"charges": [{"reason": "x", "vat": "19", "amount": "1"}]}, ["/charges/0/vat"]),
        ({"seller": SELLER | {"vat_number": "BE0123456748"}}, ["/seller/vat_number"]),
        ({"seller": without(SELLER, "vat_number")}, ["/seller/vat_number"]),
        ({"buyer": BUYER | {"peppol_id": "0208:0987654395"}}, ["/buyer/peppol_id"]),
        ({"buyer": BUYER | {"peppol_id": "none"}}, ["/buyer/peppol_id"]),
        ({"buyer": BUYER | {"address": {"country": "Belgium"}}}, ["/buyer/address/country"]),
    ],
)
def test_what_the_rules_would_refuse_is_named_by_its_pointer(more, pointers):
    assert pointers_of(**more) == pointers


@pytest.mark.parametrize(
    ("line", "pointers"),
    [
        ({"price": "-1"}, ["price"]),
        ({"price": "Infinity"}, ["price"]),
        ({"quantity": "1E+12"}, ["quantity"]),
        ({"quantity": f"1.{'0' * 30}1"}, ["quantity"]),
        ({"quantity": f"1.{'0' * 5000}1"}, ["quantity"]),
        ({"price": "0.000000001"}, ["price"]),
        ({"unit": "stuk"}, ["unit"]),
        ({"price_quantity": "0"}, ["price_quantity"]),
        ({"list_price": "1"}, ["list_price"]),
        ({"gtin": "1"}, ["gtin"]),
        ({"classifications": [{"code": "1", "scheme": "X"}]}, ["classifications/0/scheme"]),
        (
            {"allowances": [{"reason": "x", "reason_code": "1", "amount": "1"}]},
            ["allowances/0/reason_code"],
        ),
        ({"vat": "19"}, ["vat"]),
        ({"vat": {"category": "S", "rate": "0.1"}}, ["vat/rate"]),
        ({"vat": {"category": "E", "rate": "6", "reason": "x"}}, ["vat/rate"]),
        ({"vat": {"category": "E"}}, ["vat/reason"]),
    ],
)
def test_what_is_wrong_with_a_line_is_named_by_its_pointer(line, pointers):
    assert pointers_of(a_line(**line)) == [f"/lines/0/{pointer}" for pointer in pointers]


def test_numbers_of_lines_are_not_used_twice():
    assert pointers_of(a_line(id="2"), a_line()) == ["/lines/1/id"]


def test_an_intra_community_supply_says_where_to_and_to_whom():
    found = pointers_of(a_line(vat="intra_community"), buyer=without(BUYER, "vat_number"))
    assert found == ["/buyer/vat_number", "/delivery/delivery_date", "/delivery/address"]


def test_all_problems_are_named_at_once():
    assert pointers_of(a_line(price="-1"), currency="X", buyer_reference=None) == [
        "/currency",
        "/buyer_reference",
        "/lines/0/price",
    ]


def test_an_endpoint_is_read_in_its_scheme():
    assert build().buyer.endpoint == Identifier("0987654394", "0208")


def test_what_is_built_is_read_back_the_same():
    invoice = build(a_line(), a_line(vat="6"), payment={"iban": IBAN}, due_date="2026-12-22")
    reading = read_document(write_document(invoice))
    assert (reading.document, reading.unheld) == (invoice, ())
