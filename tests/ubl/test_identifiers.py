"""Identifiers: their grammar, comparison, wildcards and spelled-out forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ubl.errors import BadIdentifier
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
    check_participant,
    is_seat_id,
)

BIS3 = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
UBL_INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
UNRESERVED = "ABCXYZabcxyz0123456789-._~"


def pint(customization, *, name="Invoice", version="2.1", scheme="peppol-doctype-wildcard"):
    namespace = f"urn:oasis:names:specification:ubl:schema:xsd:{name}-2"
    return DocumentTypeId(
        scheme, f"{namespace}::{name}##urn:peppol:pint:{customization}::{version}"
    )


@pytest.mark.parametrize(
    "text", ["0208:0123456749", "iso6523-actorid-upis::0208:0123456749", "9915:test", "0192:a-b._~"]
)
def test_a_participant_is_read_with_or_without_its_scheme(text):
    participant = ParticipantId.parse(text)
    assert participant.scheme == "iso6523-actorid-upis"
    assert participant.value == text.rpartition("::")[2]
    assert ParticipantId.parse(participant.uri) == participant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0208",
        "0208:",
        ":0123456749",
        "208:0123456749",
        "02080:123",
        "EM:info@example.org",
        "0208:01 23",
        " 0208:0123456749",
        "0208:0123456749\n",
        "0208:0123:456",
        "0208:é",
        "\u0660\u0662\u0660\u0668:123",
        "0208:a*",
        "0208:a/b",
        "0208:" + "x" * 131,
        "other-scheme::0208:0123456749",
        "ISO6523-ACTORID-UPIS::0208:0123456749",
        "::0208:0123456749",
    ],
)
def test_a_malformed_participant_is_refused(text):
    with pytest.raises(BadIdentifier):
        ParticipantId.parse(text)


def test_the_longest_participant_has_135_characters():
    """[PEPPOL-ID §2]"""
    assert len(ParticipantId.parse("0208:" + "x" * 130).value) == 135


def test_participants_compare_without_regard_to_case():
    upper, lower = ParticipantId.parse("0088:123ABC"), ParticipantId.parse("0088:123abc")
    assert upper == lower
    assert {upper: 1}[lower] == 1
    assert upper.key == lower.key == "0088:123abc"
    assert upper != ParticipantId.parse("0088:123abd")
    assert upper != "0088:123ABC"


def test_a_participant_keeps_its_spelling():
    participant = ParticipantId.parse("9925:BE0848934496")
    assert participant.uri == "iso6523-actorid-upis::9925:BE0848934496"
    assert str(participant) == "9925:BE0848934496"
    assert participant.icd == "9925"


@given(st.text("0123456789", min_size=4, max_size=4), st.text(UNRESERVED, min_size=1, max_size=130))
def test_every_participant_of_the_grammar_is_read_back(icd, number):
    participant = ParticipantId.parse(f"{icd}:{number}")
    assert ParticipantId.parse(participant.uri).value == f"{icd}:{number}"


def test_a_document_type_is_taken_apart():
    document_type = DocumentTypeId.parse(f"busdox-docid-qns::{UBL_INVOICE}::Invoice##{BIS3}::2.1")
    assert document_type == INVOICE
    assert document_type.scheme == "busdox-docid-qns"
    assert document_type.root_namespace == UBL_INVOICE
    assert document_type.local_name == "Invoice"
    assert document_type.customization == BIS3
    assert document_type.version == "2.1"
    assert DocumentTypeId.parse(document_type.uri) == document_type


def test_a_document_type_that_is_no_xml_has_no_root_element():
    document_type = DocumentTypeId.parse(
        "busdox-docid-qns::urn:peppol:doctype:pdf+xml##eb2b:factur-x:1.0::0"
    )
    assert document_type.root_namespace == "urn:peppol:doctype:pdf+xml"
    assert document_type.local_name == ""
    assert document_type.customization == "eb2b:factur-x:1.0"
    assert document_type.version == "0"


def test_a_document_type_without_structure_has_no_parts():
    document_type = DocumentTypeId("busdox-docid-qns", "urn:something:else")
    parts = (document_type.root_namespace, document_type.customization, document_type.version)
    assert parts == ("", "", "")


def test_document_types_compare_exactly():
    """[PEPPOL-ID §6]"""
    assert DocumentTypeId(INVOICE.scheme, INVOICE.value.upper()) != INVOICE
    assert DocumentTypeId("peppol-doctype-wildcard", INVOICE.value) != INVOICE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "busdox-docid-qns::",
        "::value",
        "busdox-docid-qns:value",
        f"{UBL_INVOICE}::Invoice##{BIS3}::2.1",
        "busdox-docid-qns::with space",
        "busdox-docid-qns::with\ttab",
        "busdox-docid-qns::with\x00nul",
        "busdox-docid-qns::" + "x" * 501,
    ],
)
def test_a_malformed_document_type_is_refused(text):
    with pytest.raises(BadIdentifier):
        DocumentTypeId.parse(text)


def test_document_types_and_processes_may_be_as_long_as_the_policy_allows():
    assert len(DocumentTypeId("busdox-docid-qns", "x" * 500).value) == 500
    assert len(ProcessId("cenbii-procid-ubl", "x" * 200).value) == 200


def test_the_refusal_of_a_document_type_without_scheme_shows_how_to_write_it():
    with pytest.raises(BadIdentifier, match=r"as in busdox-docid-qns::urn:x"):
        DocumentTypeId.parse("urn:x")


def test_a_document_type_is_made_from_what_a_document_says():
    made = DocumentTypeId.for_root(
        root_namespace=UBL_INVOICE, local_name="Invoice", customization=BIS3, version="2.1"
    )
    assert made == INVOICE


def test_international_invoices_are_in_the_scheme_of_wildcards():
    made = DocumentTypeId.for_root(
        root_namespace=UBL_INVOICE,
        local_name="Invoice",
        customization="urn:peppol:pint:billing-1@jp-1",
        version="2.1",
    )
    assert made == pint("billing-1@jp-1")


def test_a_process_is_read_with_its_scheme():
    assert (
        ProcessId.parse("cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0") == BILLING
    )
    assert BILLING.uri == "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
    assert str(BILLING) == BILLING.uri
    assert ProcessId(BILLING.scheme, BILLING.value.upper()) != BILLING


@pytest.mark.parametrize(
    "text", ["", "urn:x", "cenbii-procid-ubl::", "cenbii-procid-ubl::a b", "s::" + "x" * 201]
)
def test_a_malformed_process_is_refused(text):
    with pytest.raises(BadIdentifier):
        ProcessId.parse(text)


def test_only_the_type_itself_is_looked_up_where_there_are_no_wildcards():
    assert INVOICE.candidates() == [INVOICE]


def test_wildcards_are_looked_up_after_the_type_itself_longest_first():
    assert pint("billing-1@jp-1").candidates() == [
        pint("billing-1@jp-1"),
        pint("billing-1@jp-1*"),
        pint("billing-1*"),
    ]
    assert pint("billing-1@eu-1@be-1").candidates() == [
        pint("billing-1@eu-1@be-1"),
        pint("billing-1@eu-1@be-1*"),
        pint("billing-1@eu-1*"),
        pint("billing-1*"),
    ]


def test_a_wildcard_is_looked_up_as_it_is():
    assert pint("billing-1*").candidates() == [pint("billing-1*")]


def test_a_type_of_the_wildcard_scheme_without_structure_is_looked_up_as_it_is():
    document_type = DocumentTypeId("peppol-doctype-wildcard", "urn:x")
    assert document_type.candidates() == [document_type]


@pytest.mark.parametrize(
    ("document", "published", "served"),
    [
        (INVOICE, INVOICE, True),
        (INVOICE, CREDIT_NOTE, False),
        (INVOICE, SELF_BILLING_INVOICE, False),
        (pint("billing-1@jp-1"), pint("billing-1@jp-1"), True),
        (pint("billing-1@jp-1"), pint("billing-1@jp-1*"), True),
        (pint("billing-1@jp-1"), pint("billing-1*"), True),
        (pint("billing-1@eu-1@be-1"), pint("billing-1@eu-1*"), True),
        (pint("billing-1"), pint("billing-1*"), True),
        (pint("billing-1@jp-1"), pint("billing-1"), False),
        (pint("billing-1"), pint("billing-1@jp-1"), False),
        (pint("billing-1"), pint("billing-1@jp-1*"), False),
        (pint("billing-1@jp-1"), pint("billing-1@sg-1*"), False),
        (pint("billing-1@jp-1"), pint("billing-1@jp*"), False),
        (pint("billing-1@jp-10"), pint("billing-1@jp-1*"), False),
        (pint("billing-10@jp-1"), pint("billing-1*"), False),
        (pint("billing-1@jp-1"), pint("*"), False),
        (pint("billing-1@jp-1"), pint("billing-1@*"), False),
        (pint("billing-1@jp-1"), pint("*@jp-1"), False),
        (pint("selfbilling-1@jp-1"), pint("billing-1*"), False),
        (pint("billing-1@JP-1"), pint("billing-1@jp-1"), False),
        (pint("billing-1@jp-1", name="CreditNote"), pint("billing-1*"), False),
        (pint("billing-1@jp-1", version="2.2"), pint("billing-1*"), False),
        (pint("billing-1@jp-1", scheme="busdox-docid-qns"), pint("billing-1*"), False),
        (pint("billing-1@jp-1"), pint("billing-1*", scheme="busdox-docid-qns"), False),
        (pint("billing-1*"), pint("billing-1*"), False),
    ],
)
def test_who_published_what_takes_which_documents(document, published, served):
    assert document.matches(published) is served


@pytest.mark.parametrize("text", ["POP000306", "PBE000001", "PDE123456"])
def test_a_seat_id_is_known(text):
    assert is_seat_id(text)


@pytest.mark.parametrize(
    "text", ["", "pop000306", "POP00306", "POP0003066", "QOP000306", "POP000306\n", "PO1000306"]
)
def test_what_is_no_seat_id_is_known(text):
    assert not is_seat_id(text)


def test_a_slip_in_a_number_is_a_warning():
    assert check_participant(ParticipantId.parse("0208:0123456749")) == []
    assert len(check_participant(ParticipantId.parse("0208:0123456748"))) == 1


@pytest.mark.captured
def test_the_types_we_name_are_in_the_code_list_with_the_processes_we_name(test_data):
    rows = json.loads((test_data / "codelists/dt.json").read_text())["values"]
    listed = {
        (row["scheme"], row["value"]): {(p["scheme"], p["value"]) for p in row["process-ids"]}
        for row in rows
        if row["state"] == "active"
    }
    for document_type, process in (
        (INVOICE, BILLING),
        (CREDIT_NOTE, BILLING),
        (SELF_BILLING_INVOICE, SELF_BILLING),
        (SELF_BILLING_CREDIT_NOTE, SELF_BILLING),
        (INVOICE_RESPONSE, INVOICE_RESPONSE_PROCESS),
        (MESSAGE_LEVEL_STATUS, MESSAGE_LEVEL_STATUS_PROCESS),
    ):
        key = document_type.scheme, document_type.value
        assert (process.scheme, process.value) in listed[key]


@pytest.mark.captured
def test_every_identifier_of_the_code_lists_is_read(test_data):
    for row in json.loads((test_data / "codelists/dt.json").read_text())["values"]:
        document_type = DocumentTypeId(row["scheme"], row["value"])
        assert DocumentTypeId.parse(document_type.uri) == document_type
        if document_type.local_name:
            assert document_type == DocumentTypeId(
                row["scheme"],
                f"{document_type.root_namespace}::{document_type.local_name}"
                f"##{document_type.customization}::{document_type.version}",
            )
    for row in json.loads((test_data / "codelists/pr.json").read_text())["values"]:
        assert ProcessId(row["scheme"], row["value"]).value == row["value"]
