"""Our lists hold nothing that the official rules would refuse."""

import re

import pytest

from ubl import codelists

CEN = "rules/peppol-2026.5/sch/CEN-EN16931-UBL.sch"
PEPPOL = "rules/peppol-2026.5/sch/PEPPOL-EN16931-UBL.sch"
SELF_BILLING = "rules/peppol-2026.5/sch/PEPPOL-EN16931-UBL-SB.sch"


def codes_of(text, before):
    """Each list in quotes that follows *before*."""
    found = [set(codes.split()) for codes in re.findall(before + r"[^']*?'([^']{4,})'", text)]
    assert found
    return found


@pytest.mark.captured
@pytest.mark.parametrize(
    ("file", "before", "codes"),
    [
        (CEN, r"@unitCode\), '.*?contains\(", codelists.UNITS),
        (PEPPOL, 'name="eaid"', codelists.ENDPOINT_SCHEMES),
        (SELF_BILLING, 'name="eaid"', codelists.ENDPOINT_SCHEMES),
        (PEPPOL, 'name="ISO4217"', codelists.CURRENCIES),
        (SELF_BILLING, 'name="ISO4217"', codelists.CURRENCIES),
        (PEPPOL, 'name="ISO3166"', codelists.COUNTRIES),
        (PEPPOL, 'name="UNCL5189"', codelists.ALLOWANCE_REASONS),
        (PEPPOL, 'name="UNCL7161"', codelists.CHARGE_REASONS),
        (PEPPOL, 'name="MIMECODE"', set(codelists.MEDIA_TYPES)),
    ],
)
def test_the_rules_take_every_code(test_data, file, before, codes):
    for allowed in codes_of((test_data / file).read_text(), before):
        assert codes <= allowed
