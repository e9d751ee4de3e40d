import pytest

from smp.address import PUBLIC, SANDBOX, AddressRules, check_as4_address, check_smp_address


def test_public_addresses_are_https_on_443():
    for url in ("https://smp.example", "https://smp.example:443/a/b%2Fc", "https://[2001:db8::1]/"):
        assert check_smp_address(url, PUBLIC) == url
        assert check_as4_address(url, PUBLIC) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://smp.example", "not https"),
        ("https://smp.example:8443", "not on port 443"),
        ("https://smp.example:0", "names no host"),
        ("https://", "names no host"),
        ("https://a@smp.example", "user part"),
        ("https://smp.example#", "fragment"),
        ("https://smp.example:port", "no address"),
        ("https://[::1", "no address"),
        ("https://smp.exa\nmple", "characters"),
        ("https://smp.example/\u00e9", "characters"),
        ("https://smp.example/" + "a" * 2000, "longer"),
    ],
)
def test_any_other_address_is_refused_with_its_reason(url, reason):
    """[PEPPOL-SMP §2]"""
    for check in (check_smp_address, check_as4_address):
        with pytest.raises(ValueError, match=reason):
            check(url, PUBLIC)


def test_only_an_access_point_may_have_a_query():
    url = "https://ap.example/as4?tenant=1"
    assert check_as4_address(url, PUBLIC) == url
    with pytest.raises(ValueError, match="query"):
        check_smp_address(url, PUBLIC)


def test_each_kind_has_its_own_ports():
    rules = AddressRules(as4_ports=frozenset({443, 8443}))
    assert check_as4_address("https://a.example:8443/", rules)
    with pytest.raises(ValueError, match="port"):
        check_smp_address("https://a.example:8443/", rules)


def test_sandbox_takes_http_and_any_port_and_no_other_scheme():
    assert check_smp_address("http://127.0.0.1:8080/smp", SANDBOX)
    assert check_as4_address("http://127.0.0.1:8080/as4", SANDBOX)
    with pytest.raises(ValueError, match="not https"):
        check_as4_address("ftp://127.0.0.1/", SANDBOX)
