"""The rules of the business header: what is refused, by which name, and what passes."""

import pytest

from tests.ubl.envelopes import (
    INVOICE_NAMESPACE,
    PAYLOAD,
    a_header,
    a_scope,
    an_envelope,
    an_sbdh,
    scopes,
)
from ubl.errors import BadBusinessHeader
from ubl.identifiers import DocumentTypeId
from ubl.sbdh import NAMESPACE, SCOPES_MAX, EnvelopeReader, Scope, read_envelope


def refusal(sbd, *, whole):
    with pytest.raises(BadBusinessHeader) as refused:
        read_envelope(sbd, whole=whole)
    return refused.value


WRONG = {
    # What makes an envelope unacceptable to any receiver.
    "no-sbdh": [
        PAYLOAD.encode(),
        an_envelope(header=""),
        an_envelope(header="", payload=""),
        an_envelope(header=PAYLOAD, payload=an_sbdh()),
        an_envelope().replace(NAMESPACE.encode(), b"urn:other"),
        an_envelope()
        .replace(b"StandardBusinessDocument ", b"Other ")
        .replace(b"</StandardBusinessDocument>", b"</Other>"),
        f'<x xmlns="{NAMESPACE}"/>'.encode(),
    ],
    "no-payload": [an_envelope(payload=""), an_envelope(payload="<!-- --> text")],
    "two-payloads": [
        an_envelope(payload=PAYLOAD * 2),
        an_envelope(payload=PAYLOAD + '<other xmlns="urn:o"/>'),
        an_envelope(payload=PAYLOAD + '<Invoice xmlns="urn:o"/>'),
        an_envelope(payload=f'<Invoice xmlns="{INVOICE_NAMESPACE}"/>{PAYLOAD}'),
        an_envelope(payload=f'<p:Invoice xmlns:p="{INVOICE_NAMESPACE}"></p:Invoice >{PAYLOAD}'),
        an_envelope(payload=PAYLOAD.replace("</Invoice>", "</Invoice >") + PAYLOAD),
        an_envelope(payload=PAYLOAD + an_sbdh()),
        an_envelope(payload=PAYLOAD + an_envelope().decode().partition("?>")[2]),
    ],
    "not-well-formed": [
        b"",
        b"no xml",
        an_envelope()[:300],
        an_envelope(header=an_sbdh().replace("</Sender>", "")),
        an_envelope().replace(b"<Invoice ", b"<unbound:Invoice "),
        an_envelope().replace(b"<Invoice ", b"<Invoice a='1' a='2' "),
        b"<!DOCTYPE a>" + an_envelope().partition(b"?>")[2],
        an_envelope().replace(b"UTF-8", b"ISO-8859-1"),
        an_envelope().decode().encode("utf-16"),
        an_envelope(header=an_sbdh(sender="\0")),
        an_envelope(header=an_sbdh(sender="0" * 5000)),
    ],
    "missing-scope": [
        an_envelope(header=an_sbdh(scope_text=scopes(DOCUMENTID=None))),
        an_envelope(header=an_sbdh(scope_text=scopes(PROCESSID=None))),
        an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1=None))),
        an_envelope(header=an_sbdh(scope_text=scopes(DOCUMENTID=""))),
        an_envelope(header=an_sbdh(scope_text=scopes(PROCESSID=" "))),
        an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1=""))),
        an_envelope(header=an_sbdh(scope_text=scopes().replace("COUNTRY_C1", "country_c1"))),
        an_envelope(header=an_sbdh(scope_text="")),
    ],
    "repeated-scope": [
        an_envelope(header=an_sbdh(scope_text=scopes() + a_scope(key, value)))
        for key, value in (("DOCUMENTID", "x"), ("PROCESSID", "x"), ("COUNTRY_C1", "BE"))
    ],
    "bad-country": [
        an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1=code)))
        for code in ("B", "BEL", "be", "B E", "B-", "\u0392\u0395")
    ],
    "wildcard": [
        an_envelope(header=an_sbdh(scope_text=scopes(DOCUMENTID=value)))
        for value in (
            f"{INVOICE_NAMESPACE}::Invoice##urn:peppol:pint:billing-1*::2.1",
            f"{INVOICE_NAMESPACE}::Invoice##*::2.1",
        )
    ],
    "unlike-payload": [
        an_envelope(header=an_sbdh(Standard=INVOICE_NAMESPACE.replace("Invoice", "CreditNote"))),
        an_envelope(header=an_sbdh(Standard=INVOICE_NAMESPACE.upper())),
        an_envelope(header=an_sbdh(Type="CreditNote")),
        an_envelope(header=an_sbdh(Type="invoice")),
        an_envelope(payload='<Invoice xmlns="urn:other"/>'),
        an_envelope(payload='<Invoice xmlns=""/>'),
        an_envelope(payload=PAYLOAD.replace("Invoice>", "Bill>").replace("<Invoice", "<Bill")),
        an_envelope(
            header=an_sbdh(scope_text=scopes(DOCUMENTID="urn:x::Invoice##urn:c::2.1")),
        ),
        an_envelope(
            header=an_sbdh(scope_text=scopes(DOCUMENTID=f"{INVOICE_NAMESPACE}::Bill##urn:c::2.1")),
        ),
    ],
    "unlike-version": [
        an_envelope(header=an_sbdh(TypeVersion="2.0")),
        an_envelope(header=an_sbdh(TypeVersion="D16B")),
        an_envelope(header=an_sbdh(scope_text=scopes(DOCUMENTID="urn:no:structure"))),
    ],
    # What leaves a header without a meaning.
    "missing-element": [
        *(
            an_envelope(header=an_sbdh(**{name: text}))
            for name in (
                "Standard",
                "TypeVersion",
                "InstanceIdentifier",
                "Type",
                "CreationDateAndTime",
            )
            for text in (None, "", " ")
        ),
        an_envelope(header=an_sbdh(sender="")),
        an_envelope(header=an_sbdh(authority="")),
    ],
    "repeated-element": [
        an_envelope(
            header=an_sbdh().replace("<Receiver>", "<Sender><Identifier/></Sender><Receiver>")
        ),
        an_envelope(header=an_sbdh().replace("</Type>", "</Type><Type>Invoice</Type>")),
        an_envelope(
            header=an_sbdh(scope_text=scopes().replace("</Type>", "</Type><Type>X</Type>"))
        ),
    ],
    "bad-identifier": [
        an_envelope(header=an_sbdh(sender="0123456749")),
        an_envelope(header=an_sbdh(sender="0208:0123 456749")),
        an_envelope(header=an_sbdh(authority='Authority="other"')),
        an_envelope(header=an_sbdh(scope_text=scopes(DOCUMENTID="with space"))),
        an_envelope(header=an_sbdh(scope_text=scopes(PROCESSID="x" * 201))),
    ],
    "bad-creation-time": [
        an_envelope(header=an_sbdh(CreationDateAndTime=text))
        for text in (
            "2026-01-02",
            "03:04:05Z",
            "2026-01-02 03:04:05Z",
            "yesterday",
            "2026-01-02T03:04:05 Z",
        )
    ],
    "value-interrupted": [
        an_envelope(header=an_sbdh(sender="0208:01234<!-- -->56749")),
        an_envelope(header=an_sbdh(sender="0208:01234<?pi?>56749")),
        an_envelope(header=an_sbdh(sender="0208:0123456749<x/>")),
        an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1="B<!-- -->E"))),
    ],
    "two-headers": [an_envelope(header=an_sbdh() * 2)],
    "too-many-scopes": [
        an_envelope(header=an_sbdh(scope_text=scopes() + a_scope("X", "y") * (SCOPES_MAX - 2)))
    ],
}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "header"])
@pytest.mark.parametrize(
    ("rule", "sbd"), [(rule, sbd) for rule, wrong in WRONG.items() for sbd in wrong]
)
def test_a_bad_envelope_is_refused_by_the_rule_it_breaks(rule, sbd, whole):
    error = refusal(sbd, whole=whole)
    assert error.rule == rule
    assert error.detail


@pytest.mark.parametrize(
    ("rule", "sbd"), [(rule, sbd) for rule, wrong in WRONG.items() for sbd in wrong[:3]]
)
def test_a_bad_envelope_in_single_bytes_is_refused_alike(rule, sbd):
    reader = EnvelopeReader(read_header_only=False)

    def feed():
        for byte in sbd:
            reader.feed(bytes([byte]))
        reader.close()

    with pytest.raises(BadBusinessHeader) as refused:
        feed()
    assert refused.value.rule == rule


def test_a_refusal_names_the_place():
    broken = an_envelope(header=an_sbdh().replace("</Sender>", ""))
    assert "line 19, column 3" in str(refusal(broken, whole=False))
    assert "COUNTRY_C1" in str(
        refusal(an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1=None))), whole=False)
    )


def test_unknown_scopes_pass_and_are_kept():
    more = a_scope("MLS_TO", "0242:000123", "iso6523-actorid-upis") + a_scope("X", "y") * 2
    header = read_envelope(
        an_envelope(header=an_sbdh(scope_text=more + scopes() + "<Scope/>")), whole=True
    ).header
    mls_to = Scope("MLS_TO", "0242:000123", "iso6523-actorid-upis")
    assert header.scopes == (mls_to, Scope("X", "y"), Scope("X", "y"), Scope("", ""))
    assert header.find_scope("MLS_TO") == mls_to
    assert header.find_scope("mls_to") is None


def test_a_scope_without_scheme_has_the_usual_one():
    text = scopes(DOCUMENTID=a_header().document_type.value, PROCESSID=a_header().process.value)
    assert "Identifier>busdox" not in text
    assert (
        read_envelope(an_envelope(header=an_sbdh(scope_text=text)), whole=True).header == a_header()
    )
    empty = text.replace(
        "</InstanceIdentifier></Scope>", "</InstanceIdentifier><Identifier/></Scope>"
    )
    header = read_envelope(an_envelope(header=an_sbdh(scope_text=empty)), whole=True).header
    assert header.document_type.scheme == "busdox-docid-qns"
    assert header.process.scheme == "cenbii-procid-ubl"


def test_a_scheme_that_is_given_is_kept():
    value = f"{INVOICE_NAMESPACE}::Invoice##urn:peppol:pint:billing-1@jp-1::2.1"
    text = scopes(DOCUMENTID=None) + a_scope("DOCUMENTID", value, "peppol-doctype-wildcard")
    header = read_envelope(an_envelope(header=an_sbdh(scope_text=text)), whole=True).header
    assert header.document_type == DocumentTypeId("peppol-doctype-wildcard", value)


@pytest.mark.parametrize("code", ["BE", "XK", "1A"])
def test_codes_of_two_letters_or_digits_are_countries(code):
    header = read_envelope(
        an_envelope(header=an_sbdh(scope_text=scopes(COUNTRY_C1=code))), whole=False
    ).header
    assert header.country_c1 == code


@pytest.mark.parametrize(
    "text", ["2026-01-02T03:04:05", "2026-01-02T03:04:05.123+01:00", "2026-01-02T03:04:05-05:30"]
)
def test_a_creation_time_is_kept_as_written_even_without_its_zone(text):
    header = read_envelope(
        an_envelope(header=an_sbdh(CreationDateAndTime=text)), whole=False
    ).header
    assert header.created_at == text
