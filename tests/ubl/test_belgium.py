"""What the law of Belgium has an invoice say, word for word."""

import string
from decimal import Decimal

import pytest

from ubl.belgium import CASH_DISCOUNT, VAT_CASES

LANGUAGES = {"nl", "fr", "de", "en"}
WORKS = (
    "Verlegging van heffing. Bij gebrek aan schriftelijke betwisting binnen een termijn van één"
    " maand na de ontvangst van de factuur, wordt de afnemer geacht te erkennen dat hij een"
    " belastingplichtige is gehouden tot de indiening van periodieke aangiften. Als die"
    " voorwaarde niet vervuld is, is de afnemer ten aanzien van die voorwaarde aansprakelijk"
    " voor de betaling van de verschuldigde belasting, interesten en geldboeten."
)
CASES = {
    "21": ("S", 21, None, None),
    "12": ("S", 12, None, None),
    "6": ("S", 6, None, None),
    "0": ("Z", 0, None, None),
    "reverse_charge": ("AE", 0, "VATEX-EU-AE", "Btw verlegd"),
    "reverse_charge_works": ("AE", 0, "VATEX-EU-AE", WORKS),
    "intra_community": ("K", 0, "VATEX-EU-IC", "Vrijgestelde intracommunautaire levering"),
    "export": ("G", 0, "VATEX-EU-G", "Vrijgestelde uitvoer buiten de Europese Unie"),
    "exempt": ("E", 0, "VATEX-EU-132", "Vrijgesteld van btw, artikel 44 btw-wetboek"),
    "small_enterprise": (
        "E",
        0,
        None,
        "Bijzondere vrijstellingsregeling kleine ondernemingen",
    ),
    "outside_scope": ("O", None, "VATEX-EU-O", "Niet onderworpen aan btw"),
}


def test_there_is_no_case_beside_these():
    assert list(VAT_CASES) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_case_has_its_category_rate_code_and_words(name):
    case = VAT_CASES[name]
    rate = None if case.category.rate is None else Decimal(case.category.rate)
    words = None if case.reason is None else case.reason["nl"]
    assert (case.category.code, rate, case.reason_code, words) == CASES[name]


def test_the_cash_discount_has_its_codes_and_words():
    discount = CASH_DISCOUNT
    assert (discount.allowance_code, discount.allowance_reason["nl"]) == ("64", "Korting contant")
    assert discount.charge_code == "ZZZ"
    assert discount.charge_reason["nl"] == "Korting contant, verschuldigd bij latere betaling"
    assert (discount.case.category.code, discount.case.category.rate) == ("E", 0)
    assert discount.case.reason["nl"] == (
        "Niet in de maatstaf van heffing, artikel 28, 1° btw-wetboek"
    )
    assert discount.terms["nl"] == (
        "{percent} % korting contant bij betaling tot en met {day}: te betalen {amount}"
    )


def test_everything_is_said_in_four_languages_of_its_own():
    reasons = [case.reason for case in VAT_CASES.values() if case.reason is not None]
    discount = CASH_DISCOUNT
    parts = [discount.allowance_reason, discount.charge_reason, discount.case.reason]
    for texts in [*reasons, *parts, discount.terms]:
        assert set(texts) == LANGUAGES
        assert len(set(texts.values())) == len(LANGUAGES)


def test_the_terms_name_the_same_places_in_each_language():
    for text in CASH_DISCOUNT.terms.values():
        places = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert places == {"percent", "day", "amount"}
