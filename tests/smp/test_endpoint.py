import base64
from datetime import timedelta

import pytest

from smp.address import PUBLIC, SANDBOX, AddressRules
from smp.endpoint import choose_endpoint, decode_certificate
from smp.errors import (
    EndpointAbsent,
    EndpointAddressRefused,
    EndpointCertificateUnreadable,
    EndpointInactive,
    ProcessAbsent,
)
from smp.metadata import PublishedProcess
from tests.support.metadata import a_service, an_endpoint
from tests.support.pki import NOW, leaf
from ubl.identifiers import BILLING, INVOICE, SELF_BILLING, ProcessId

SECOND = timedelta(seconds=1)


def choose(*endpoints, process=BILLING, rules=PUBLIC, now=NOW):
    return choose_endpoint(a_service(endpoints=endpoints), process, rules=rules, now=now)


def test_endpoint_says_where_and_for_whom():
    endpoint = choose(an_endpoint(address="https://ap.example/as4"))
    assert endpoint.address == "https://ap.example/as4"
    assert endpoint.certificate == leaf("receiver").certificate_der
    assert endpoint.process == BILLING
    assert endpoint.published_document_type == INVOICE
    assert endpoint.transport_profile == "peppol-transport-as4-v2_0"
    assert (endpoint.active_from, endpoint.active_until) == (
        NOW - timedelta(days=1),
        NOW + timedelta(days=1),
    )


def test_process_that_is_not_published_is_absent():
    with pytest.raises(ProcessAbsent) as failed:
        choose(an_endpoint(), process=SELF_BILLING)
    assert failed.value.code == "process-absent"


@pytest.mark.parametrize(
    "process",
    [
        ProcessId(BILLING.scheme, BILLING.value.upper()),
        ProcessId(BILLING.scheme.upper(), BILLING.value),
        ProcessId("other", BILLING.value),
    ],
)
def test_process_compares_by_scheme_and_value_with_case(process):
    """[PEPPOL-ID §5]"""
    with pytest.raises(ProcessAbsent):
        choose(an_endpoint(), process=process)


def test_process_is_chosen_among_several():
    metadata = a_service(
        processes=[
            PublishedProcess(SELF_BILLING, (an_endpoint(address="https://a.example"),)),
            PublishedProcess(BILLING, (an_endpoint(address="https://b.example"),)),
        ]
    )
    endpoint = choose_endpoint(metadata, BILLING, rules=PUBLIC, now=NOW)
    assert endpoint.address == "https://b.example"


def test_only_our_transport_profile_counts():
    wanted = an_endpoint(address="https://right.example")
    assert choose(an_endpoint(transport_profile="busdox-transport-as2-ver1p0"), wanted).address == (
        "https://right.example"
    )


@pytest.mark.parametrize(
    "profile",
    ["peppol-transport-as4-v1_0", "PEPPOL-TRANSPORT-AS4-V2_0", "", "bdxr-transport-ebms3"],
)
def test_other_transport_profiles_alone_mean_no_endpoint(profile):
    with pytest.raises(EndpointAbsent) as failed:
        choose(an_endpoint(transport_profile=profile))
    assert failed.value.code == "endpoint-absent"


@pytest.mark.parametrize(
    ("active_from", "active_until"),
    [(NOW, NOW), (None, None), (None, NOW), (NOW, None), (NOW - SECOND, NOW + SECOND)],
)
def test_window_includes_both_ends_and_a_missing_end_is_open(active_from, active_until):
    assert choose(an_endpoint(active_from=active_from, active_until=active_until))


@pytest.mark.parametrize(
    ("active_from", "active_until"), [(NOW + SECOND, None), (None, NOW - SECOND)]
)
def test_endpoint_outside_its_window_is_ignored(active_from, active_until):
    """[PEPPOL-SMP §5.4]"""
    inactive = an_endpoint(active_from=active_from, active_until=active_until)
    with pytest.raises(EndpointInactive) as failed:
        choose(inactive)
    assert failed.value.code == "endpoint-inactive"
    assert choose(inactive, an_endpoint(address="https://b.example")).address == "https://b.example"


@pytest.mark.parametrize(
    "address",
    [
        "http://ap.example/as4",
        "https://ap.example:8443/as4",
        "https://user@ap.example/as4",
        "https://ap.example/as4#x",
        "https:///as4",
        "ftp://ap.example",
        "ap.example",
        "",
    ],
)
def test_address_that_is_not_https_on_443_is_refused(address):
    with pytest.raises(EndpointAddressRefused) as failed:
        choose(an_endpoint(address=address))
    assert failed.value.code == "endpoint-address-refused"


def test_another_as4_port_needs_its_rule():
    rules = AddressRules(as4_ports=frozenset({443, 8443}))
    assert choose(an_endpoint(address="https://ap.example:8443/as4"), rules=rules)


def test_sandbox_takes_http():
    assert choose(an_endpoint(address="http://127.0.0.1:8082/as4"), rules=SANDBOX)


def test_unusable_endpoint_makes_way_for_a_usable_one():
    endpoint = choose(
        an_endpoint(address="http://a.example"),
        an_endpoint(certificate="?"),
        an_endpoint(address="https://b.example"),
    )
    assert endpoint.address == "https://b.example"


DER = leaf("receiver").certificate_der
ENCODED = base64.b64encode(DER).decode()
PEM = leaf("receiver").certificate_pem.decode()


@pytest.mark.parametrize(
    "text",
    [
        ENCODED,
        PEM,
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", ""),
        f"\n {ENCODED[:70]}\n\t{ENCODED[70:]} ",
    ],
    ids=["base64", "pem", "crlf", "one-line", "spaces"],
)
def test_certificate_is_read_with_or_without_armour_and_spaces(text):
    assert decode_certificate(text) == DER


@pytest.mark.parametrize("text", ["", "?", "AAAA", ENCODED[:-8], "é", ENCODED + "=A"])
def test_certificate_that_is_none_is_named(text):
    with pytest.raises(EndpointCertificateUnreadable) as failed:
        choose(an_endpoint(certificate=text or " "))
    assert failed.value.code == "endpoint-certificate-unreadable"
