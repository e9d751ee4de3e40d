"""The business term of a finding: from the words of its rule, else from its place."""

import re

import pytest

from gateway.rules.terms import find_term, path_of, term_at

NAMES = "urn:oasis:names:specification:ubl:schema:xsd"
SELLER_COUNTRY = (
    f"/*:Invoice[namespace-uri()='{NAMES}:Invoice-2'][1]"
    f"/*:AccountingSupplierParty[namespace-uri()='{NAMES}:CommonAggregateComponents-2'][1]"
    "/*:Party[1]/*:PostalAddress[1]/*:Country[1]/*:IdentificationCode[1]"
)


def path(*steps):
    return "/" + "/".join(f"*:{step}[namespace-uri()='urn:x'][1]" for step in steps)


@pytest.mark.parametrize(
    "location",
    [
        SELLER_COUNTRY,
        (
            "/Q{urn:a}Invoice[1]/Q{urn:b}AccountingSupplierParty[1]/Q{urn:b}Party[1]"
            "/Q{urn:b}PostalAddress[1]/Q{urn:b}Country[1]/Q{urn:b}IdentificationCode[1]"
        ),
        (
            "/ubl:Invoice/cac:AccountingSupplierParty[1]/cac:Party/cac:PostalAddress/cac:Country"
            "/cbc:IdentificationCode"
        ),
    ],
)
def test_a_place_is_found_however_it_is_written(location):
    expected = "AccountingSupplierParty/Party/PostalAddress/Country/IdentificationCode"
    assert path_of(location) == expected
    assert term_at(location) == "BT-40"


@pytest.mark.parametrize(
    ("steps", "term"),
    [
        (["Invoice", "BuyerReference"], "BT-10"),
        (["CreditNote", "CreditNoteLine", "CreditedQuantity"], "BT-129"),
        (["Invoice", "LegalMonetaryTotal", "PayableAmount"], "BT-115"),
        (["Invoice", "InvoiceLine", "Item", "Something"], "BG-31"),
        (["Invoice", "AllowanceCharge", "Amount"], "BT-92, BT-99"),
        (["Invoice", "UBLExtensions"], ""),
        (["Invoice"], ""),
    ],
)
def test_a_place_has_the_term_of_the_nearest_element(steps, term):
    assert term_at(path(*steps)) == term


def test_an_attribute_has_a_term_of_its_own_or_that_of_its_element():
    assert term_at(path("Invoice", "InvoiceLine", "InvoicedQuantity") + "/@unitCode") == "BT-130"
    assert term_at(path("Invoice", "AccountingSupplierParty", "Party", "EndpointID") + "/@x") == (
        "BT-34"
    )


@pytest.mark.parametrize(
    ("message", "term"),
    [
        ("[BR-CO-10]-Sum of Invoice line net amount (BT-106) = Σ net amount (BT-131).", "BT-106"),
        ("[BR-21]-Each Invoice line (BG-25) shall have an identifier (BT-126).", "BT-126"),
        ("[BR-10]-An Invoice shall contain the Buyer postal address (BG-8).", "BG-8"),
        (
            (
                '[BR-AE-05]-In a line (BG-25) where the category code (BT-151) is "Reverse'
                ' charge" the Invoiced item VAT rate (BT-152) shall be 0 (zero).'
            ),
            "BT-152",
        ),
        (
            (
                '[BR-E-10]-A VAT breakdown (BG-23) with VAT Category code (BT-118) "Exempt"'
                " shall have a VAT exemption reason code (BT-121) or a reason text (BT-120)."
            ),
            "BT-121",
        ),
        (
            (
                "[BR-E-09]-The VAT category tax amount (BT-117) In a breakdown (BG-23) where the"
                ' VAT category code (BT-118) equals "Exempt from VAT" shall equal 0 (zero).'
            ),
            "BT-117",
        ),
        (
            (
                "[BR-53]-If the VAT currency code (BT-6) is present, then the Invoice total"
                " VAT amount in accounting currency (BT-111) shall be provided."
            ),
            "BT-111",
        ),
        ("[BR-62]-The Seller electronic address (BT-34) shall have a Scheme identifier.", "BT-34"),
    ],
)
def test_of_several_terms_the_one_that_has_to_change_is_meant(message, term):
    assert find_term(message, path("Invoice")) == term


def test_the_place_decides_between_terms_that_the_message_names():
    message = "[BR-CO-09]-The Seller (BT-31) and the Buyer VAT identifier (BT-48) shall have it"
    place = path("Invoice", "AccountingCustomerParty", "Party", "PartyTaxScheme", "CompanyID")
    assert find_term(message, place) == "BT-48"


def test_a_message_without_terms_leaves_it_to_the_place():
    message = "[PEPPOL-EN16931-R120]-Invoice line net amount MUST equal (...)"
    assert find_term(message, path("Invoice", "InvoiceLine")) == "BG-25"


@pytest.mark.captured
def test_every_rule_that_names_terms_has_one_of_them(test_data):
    text = (test_data / "rules/peppol-2026.5/sch/CEN-EN16931-UBL.sch").read_text()
    messages = re.findall(r">(\[BR-[^<]*B[TG]-[0-9][^<]*)<", text)
    assert len(messages) > 190
    assert {m for m in messages if find_term(m, "") not in re.findall(r"B[TG]-\d+", m)} == set()
