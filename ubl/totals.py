"""Totals and the VAT breakdown of a document: sums of what its lines say.

VAT is reckoned once for each category and rate, on the sum of what is taxed that way, and rounded
then: never per line.  The law of Belgium and EN 16931 agree in this.  [EN16931-1] [BIS3]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ubl.invoice import DocumentTotals
from ubl.line import AllowanceCharge, InvoiceLine
from ubl.money import EXACT, Amount, Quantity, round_money, total_of
from ubl.tax import TaxCategory, VatSubtotal

__all__ = [
    "Exemption",
    "compute_breakdown",
    "compute_net",
    "compute_share",
    "compute_taxable",
    "compute_totals",
    "gross_value",
]

_HUNDRED: Final = Decimal(100)
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Exemption:
    """Why there is no VAT: in words, as a code, or both."""

    reason: str | None
    code: str | None


def gross_value(quantity: Quantity, price: Decimal, base_quantity: Decimal = _ONE) -> Decimal:
    """Return what *quantity* costs at *price* for *base_quantity*, rounded to two decimals."""
    exact = EXACT.multiply(quantity.value, price)
    return round_money(exact if base_quantity == _ONE else EXACT.divide(exact, base_quantity))


def compute_share(base: Decimal, percent: Decimal) -> Decimal:
    """Return *percent* of *base*, rounded to two decimals."""
    return round_money(EXACT.divide(EXACT.multiply(base, percent), _HUNDRED))


def compute_net(value: Amount, allowance_charges: Iterable[AllowanceCharge]) -> Amount:
    """Return *value* less allowances, plus charges: the net amount of a line (BT-131).

    ValueError if they are of several currencies.
    """
    for each in allowance_charges:
        value = value + each.amount if each.is_charge else value - each.amount
    return value


def compute_taxable(
    lines: Iterable[InvoiceLine], allowance_charges: Iterable[AllowanceCharge], currency: str
) -> dict[TaxCategory, Amount]:
    """Return what is taxed in each category (BT-116), in the order in which they are met.

    ValueError if something is of another currency.
    """
    taxable: dict[TaxCategory, Amount] = {}
    zero = Amount(Decimal("0.00"), currency)
    for line in lines:
        if line.item.category is not None:
            category = line.item.category
            taxable[category] = taxable.get(category, zero) + line.net
    for each in allowance_charges:
        if each.category is not None:
            signed = each.amount if each.is_charge else -each.amount
            taxable[each.category] = taxable.get(each.category, zero) + signed
    return taxable


def compute_breakdown(
    lines: Sequence[InvoiceLine],
    allowance_charges: Sequence[AllowanceCharge],
    currency: str,
    exemptions: Mapping[TaxCategory, Exemption],
) -> tuple[VatSubtotal, ...]:
    """Return the VAT breakdown (BG-23), in the order in which categories are met.

    *exemptions* says why there is no VAT, for each category that asks for it.
    """
    none = Exemption(None, None)
    return tuple(
        VatSubtotal(
            taxable=amount,
            tax=Amount(compute_share(amount.value, category.rate or Decimal(0)), currency),
            category=category,
            exemption_reason=exemptions.get(category, none).reason,
            exemption_code=exemptions.get(category, none).code,
        )
        for category, amount in compute_taxable(lines, allowance_charges, currency).items()
    )


def compute_totals(
    lines: Sequence[InvoiceLine],
    allowance_charges: Sequence[AllowanceCharge],
    vat_total: Amount,
    *,
    paid: Amount | None = None,
    rounding: Amount | None = None,
) -> DocumentTotals:
    """Return the totals of a document (BG-22); *vat_total* is the sum of its VAT breakdown."""
    currency = vat_total.currency
    net = total_of((line.net for line in lines), currency)
    allowances = [each.amount for each in allowance_charges if not each.is_charge]
    charges = [each.amount for each in allowance_charges if each.is_charge]
    without_vat = net - total_of(allowances, currency) + total_of(charges, currency)
    with_vat = without_vat + vat_total
    due = with_vat
    if paid is not None:
        due = due - paid
    if rounding is not None:
        due = due + rounding
    return DocumentTotals(
        lines=net,
        without_vat=without_vat,
        with_vat=with_vat,
        allowances=total_of(allowances, currency) if allowances else None,
        charges=total_of(charges, currency) if charges else None,
        paid=paid,
        rounding=rounding,
        due=due,
    )
