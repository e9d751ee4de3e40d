"""An invoice or a credit note, as a person reads it: the view of it in one language.

Figures are those that the document states; nothing is reckoned anew, so that a wrong total is seen
as it was sent.  [EN16931-1] [BIS3]
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.rendering.items import view_adjustment, view_item
from gateway.rendering.media import PDF, media_type
from gateway.rendering.parties import view_delivery, view_party
from gateway.rendering.payments import view_payment
from gateway.rendering.view import Attachment, Party, Row, Section, Total, VatRow, View
from gateway.rendering.wording import Wording
from ubl.invoice import Invoice, SupportingDocument
from ubl.line import Period
from ubl.money import Amount
from ubl.tax import VatSubtotal

__all__ = ["view_attachments", "view_invoice"]

_TITLES: Final = {
    "326": "partial_invoice",
    "383": "debit_note",
    "384": "corrected_invoice",
    "386": "prepayment_invoice",
}
_SUBJECT_CODE: Final = re.compile(r"#[A-Z]{3}#")  # BT-21, in front of the text of BT-22.


def view_invoice(invoice: Invoice, words: Wording) -> View:
    """Return the view of *invoice*."""
    adjustments = (view_adjustment(each, words) for each in invoice.allowance_charges)
    return View(
        language=words.language,
        title=words.word(f"title.{_title(invoice)}"),
        number=invoice.number,
        head=tuple(_head(invoice, words)),
        parties=tuple(_parties(invoice, words)),
        sections=tuple(_sections(invoice, words)),
        notes=tuple(_SUBJECT_CODE.sub("", note, count=1) for note in invoice.notes),
        currency=invoice.currency or "",
        items=tuple(view_item(line, invoice.currency, words) for line in invoice.lines),
        adjustments=tuple(adjustments),
        vat=tuple(_vat_row(each, words) for each in invoice.vat_breakdown),
        totals=tuple(_totals(invoice, words)),
        payments=tuple(view_payment(each, invoice, words) for each in invoice.payment_means),
        terms=(invoice.payment_terms,) if invoice.payment_terms else (),
        attachments=view_attachments(invoice.supporting_documents, words),
    )


def view_attachments(
    documents: Iterable[SupportingDocument], words: Wording
) -> tuple[Attachment, ...]:
    """Return what came along with a document: its own PDF first, which is the first one in it."""
    shown: list[Attachment] = []
    number, has_own = 0, False
    for each in documents:
        file = each.attachment
        if file is not None:
            number += 1
        is_own = not has_own and file is not None and media_type(file.content) == PDF
        name = (file.filename if file is not None else None) or each.id
        said = [text for text in _distinct(each.id, each.description) if text != name]
        view = Attachment(
            number=number if file is not None else 0,
            name=name,
            description=", ".join(said),
            size="" if file is None else words.size(len(file.content)),
            address=each.url or "",
            own_pdf=is_own,
        )
        has_own = has_own or is_own
        shown.append(view)
    return tuple(sorted(shown, key=lambda each: not each.own_pdf))


def _title(invoice: Invoice) -> str:
    kind = str(invoice.kind)
    return _TITLES.get(invoice.type_code or "", kind) if kind == "invoice" else kind


def _head(invoice: Invoice, words: Wording) -> Iterator[Row]:
    days = {
        "issue_date": invoice.issued_on,
        "due_date": invoice.due_on,
        "delivery_date": invoice.delivery.delivered_on if invoice.delivery else None,
        "tax_point_date": invoice.tax_point_on,
    }
    for name, day in days.items():
        if day is not None:
            yield Row(words.word(f"head.{name}"), words.day(day))
    if invoice.tax_point_code:
        by = words.code("tax_point", invoice.tax_point_code)
        yield Row(words.word("head.tax_point_by"), by)
    if period := _period(invoice.period, words):
        yield Row(words.word("head.period"), period)
    if invoice.accounting_cost:
        yield Row(words.word("head.accounting_cost"), invoice.accounting_cost)


def _period(period: Period | None, words: Wording) -> str:
    return "" if period is None else words.period(period.start, period.end)


def _parties(invoice: Invoice, words: Wording) -> Iterator[Party]:
    yield view_party(invoice.seller, "seller", words)
    yield view_party(invoice.buyer, "buyer", words)
    if invoice.payee is not None:
        yield view_party(invoice.payee, "payee", words)
    if invoice.tax_representative is not None:
        yield view_party(invoice.tax_representative, "tax_representative", words)
    if invoice.delivery is not None and (shown := view_delivery(invoice.delivery, words)):
        yield shown


def _sections(invoice: Invoice, words: Wording) -> Iterator[Section]:
    if rows := tuple(_references(invoice, words)):
        yield Section(title=words.word("reference.table"), rows=rows)


def _references(invoice: Invoice, words: Wording) -> Iterator[Row]:
    order, about = invoice.order, invoice.object_identifier
    references = {
        "buyer_reference": invoice.buyer_reference,
        "order": order.id if order else None,
        "sales_order": order.sales_order if order else None,
        "contract": invoice.contract,
        "project": invoice.project,
        "despatch": invoice.despatch_advice,
        "receipt": invoice.receiving_advice,
        "tender": invoice.tender_or_lot,
        "object": words.identifier(about) if about else None,
    }
    for name, value in references.items():
        if value:
            yield Row(words.word(f"reference.{name}"), value)
    for each in invoice.preceding_invoices:
        yield Row(words.word("reference.preceding"), words.numbered(each.id, each.issued_on))


def _vat_row(subtotal: VatSubtotal, words: Wording) -> VatRow:
    reasons = _distinct(subtotal.exemption_reason, subtotal.exemption_code)
    return VatRow(
        category=words.vat(subtotal.category, long=True),
        base=_money(subtotal.taxable, words),
        amount=_money(subtotal.tax, words),
        reason=", ".join(reasons),
    )


def _totals(invoice: Invoice, words: Wording) -> Iterator[Total]:
    totals = invoice.totals
    paid = None if totals.paid is None else -totals.paid
    allowances = None if totals.allowances is None else -totals.allowances
    sums = {
        "lines": totals.lines if allowances is not None or totals.charges is not None else None,
        "allowances": allowances,
        "charges": totals.charges,
        "without_vat": totals.without_vat,
        "vat": invoice.vat_total,
        "with_vat": totals.with_vat,
        "prepaid": paid,
        "rounding": totals.rounding,
    }
    for name, amount in sums.items():
        if amount is not None:
            yield Total(label=words.word(f"total.{name}"), value=_money(amount, words))
    if (tax := invoice.vat_in_tax_currency) is not None:
        label = words.word("vat.tax_currency", currency=tax.currency)
        yield Total(label=label, value=_money(tax, words))
    due = words.word("total.to_refund" if invoice.is_credit_note else "total.payable")
    yield Total(label=due, value=_money(totals.due, words), strong=True)


def _money(amount: Amount | None, words: Wording) -> str:
    return "" if amount is None else words.money(amount.value, amount.currency)


def _distinct(*texts: str | None) -> list[str]:
    return list(dict.fromkeys(each for each in texts if each))
