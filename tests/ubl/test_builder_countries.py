"""What the countries of sellers ask for: a form that lacks it is refused, with its place named."""

import pytest

from tests.support.forms import (
    BUYER,
    IBAN,
    PDF,
    SELLER,
    a_form,
    a_line,
    abroad,
    as_json,
    in_base64,
)
from ubl.builder import build_invoice
from ubl.errors import BadForm
from ubl.form import read_form

PAYMENT = {"iban": IBAN}
FILE = {"filename": "a.pdf", "media_type": "application/pdf", "content": in_base64(PDF)}
HERE = SELLER["address"]
TOWN = {"country": "DE", "city": "Bonn"}


def a_foreign_form(country, *lines, **more):
    """A form of a seller in *country* that is valid, whoever buys; *more* replaces fields."""
    lines = lines or [a_line(vat="6")]
    return a_form(*lines, **{"seller": abroad(country), "payment": PAYMENT, **more})


def at_home(country, **more):
    """A buyer in *country*, with *more*."""
    return BUYER | {"address": HERE | {"country": country}} | more


def pointers_of(form):
    with pytest.raises(BadForm) as caught:
        build_invoice(read_form(as_json(form)))
    return [problem.pointer for problem in caught.value.problems]


def without(country, *names, part=None):
    """The seller in *country* without the fields *names*, or those of its *part*."""
    seller = abroad(country)
    if part is not None:
        bare = {name: value for name, value in seller[part].items() if name not in names}
        return seller | {part: bare}
    return {name: value for name, value in seller.items() if name not in names}


@pytest.mark.parametrize("country", ["DE", "DK", "FR", "IT", "NL", "NO", "SE"])
def test_a_seller_who_says_what_is_asked_for_is_taken(country):
    build_invoice(read_form(as_json(a_foreign_form(country))))


@pytest.mark.parametrize("country", ["DE", "FR", "IT", "NL", "NO", "SE"])
def test_so_is_he_with_a_buyer_at_home(country):
    build_invoice(read_form(as_json(a_foreign_form(country, buyer=at_home(country)))))


@pytest.mark.parametrize(
    ("country", "more", "pointers"),
    [
        ("DK", {"seller": without("DK", "company_number")}, ["/seller/company_number"]),
        (
            "DK",
            {"seller": abroad("DK") | {"company_number": "13585628"}},
            ["/seller/company_number"],
        ),
        ("IT", {"seller": without("IT", "street", part="address")}, ["/seller/address/street"]),
        (
            "NL",
            {"seller": without("NL", "city", "post_code", part="address")},
            ["/seller/address/city", "/seller/address/post_code"],
        ),
        (
            "NL",
            {"seller": abroad("NL") | {"company_number": "12345678"}},
            ["/seller/company_number"],
        ),
        ("NL", {"payment": None}, ["/payment"]),
        ("NL", {"lines": [a_line(order_line="1")]}, ["/lines/0/order_line"]),
        ("NO", {"seller": abroad("NO") | {"vat_number": "NO923609017MVA"}}, ["/seller/vat_number"]),
        ("NO", {"seller": SELLER | {"vat_number": "NO923609016"}}, ["/seller/vat_number"]),
        (
            "SE",
            {"seller": abroad("SE") | {"company_number": "5560360793"}},
            ["/seller/company_number"],
        ),
        ("SE", {"seller": abroad("SE") | {"vat_number": "SE5560360793"}}, ["/seller/vat_number"]),
        ("SE", {"lines": [a_line(vat="21")]}, ["/lines"]),
    ],
)
def test_what_a_country_asks_for_is_named(country, more, pointers):
    assert pointers_of(a_foreign_form(country, **more)) == pointers


@pytest.mark.parametrize(
    ("country", "more", "pointers"),
    [
        ("DE", {"payment": None}, ["/payment"]),
        ("DE", {"seller": without("DE", "contact")},
         ["/seller/contact/name", "/seller/contact/telephone", "/seller/contact/email"]),
        ("DE", {"buyer": BUYER | {"address": TOWN}}, ["/buyer/address/post_code"]),
        ("DE", {"delivery": {"address": TOWN}}, ["/delivery/address/post_code"]),
        ("DE", {"buyer_reference": None, "order_reference": "1"}, ["/buyer_reference"]),
        ("DE", {"payment": {"method": "bank_card"}}, ["/payment/method"]),
        ("DE", {"payment": {"method": "direct_debit", "mandate": "M"}},
         ["/payment/creditor", "/payment/debtor_iban"]),
        ("DE", {"payment_terms": "30 days\n #SKONTO#"}, ["/payment_terms"]),
        ("DE", {"attachments": [FILE, FILE]}, ["/attachments"]),
        ("NL", {"payment": {"method": "cash"}}, ["/payment/method"]),
        ("NL", {"buyer": at_home("NL", company_number="1")}, ["/buyer/company_number"]),
        ("NL", {"buyer": BUYER | {"address": {"country": "NL", "city": "Breda"}}},
         ["/buyer/address/street", "/buyer/address/post_code"]),
        ("DK", {}, ["/seller/address/country"]),
    ],
)  # fmt: skip
def test_what_it_asks_for_at_home_is_named(country, more, pointers):
    form = a_foreign_form(country, **{"buyer": at_home(country), **more})
    assert pointers_of(form) == pointers


@pytest.mark.parametrize(
    ("country", "vat_number"), [("GR", "EL123456789"), ("BE", "EL123456789"), ("IS", "IS12345")]
)
def test_a_seller_whose_country_asks_for_more_sends_ubl(country, vat_number):
    seller = SELLER | {"vat_number": vat_number, "address": HERE | {"country": country}}
    assert pointers_of(a_form(seller=seller)) == ["/seller/address/country"]


def test_nothing_is_to_be_paid_so_nobody_says_how():
    credited = {"kind": "credit_note", "preceding_invoices": [{"number": "1"}]}
    build_invoice(read_form(as_json(a_foreign_form("NL", payment=None, **credited))))
    build_invoice(read_form(as_json(a_foreign_form("NL", payment=None, paid="106"))))
