"""Making frozen values: they are what their own constructor makes."""

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from ubl.frozen import defaults_of, maker_of
from ubl.line import InvoiceLine, Item
from ubl.money import Amount


def test_what_is_made_is_what_the_constructor_makes():
    made = maker_of(Amount)(Decimal(1), "EUR")
    assert (made, repr(made), hash(made), type(made)) == (
        one := Amount(Decimal(1), "EUR"), repr(one), hash(one), Amount
    )  # fmt: skip


def test_what_is_made_is_frozen():
    made = maker_of(Amount)(Decimal(1), "EUR")
    with pytest.raises(FrozenInstanceError):
        made.currency = "USD"


def test_fields_go_by_name_and_may_have_any():
    values = {"id": "1", "net": Amount(Decimal(1), "EUR"), "item": Item(name="_made")}
    made = maker_of(InvoiceLine)(**(defaults_of(InvoiceLine) | values))
    assert made == InvoiceLine(**values)


@pytest.mark.parametrize("values", [{}, {"value": 1}, {"value": 1, "currency": "EUR", "more": 2}])
def test_a_field_that_is_missing_or_unknown_is_refused(values):
    with pytest.raises(TypeError):
        maker_of(Amount)(**values)
