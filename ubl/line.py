"""The lines of an invoice: what was delivered, how much, at which price.  [EN16931-1] [BIS3]"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ubl.money import Amount, Quantity
from ubl.party import Identifier
from ubl.tax import TaxCategory

__all__ = [
    "AllowanceCharge",
    "Classification",
    "InvoiceLine",
    "Item",
    "ItemProperty",
    "Period",
    "Price",
    "PriceDiscount",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when to when: BG-14 of an invoice, BG-26 of a line."""

    start: date | None = None
    """BT-73, BT-134."""
    end: date | None = None
    """BT-74, BT-135."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceCharge:
    """What is taken off or put on: BG-20 and BG-21 of an invoice, BG-27 and BG-28 of a line.

    Terms are named in the order invoice's allowance, invoice's charge, line's allowance, line's
    charge.
    """

    is_charge: bool
    """A charge is added, an allowance is taken off."""
    amount: Amount
    """BT-92, BT-99, BT-136, BT-141."""
    base: Amount | None = None
    """BT-93, BT-100, BT-137, BT-142: what *percent* is reckoned on."""
    percent: Decimal | None = None
    """BT-94, BT-101, BT-138, BT-143."""
    reason: str | None = None
    """BT-97, BT-104, BT-139, BT-144."""
    reason_code: str | None = None
    """BT-98 and BT-140 (UNTDID 5189), BT-105 and BT-145 (UNTDID 7161)."""
    category: TaxCategory | None = None
    """BT-95 and BT-96, BT-102 and BT-103; on a line the line's own category counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """BT-158: the *code* of an item in a list of UNTDID 7143."""

    code: str
    list_id: str | None = None
    """BT-158-1."""
    list_version: str | None = None
    """BT-158-2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProperty:
    """BG-32: a property of an item."""

    name: str
    """BT-160."""
    value: str | None = None
    """BT-161."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """BG-31: what was delivered, and, as BG-30, how it is taxed."""

    name: str | None = None
    """BT-153."""
    description: str | None = None
    """BT-154."""
    buyers_id: str | None = None
    """BT-156."""
    sellers_id: str | None = None
    """BT-155."""
    standard_id: Identifier | None = None
    """BT-157, such as a GTIN."""
    origin_country: str | None = None
    """BT-159."""
    classifications: tuple[Classification, ...] = ()
    """BT-158."""
    category: TaxCategory | None = None
    """BG-30: BT-151 and BT-152."""
    properties: tuple[ItemProperty, ...] = ()
    """BG-32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDiscount:
    """How the price came down from the gross one."""

    amount: Amount
    """BT-147."""
    gross: Amount | None = None
    """BT-148."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """BG-29: the price of *base_quantity* of an item, without VAT."""

    amount: Amount
    """BT-146: the net price; it has as many decimals as it needs."""
    base_quantity: Quantity | None = None
    """BT-149 and BT-150; one, if it is not given."""
    discount: PriceDiscount | None = None
    """BT-147 and BT-148; it is in the net price already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """BG-25: one line of an invoice or a credit note."""

    id: str
    """BT-126."""
    net: Amount
    """BT-131: quantity times price, less allowances, plus charges."""
    item: Item
    """BG-31."""
    note: str | None = None
    """BT-127."""
    quantity: Quantity | None = None
    """BT-129 and BT-130."""
    accounting_cost: str | None = None
    """BT-133: the buyer's own reference for his books."""
    period: Period | None = None
    """BG-26."""
    order_line: str | None = None
    """BT-132: the line of the order."""
    object_identifier: Identifier | None = None
    """BT-128: what the line is about, such as a meter or a subscription."""
    allowance_charges: tuple[AllowanceCharge, ...] = ()
    """BG-27 and BG-28."""
    price: Price | None = None
    """BG-29."""
