"""Numbers with check digits that payers repeat and pay to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ubl.remittance import check_bic, check_iban, read_communication, write_communication


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+++090/9337/55493+++", "+++090/9337/55493+++"),
        ("***090/9337/55493***", "+++090/9337/55493+++"),
        ("090933755493", "+++090/9337/55493+++"),
        (" 090 9337 55493 ", "+++090/9337/55493+++"),
        ("+++090/9337/55494+++", None),
        ("09093375549", None),
        ("RF18 5390 0754 7034", "RF18539007547034"),
        ("RF19539007547034", None),
        ("+++ 090 / 9337 / 55493 +++", "+++090/9337/55493+++"),
        ("+++090/9337/55493***", None),
        ("invoice 7", None),
    ],
)
def test_a_communication_is_read_if_its_check_digits_fit(text, expected):
    assert read_communication(text) == expected


def test_a_remainder_of_nothing_is_written_as_97():
    assert write_communication("0000000097") == "+++000/0000/09797+++"


@given(st.integers(0, 10**10 - 1))
def test_what_is_written_is_read(number):
    written = write_communication(f"{number:010}")
    assert read_communication(written) == written


@given(st.integers(0, 10**10 - 1), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number, at, more):
    digits = [
        character for character in write_communication(f"{number:010}") if character.isdigit()
    ]
    digits[at] = str((int(digits[at]) + more) % 10)
    assert read_communication("".join(digits)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BE71 0961 2345 6769", "BE71096123456769"),
        ("be71096123456769", "BE71096123456769"),
        ("BE71096123456768", None),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"),
        ("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
        ("BE6912345678901", None),  # 15 characters, and the remainder is right
        ("BE99A23456789012", None),
        ("BE98096123456768", None),  # the check digits of Belgian accounts do not fit
        ("ZZ65123456789012", None),
        ("71096123456769", None),
        ("", None),
    ],
)
def test_an_account_number_is_taken_if_its_check_digits_fit(text, expected):
    assert check_iban(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("KREDBEBB", "KREDBEBB"), ("kredbebbxxx", "KREDBEBBXXX"), ("KRED", None), ("1234BEBB", None)],
)
def test_the_code_of_a_bank_has_8_or_11_characters(text, expected):
    assert check_bic(text) == expected
