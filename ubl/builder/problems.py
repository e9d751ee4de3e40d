"""What is wrong with a form, collected: whoever filled it in hears of all of it.  [RFC6901]"""

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Final

from msgspec import Struct

from ubl.errors import BadForm, FormProblem
from ubl.money import EXACT, Amount

__all__ = ["Problems"]

_SPACE: Final = " \t\r\n"
# What cannot be in XML at all.  [XML §2.2]
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# LIMIT: digits before the point, of what is written and of what follows from it: systems can book
# no more, and the rules reckon with numbers that are not exact beyond.
_WHOLE_DIGITS_MAX: Final = 12
# LIMIT: decimals of a price or a quantity.
_DECIMALS_MAX: Final = 8


class Problems:
    """The problems of one form."""

    def __init__(self) -> None:
        self._found: list[FormProblem] = []

    def add(self, pointer: str, message: str) -> None:
        """Say that the field at *pointer* is wrong, and what to change."""
        self._found.append(FormProblem(pointer, message))

    def raise_any(self) -> None:
        """Raise BadForm if there is any."""
        if self._found:
            raise BadForm(self._found)

    def check_texts(self, value: object, pointer: str = "") -> None:
        """Add a problem for each text in *value* that is blank or no text, and each empty part."""
        if isinstance(value, str):
            if not value.strip(_SPACE):
                self.add(pointer, "is empty: write something, or leave it out")
            elif (found := _NOT_XML.search(value)) is not None:
                self.add(pointer, f"has the character U+{ord(found[0]):04X}, which is no text")
        elif isinstance(value, Struct):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            if all(field is None for field in fields.values()):
                self.add(pointer, "says nothing: leave it out")
            for name, field in fields.items():
                self.check_texts(field, f"{pointer}/{name}")
        elif isinstance(value, tuple):
            for number, each in enumerate(value):
                self.check_texts(each, f"{pointer}/{number}")

    def check_code(self, code: str, codes: Collection[str], pointer: str, what: str) -> str:
        """Return *code*, or add the problem that it is no *what*."""
        if code not in codes:
            self.add(pointer, f"{code!r} is not {what}")
        return code

    def number(self, value: Decimal, pointer: str, *, least: Decimal | None = None) -> Decimal:
        """Return *value*, or zero with a problem if it cannot be a price or a quantity."""
        return self._bounded(value, pointer, _DECIMALS_MAX, least)

    def money(self, value: Decimal, pointer: str, *, least: Decimal | None = None) -> Decimal:
        """Return *value* with two decimals, or zero with a problem if it has more."""
        return self._bounded(value, pointer, 2, least).quantize(Decimal("0.01"))

    def amount(self, value: Amount, pointer: str) -> Amount:
        """Return *value*, or zero with a problem if what it is reckoned of makes it too large."""
        if value.value.adjusted() < _WHOLE_DIGITS_MAX:
            return value
        self.add(pointer, f"makes an amount of more than {_WHOLE_DIGITS_MAX} digits")
        return Amount(Decimal("0.00"), value.currency)

    def _bounded(
        self, value: Decimal, pointer: str, decimals_max: int, least: Decimal | None
    ) -> Decimal:
        message, exact = None, value
        if not value.is_finite():
            message = "is not a number"
        elif value.adjusted() >= _WHOLE_DIGITS_MAX:
            message = f"has more than {_WHOLE_DIGITS_MAX} digits before the point"
        elif (exact := _with_decimals(value, decimals_max)) != value:
            message = f"has more than {decimals_max} decimals"
        elif least is not None and value < least:
            message = f"must be at least {least}"
        if message is None:
            return exact
        self.add(pointer, message)
        return Decimal(0)


def _with_decimals(value: Decimal, decimals_max: int) -> Decimal:
    """Return *value*, which has at most twelve digits before the point, with no more decimals."""
    if -int(value.as_tuple().exponent) <= decimals_max:
        return value
    return value.quantize(Decimal(1).scaleb(-decimals_max), context=EXACT)
