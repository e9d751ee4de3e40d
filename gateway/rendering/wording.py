"""The words of a view in four languages, and how numbers, dates and codes are written in each.

The words are data, in `labels/`, a file for each language with the same keys.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from ubl.money import Quantity
from ubl.party import Identifier
from ubl.tax import TaxCategory

__all__ = ["Wording"]

_LOCALES: Final[Mapping[str, str]] = {"nl": "nl", "fr": "fr", "de": "de", "en": "en_GB"}
_STANDARD: Final = "S"
_KILO: Final = 1000
_CENT: Final = Decimal("0.01")
_DIGITS_MAX: Final = 40  # LIMIT: digits of a number that is shown as one; a longer one is text.


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language words things."""

    language: str
    labels: Mapping[str, Mapping[str, str]]
    locale: Locale

    @classmethod
    def of(cls, language: str) -> "Wording":
        """Return the wording of *language*, one of LANGUAGES."""
        return _load(language)

    def word(self, key: str, **values: str) -> str:
        """Return the label *key*, written `group.name`, with *values* put in."""
        group, _, name = key.partition(".")
        return self.labels[group][name].format(**values) if values else self.labels[group][name]

    def code(self, group: str, code: str) -> str:
        """Return what *code* of the list *group* means; the code itself where nobody says."""
        return self.labels[group].get(code, code)

    def money(self, amount: Decimal, currency: str) -> str:
        """Return *amount* with its currency, to the cent or as exactly as it is written."""
        if not _plain(amount):
            return f"{currency} {amount}"
        if len(currency) != 3:
            return f"{self.amount(amount)} {currency}".strip()
        exact = amount if _exponent(amount) < -2 else amount.quantize(_CENT)
        return str(
            format_currency(
                exact,
                currency,
                locale=self.locale,
                decimal_quantization=False,
                currency_digits=False,
            )
        )

    def amount(self, amount: Decimal) -> str:
        """Return *amount* without a currency, to the cent or as exactly as it is written."""
        return self._decimal(amount, "#,##0.00" + "#" * max(0, -_exponent(amount) - 2))

    def number(self, number: Decimal) -> str:
        """Return a quantity as exactly as it is written, without noughts at its end."""
        return self._decimal(number, "#,##0." + "#" * max(0, -_exponent(number)))

    def percent(self, rate: Decimal) -> str:
        """Return *rate*, given in hundredths."""
        if not _plain(rate):
            return f"{rate} %"
        return str(format_percent(rate / 100, locale=self.locale, decimal_quantization=False))

    def day(self, day: date) -> str:
        """Return *day* with its month in words: nobody reads it the other way round."""
        return str(format_date(day, format="d MMMM y", locale=self.locale))

    def country(self, code: str) -> str:
        """Return the name of a country, by its code of two letters."""
        return str(self.locale.territories.get(code, code))

    def quantity(self, quantity: Quantity) -> str:
        """Return how much of what; a unit that has no word here shows its code."""
        unit = self.code("unit", quantity.unit) if quantity.unit else ""
        return f"{self.number(quantity.value)} {unit}".strip()

    def vat(self, category: TaxCategory, *, long: bool = False) -> str:
        """Return how something is taxed: the rate, and what it stands for unless that is usual."""
        code = category.code or ""
        rate = "" if category.rate is None else self.percent(category.rate)
        if code == _STANDARD and rate:
            return rate
        return " ".join(
            each for each in (rate, self.code("vat_category", code) if long else code) if each
        )

    def period(self, start: date | None, end: date | None) -> str:
        """Return from when to when; empty when neither is known."""
        days = [self.day(each) if each is not None else "…" for each in (start, end)]
        return " \N{EN DASH} ".join(days) if start or end else ""

    def numbered(self, number: str, day: date | None) -> str:
        """Return the number of a document, with its day if that is known."""
        if day is None:
            return number
        return self.word("reference.of_date", number=number, date=self.day(day))

    def size(self, size_bytes: int) -> str:
        """Return how large a file is."""
        if size_bytes < _KILO:
            return f"{size_bytes} B"
        kilobytes = round(size_bytes / _KILO)
        return f"{self.number(Decimal(kilobytes))} kB"

    @staticmethod
    def identifier(identifier: Identifier) -> str:
        """Return an identifier, with the scheme that it is of."""
        return (
            f"{identifier.value} ({identifier.scheme})" if identifier.scheme else identifier.value
        )

    @staticmethod
    def endpoint(identifier: Identifier) -> str:
        """Return an electronic address as Peppol writes it."""
        return f"{identifier.scheme or ''}:{identifier.value}".lstrip(":")

    def _decimal(self, number: Decimal, pattern: str) -> str:
        if not _plain(number):
            return str(number)
        return str(
            format_decimal(number, format=pattern, locale=self.locale, decimal_quantization=False)
        )


@cache
def _load(language: str) -> Wording:
    text = files("gateway.rendering").joinpath("labels", f"{language}.toml").read_text("utf-8")
    labels: dict[str, Any] = tomllib.loads(text)
    return Wording(language, labels, Locale.parse(_LOCALES[language]))


def _plain(number: Decimal) -> bool:
    """Say whether *number* is one, and short enough to be read."""
    return number.is_finite() and abs(number.adjusted()) < _DIGITS_MAX > len(
        number.as_tuple().digits
    )


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
