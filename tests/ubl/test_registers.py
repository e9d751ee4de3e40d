"""Shapes and check digits of the registers behind participant identifiers."""

import json

import pytest

from ubl.registers import REGISTERS, check_number

# Numbers that the code list, the registers or the network itself give as examples.
GOOD = [
    ("0002", "784301772"),
    ("0002", "78430177200025"),
    ("0007", "2120000787"),
    ("0009", "78430177200025"),
    ("0060", "812810734"),
    ("0088", "1548079098355"),
    ("0088", "7300010000001"),
    ("0088", "5798000000001"),
    ("0096", "1234567890"),
    ("0106", "64060016"),
    ("0151", "51824753556"),
    ("0184", "12345678"),
    ("0190", "00000001820029336000"),
    ("0192", "745707327"),
    ("0192", "987654325"),
    ("0198", "DK12345678"),
    ("0201", "UFXYZ1"),
    ("0208", "0123456749"),
    ("0208", "0987654394"),
    ("0208", "0677424046"),
    ("0208", "0000000196"),
    ("0210", "RSSMRA85T10A562S"),
    ("0210", "00743110157"),
    ("0211", "IT00743110157"),
    ("0242", "000306"),
    ("0242", "123456-MLS.ANYTHING"),
    ("0242", "234567-mls.P12345.99"),
    ("9925", "be0848934496"),
    ("9925", "BE0123456749"),
    ("9944", "NL123456789B01"),
]


@pytest.mark.parametrize(("icd", "number"), GOOD)
def test_a_good_number_has_no_warning(icd, number):
    assert check_number(icd, number) == []


@pytest.mark.parametrize(
    ("icd", "number"),
    [pair for pair in GOOD if REGISTERS[pair[0]].is_consistent is not None],
)
def test_any_single_wrong_digit_is_noticed(icd, number):
    for place, digit in enumerate(number):
        if digit.isdigit():
            wrong = f"{number[:place]}{(int(digit) + 1) % 10}{number[place + 1 :]}"
            assert len(check_number(icd, wrong)) == 1, wrong


@pytest.mark.parametrize(
    ("icd", "number"),
    [
        ("0208", "2123456749"),
        ("0208", "123456749"),
        ("0208", "BE0123456749"),
        ("0208", "0123.456.749"),
        ("0208", "01234567490"),
        ("9925", "0123456749"),
        ("9925", "BE2123456749"),
        ("9925", "BE123456749"),
        ("0088", "9482348239847239874"),
        ("0192", "98765432"),
        ("0184", "DK12345678"),
        ("0184", "02345678"),
        ("0242", "12345"),
        ("0242", "123456-ML"),
        ("0242", "123456-MLS."),
    ],
)
def test_a_number_of_the_wrong_shape_says_how_to_write_it(icd, number):
    (warning,) = check_number(icd, number)
    assert warning.startswith(f"{icd}:{number} is not a ")
    assert ": " in warning


def test_wrong_check_digits_are_said():
    (warning,) = check_number("0208", "0123456740")
    assert warning == "0208:0123456740 has wrong check digits for a Belgian enterprise number"


@pytest.mark.parametrize(("icd", "number"), [("9956", "0899965307"), ("0193", "PKE_400001")])
def test_a_withdrawn_register_is_said(icd, number):
    (warning,) = check_number(icd, number)
    assert "withdrawn" in warning


def test_a_register_that_is_not_known_is_not_judged():
    assert check_number("9915", "test") == []


@pytest.mark.captured
def test_the_registers_are_in_the_code_list_and_withdrawn_ones_are_not_active(test_data):
    rows = json.loads((test_data / "codelists/pi.json").read_text())["values"]
    listed = {row["iso6523"]: row for row in rows}
    for icd, register in REGISTERS.items():
        assert (listed[icd]["state"] == "active") is (register.withdrawn is None)
