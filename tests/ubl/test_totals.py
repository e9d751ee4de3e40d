"""Sums and rounding: once for each category and rate, a half away from zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ubl.line import AllowanceCharge, InvoiceLine, Item
from ubl.money import Amount, Quantity, round_money, total_of
from ubl.tax import TaxCategory
from ubl.totals import (
    Exemption,
    compute_breakdown,
    compute_net,
    compute_share,
    compute_totals,
    gross_value,
)

STANDARD = TaxCategory("S", Decimal(21))
REDUCED = TaxCategory("S", Decimal(6))
REVERSE = TaxCategory("AE", Decimal(0))
cents = st.decimals(-10_000, 10_000, places=2)


def euro(value):
    return Amount(Decimal(value), "EUR")


def a_line(net, category=STANDARD):
    return InvoiceLine(id="1", net=euro(net), item=Item(category=category))


def a_charge(amount, category=STANDARD, *, is_charge=False):
    return AllowanceCharge(is_charge=is_charge, amount=euro(amount), category=category)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.005", "0.01"), ("-0.005", "-0.01"), ("1.004999", "1.00"), ("2.675", "2.68")],
)
def test_a_half_is_rounded_away_from_zero(value, expected):
    assert round_money(Decimal(value)) == Decimal(expected)


def test_amounts_of_two_currencies_are_never_added():
    with pytest.raises(ValueError, match="one currency"):
        euro(1) + Amount(Decimal(1), "SEK")


def test_vat_is_rounded_on_the_sum_and_not_on_each_line():
    # Three times 0.07 at 21 % is 0.0147 each: three roundings give 0.03, one gives 0.04.
    (subtotal,) = compute_breakdown([a_line("0.07")] * 3, [], "EUR", {})
    assert (subtotal.taxable, subtotal.tax) == (euro("0.21"), euro("0.04"))


def test_each_category_and_rate_has_one_subtotal_in_the_order_met():
    lines = [a_line(10), a_line(20, REDUCED), a_line(5), a_line(7, REVERSE)]
    charges = [a_charge(3), a_charge(1, REDUCED, is_charge=True)]
    breakdown = compute_breakdown(lines, charges, "EUR", {REVERSE: Exemption("why", "VATEX-EU-AE")})
    assert [(s.category, s.taxable.value, s.tax.value) for s in breakdown] == [
        (STANDARD, Decimal(12), Decimal("2.52")),
        (REDUCED, Decimal(21), Decimal("1.26")),
        (REVERSE, Decimal(7), Decimal(0)),
    ]
    assert (breakdown[2].exemption_reason, breakdown[2].exemption_code) == ("why", "VATEX-EU-AE")
    assert breakdown[0].exemption_reason is None


def test_a_rate_written_otherwise_is_the_same_rate():
    lines = [a_line(10), a_line(10, TaxCategory("S", Decimal("21.00")))]
    assert len(compute_breakdown(lines, [], "EUR", {})) == 1


def test_a_price_is_for_its_quantity():
    assert gross_value(Quantity(Decimal(3)), Decimal(10), Decimal(100)) == Decimal("0.30")
    assert gross_value(Quantity(Decimal("1.5")), Decimal("0.333")) == Decimal("0.50")


def test_allowances_come_off_and_charges_come_on():
    assert compute_net(euro(10), [a_charge(3), a_charge(1, is_charge=True)]) == euro(8)
    assert compute_share(Decimal("33.33"), Decimal("2.5")) == Decimal("0.83")


@given(st.lists(cents, min_size=1, max_size=8), st.lists(cents, max_size=4), cents, cents)
def test_totals_follow_from_their_parts(nets, charges, paid, rounding):
    lines = [a_line(net) for net in nets]
    added = [a_charge(amount, is_charge=at % 2 == 0) for at, amount in enumerate(charges)]
    breakdown = compute_breakdown(lines, added, "EUR", {})
    vat = total_of((subtotal.tax for subtotal in breakdown), "EUR")
    totals = compute_totals(lines, added, vat, paid=euro(paid), rounding=euro(rounding))
    assert totals.lines.value == sum(nets)
    assert totals.without_vat.value == sum(nets) + sum(charges[::2]) - sum(charges[1::2])
    assert totals.without_vat.value == sum(subtotal.taxable.value for subtotal in breakdown)
    assert totals.with_vat == totals.without_vat + vat
    assert totals.due.value == totals.with_vat.value - paid + rounding
