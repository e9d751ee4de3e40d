"""The words of views: the same keys in every language, and values as people write them."""

import re
from datetime import date
from decimal import Decimal

import pytest

from gateway.languages import LANGUAGES
from gateway.rendering.wording import Wording
from ubl.money import Quantity
from ubl.tax import TaxCategory

EN = Wording.of("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_none_is_empty(language):
    labels = Wording.of(language).labels
    assert {(g, k) for g in labels for k in labels[g]} == {
        (g, k) for g in EN.labels for k in EN.labels[g]
    }
    assert all(text for group in labels.values() for text in group.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_puts_the_same_values_into_a_label(language):
    labels = Wording.of(language).labels
    for group, words in EN.labels.items():
        for key, text in words.items():
            holes = re.findall(r"\{\w+\}", text)
            assert sorted(re.findall(r"\{\w+\}", labels[group][key])) == sorted(holes), key


def test_languages_word_things_differently():
    assert len({Wording.of(each).word("total.payable") for each in LANGUAGES}) == 4


def test_money_is_written_as_in_the_language():
    written = [Wording.of(each).money(Decimal("1234.5"), "EUR") for each in LANGUAGES]
    assert written == ["€1,234.50", "€\xa01.234,50", "1\u202f234,50\xa0€", "1.234,50\xa0€"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", "1.00"), ("1.005", "1.005"), ("-0.1", "-0.10"), ("NaN", "NaN"), ("1E+999", "1E+999")],
)
def test_an_amount_is_never_rounded(value, expected):
    assert EN.amount(Decimal(value)) == expected


def test_a_currency_that_nobody_knows_is_shown_as_it_is():
    assert EN.money(Decimal(5), "EURO") == "5.00 EURO"
    assert EN.money(Decimal("Infinity"), "EUR") == "EUR Infinity"


def test_a_day_has_its_month_in_words():
    day = date(2026, 2, 1)
    assert [Wording.of(each).day(day) for each in LANGUAGES] == [
        "1 February 2026", "1 februari 2026", "1 février 2026", "1 Februar 2026",
    ]  # fmt: skip


def test_units_have_words_and_unknown_ones_show_their_code():
    assert Wording.of("nl").quantity(Quantity(Decimal("2.50"), "HUR")) == "2,5 uur"
    assert EN.quantity(Quantity(Decimal(2), "QQQ")) == "2 QQQ"
    assert EN.quantity(Quantity(Decimal(2))) == "2"


@pytest.mark.parametrize(
    ("category", "short", "long"),
    [
        (TaxCategory("S", Decimal(21)), "21%", "21%"),
        (TaxCategory("AE", Decimal(0)), "0% AE", "0% Reverse charge"),
        (TaxCategory("O"), "O", "Not subject to VAT"),
        (TaxCategory("?", Decimal("5.5")), "5.5% ?", "5.5% ?"),
    ],
)
def test_vat_is_its_rate_and_what_it_stands_for(category, short, long):
    assert (EN.vat(category), EN.vat(category, long=True)) == (short, long)


def test_sizes_are_short():
    assert [EN.size(each) for each in (999, 1500, 2_345_678)] == ["999 B", "2 kB", "2,346 kB"]
