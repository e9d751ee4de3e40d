"""Amounts, quantities, and the one rounding rule.

Money is a Decimal with its currency, never a float, and amounts of two currencies never meet.
An amount has two decimals at most; where a calculation gives more, a half is rounded away from
zero, once, at the end.  [EN16931-1] [BIS3]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

__all__ = ["EXACT", "Amount", "Quantity", "round_money", "total_of"]

# LIMIT: digits of a calculation.  A number that is read has at most 40, and two are multiplied.
EXACT: Final = Context(prec=120, rounding=ROUND_HALF_UP)
"""Sums and products that are made with this context are not rounded on the way."""

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money in a *currency* (ISO 4217)."""

    value: Decimal
    currency: str

    def __add__(self, other: "Amount") -> "Amount":
        self._check_same(other)
        return Amount(EXACT.add(self.value, other.value), self.currency)

    def __sub__(self, other: "Amount") -> "Amount":
        self._check_same(other)
        return Amount(EXACT.subtract(self.value, other.value), self.currency)

    def __neg__(self) -> "Amount":
        return Amount(EXACT.minus(self.value), self.currency)

    def __str__(self) -> str:
        return f"{self.value:f} {self.currency}"

    def _check_same(self, other: "Amount") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self} and {other} are not of one currency")


@dataclass(frozen=True, slots=True)
class Quantity:
    """How much of a *unit*, as a code of UN/ECE Recommendation 20 or 21."""

    value: Decimal
    unit: str | None = None


def round_money(value: Decimal) -> Decimal:
    """Return *value* with two decimals, a half rounded away from zero.  [BIS3]"""
    return value.quantize(_CENT, context=EXACT)


def total_of(amounts: Iterable[Amount], currency: str) -> Amount:
    """Return the sum of *amounts*, which is zero of *currency* when there are none.

    ValueError if one of them is of another currency.
    """
    return sum(amounts, Amount(Decimal("0.00"), currency))
