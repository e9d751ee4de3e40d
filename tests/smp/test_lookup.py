"""The dialogue answered from lists: no socket, no clock."""

import pytest

from smp.address import PUBLIC, SANDBOX
from smp.errors import (
    BadRequestToSmp,
    BadSmpAddress,
    DocumentTypeAbsent,
    InvalidMetadata,
    NotOnThisSmp,
    ParticipantAbsent,
    SmpUnavailable,
    UntrustedSigner,
)
from smp.lookup import DnsQuery, HttpAnswer, HttpGet, Network, find_metadata
from smp.metadata import build_service_group, group_path, metadata_path
from smp.sml import Naptr, dns_name
from tests.support.metadata import (
    PARTICIPANT,
    PINT_ANY,
    PINT_JP,
    ZONE,
    a_redirect,
    a_service,
    check_signer,
    signed,
)
from tests.support.pki import NOW, leaf
from ubl.identifiers import CREDIT_NOTE, INVOICE, DocumentTypeId, ParticipantId

SMP_URL = "https://smp.example/base"
RECORD = Naptr(100, 10, "U", "Meta:SMP", f"!.*!{SMP_URL}/!")
GROUP = build_service_group(PARTICIPANT, [INVOICE], SMP_URL)
NOT_FOUND = HttpAnswer(404, b"Not found")
HREF = "https://second.example/x%3A%3Ay/services/z%23%23"


def converse(
    *answers, receiver=PARTICIPANT, document_type=INVOICE, records=(RECORD,), rules=PUBLIC
):
    """Run a look-up over *answers* to its HTTP questions; return its result and the addresses."""
    network = Network(zone=ZONE, rules=rules, check_signer=check_signer)
    dialogue = find_metadata(receiver, document_type, network, now=NOW)
    assert next(dialogue) == DnsQuery(dns_name(receiver, ZONE))
    asked, remaining, answer = [], list(answers), records
    while True:
        try:
            question = dialogue.send(answer)
        except StopIteration as stop:
            assert remaining == []
            return stop.value, asked
        assert isinstance(question, HttpGet)
        asked.append(question.url)
        answer = remaining.pop(0)


def ok(content, *, by="publisher"):
    return HttpAnswer(200, signed(content, by=by))


def test_exact_document_type_is_asked_for_at_once():
    answer = ok(a_service())
    published, asked = converse(answer)
    assert asked == [SMP_URL + metadata_path(PARTICIPANT, INVOICE)]
    assert published.metadata == a_service()
    assert published.signed_metadata == answer.body
    assert published.smp_url == SMP_URL
    assert [signer.subject_cn for signer in published.signers] == ["PSM000001"]


def test_no_records_mean_that_the_participant_is_absent():
    with pytest.raises(ParticipantAbsent) as failed:
        converse(records=())
    assert (failed.value.code, failed.value.permanent) == ("participant-absent", True)


def test_records_of_other_services_mean_not_on_this_smp():
    with pytest.raises(NotOnThisSmp):
        converse(records=(Naptr(1, 1, "U", "Meta:Other", "!.*!https://x.example!"),))


def test_404_with_a_group_means_that_the_document_type_is_absent():
    with pytest.raises(DocumentTypeAbsent) as failed:
        converse(NOT_FOUND, HttpAnswer(200, GROUP))
    assert (failed.value.code, failed.value.permanent) == ("document-type-absent", True)


def test_404_without_a_group_means_that_the_participant_is_absent():
    with pytest.raises(ParticipantAbsent):
        converse(NOT_FOUND, NOT_FOUND)


def test_group_is_asked_for_only_after_the_document_type():
    network = Network(zone=ZONE, rules=PUBLIC, check_signer=check_signer)
    dialogue = find_metadata(PARTICIPANT, INVOICE, network, now=NOW)
    next(dialogue)
    dialogue.send((RECORD,))
    assert dialogue.send(NOT_FOUND) == HttpGet(SMP_URL + group_path(PARTICIPANT))


def test_group_that_lists_the_document_type_is_not_routed_on():
    with pytest.raises(DocumentTypeAbsent):
        converse(NOT_FOUND, HttpAnswer(200, GROUP))


def test_unsigned_answer_is_not_routed_on():
    with pytest.raises(InvalidMetadata):
        converse(HttpAnswer(200, GROUP))


def test_400_means_malformed():
    with pytest.raises(BadRequestToSmp) as failed:
        converse(HttpAnswer(400, b""))
    assert (failed.value.code, failed.value.permanent) == ("malformed", True)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 403, 204, 301, 302])
def test_any_other_status_is_worth_a_retry(status):
    for answers in ([HttpAnswer(status, b"")], [NOT_FOUND, HttpAnswer(status, b"")]):
        with pytest.raises(SmpUnavailable) as failed:
            converse(*answers)
        assert (failed.value.code, failed.value.permanent) == ("smp-unavailable", False)


def test_wildcards_are_tried_the_longest_first():
    longest = DocumentTypeId(PINT_JP.scheme, PINT_JP.value.replace("@jp-1", "@jp-1*"))
    published, asked = converse(
        NOT_FOUND, NOT_FOUND, ok(a_service(document_type=PINT_ANY)), document_type=PINT_JP
    )
    assert asked == [SMP_URL + metadata_path(PARTICIPANT, d) for d in (PINT_JP, longest, PINT_ANY)]
    assert published.metadata.document_type == PINT_ANY


def test_exact_entry_wins_over_wildcards():
    published, asked = converse(ok(a_service(document_type=PINT_JP)), document_type=PINT_JP)
    assert len(asked) == 1
    assert published.metadata.document_type == PINT_JP


def test_exact_scheme_has_no_wildcards():
    document_type = DocumentTypeId(INVOICE.scheme, PINT_JP.value)
    with pytest.raises(DocumentTypeAbsent):
        converse(NOT_FOUND, HttpAnswer(200, GROUP), document_type=document_type)


def test_answer_of_an_untrusted_signer_is_refused():
    with pytest.raises(UntrustedSigner):
        converse(ok(a_service(), by="sender"))


def test_answer_about_another_participant_is_refused():
    """[PEPPOL-SMP §5.4]"""
    other = a_service(participant=ParticipantId.parse("0208:0123456749"))
    with pytest.raises(InvalidMetadata, match="0208:0123456749"):
        converse(ok(other))


def test_answer_about_another_document_type_is_refused():
    """[PEPPOL-SMP §5.4]"""
    with pytest.raises(InvalidMetadata, match="CreditNote"):
        converse(ok(a_service(document_type=CREDIT_NOTE)))


def test_answer_with_a_wildcard_nobody_asked_for_is_refused():
    with pytest.raises(InvalidMetadata):
        converse(ok(a_service(document_type=PINT_ANY)), document_type=PINT_JP)


def test_document_type_in_the_answer_compares_with_case():
    other = DocumentTypeId(INVOICE.scheme, INVOICE.value.replace("Invoice", "invoice"))
    with pytest.raises(InvalidMetadata):
        converse(ok(a_service(document_type=other)))


def test_participant_in_the_answer_compares_without_case():
    upper, lower = ParticipantId.parse("0088:ABC"), ParticipantId.parse("0088:abc")
    published, _ = converse(ok(a_service(participant=upper)), receiver=lower)
    assert published.metadata.participant == lower


def test_redirect_is_followed_to_the_signer_it_names():
    """[PEPPOL-SMP §5.3]"""
    answer = ok(a_service(), by="publisher-second")
    published, asked = converse(ok(a_redirect(href=HREF)), answer)
    assert asked == [SMP_URL + metadata_path(PARTICIPANT, INVOICE), HREF]
    assert published.signed_metadata == answer.body
    assert [signer.subject_cn for signer in published.signers] == ["PSM000001", "PSM000002"]


def test_redirect_names_its_signer_as_a_name_not_as_text():
    uid = "C=BE ;  o=sandbox; OU=PEPPOL SANDBOX SMP; cn=PSM000002"
    assert leaf("publisher-second").certificate.subject.rfc4514_string() != uid
    assert converse(ok(a_redirect(uid=uid)), ok(a_service(), by="publisher-second"))


@pytest.mark.parametrize("uid", ["CN=PSM000002", "PSM000002", "CN=PSM000001,O=Sandbox,C=BE"])
def test_redirect_to_a_signer_it_does_not_name_is_refused(uid):
    """[PEPPOL-SMP §5.3]"""
    with pytest.raises(InvalidMetadata, match="expects the signer"):
        converse(ok(a_redirect(uid=uid)), ok(a_service(), by="publisher-second"))


def test_redirect_back_to_its_own_signer_needs_its_name_too():
    with pytest.raises(InvalidMetadata, match="expects the signer"):
        converse(ok(a_redirect()), ok(a_service(), by="publisher"))


def test_redirect_itself_must_be_signed_by_a_trusted_signer():
    with pytest.raises(UntrustedSigner):
        converse(ok(a_redirect(), by="sender"))


def test_second_answer_must_be_signed_by_a_trusted_signer():
    redirect = a_redirect(to="sender")
    with pytest.raises(UntrustedSigner):
        converse(ok(redirect), ok(a_service(), by="sender"))


def test_second_redirect_is_refused():
    """[PEPPOL-SMP §5.3]"""
    with pytest.raises(InvalidMetadata, match="another redirect"):
        converse(ok(a_redirect()), ok(a_redirect(), by="publisher-second"))


def test_second_answer_must_be_about_what_was_asked():
    other = a_service(participant=ParticipantId.parse("0208:0123456749"))
    with pytest.raises(InvalidMetadata):
        converse(ok(a_redirect()), ok(other, by="publisher-second"))


def test_redirect_to_nothing_means_that_the_document_type_is_absent():
    with pytest.raises(DocumentTypeAbsent):
        converse(ok(a_redirect()), NOT_FOUND)


@pytest.mark.parametrize(
    "href",
    [
        "http://second.example/x",
        "https://u@second.example/",
        "https://h/?q",
        "/relative",
        "file:///x",
    ],
)
def test_redirect_to_an_address_not_allowed_is_refused(href):
    with pytest.raises(BadSmpAddress, match="redirect"):
        converse(ok(a_redirect(href=href)))


def test_redirect_over_http_passes_in_the_sandbox():
    redirect = a_redirect(href="http://127.0.0.1:1/x")
    answer = ok(a_service(), by="publisher-second")
    assert converse(ok(redirect), answer, rules=SANDBOX)
