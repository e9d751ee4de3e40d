"""Where a document goes, by what it says of itself."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ubl.errors import MalformedXml, UblError, UnknownDocument
from ubl.identifiers import (
    BILLING,
    CREDIT_NOTE,
    INVOICE,
    INVOICE_RESPONSE,
    INVOICE_RESPONSE_PROCESS,
    MESSAGE_LEVEL_STATUS,
    MESSAGE_LEVEL_STATUS_PROCESS,
    SELF_BILLING,
    SELF_BILLING_CREDIT_NOTE,
    SELF_BILLING_INVOICE,
    DocumentTypeId,
    ParticipantId,
    ProcessId,
)
from ubl.routing import RoutingReader, read_routing
from ubl.sbdh import build_envelope, read_envelope

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
SELLER = ("0208", "0123456749")
BUYER = ("0208", "0987654394")


def endpoint(scheme, value):
    attribute = "" if scheme is None else f' schemeID="{scheme}"'
    return f"<cbc:EndpointID{attribute}>{value}</cbc:EndpointID>"


def basic(name, text):
    return "" if text is None else f"<cbc:{name}>{text}</cbc:{name}>"


def a_document(
    of=INVOICE,
    process=BILLING,
    *,
    version=None,
    customization="",
    profile="",
    seller=SELLER,
    buyer=BUYER,
    before="",
    after="",
    more="",
):
    """A document of a type: its head, its parties, *more* and a line."""
    name = of.local_name
    parties = (
        ("cac:SenderParty", "", "cac:ReceiverParty")
        if name == "ApplicationResponse"
        else ("cac:AccountingSupplierParty", "cac:Party", "cac:AccountingCustomerParty")
    )
    inside, outside = (f"<{parties[1]}>", f"</{parties[1]}>") if parties[1] else ("", "")
    return (
        f'{before}<{name} xmlns="{of.root_namespace}" xmlns:cac="{UBL}CommonAggregateComponents-2"'
        f' xmlns:cbc="{UBL}CommonBasicComponents-2">\n'
        f"{basic('UBLVersionID', version)}"
        f"{basic('CustomizationID', of.customization if customization == '' else customization)}"
        f"{basic('ProfileID', process.value if profile == '' else profile)}"
        f"{basic('ID', 'F-2026/1')}{basic('IssueDate', '2026-01-02')}\n{more}\n"
        f"<{parties[0]}>{inside}{endpoint(*seller) if seller else ''}{outside}</{parties[0]}>\n"
        f"<{parties[2]}>{inside}{endpoint(*buyer) if buyer else ''}{outside}</{parties[2]}>\n"
        f"<cac:InvoiceLine>{basic('ID', '1')}</cac:InvoiceLine></{name}>{after}"
    ).encode()


def refusal(data):
    with pytest.raises(UnknownDocument) as refused:
        read_routing(data)
    return refused.value


@pytest.mark.parametrize(
    ("document_type", "process"),
    [
        (INVOICE, BILLING),
        (CREDIT_NOTE, BILLING),
        (INVOICE, ProcessId("cenbii-procid-ubl", "urn:peppol:bis:billing_with_response")),
        (INVOICE_RESPONSE, INVOICE_RESPONSE_PROCESS),
        (MESSAGE_LEVEL_STATUS, MESSAGE_LEVEL_STATUS_PROCESS),
    ],
)
def test_type_process_and_parties_come_from_the_document(document_type, process):
    routing = read_routing(a_document(document_type, process))
    assert routing.document_type == document_type
    assert routing.process == process
    assert routing.sender == ParticipantId.parse("0208:0123456749")
    assert routing.receiver == ParticipantId.parse("0208:0987654394")
    assert routing.root_namespace == document_type.root_namespace
    assert routing.root_name == document_type.local_name
    assert routing.customization_id == document_type.customization
    assert routing.profile_id == process.value
    assert (routing.number, routing.issued_on) == ("F-2026/1", "2026-01-02")
    assert not routing.is_self_billing


PINT_PROCESS = ProcessId("cenbii-procid-ubl", "urn:peppol:bis:selfbilling")


def pint(customization):
    value = f"{UBL}Invoice-2::Invoice##urn:peppol:pint:{customization}::2.1"
    return DocumentTypeId("peppol-doctype-wildcard", value)


@pytest.mark.parametrize(
    ("document_type", "process"),
    [
        (SELF_BILLING_INVOICE, SELF_BILLING),
        (SELF_BILLING_CREDIT_NOTE, SELF_BILLING),
        (
            SELF_BILLING_INVOICE,
            ProcessId("cenbii-procid-ubl", "urn:peppol:bis:billing_with_response"),
        ),
        (pint("selfbilling-1@jp-1"), PINT_PROCESS),
    ],
)
def test_in_self_billing_the_buyer_sends(document_type, process):
    routing = read_routing(a_document(document_type, process))
    assert routing.document_type == document_type
    assert routing.is_self_billing
    assert routing.sender == ParticipantId.parse("0208:0987654394")
    assert routing.receiver == ParticipantId.parse("0208:0123456749")


def test_a_process_of_self_billing_with_an_ordinary_customization_is_refused():
    error = refusal(a_document(INVOICE, SELF_BILLING))
    assert (error.element, error.line) == ("cbc:ProfileID", 2)
    assert "make them agree" in str(error)


def test_international_invoices_are_of_the_wildcard_scheme():
    assert read_routing(a_document(pint("billing-1@jp-1"))).document_type == pint("billing-1@jp-1")


@pytest.mark.parametrize(("version", "expected"), [(None, "2.1"), ("2.1", "2.1"), ("2.3", "2.3")])
def test_the_version_is_the_document_s_or_2_1(version, expected):
    assert read_routing(a_document(version=version)).document_type.version == expected


def test_number_and_date_may_be_missing():
    data = (
        a_document().replace(b"<cbc:ID>F-2026/1</cbc:ID>", b"").replace(b"cbc:IssueDate", b"cbc:X")
    )
    routing = read_routing(data)
    assert (routing.number, routing.issued_on) == (None, None)


def test_space_around_a_value_does_not_count():
    padded = a_document(seller=("0208", "\n  0123456749\t"), profile=f"\n {BILLING.value} ")
    assert read_routing(padded).sender == ParticipantId.parse("0208:0123456749")
    assert read_routing(padded).process == BILLING


def test_parties_of_another_kind_of_document_do_not_count():
    other = f"<cac:SenderParty>{endpoint(*SELLER)}</cac:SenderParty>"
    assert refusal(a_document(seller=None, more=other)).element == (
        "cac:AccountingSupplierParty/cac:Party/cbc:EndpointID"
    )


def test_values_deeper_down_or_in_other_namespaces_do_not_count():
    more = (
        "<cac:X><cbc:CustomizationID>no</cbc:CustomizationID></cac:X>"
        '<x:ProfileID xmlns:x="urn:x">no</x:ProfileID>'
        "<cac:Delivery><cac:Party><cbc:EndpointID>no</cbc:EndpointID></cac:Party></cac:Delivery>"
    )
    assert read_routing(a_document(more=more)).document_type == INVOICE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ('<?xml version="1.0" encoding="UTF-8"?>\r\n', "\n"),
        ("\ufeff", ""),
        ('\ufeff<?xml version="1.0"?><!-- é --><?pi?>\n', "\n<!-- é --><?pi?>\n\n"),
    ],
)
def test_the_document_is_its_root_element_alone(before, after):
    data = a_document(before=before, after=after)
    routing = read_routing(data)
    assert data[routing.root_offset : routing.root_end] == a_document()


def test_the_header_of_an_envelope_is_made_from_the_routing():
    data = a_document(SELF_BILLING_INVOICE, SELF_BILLING)
    routing = read_routing(data)
    header = routing.header(
        instance_identifier="i-1", created_at="2026-01-02T03:04:05Z", country_c1="BE"
    )
    before, after = build_envelope(header)
    assert read_envelope(before + data + after, whole=True).header == header
    assert header.sender == ParticipantId.parse("0208:0987654394")
    assert (header.country_c1, header.instance_identifier) == ("BE", "i-1")


SUPPLIER = "cac:AccountingSupplierParty/cac:Party/cbc:EndpointID"
CUSTOMER = "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID"


@pytest.mark.parametrize(
    ("data", "element"),
    [
        (a_document(customization=None), "cbc:CustomizationID"),
        (a_document(customization=" "), "cbc:CustomizationID"),
        (a_document(profile=None), "cbc:ProfileID"),
        (a_document(seller=None), SUPPLIER),
        (a_document(seller=("0208", "")), SUPPLIER),
        (a_document(buyer=None), CUSTOMER),
        (a_document(INVOICE_RESPONSE, seller=None), "cac:SenderParty/cbc:EndpointID"),
        (a_document(INVOICE_RESPONSE, buyer=None), "cac:ReceiverParty/cbc:EndpointID"),
    ],
)
def test_what_is_missing_is_named_with_the_fix(data, element):
    error = refusal(data)
    assert error.element == element
    assert str(error).startswith(f"{element} is missing or empty")
    assert "add it" in str(error)


@pytest.mark.parametrize(
    ("data", "element", "line"),
    [
        (a_document(seller=(None, "0123456749")), SUPPLIER, 4),
        (a_document(seller=("", "0123456749")), SUPPLIER, 4),
        (a_document(buyer=("EM", "info@example.org")), CUSTOMER, 5),
        (a_document(buyer=("0208", "0987 654 394")), CUSTOMER, 5),
        (a_document(customization="with space"), "cbc:CustomizationID", 2),
        (a_document(customization="x" * 501), "cbc:CustomizationID", 2),
        (a_document(profile="x" * 201), "cbc:ProfileID", 2),
        (a_document(more=basic("ProfileID", "again")), "cbc:ProfileID", 3),
        (a_document(more=basic("CustomizationID", "again")), "cbc:CustomizationID", 3),
        (
            a_document(seller=("0208", f"1</cbc:EndpointID>{endpoint('0208', '2')[:-17]}")),
            SUPPLIER,
            4,
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(data, element, line):
    error = refusal(data)
    assert (error.element, error.line) == (element, line)
    assert f"line {line}" in str(error)


def test_a_missing_scheme_is_named_with_the_fix():
    error = refusal(a_document(seller=(None, "0123456749")))
    assert 'has no schemeID: add the code of the register (as in schemeID="0208")' in str(error)


@pytest.mark.parametrize(
    "root",
    [
        f'<CrossIndustryInvoice xmlns="{CII}"/>',
        "<Invoice/>",
        f'<Invoice xmlns="{UBL}CreditNote-2"/>',
        f'<Order xmlns="{UBL}Order-2"/>',
        "<html/>",
    ],
)
def test_an_unknown_root_is_refused_and_the_known_ones_are_named(root):
    error = refusal(root.encode())
    assert "ApplicationResponse, CreditNote, Invoice" in str(error)
    assert error.line == 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "syntax"),
        (b"%PDF-1.7", "syntax"),
        (a_document()[:-5], "syntax"),
        (a_document(after="<more/>"), "syntax"),
        (a_document(before="<!DOCTYPE Invoice>"), "doctype"),
        (a_document(more="\0"), "nul"),
        (a_document(more="é").decode().encode("latin-1"), "encoding"),
        (a_document().decode().encode("utf-16"), "encoding"),
        (a_document(before='<?xml version="1.0" encoding="windows-1252"?>'), "encoding"),
        (a_document(seller=("0208", "0123<!-- -->456749")), "interrupted"),
    ],
)
def test_what_is_not_plain_utf8_xml_is_refused(data, kind):
    with pytest.raises(MalformedXml) as refused:
        read_routing(data)
    assert refused.value.kind == kind


def test_the_refusal_of_another_encoding_says_what_to_do():
    data = a_document(before='<?xml version="1.0" encoding="windows-1252"?>')
    with pytest.raises(MalformedXml, match="windows-1252: convert it to UTF-8"):
        read_routing(data)
    with pytest.raises(MalformedXml, match=r"not UTF-8: save or convert it as UTF-8.*line 3"):
        read_routing(a_document(more="é").decode().encode("latin-1"))


DATA = a_document(before='\ufeff<?xml version="1.0"?>\n', more="<!-- é -->", after="\n")


@given(st.lists(st.integers(0, len(DATA)), max_size=10))
@settings(max_examples=100, deadline=None)
def test_chunks_make_no_difference(places):
    reader = RoutingReader()
    for start, end in pairwise([0, *sorted(places), len(DATA)]):
        reader.feed(DATA[start:end])
    assert reader.close() == read_routing(DATA)


@given(st.binary(max_size=20), st.integers(0, len(DATA)))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_reader(junk, place):
    try:
        read_routing(DATA[:place] + junk + DATA[place:])
    except UblError:
        return


def test_a_huge_attachment_passes_in_bounded_memory():
    reader = RoutingReader()
    before, _, after = a_document(more="HERE").partition(b"HERE")
    reader.feed(before + b"<cac:A><cbc:EmbeddedDocumentBinaryObject>")
    piece = b"QUJD" * (16 << 10)
    tracemalloc.start()
    for _ in range(400):
        reader.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.feed(b"</cbc:EmbeddedDocumentBinaryObject></cac:A>" + after)
    assert reader.close().root_end > 400 * len(piece)
    assert peak < 1 << 20


@pytest.mark.captured
def test_official_examples_are_routed(test_data):
    folder = test_data / "rules/peppol-2026.5/examples"
    for path in sorted(folder.glob("**/*.xml")):
        routing = read_routing(path.read_bytes())
        is_self_billing = path.parent.name == "selfbilling"
        assert ("selfbilling" in routing.document_type.value) is is_self_billing, path
