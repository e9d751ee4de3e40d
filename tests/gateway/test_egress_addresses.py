from ipaddress import ip_address

import pytest

from gateway.egress import AddressRefused, EgressRules, Purpose, is_public

STRICT = EgressRules()
SANDBOX = EgressRules(sandbox=True)


@pytest.mark.parametrize(
    ("url", "purpose"),
    [
        ("http://smp.example/", Purpose.SMP),
        ("https://smp.example:8443/", Purpose.SMP),
        ("https://smp.example:80/", Purpose.SMP),
        ("http://ap.example/as4", Purpose.AS4),
        ("https://ap.example:8443/as4", Purpose.AS4),
        ("http://crl.example:8080/ca.crl", Purpose.CRL),
        ("ldap://crl.example/ca.crl", Purpose.CRL),
        ("file:///etc/passwd", Purpose.CRL),
        ("gopher://ap.example:443/", Purpose.AS4),
        ("https://user:word@ap.example/as4", Purpose.AS4),
        ("https://ap.example/as4#part", Purpose.AS4),
        ("https:///as4", Purpose.AS4),
        ("/as4", Purpose.AS4),
        ("", Purpose.SMP),
        ("https://[::1/as4", Purpose.AS4),
        ("https://ap.example:port/as4", Purpose.AS4),
    ],
)
def test_another_scheme_or_port_is_refused_outside_the_sandbox(url, purpose):
    """[PEPPOL-AS4 §2.2.2] [PEPPOL-SMP §4.1] [RFC5280 §8]"""
    with pytest.raises(AddressRefused):
        STRICT.check(url, purpose)


@pytest.mark.parametrize(
    ("url", "purpose"),
    [
        ("https://smp.example/", Purpose.SMP),
        ("https://smp.example:443/a%3A%3Ab", Purpose.SMP),
        ("https://ap.example/as4", Purpose.AS4),
        ("http://crl.example/ca.crl", Purpose.CRL),
        ("https://crl.example/ca.crl", Purpose.CRL),
        ("https://8.8.8.8/as4", Purpose.AS4),
    ],
)
def test_the_usual_addresses_pass(url, purpose):
    assert url.replace(":443", "") == str(STRICT.check(url, purpose))


def test_another_as4_port_needs_the_setting():
    rules = EgressRules(as4_ports=(443, 8443))
    assert rules.check("https://ap.example:8443/as4", Purpose.AS4).port == 8443
    with pytest.raises(AddressRefused):
        rules.check("https://smp.example:8443/", Purpose.SMP)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[ff02::1]",
        "[fec0::1]",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "[::ffff:10.0.0.1]",
        "[::ffff:100.64.0.1]",
        "[2002:a9fe:a9fe::]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::808:808]",
        "[2001:0:808:808::f5ff:fffe]",
        "[::127.0.0.1]",
        "[fe80::1%25eth0]",
        "127.0.0.1.",
    ],
)
def test_a_literal_private_address_is_refused(host):
    for purpose in Purpose:
        with pytest.raises(AddressRefused):
            STRICT.check(f"https://{host}/", purpose)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"])
def test_the_sandbox_alone_may_use_this_machine(host):
    for purpose in Purpose:
        assert SANDBOX.check(f"http://{host}:8080/", purpose).port == 8080


@pytest.mark.parametrize(
    "text", ["a b", "a\r\nHost: b", "a\tb", "a\0b", "ä", "a<b", "a\\b", "a\x7f"]
)
def test_characters_that_no_address_has_are_refused(text):
    for rules in (STRICT, SANDBOX):
        with pytest.raises(AddressRefused):
            rules.check(f"https://ap.example/{text}", Purpose.AS4)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["a..b", ".a.b", "a..", ".", "a" * 64 + ".example", ".".join(["a" * 49] * 5 + ["abcd"])],
    ids=["an empty part", "first", "last", "alone", "a long part", "a long name"],
)
def test_a_name_that_no_resolver_can_be_asked_for_is_refused(host):
    """[RFC1035 §2.3.4]"""
    for rules in (STRICT, SANDBOX):
        for purpose in Purpose:
            with pytest.raises(AddressRefused, match="is not a name"):
                rules.check(f"https://{host}/", purpose)


@pytest.mark.parametrize(
    "host",
    ["a" * 63 + ".example", "a.example.", "localhost", ".".join(["a" * 49] * 5 + ["abc"])],
    ids=["a long part", "the root", "one part", "a long name"],
)
def test_the_longest_names_pass(host):
    """[RFC1035 §2.3.4]"""
    assert SANDBOX.check(f"https://{host}/", Purpose.AS4).host == host
