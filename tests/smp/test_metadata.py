from datetime import UTC, datetime

import pytest
from lxml import etree

from smp.errors import InvalidMetadata
from smp.metadata import (
    PublishedProcess,
    ServiceGroup,
    build_metadata,
    build_service_group,
    group_path,
    metadata_path,
    parse_service_group,
    verify_metadata,
)
from tests.support.metadata import (
    PARTICIPANT,
    PINT_ANY,
    a_redirect,
    a_service,
    an_endpoint,
    check_signer,
    sign,
    signed,
)
from tests.support.pki import NOW
from ubl.identifiers import BILLING, INVOICE, SELF_BILLING, DocumentTypeId

SMP = "{http://busdox.org/serviceMetadata/publishing/1.0/}"
IDS = "{http://busdox.org/transport/identifiers/1.0/}"


def verify(data):
    return verify_metadata(data, check_signer=check_signer, now=NOW).content


def test_what_was_published_is_what_is_read():
    metadata = a_service(
        document_type=PINT_ANY,
        processes=[
            PublishedProcess(BILLING, (an_endpoint(), an_endpoint(active_from=None))),
            PublishedProcess(SELF_BILLING, (an_endpoint(active_until=None),)),
            PublishedProcess(SELF_BILLING, ()),
        ],
    )
    assert verify(signed(metadata)) == metadata


def test_redirect_is_read_as_published():
    redirect = a_redirect(href="https://second.example/a%3A%3Ab/services/c%23", uid="CN=a,C=BE")
    assert verify(signed(redirect)) == redirect


def test_signer_is_returned():
    verified = verify_metadata(signed(a_service()), check_signer=check_signer, now=NOW)
    assert verified.signer.subject_cn == "PSM000001"


def test_endpoint_children_come_in_the_order_of_the_schema():
    """[PEPPOL-SMP §5.4]"""
    endpoint = next(build_metadata(a_service()).iter(f"{SMP}Endpoint"))
    assert [etree.QName(child).localname for child in endpoint] == [
        "EndpointReference",
        "RequireBusinessLevelSignature",
        "ServiceActivationDate",
        "ServiceExpirationDate",
        "Certificate",
        "ServiceDescription",
        "TechnicalContactUrl",
    ]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        (" 2026-01-01T01:30:00.5+01:30\n", datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-01T00:00:00.123456789Z", datetime(2026, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)),
        ("", None),
    ],
)
def test_dates_of_every_lexical_form_are_read(text, instant):
    root = build_metadata(a_service())
    next(root.iter(f"{SMP}ServiceActivationDate")).text = text
    assert verify(sign(root)).processes[0].endpoints[0].active_from == instant


@pytest.mark.parametrize("text", ["soon", "2026-01-01", "2026-13-01T00:00:00Z", "20260101T000000Z"])
def test_date_that_is_none_is_refused(text):
    root = build_metadata(a_service())
    next(root.iter(f"{SMP}ServiceExpirationDate")).text = text
    with pytest.raises(InvalidMetadata, match="ServiceExpirationDate"):
        verify(sign(root))


def test_comment_inside_a_value_does_not_cut_it_short():
    root = build_metadata(a_service())
    address = next(root.iter("{http://www.w3.org/2005/08/addressing}Address"))
    address.text = "https://ap.example"
    comment = etree.Comment("x")
    comment.tail = ".evil.example"
    address.append(comment)
    endpoint = verify(sign(root)).processes[0].endpoints[0]
    assert endpoint.address == "https://ap.example.evil.example"


def test_processing_instruction_inside_a_value_is_refused():
    root = build_metadata(a_service())
    next(root.iter(f"{IDS}ParticipantIdentifier")).append(etree.ProcessingInstruction("x", "y"))
    with pytest.raises(InvalidMetadata, match="more than text"):
        verify(sign(root))


def remove(name):
    def change(root):
        element = next(root.iter(name))
        element.getparent().remove(element)

    return change


def double(name):
    def change(root):
        element = next(root.iter(name))
        element.getparent().append(etree.fromstring(etree.tostring(element)))

    return change


def add(name, to):
    def change(root):
        element = root if root.tag == to else next(root.iter(to))
        etree.SubElement(element, name)

    return change


def rename(name, to):
    def change(root):
        next(root.iter(name)).tag = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        remove(f"{SMP}ServiceMetadata"),
        remove(f"{SMP}ServiceInformation"),
        remove(f"{IDS}ParticipantIdentifier"),
        remove(f"{IDS}DocumentIdentifier"),
        remove(f"{SMP}ProcessList"),
        remove(f"{IDS}ProcessIdentifier"),
        remove(f"{SMP}ServiceEndpointList"),
        remove(f"{SMP}Certificate"),
        remove("{http://www.w3.org/2005/08/addressing}Address"),
        double(f"{SMP}ServiceMetadata"),
        double(f"{SMP}ServiceInformation"),
        double(f"{IDS}ParticipantIdentifier"),
        double(f"{SMP}Certificate"),
        add("{urn:x}Other", f"{SMP}SignedServiceMetadata"),
        add(f"{SMP}Redirect", f"{SMP}ServiceMetadata"),
        rename(f"{SMP}ServiceInformation", f"{SMP}Other"),
        rename(f"{SMP}SignedServiceMetadata", f"{SMP}ServiceGroup"),
        rename(f"{SMP}SignedServiceMetadata", "SignedServiceMetadata"),
    ],
)
def test_signed_answer_of_another_form_is_refused(change):
    root = build_metadata(a_service())
    change(root)
    with pytest.raises(InvalidMetadata):
        verify(sign(root))


@pytest.mark.parametrize("value", ["", "0208", "0208:a b", "0208:" + "1" * 200])
def test_malformed_identifier_in_a_signed_answer_is_refused(value):
    root = build_metadata(a_service())
    next(root.iter(f"{IDS}ParticipantIdentifier")).text = value
    with pytest.raises(InvalidMetadata, match="malformed identifier"):
        verify(sign(root))


def test_redirect_needs_its_address_and_its_signer():
    without_href = build_metadata(a_redirect())
    del next(without_href.iter(f"{SMP}Redirect")).attrib["href"]
    without_uid = build_metadata(a_redirect())
    remove(f"{SMP}CertificateUID")(without_uid)
    for root in (without_href, without_uid):
        with pytest.raises(InvalidMetadata):
            verify(sign(root))


@pytest.mark.parametrize(
    "data",
    [b"", b"Not found", b"<a", b"<!DOCTYPE a><a/>", "<a/>".encode("utf-16"), b"<html/>"],
)
def test_answer_that_is_not_the_xml_expected_is_refused(data):
    with pytest.raises(InvalidMetadata):
        verify(data)


def test_service_group_lists_its_document_types():
    data = build_service_group(PARTICIPANT, [INVOICE, PINT_ANY], "https://smp.example/smp/")
    group = parse_service_group(data)
    assert group == ServiceGroup(
        PARTICIPANT,
        tuple(
            f"https://smp.example/smp{metadata_path(PARTICIPANT, d)}" for d in (INVOICE, PINT_ANY)
        ),
    )
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def test_service_group_is_never_taken_for_metadata():
    with pytest.raises(InvalidMetadata):
        verify(build_service_group(PARTICIPANT, [INVOICE], "https://smp.example"))


def test_path_segments_are_percent_encoded_once():
    document_type = DocumentTypeId("busdox-docid-qns", "urn:a::B##c/d@e*::2.1%41é~")
    assert group_path(PARTICIPANT) == "/iso6523-actorid-upis%3A%3A0208%3A0987654394"
    assert metadata_path(PARTICIPANT, document_type) == (
        "/iso6523-actorid-upis%3A%3A0208%3A0987654394/services/"
        "busdox-docid-qns%3A%3Aurn%3Aa%3A%3AB%23%23c%2Fd%40e%2A%3A%3A2.1%2541%C3%A9~"
    )


def test_invoice_path_is_that_of_the_specification():
    assert metadata_path(PARTICIPANT, INVOICE) == (
        "/iso6523-actorid-upis%3A%3A0208%3A0987654394/services/busdox-docid-qns%3A%3Aurn%3Aoasis%3A"
        "names%3Aspecification%3Aubl%3Aschema%3Axsd%3AInvoice-2%3A%3AInvoice%23%23urn%3Acen.eu%3A"
        "en16931%3A2017%23compliant%23urn%3Afdc%3Apeppol.eu%3A2017%3Apoacc%3Abilling%3A3.0%3A%3A2.1"
    )
