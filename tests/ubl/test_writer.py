"""Writing documents: what is written is read back as the same, and schemas and rules take it."""

import types
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, time, timedelta, timezone
from decimal import Decimal
from typing import get_args, get_origin, get_type_hints

import pytest
from lxml import etree

from tests.support.documents import a_document, official_examples
from tests.support.rulesets import EN16931, INVOICE_RESPONSE, MLS, PEPPOL, SELF_BILLING
from tests.support.saxon import Oracle
from ubl.errors import CannotWrite
from ubl.invoice import Invoice
from ubl.line import Period
from ubl.money import Amount
from ubl.party import Identifier, Party, TaxRegistration
from ubl.reader import read_document
from ubl.response import ApplicationResponse, DocumentResponse, Response
from ubl.tax import TaxCategory, VatSubtotal
from ubl.writer import write_document

NASTY = "<b>&amp; \"x\" ]]> 'y'\r\n\ttab "


def an_invoice(root="Invoice", **more):
    return replace(read_document(a_document(root)).document, **more)


def reread(document):
    reading = read_document(write_document(document))
    assert reading.unheld == ()
    return reading.document


@pytest.mark.captured
def test_examples_are_read_and_written_without_loss(test_data):
    examples = official_examples(test_data)
    for path in examples:
        document = read_document(path.read_bytes()).document
        data = write_document(document)
        assert reread(document) == document, path
        assert write_document(reread(document)) == data, path
    assert len(examples) == 86


@pytest.mark.captured
def test_rewritten_examples_fit_the_schema_where_the_originals_do(test_data):
    schemas = {}
    judged = 0
    for path in official_examples(test_data):
        original = etree.fromstring(path.read_bytes())
        name = etree.QName(original).localname
        if name not in schemas:
            file = test_data / f"rules/ubl-2.1-xsd/maindoc/UBL-{name}-2.1.xsd"
            schemas[name] = etree.XMLSchema(etree.parse(file))
        if schemas[name].validate(original):
            judged += 1
            rewritten = etree.fromstring(write_document(read_document(path.read_bytes()).document))
            assert schemas[name].validate(rewritten), (path, schemas[name].error_log)
    assert judged > 75


@pytest.mark.captured
@pytest.mark.parametrize(
    ("folder", "rules", "count"),
    [
        ("peppol-2026.5/examples/billing", (EN16931, PEPPOL), 10),
        ("peppol-2026.5/examples/selfbilling", (EN16931, SELF_BILLING), 9),
        ("peppol-2026.5/examples/invoice-response", (INVOICE_RESPONSE,), 13),
        ("mls-1.0.1/examples", (MLS,), 8),
    ],
)
def test_rewritten_examples_break_the_rules_that_the_originals_break(
    test_data, folder, rules, count
):
    oracles = [Oracle(test_data / "rules" / rule.xslt) for rule in rules]
    examples = sorted((test_data / "rules" / folder).glob("*.xml"))
    for path in examples:
        original = etree.fromstring(path.read_bytes())
        rewritten = etree.fromstring(write_document(read_document(path.read_bytes()).document))
        for oracle in oracles:
            said = [sorted(s.rule for s in oracle.check(root)) for root in (original, rewritten)]
            assert said[0] == said[1], path
    assert len(examples) == count


def test_markup_in_a_text_is_text():
    assert reread(an_invoice(notes=(NASTY,), number=NASTY)).notes == (NASTY,)


def test_markup_in_an_attribute_is_text():
    seller = Party(endpoint=Identifier(NASTY, NASTY))
    assert reread(an_invoice(seller=seller)).seller == seller


@pytest.mark.parametrize("text", ["\0", "\x1b", "\ud800", "\uffff"])
def test_what_xml_cannot_hold_is_refused_by_name(text):
    """[XML §2.2]"""
    with pytest.raises(CannotWrite, match=r"seller\.legal_name"):
        write_document(an_invoice(seller=Party(legal_name=text)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1" * 41])
def test_a_number_that_is_none_is_refused(value):
    totals = replace(an_invoice().totals, due=Amount(Decimal(value), "EUR"))
    with pytest.raises(CannotWrite, match=r"totals\.due"):
        write_document(an_invoice(totals=totals))


def test_a_number_is_written_without_exponent():
    due = Amount(Decimal("1E+2"), "EUR")
    data = write_document(an_invoice(totals=replace(an_invoice().totals, due=due)))
    assert b'<cbc:PayableAmount currencyID="EUR">100</cbc:PayableAmount>' in data


def test_a_credit_note_says_when_it_is_due_in_its_payment_means():
    due = an_invoice("CreditNote", due_on=date(2026, 12, 22))
    assert b"<cbc:PaymentDueDate>2026-12-22</cbc:PaymentDueDate>" in write_document(due)
    assert reread(due) == due
    with pytest.raises(CannotWrite, match="due_on"):
        write_document(replace(due, payment_means=()))


def test_a_breakdown_without_its_total_is_refused():
    with pytest.raises(CannotWrite, match="vat_total"):
        write_document(an_invoice(vat_total=None))


@pytest.mark.parametrize("root", ["Invoice", "CreditNote"])
def test_references_that_share_an_element_stay_apart(root):
    document = an_invoice(root, project="P-1", object_identifier=Identifier("541", "AAA"))
    assert reread(document) == document


def test_the_two_currencies_of_vat_stay_apart():
    document = an_invoice(tax_currency="SEK", vat_in_tax_currency=Amount(Decimal("230.10"), "SEK"))
    assert reread(document) == document


def test_the_code_of_the_tax_point_needs_no_period():
    for period in (None, Period(start=date(2026, 1, 1)), Period(end=date(2026, 1, 31))):
        document = an_invoice(tax_point_code="432", period=period)
        assert reread(document) == document


def test_a_registration_for_another_tax_is_no_vat_number():
    seller = Party(
        vat_id="NO123456785MVA",
        tax_registration=TaxRegistration(value="Foretaksregisteret", scheme="TAX"),
    )
    assert reread(an_invoice(seller=seller)).seller == seller


def test_what_is_outside_the_scope_has_no_rate():
    euro = Amount(Decimal(0), "EUR")
    subtotal = VatSubtotal(
        taxable=euro, tax=euro, category=TaxCategory("O"), exemption_code="VATEX-EU-O"
    )
    assert reread(an_invoice(vat_breakdown=(subtotal,))).vat_breakdown == (subtotal,)


def test_a_response_keeps_its_time_and_offset():
    response = ApplicationResponse(
        id="1",
        issued_on=date(2026, 11, 22),
        issued_at=time(10, 11, 12, 500000, tzinfo=timezone(timedelta(hours=1))),
        sender=Party(endpoint=Identifier("000306", "0242")),
        receiver=Party(endpoint=Identifier("000123", "0242")),
        responses=(DocumentResponse(response=Response(code="AB")),),
    )
    assert reread(response) == response


class _Filler:
    """Fills every field of a value, each with another text, number or day."""

    def __init__(self):
        self._drawn = 0

    def fill(self, kind):
        if isinstance(kind, types.UnionType):
            kind = next(each for each in get_args(kind) if each is not type(None))
        if get_origin(kind) is tuple:
            return (self.fill(get_args(kind)[0]), self.fill(get_args(kind)[0]))
        if is_dataclass(kind):
            hints = get_type_hints(kind)
            return kind(**{field.name: self.fill(hints[field.name]) for field in fields(kind)})
        self._drawn += 1
        return self._draw(kind)

    def _draw(self, kind):
        if kind is bool:
            return self._drawn % 2 == 0
        if kind is date:
            return date(2026, 1, 1) + timedelta(days=self._drawn)
        if kind is time:
            return time(10, 11, 12, tzinfo=UTC)
        if kind is bytes:
            return b"%d" % self._drawn
        return kind(self._drawn)


@pytest.mark.parametrize("is_credit_note", [False, True])
def test_every_term_of_an_invoice_is_written_and_read(is_credit_note):
    document = replace(_Filler().fill(Invoice), is_credit_note=is_credit_note)
    assert reread(document) == document


def test_every_term_of_a_response_is_written_and_read():
    document = _Filler().fill(ApplicationResponse)
    assert reread(document) == document
