"""From a form to an invoice: all parts, then the sums over them.  [EN16931-1] [BIS3]

Whoever fills in the form names neither totals nor categories; they follow from lines and cases.
What is built breaks no rule that makes a document invalid: what would is refused.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ubl.belgium import CASH_DISCOUNT, VAT_CASES
from ubl.builder.attachments import build_supporting_documents
from ubl.builder.countries import check_country
from ubl.builder.lines import build_charges, build_lines, build_period
from ubl.builder.parties import build_delivery, build_party, build_payee
from ubl.builder.payment import build_payment, discount_charges, discount_terms, name_creditor
from ubl.builder.problems import Problems
from ubl.builder.taxes import Taxes
from ubl.codelists import CURRENCIES
from ubl.form import InvoiceForm
from ubl.identifiers import BILLING, INVOICE, SELF_BILLING, SELF_BILLING_INVOICE
from ubl.invoice import DocumentTotals, Invoice, Kind, OrderReference, PrecedingInvoice
from ubl.money import Amount, total_of
from ubl.tax import VatSubtotal
from ubl.totals import compute_breakdown, compute_totals

__all__ = ["build_invoice"]

_TYPE_CODES: Final = {
    Kind.INVOICE: "380",
    Kind.CREDIT_NOTE: "381",
    Kind.SELF_BILLED_INVOICE: "389",
    Kind.SELF_BILLED_CREDIT_NOTE: "261",
}
_SELF_BILLED: Final = frozenset({Kind.SELF_BILLED_INVOICE, Kind.SELF_BILLED_CREDIT_NOTE})
_CREDIT: Final = frozenset({Kind.CREDIT_NOTE, Kind.SELF_BILLED_CREDIT_NOTE})
# What stands for the buyer's order where only the seller's is known.  [BIS3]
_NO_ORDER: Final = "NA"


def build_invoice(form: InvoiceForm) -> Invoice:
    """Return the invoice that *form* describes.

    BadForm with all problems that were found, each with the JSON pointer of its place.
    """
    problems = Problems()
    problems.check_texts(form)
    problems.check_code(form.currency, CURRENCIES, "/currency", "a currency of ISO 4217")
    kind = Kind(form.kind)
    _check_references(form, kind, problems)
    taxes = Taxes(VAT_CASES, form.language, problems)
    lines = build_lines(form, taxes, problems)
    charges = build_charges(form, lines, taxes, problems)
    added = discount_charges(form, lines, charges, CASH_DISCOUNT, taxes, problems)
    charges = (*charges, *added)
    breakdown = compute_breakdown(lines, charges, form.currency, taxes.exemptions())
    vat_total = total_of((subtotal.tax for subtotal in breakdown), form.currency)
    totals = compute_totals(
        lines,
        charges,
        vat_total,
        paid=_optional(form.paid, "/paid", form.currency, problems),
        rounding=_optional(form.rounding, "/rounding", form.currency, problems),
    )
    _check_sums(totals, breakdown, problems)
    taxes.check_parties(form, {subtotal.category.code or "" for subtotal in breakdown})
    bare = _without_sums(form, kind, totals, problems)
    invoice = replace(
        bare,
        payment_terms=discount_terms(form, added, totals.due, CASH_DISCOUNT, problems),
        allowance_charges=charges,
        vat_total=vat_total,
        vat_breakdown=breakdown,
        vat_in_tax_currency=_vat_in_tax_currency(form, vat_total, problems),
        lines=lines,
    )
    check_country(form, invoice, problems)
    problems.raise_any()
    return invoice


def _without_sums(
    form: InvoiceForm, kind: Kind, totals: DocumentTotals, problems: Problems
) -> Invoice:
    """Return the invoice without its lines and what follows from them, but *totals*."""
    seller = build_party(form.seller, "/seller", problems)
    payee = build_payee(form.payee, form.seller, problems)
    specification = SELF_BILLING_INVOICE if kind in _SELF_BILLED else INVOICE
    return Invoice(
        is_credit_note=kind in _CREDIT,
        customization=specification.customization,
        profile=(SELF_BILLING if kind in _SELF_BILLED else BILLING).value,
        number=form.number,
        issued_on=form.issue_date,
        due_on=form.due_date,
        type_code=_TYPE_CODES[kind],
        # Peppol takes one note.
        notes=("\n".join(form.notes),) if form.notes else (),
        tax_point_on=form.tax_point_date,
        currency=form.currency,
        tax_currency=form.tax_currency,
        accounting_cost=form.accounting_cost,
        buyer_reference=form.buyer_reference,
        period=build_period(form.period, "/period", problems),
        order=_order(form),
        preceding_invoices=tuple(
            PrecedingInvoice(id=each.number, issued_on=each.issue_date)
            for each in form.preceding_invoices
        ),
        contract=form.contract_reference,
        project=form.project_reference,
        supporting_documents=build_supporting_documents(form, problems),
        seller=seller if payee is not None else name_creditor(seller, form),
        buyer=build_party(form.buyer, "/buyer", problems),
        payee=None if payee is None else name_creditor(payee, form),
        delivery=build_delivery(form.delivery, problems),
        payment_means=build_payment(form, problems),
        totals=totals,
    )


def _check_sums(
    totals: DocumentTotals, breakdown: Sequence[VatSubtotal], problems: Problems
) -> None:
    sums = [
        *(totals.lines, totals.without_vat, totals.with_vat, totals.due),
        *(totals.allowances, totals.charges),
        *(each.taxable for each in breakdown),
        *(each.tax for each in breakdown),
    ]
    found = [each for each in sums if each is not None]
    problems.amount(max(found, key=lambda each: abs(each.value)), "/lines")


def _check_references(form: InvoiceForm, kind: Kind, problems: Problems) -> None:
    if not (form.buyer_reference or form.order_reference or form.sales_order_reference):
        problems.add(
            "/buyer_reference", "is missing: write what the buyer asked for, or order_reference"
        )
    if kind in _CREDIT and not form.preceding_invoices:
        problems.add("/preceding_invoices", "is missing: say which invoice is credited")


def _order(form: InvoiceForm) -> OrderReference | None:
    if form.order_reference is None and form.sales_order_reference is None:
        return None
    return OrderReference(
        id=form.order_reference or _NO_ORDER, sales_order=form.sales_order_reference
    )


def _optional(
    value: Decimal | None, pointer: str, currency: str, problems: Problems
) -> Amount | None:
    return None if value is None else Amount(problems.money(value, pointer), currency)


def _vat_in_tax_currency(form: InvoiceForm, vat: Amount, problems: Problems) -> Amount | None:
    """Return the VAT in the currency of the tax authority, which has the sign of *vat*."""
    if form.tax_currency is None and form.vat_in_tax_currency is None:
        return None
    if form.tax_currency is None or form.vat_in_tax_currency is None:
        missing = "tax_currency" if form.tax_currency is None else "vat_in_tax_currency"
        problems.add(f"/{missing}", "is missing: the two go together")
        return None
    problems.check_code(form.tax_currency, CURRENCIES, "/tax_currency", "a currency of ISO 4217")
    if form.tax_currency == form.currency:
        problems.add("/tax_currency", "is the currency of the invoice: leave it out")
    value = problems.money(form.vat_in_tax_currency, "/vat_in_tax_currency")
    if value * vat.value < 0:
        problems.add("/vat_in_tax_currency", f"has not the sign of the VAT, {vat}")
    return Amount(value, form.tax_currency)
