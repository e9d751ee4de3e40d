"""Which rules apply to which document."""

import pytest

from gateway.rules.catalogue import (
    ARTEFACTS,
    CREDIT_NOTE_ROOT,
    EUSR_ROOT,
    INVOICE_ROOT,
    RESPONSE_ROOT,
    TSR_ROOT,
    successor_of,
    version_key,
)
from gateway.rules.choosing import choose_rule_sets

EVERYTHING = {"en16931"} | {each.id for one in ARTEFACTS for each in one.rule_sets}
CORE = "urn:cen.eu:en16931:2017"
PEPPOL = f"{CORE}#compliant#urn:fdc:peppol.eu:2017:poacc"
BILLING = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"


def check(expected, root, customization, profile="", *, noted=False):
    choice = choose_rule_sets(root, customization, profile, EVERYTHING)
    assert choice.rule_sets == tuple(expected.split())
    assert bool(choice.notes) is noted


def test_billing():
    check("en16931 peppol-bis3", INVOICE_ROOT, f"{PEPPOL}:billing:3.0", BILLING)
    check("en16931 peppol-bis3", CREDIT_NOTE_ROOT, f"{PEPPOL}:billing:3.0", BILLING)


def test_an_extension_of_billing_is_checked_as_billing():
    check("en16931 peppol-bis3", INVOICE_ROOT, f"{PEPPOL}:billing:3.0#conformant#urn:x")


def test_self_billing():
    check("en16931 peppol-selfbilling", INVOICE_ROOT, f"{PEPPOL}:selfbilling:3.0")


def test_ubl_be_is_a_set_of_its_own():
    check("ubl-be", INVOICE_ROOT, f"{CORE}#conformant#urn:UBL.BE:1.0.0.20180214", BILLING)


def test_the_core_alone():
    check("en16931", INVOICE_ROOT, CORE, noted=True)


def test_an_unknown_customization_is_checked_as_far_as_rules_exist_and_said_so():
    check("en16931", INVOICE_ROOT, f"{CORE}#compliant#urn:other", noted=True)
    check("en16931", INVOICE_ROOT, f"{PEPPOL}:billing:3.01", noted=True)


def test_an_invoice_without_customization_is_one_of_peppol():
    check("en16931 peppol-bis3", INVOICE_ROOT, "", BILLING, noted=True)
    profile = "urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0"
    check("en16931 peppol-selfbilling", INVOICE_ROOT, "", profile, noted=True)


@pytest.mark.parametrize(
    ("customization", "profile", "expected"),
    [
        ("urn:peppol:edec:mls:1.0", "urn:peppol:edec:mls", "peppol-mls"),
        (
            "urn:fdc:peppol.eu:poacc:trns:invoice_response:3",
            "urn:fdc:peppol.eu:poacc:bis:invoice_response:3",
            "peppol-invoice-response",
        ),
        ("urn:fdc:peppol.eu:poacc:trns:mlr:3", "urn:fdc:peppol.eu:poacc:bis:mlr:3", "peppol-mlr"),
    ],
)
def test_responses_by_customization_or_profile(customization, profile, expected):
    check(expected, RESPONSE_ROOT, customization, profile)
    check(expected, RESPONSE_ROOT, "", profile)


def test_reports_by_their_root():
    check("peppol-eusr", EUSR_ROOT, "")
    check("peppol-tsr", TSR_ROOT, "")


def test_an_unknown_response_has_no_rules():
    check("", RESPONSE_ROOT, "urn:other")


def test_rules_that_are_not_installed_are_named():
    choice = choose_rule_sets(INVOICE_ROOT, f"{PEPPOL}:billing:3.0", BILLING, {"en16931"})
    assert choice.rule_sets == ("en16931",)
    assert "peppol-bis3 are not installed" in choice.notes[0]


def test_without_the_belgian_pack_the_core_is_checked():
    customization = f"{CORE}#conformant#urn:UBL.BE:1.0.0.20180214"
    choice = choose_rule_sets(INVOICE_ROOT, customization, BILLING, {"en16931"})
    assert choice.rule_sets == ("en16931",)
    assert "ubl-be are not installed" in choice.notes[0]


def test_versions_are_ordered_by_their_numbers():
    assert version_key("3.0.9") < version_key("3.0.21") < version_key("3.1")


def test_the_successor_is_the_newest_release_that_is_pinned():
    assert successor_of("peppol-bis3", "3.0.20").version == "3.0.21"
    assert successor_of("peppol-bis3", "3.0.21") is None
    assert successor_of("peppol-bis3", "3.1.0") is None
    assert successor_of("unknown", "1") is None
