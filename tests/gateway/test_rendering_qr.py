"""The payment code: only for what a bank would take, and saying just that."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.rendering.qr import Transfer, write_transfer
from tests.support.showing import IBAN, a_bill, a_transfer, euro, view_of
from ubl.invoice import DocumentTotals
from ubl.party import Party
from ubl.payment import Account

GOOD = Transfer(
    name="Het Blauwe Huis BV", iban=IBAN, amount=Decimal("118.58"), currency="EUR",
    reference="010806817183",
)  # fmt: skip


def check(expected, **changes):
    assert write_transfer(replace(GOOD, **changes)).split("\n") == expected


def test_a_transfer_has_the_lines_of_the_standard():
    """[EPC069-12 §3]"""
    check(
        ["BCD", "002", "1", "SCT", "", "Het Blauwe Huis BV", IBAN, "EUR118.58", "", "",
         "+++010/8068/17183+++"],
    )  # fmt: skip


def remittance(reference):
    return ([*write_transfer(replace(GOOD, reference=reference)).split("\n"), ""])[9:11]


@pytest.mark.parametrize(
    ("reference", "structured", "text"),
    [
        ("RF18 5390 0754 7034", "RF18539007547034", ""),
        ("RF19539007547034", "", "RF19539007547034"),
        ("***010/8068/17183***", "", "+++010/8068/17183+++"),
        ("+++010/8068/17184+++", "", "+++010/8068/17184+++"),
        ("invoice 12\nof May", "", "invoice 12 of May"),
        ("x" * 150, "", "x" * 140),
    ],
)  # fmt: skip
def test_a_reference_stands_in_one_of_two_places(reference, structured, text):
    assert remittance(reference)[0] == structured
    assert "".join(remittance(reference)) == structured + text


def test_nothing_stands_after_the_last_element():
    assert write_transfer(replace(GOOD, reference="")).endswith("\nEUR118.58")


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "SEK"},
        {"amount": Decimal(0)},
        {"amount": Decimal("-5.00")},
        {"amount": Decimal(1000000000)},
        {"amount": Decimal("0.005")},
        {"amount": Decimal("NaN")},
        {"iban": "BE68539007547035"},
        {"iban": "IBAN32423940"},
        {"iban": "BE6912345678901"},
        {"iban": "ZZ65123456789012"},
        {"iban": "US64SVBKUS6S3300958879"},
        {"iban": "CH9300762011623852957"},
        {"bic": "BIC324098"},
        {"name": " "},
    ],
)  # fmt: skip
def test_what_no_bank_takes_has_no_code(changes):
    assert write_transfer(GOOD)
    assert write_transfer(replace(GOOD, **changes)) == ""


def test_beyond_the_eea_a_bic_makes_it_payable():
    swiss = replace(GOOD, iban="CH9300762011623852957", bic="UBSWCHZH80A")
    assert "UBSWCHZH80A" in write_transfer(swiss)


def test_a_long_name_is_cut_and_no_name_can_add_a_line():
    assert write_transfer(replace(GOOD, name="n" * 80)).split("\n")[5] == "n" * 70
    assert write_transfer(replace(GOOD, name="a\nBE00")).split("\n")[5] == "a BE00"


def test_of_too_many_bytes_the_last_of_the_free_text_are_left_out():
    long = replace(GOOD, name="\u4e2d" * 70, reference="\u4e2d" * 140)
    written = write_transfer(long)
    assert 328 < len(written.encode()) <= 331
    *_, name, _, _, _, _, text = written.split("\n")
    assert name == long.name
    assert 0 < len(text) < 140
    assert long.reference.startswith(text)


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        ("010806817183", "+++010/8068/17183+++"),
        ("RF18 5390 0754 7034", "RF18539007547034"),
    ],
)
def test_a_communication_is_whole_or_there_is_no_code(reference, written):
    transfer = replace(GOOD, name="n" * 70, reference=reference)
    assert write_transfer(transfer).endswith(f"\n{written}")
    assert write_transfer(replace(transfer, name="\U0001f600" * 70)) == ""


def code_of(invoice):
    (payment,) = view_of(invoice).payments
    return payment.code


def test_the_code_pays_the_holder_of_the_account():
    account = Account(id=IBAN, name="Holder NV")
    assert "\nHolder NV\n" in code_of(a_bill(payment_means=(a_transfer(account=account),)))
    assert "\nFactor\n" in code_of(a_bill(payee=Party(trading_name="Factor")))
    assert "\nHet Blauwe Huis BV\n" in code_of(a_bill())


def test_without_a_reference_the_number_of_the_invoice_is_one():
    bill = a_bill(payment_means=(a_transfer(remittance=None),))
    assert code_of(bill).endswith("\n2026-0042")


@pytest.mark.parametrize("code", ["49", "59", "48", "54", "10", "97"])
def test_what_is_fetched_or_paid_has_no_code(code):
    assert code_of(a_bill(payment_means=(a_transfer(code=code),))) == ""


def test_what_is_credited_has_no_code():
    assert code_of(a_bill(is_credit_note=True, type_code="381")) == ""


def test_what_is_paid_already_has_no_code():
    assert code_of(a_bill(totals=DocumentTotals(due=euro("0.00")))) == ""
