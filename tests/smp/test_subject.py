import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from smp.subject import is_subject, parse_subject

NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "BE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Hold, Out+ & Söns"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "PEPPOL TEST SMP"),
        x509.NameAttribute(NameOID.COMMON_NAME, "PSM000009"),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        r"CN=PSM000009,OU=PEPPOL TEST SMP,O=Hold\, Out\+ & Söns,C=BE",
        r"C=BE, O=Hold\, Out\+ & Söns, OU=PEPPOL TEST SMP, CN=PSM000009",
        r"cn=PSM000009 ; ou=PEPPOL  TEST SMP ; o = Hold\, Out\+ & Söns ; c=be",
        r'CN=PSM000009,OU="PEPPOL TEST SMP",O="Hold, Out+ & Söns",C=BE',
        r"CN=PSM000009,OU=PEPPOL TEST SMP,O=Hold\2C Out\2B & S\C3\B6ns,C=BE",
        r"2.5.4.3=PSM000009,OID.2.5.4.11=PEPPOL TEST SMP,O=Hold\, Out\+ & Söns,C=BE",
    ],
)
def test_same_name_written_in_another_way_is_the_name(text):
    """[RFC4514 §3] [RFC5280 §7.1]"""
    assert is_subject(text, NAME)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PSM000009",
        "CN=PSM000009",
        r"CN=PSM000008,OU=PEPPOL TEST SMP,O=Hold\, Out\+ & Söns,C=BE",
        r"OU=PEPPOL TEST SMP,CN=PSM000009,O=Hold\, Out\+ & Söns,C=BE",
        r"CN=PSM000009,OU=PEPPOL TEST SMP,O=Hold\, Out\+ & Söns,C=BE,DC=x",
        r"CN=PSM000009+OU=PEPPOL TEST SMP,O=Hold\, Out\+ & Söns,C=BE",
        r"CN=PSM000009,OU=PEPPOL TEST SMP,O=Hold, Out & Söns,C=BE",
        r"O=PSM000009,OU=PEPPOL TEST SMP,CN=Hold\, Out\+ & Söns,C=BE",
        "CN=PSM000009," * 200,
    ],
)
def test_another_name_is_not_the_name(text):
    """[RFC5280 §7.1]"""
    assert not is_subject(text, NAME)


def test_what_certificates_write_themselves_is_read():
    assert is_subject(NAME.rfc4514_string(), NAME)


def test_parts_of_several_values_compare_as_sets():
    assert parse_subject("CN=a+OU=b,C=BE") == parse_subject("OU=b + CN=a, C=BE")


def test_email_types_are_one_type():
    assert parse_subject("E=x@y,CN=a") == parse_subject("EMAILADDRESS=x@y,CN=a")


@pytest.mark.parametrize("text", ["CN", "CN=a,", "=a", "CN=a,,C=BE", "CN=a;b"])
def test_text_that_is_no_name_is_an_error(text):
    with pytest.raises(ValueError, match="no distinguished name"):
        parse_subject(text)
