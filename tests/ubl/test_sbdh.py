"""The business envelope, as it is read and written."""

import gc
import tracemalloc
import weakref
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.captured import official_documents
from tests.ubl.envelopes import (
    INVOICE_NAMESPACE,
    PAYLOAD,
    a_header,
    an_envelope,
    an_sbdh,
    scopes,
)
from ubl.errors import BadBusinessHeader, MalformedXml, UblError
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId
from ubl.sbdh import (
    EnvelopeReader,
    Scope,
    build_envelope,
    read_envelope,
)
from ubl.xml import canonicalize, parse


def document(sbd):
    reader = read_envelope(sbd, whole=True)
    return sbd[reader.payload_offset : reader.payload_end]


def wrap(header, root):
    before, after = build_envelope(header)
    return before + root + after


@pytest.mark.parametrize("whole", [True, False])
def test_an_envelope_is_read(whole):
    sbd = an_envelope()
    reader = read_envelope(sbd, whole=whole)
    assert reader.header == a_header()
    assert reader.payload_name == f"{{{INVOICE_NAMESPACE}}}Invoice"
    assert reader.payload_offset == sbd.index(b"<Invoice")
    end = sbd.index(b"</Invoice>") + len(b"</Invoice>")
    assert reader.payload_end == (end if whole else None)


def test_any_prefix_will_do():
    text = an_envelope(payload="PAYLOAD").decode().replace("xmlns=", "xmlns:x=")
    prefixed = text.replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?", "<?")
    assert (
        read_envelope(prefixed.replace("PAYLOAD", PAYLOAD).encode(), whole=True).header
        == a_header()
    )


def test_what_a_scope_holds_beside_is_passed_over():
    more = scopes().replace(
        "</Scope>",
        "<BusinessService><BusinessServiceName>x</BusinessServiceName></BusinessService></Scope>",
    )
    assert (
        read_envelope(an_envelope(header=an_sbdh(scope_text=more)), whole=True).header == a_header()
    )


def test_comments_between_the_elements_of_a_header_are_no_matter():
    commented = an_sbdh().replace("<Sender>", "<!-- made by x --><?pi?><Sender><!-- -->")
    assert read_envelope(an_envelope(header=commented), whole=True).header == a_header()


def test_a_header_version_is_not_judged():
    assert read_envelope(an_envelope(header=an_sbdh().replace(">1.0<", ">2.2<")), whole=True).header


@pytest.mark.parametrize(
    "payload",
    [
        PAYLOAD[:-5],
        PAYLOAD.replace("<ID>", "<ID>&undeclared;"),
        PAYLOAD.replace("<ID>", "<wrong>"),
        PAYLOAD.replace("<ID>", "<ID>\0"),
        PAYLOAD.replace("</Invoice>", "<!-- </Invoice> "),
    ],
)
def test_what_breaks_inside_the_document_is_found_by_the_whole_reading_alone(payload):
    sbd = an_envelope(payload=payload)
    assert read_envelope(sbd, whole=False).header == a_header()
    with pytest.raises(MalformedXml):
        read_envelope(sbd, whole=True)


def test_an_envelope_that_is_cut_off_after_the_document_is_broken():
    with pytest.raises(MalformedXml):
        read_envelope(an_envelope().removesuffix(b"</StandardBusinessDocument>\n"), whole=True)


@pytest.mark.parametrize(
    "payload",
    [
        f"<!-- before -->{PAYLOAD}<!-- after -->",
        f'<Invoice xmlns="{INVOICE_NAMESPACE}"/>',
        PAYLOAD.replace("é", "<Invoice></Invoice><InvoiceLine></InvoiceLine>"),
        PAYLOAD.replace("é", "<![CDATA[</Invoice>]]>"),
        PAYLOAD.replace("</Invoice>", "</Invoice\n>"),
        f'<p:Invoice xmlns:p="{INVOICE_NAMESPACE}"/>',
    ],
)
def test_one_document_is_never_taken_for_two(payload):
    assert read_envelope(an_envelope(payload=payload), whole=False).header == a_header()


def test_the_header_is_known_before_the_payload_is_read():
    sbd = an_envelope()
    start = sbd.index(b"<Invoice")
    reader = EnvelopeReader(read_header_only=True)
    reader.feed(sbd[: start + 9])
    assert reader.header is None
    reader.feed(sbd[start + 9 : sbd.index(b"<ID>")])
    assert reader.header == a_header()
    reader.feed(b"anything \0")
    reader.close()


@pytest.mark.parametrize("whole", [True, False])
def test_a_reader_that_is_done_is_freed_without_a_collector(whole):
    gc.disable()
    try:
        # A comment in front keeps the header-only reader from reading the opening in one go.
        reader = read_envelope(b"<!-- -->" + an_envelope().split(b"?>", 1)[-1], whole=whole)
        last_sight = weakref.ref(reader._scanner)
        del reader
        assert last_sight() is None
    finally:
        gc.enable()


OPENINGS = [
    an_envelope(),
    b"\xef\xbb\xbf" + an_envelope(),
    an_envelope(payload=PAYLOAD.replace(">", " a='b>c'>", 1)),
    an_envelope(payload=f"<!-- <{PAYLOAD[1:]} -->{PAYLOAD}"),
    an_envelope().replace(b"StandardBusinessDocumentHeader>", b"StandardBusinessDocumentHeader >"),
    an_envelope().replace(b"</Sender>", b"<!-- </StandardBusinessDocumentHeader><a> --></Sender>"),
    an_envelope().replace(b"</Sender>", b"<x><StandardBusinessDocumentHeader/></x></Sender>"),
    an_envelope().replace(b"</Sender>", b"<![CDATA[</StandardBusinessDocumentHeader>]]></Sender>"),
    an_envelope().replace(b"<HeaderVersion>", b"<HeaderVersion xmlns:a='b>c'>"),
    an_envelope().replace(b"</HeaderVersion>", b"</HeaderVersion><?p i?>"),
    an_envelope().replace(b"</Identifier>", b"<b/></Identifier>", 1),
    an_envelope().replace(b"</Identifier>", b"&amp;</Identifier>", 1),
    an_envelope(payload=""),
    an_envelope(payload="text"),
    an_envelope(payload="<Invoice/>"),
    an_envelope(payload="<p:Invoice/>"),
    an_envelope(payload="<StandardBusinessDocumentHeader/>"),
    b"<!DOCTYPE a>" + an_envelope(),
]


@pytest.mark.parametrize("sbd", OPENINGS, ids=range(len(OPENINGS)))
def test_an_opening_read_in_one_go_says_what_a_scan_says(sbd):
    assert _outcome(sbd, len(sbd)) == _outcome(sbd, 7)


def _outcome(sbd, step):
    reader = EnvelopeReader(read_header_only=True)
    try:
        for start in range(0, len(sbd), step):
            reader.feed(sbd[start : start + step])
        reader.close()
    except UblError as error:
        return type(error), str(error)
    return reader.header, reader.payload_name, reader.payload_offset, reader._payload_tag


def test_a_plain_opening_needs_no_scan():
    reader = EnvelopeReader(read_header_only=True)
    reader.feed(an_envelope())
    assert reader.header == a_header()
    assert reader._scanner is None


SBD = an_envelope(payload=f"<!-- € -->{PAYLOAD}\n")


@given(st.lists(st.integers(0, len(SBD)), max_size=10), st.booleans())
@settings(max_examples=100, deadline=None)
def test_chunks_make_no_difference(places, read_header_only):
    bounds = [0, *sorted(places), len(SBD)]
    reader = EnvelopeReader(read_header_only=read_header_only)
    for start, end in pairwise(bounds):
        reader.feed(SBD[start:end])
    reader.close()
    assert reader.header == a_header()
    assert reader.payload_offset == SBD.index(b"<Invoice")
    if not read_header_only:
        assert SBD[reader.payload_offset : reader.payload_end] == PAYLOAD.encode()


@given(st.binary(max_size=40), st.integers(0, len(SBD)))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_reader(junk, place):
    for whole in (True, False):
        try:
            read_envelope(SBD[:place] + junk + SBD[place:], whole=whole)
        except UblError:
            continue


def test_a_huge_document_passes_in_bounded_memory():
    reader = EnvelopeReader(read_header_only=False)
    before, after = build_envelope(a_header())
    reader.feed(before + PAYLOAD[: -len("</ID></Invoice>")].encode())
    piece = b"QUJD" * (16 << 10)
    tracemalloc.start()
    for _ in range(400):
        reader.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.feed(b"</ID></Invoice>" + after)
    reader.close()
    assert reader.payload_end == len(before) + len(PAYLOAD.encode()) + 400 * len(piece)
    assert peak < 1 << 20


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip(" \t\r\n"))
WORD = st.text("abcXYZ019:#&<>'\"-]é€\U0001f600", min_size=1, max_size=20)
SCOPE_KEY = TEXT.filter(lambda text: text not in ("DOCUMENTID", "PROCESSID", "COUNTRY_C1"))


@given(
    st.tuples(WORD, st.sampled_from(["Invoice", "é", "a-b"]), WORD.filter(lambda w: "#" not in w)),
    WORD,
    TEXT,
    st.lists(st.builds(Scope, SCOPE_KEY, TEXT, st.none() | TEXT), max_size=3),
    st.sampled_from(["9925:BE0848934496", "0088:a-b._~", "0208:0123456749"]),
)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_equal(root, process, instance, further, sender):
    namespace, name, customization = root
    namespace = "urn:" + namespace.replace("#", "-").replace("::", "-")
    header = a_header(
        sender=ParticipantId.parse(sender),
        standard=namespace,
        type=name,
        instance_identifier=instance,
        document_type=DocumentTypeId(
            "busdox-docid-qns", f"{namespace}::{name}##{customization}::7"
        ),
        type_version="7",
        process=ProcessId("cenbii-procid-ubl", process),
        created_at="2026-01-02T03:04:05+01:00",
        scopes=tuple(further),
    )
    escaped = namespace.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    sbd = wrap(header, f'<x:{name} xmlns:x="{escaped}"/>'.encode())
    assert read_envelope(sbd, whole=True).header == header


def test_line_ends_inside_a_value_are_read_back():
    """[XML §2.11]"""
    header = a_header(instance_identifier="a\r\nb\nc\td")
    assert read_envelope(wrap(header, PAYLOAD.encode()), whole=True).header == header


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"created_at": "2026-01-02T03:04:05"}, "bad-creation-time"),
        ({"created_at": "yesterday"}, "bad-creation-time"),
        ({"country_c1": "be"}, "bad-country"),
        ({"country_c1": ""}, "bad-country"),
        ({"type_version": "2.0"}, "unlike-version"),
        ({"type": "CreditNote"}, "unlike-payload"),
        ({"standard": "urn:other"}, "unlike-payload"),
        ({"document_type": DocumentTypeId("busdox-docid-qns", "a::b##c*::2.1")}, "wildcard"),
        ({"instance_identifier": ""}, "unwritable-value"),
        ({"instance_identifier": " x"}, "unwritable-value"),
        ({"instance_identifier": "x\0"}, "unwritable-value"),
        ({"instance_identifier": "x\ud800"}, "unwritable-value"),
        ({"instance_identifier": "x\uffff"}, "unwritable-value"),
        ({"instance_identifier": "x" * 5000}, "unwritable-value"),
        ({"scopes": (Scope("X", ""),)}, "unwritable-value"),
        ({"scopes": (Scope("COUNTRY_C1", "NL"),)}, "repeated-scope"),
    ],
)
def test_an_envelope_that_would_be_refused_is_not_written(changes, rule):
    with pytest.raises(BadBusinessHeader) as refused:
        build_envelope(a_header(**changes))
    assert refused.value.rule == rule


def test_an_envelope_is_utf8_and_its_names_have_a_prefix():
    before, after = build_envelope(a_header(instance_identifier="é"))
    assert before.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<sh:StandardBusinessDocument'
    )
    assert "é".encode() in before
    assert b"xmlns=" not in before
    assert after == b"</sh:StandardBusinessDocument>"


@pytest.mark.parametrize(
    "root",
    [
        b"<Invoice><ID/></Invoice>",
        b'<p:Invoice xmlns:p="urn:p"><ID/><p:ID/></p:Invoice>',
        b'<Invoice xmlns="urn:p"><ID xmlns=""/></Invoice>',
    ],
)
def test_no_name_of_the_document_changes_its_meaning_inside(root):
    name = parse(root).tag
    namespace, _, local_name = name.rpartition("}")
    namespace = namespace.removeprefix("{")
    header = a_header(
        standard=namespace or "urn:none",
        type=local_name,
        document_type=DocumentTypeId(
            "busdox-docid-qns", f"{namespace or 'urn:none'}::{local_name}##c::2.1"
        ),
    )
    sbd = parse(wrap(header, root))
    assert sbd[1].tag == name
    assert canonicalize(sbd[1]) == canonicalize(parse(root))


@pytest.mark.captured
def test_official_documents_are_wrapped_and_cut_out_unchanged(test_data):
    passed = 0
    for path, data, routing in official_documents(test_data):
        root = data[routing.root_offset : routing.root_end]
        header = routing.header(
            instance_identifier="1", created_at="2026-01-02T03:04:05Z", country_c1="BE"
        )
        sbd = wrap(header, root)
        assert document(sbd) == root, path
        assert read_envelope(sbd, whole=False).header == header, path
        trees = [parse(text, bytes_max=len(sbd)) for text in (data, root, sbd)]
        assert canonicalize(trees[1]) == canonicalize(trees[0]), path
        assert canonicalize(trees[2][1]) == canonicalize(trees[0]), path
        passed += 1
    assert passed > 90


def test_headers_differ_by_what_they_say():
    assert a_header() != replace(a_header(), country_c1="NL")
