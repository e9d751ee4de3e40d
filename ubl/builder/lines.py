"""The lines of a form, and allowances and charges wherever they stand.  [EN16931-1] [BIS3]"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ubl.builder.problems import Problems
from ubl.builder.taxes import Taxes
from ubl.codelists import ALLOWANCE_REASONS, CHARGE_REASONS, CLASSIFICATIONS, COUNTRIES, UNITS
from ubl.form import ChargeForm, DocumentChargeForm, InvoiceForm, LineForm, PeriodForm
from ubl.line import (
    AllowanceCharge,
    Classification,
    InvoiceLine,
    Item,
    ItemProperty,
    Period,
    Price,
    PriceDiscount,
)
from ubl.money import EXACT, Amount, Quantity
from ubl.party import Identifier
from ubl.tax import TaxCategory
from ubl.totals import compute_net, compute_share, compute_taxable, gross_value

__all__ = ["build_charges", "build_lines", "build_period"]

_GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_GTIN_SCHEME: Final = "0160"
# LIMIT: a discount or surcharge in percent.
_PERCENT_MAX: Final = Decimal(1000)
_SMALLEST: Final = Decimal("0.00000001")


def build_period(form: PeriodForm | None, pointer: str, problems: Problems) -> Period | None:
    """Return from when to when; one end is enough."""
    if form is None:
        return None
    if form.start is not None and form.end is not None and form.end < form.start:
        problems.add(f"{pointer}/end", "is before the start")
    return Period(start=form.start, end=form.end)


def build_lines(form: InvoiceForm, taxes: Taxes, problems: Problems) -> tuple[InvoiceLine, ...]:
    """Return the lines; those that have no number are numbered by where they stand."""
    lines = tuple(
        _Line(line, form, f"/lines/{at}", taxes, problems).build(str(at + 1))
        for at, line in enumerate(form.lines)
    )
    seen: set[str] = set()
    for at, line in enumerate(lines):
        if line.id in seen:
            problems.add(f"/lines/{at}/id", f"{line.id!r} is the number of another line, too")
        seen.add(line.id)
    return lines


def build_charges(
    form: InvoiceForm, lines: Iterable[InvoiceLine], taxes: Taxes, problems: Problems
) -> tuple[AllowanceCharge, ...]:
    """Return the allowances and charges of the document."""
    bases = compute_taxable(lines, (), form.currency)
    charges = []
    for is_charge, name, group in (
        (False, "allowances", form.allowances),
        (True, "charges", form.charges),
    ):
        for at, each in enumerate(group):
            pointer = f"/{name}/{at}"
            category = taxes.category(each.vat, f"{pointer}/vat")
            base = bases.get(category, Amount(Decimal("0.00"), form.currency))
            charges.append(_charge(each, is_charge, pointer, base, category, problems))
    return tuple(charges)


def _charge(
    form: ChargeForm | DocumentChargeForm,
    is_charge: bool,
    pointer: str,
    base: Amount,
    category: TaxCategory | None,
    problems: Problems,
) -> AllowanceCharge:
    if form.reason_code is not None:
        codes = CHARGE_REASONS if is_charge else ALLOWANCE_REASONS
        what = "a usual code of UNTDID 7161" if is_charge else "a code of UNTDID 5189"
        problems.check_code(form.reason_code, codes, f"{pointer}/reason_code", what)
    if (form.amount is None) == (form.percent is None):
        problems.add(pointer, "has an amount or a percent, one of the two")
    percent, amount = None, Decimal(0)
    if form.percent is not None:
        percent = problems.number(form.percent, f"{pointer}/percent", least=Decimal(0))
        if percent > _PERCENT_MAX:
            problems.add(f"{pointer}/percent", f"is more than {_PERCENT_MAX}")
        base = problems.amount(base, pointer)
        amount = compute_share(base.value, percent)
    elif form.amount is not None:
        amount = problems.money(form.amount, f"{pointer}/amount", least=Decimal(0))
    return AllowanceCharge(
        is_charge=is_charge,
        amount=problems.amount(Amount(amount, base.currency), pointer),
        base=None if percent is None else base,
        percent=percent,
        reason=form.reason,
        reason_code=form.reason_code,
        category=category,
    )


class _Line:
    """One line that is being built."""

    def __init__(
        self, form: LineForm, invoice: InvoiceForm, pointer: str, taxes: Taxes, problems: Problems
    ) -> None:
        self._form = form
        self._invoice = invoice
        self._pointer = pointer
        self._taxes = taxes
        self._problems = problems

    def build(self, number: str) -> InvoiceLine:
        """Return the line, which is called *number* if it has no number of its own."""
        form, problems, pointer = self._form, self._problems, self._pointer
        problems.check_code(form.unit, UNITS, f"{pointer}/unit", "a usual unit of UN/ECE 20")
        quantity = Quantity(problems.number(form.quantity, f"{pointer}/quantity"), form.unit)
        price = self._price()
        per = price.base_quantity.value if price.base_quantity is not None else Decimal(1)
        gross = gross_value(quantity, price.amount.value, per)
        value = problems.amount(Amount(gross, self._invoice.currency), pointer)
        charges = tuple(
            _charge(each, is_charge, f"{pointer}/{name}/{at}", value, None, problems)
            for is_charge, name, group in (
                (False, "allowances", form.allowances),
                (True, "charges", form.charges),
            )
            for at, each in enumerate(group)
        )
        return InvoiceLine(
            id=form.id or number,
            net=problems.amount(compute_net(value, charges), pointer),
            item=self._item(),
            note=form.note,
            quantity=quantity,
            accounting_cost=form.accounting_cost,
            period=self._period(),
            order_line=form.order_line,
            allowance_charges=charges,
            price=price,
        )

    def _price(self) -> Price:
        form, problems, pointer = self._form, self._problems, self._pointer
        currency = self._invoice.currency
        price = problems.number(form.price, f"{pointer}/price", least=Decimal(0))
        base, discount = None, None
        if form.price_quantity is not None:
            least = _SMALLEST
            per = problems.number(form.price_quantity, f"{pointer}/price_quantity", least=least)
            base = Quantity(per or Decimal(1), form.unit)
        if form.list_price is not None:
            gross = problems.number(form.list_price, f"{pointer}/list_price", least=price)
            off = EXACT.subtract(gross, price)
            discount = PriceDiscount(amount=Amount(off, currency), gross=Amount(gross, currency))
        return Price(amount=Amount(price, currency), base_quantity=base, discount=discount)

    def _item(self) -> Item:
        form, problems, pointer = self._form, self._problems, self._pointer
        if form.gtin is not None and _GTIN.fullmatch(form.gtin) is None:
            problems.add(f"{pointer}/gtin", "is not 8, 12, 13 or 14 digits")
        if form.origin_country is not None:
            where = f"{pointer}/origin_country"
            problems.check_code(form.origin_country, COUNTRIES, where, "a country")
        for at, each in enumerate(form.classifications):
            where = f"{pointer}/classifications/{at}/scheme"
            problems.check_code(each.scheme, CLASSIFICATIONS, where, "one of HS, STI, TST, SRV")
        return Item(
            name=form.name,
            description=form.description,
            buyers_id=form.buyer_item,
            sellers_id=form.seller_item,
            standard_id=None if form.gtin is None else Identifier(form.gtin, _GTIN_SCHEME),
            origin_country=form.origin_country,
            classifications=tuple(
                Classification(code=each.code, list_id=each.scheme) for each in form.classifications
            ),
            category=self._taxes.category(form.vat, f"{pointer}/vat"),
            properties=tuple(ItemProperty(name=p.name, value=p.value) for p in form.properties),
        )

    def _period(self) -> Period | None:
        pointer = f"{self._pointer}/period"
        period, whole = (
            build_period(self._form.period, pointer, self._problems),
            self._invoice.period,
        )
        if period is None or whole is None:
            return period
        if period.start is not None and whole.start is not None and period.start < whole.start:
            self._problems.add(f"{pointer}/start", "is before the period of the invoice")
        if period.end is not None and whole.end is not None and period.end > whole.end:
            self._problems.add(f"{pointer}/end", "is after the period of the invoice")
        return period
