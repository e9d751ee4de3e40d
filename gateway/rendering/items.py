"""The lines of an invoice, and what is taken off or put on, as a person reads them."""

from collections.abc import Iterator
from decimal import Decimal

from gateway.rendering.view import Item, Row, Total
from gateway.rendering.wording import Wording
from ubl.line import AllowanceCharge, InvoiceLine, Price
from ubl.money import Amount

__all__ = ["view_adjustment", "view_item"]


def view_item(line: InvoiceLine, currency: str | None, words: Wording) -> Item:
    """Return *line* of an invoice in *currency*: amounts of another one say which."""
    details = (line.item.description, line.note)
    quantity = line.quantity
    return Item(
        number=line.id,
        name=line.item.name or "",
        details=tuple(each for each in details if each),
        rows=tuple(_rows(line, words)),
        quantity="" if quantity is None else words.quantity(quantity),
        price="" if line.price is None else _price(line.price, currency, words),
        vat="" if line.item.category is None else words.vat(line.item.category),
        amount=_bare(line.net, currency, words),
    )


def view_adjustment(each: AllowanceCharge, words: Wording) -> Total:
    """Return an allowance or a charge of the whole document."""
    kind, *why = _adjustment_words(each, words)
    label = ": ".join(part for part in (kind, ", ".join(why)) if part)
    if each.category is not None:
        label += f" ({words.word('note.vat', rate=words.vat(each.category))})"
    return Total(label=label, value=_signed(each, words))


def _rows(line: InvoiceLine, words: Wording) -> Iterator[Row]:
    item, about = line.item, line.object_identifier
    facts = [
        ("seller_item", item.sellers_id),
        ("buyer_item", item.buyers_id),
        ("standard_item", words.identifier(item.standard_id) if item.standard_id else None),
        ("period", words.period(line.period.start, line.period.end) if line.period else None),
        ("order_line", line.order_line),
        ("object", words.identifier(about) if about else None),
        ("origin", words.country(item.origin_country) if item.origin_country else None),
        ("accounting_cost", line.accounting_cost),
    ]
    for name, value in facts:
        if value:
            yield Row(words.word(f"line.{name}"), value)
    for kind in item.classifications:
        listed = f"{kind.code} ({kind.list_id})" if kind.list_id else kind.code
        yield Row(words.word("line.classification"), listed)
    for each in item.properties:
        yield Row(each.name, each.value or "")
    for change in line.allowance_charges:
        label, *why = _adjustment_words(change, words)
        yield Row(
            label, ": ".join(each for each in (", ".join(why), _signed(change, words)) if each)
        )
    if line.price is not None:
        yield from _price_rows(line.price, words)


def _price(price: Price, currency: str | None, words: Wording) -> str:
    shown = _bare(price.amount, currency, words)
    base = price.base_quantity
    if base is None or base.value == Decimal(1):
        return shown
    return f"{shown} {words.word('line.per', quantity=words.quantity(base))}"


def _price_rows(price: Price, words: Wording) -> Iterator[Row]:
    discount = price.discount
    if discount is None or not discount.amount.value:
        return
    amount = words.money(-discount.amount.value, discount.amount.currency)
    yield Row(words.word("line.price_discount"), amount)
    if discount.gross is not None:
        gross = words.money(discount.gross.value, discount.gross.currency)
        yield Row(words.word("line.gross_price"), gross)


def _adjustment_words(each: AllowanceCharge, words: Wording) -> list[str]:
    """Return what it is, why, and of what it is a share."""
    said = [words.word("note.charge" if each.is_charge else "note.allowance")]
    if why := each.reason or each.reason_code:
        said.append(why)
    if each.percent is not None and each.base is not None:
        base = words.money(each.base.value, each.base.currency)
        percent = words.percent(each.percent)
        said.append(words.word("note.percent_of", percent=percent, base=base))
    return said


def _signed(each: AllowanceCharge, words: Wording) -> str:
    value = each.amount.value if each.is_charge else -each.amount.value
    return words.money(value, each.amount.currency)


def _bare(amount: Amount, currency: str | None, words: Wording) -> str:
    if amount.currency == currency:
        return words.amount(amount.value)
    return words.money(amount.value, amount.currency)
