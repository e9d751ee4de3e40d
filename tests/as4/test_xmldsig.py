"""Canonical forms and references; whole signatures are in test_oracles and test_rewrites."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4 import algorithms
from as4.algorithms import EXCLUSIVE_C14N, SHA256
from as4.namespaces import DS
from as4.pmode import PEPPOL
from as4.xmldsig import (
    Reference,
    Transform,
    attribute_text,
    build_reference,
    canonicalize,
    element_text,
    parse_reference,
)
from tests.support.messages import key_pair
from ubl import xml

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), include_characters="\t\n\r")
)


@settings(max_examples=100, deadline=None)
@given(text=XML_TEXT, attribute=XML_TEXT)
def test_written_text_is_canonical_and_reads_back(text, attribute):
    """What is written is what canonicalisation makes of it.  [C14N §2.3]"""
    written = f'<x a="{attribute_text(attribute)}">{element_text(text)}</x>'.encode()
    element = xml.parse(written)
    assert canonicalize(element) == written
    assert (element.text or "", element.get("a")) == (text, attribute)


@settings(max_examples=50, deadline=None)
@given(
    uri=XML_TEXT,
    prefixes=st.lists(st.sampled_from(["S12", "#default", "eb"]), unique=True),
    digest=st.binary(min_size=32, max_size=32),
)
def test_a_reference_is_written_in_canonical_form_and_reads_back(uri, prefixes, digest):
    transform = Transform(EXCLUSIVE_C14N, tuple(prefixes))
    reference = Reference(uri, (transform,), SHA256, digest)
    written = build_reference(reference, declare=True).encode()
    element = xml.parse(written)
    assert canonicalize(element) == written
    assert parse_reference(element) == reference


def test_a_reference_below_a_signature_needs_no_declaration():
    reference = Reference("#x", (Transform(EXCLUSIVE_C14N),), SHA256, bytes(32))
    inner = build_reference(reference)
    (element,) = xml.parse(f'<ds:x xmlns:ds="{DS}">{inner}</ds:x>'.encode())
    assert canonicalize(element).decode() == build_reference(reference, declare=True)


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ((), b'<p:b xmlns:p="urn:p"><c></c></p:b>'),
        (("q",), b'<p:b xmlns:p="urn:p" xmlns:q="urn:q"><c></c></p:b>'),
        (("#default",), b'<p:b xmlns="urn:d" xmlns:p="urn:p"><c xmlns=""></c></p:b>'),
        (("unknown", "p"), b'<p:b xmlns:p="urn:p"><c></c></p:b>'),
    ],
)
def test_prefixes_are_treated_inclusively(prefixes, expected):
    """The PrefixList, with its name for the default namespace.  [EXC-C14N §4]"""
    source = b'<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><p:b><c xmlns=""/></p:b></a>'
    assert canonicalize(xml.parse(source)[0], prefixes) == expected


def test_a_signature_is_the_owners_over_these_bytes_alone():
    """It holds for these bytes and this key.  [XMLDSIG §3.2.2] [XMLDSIG §6.4.2]"""
    sender = key_pair("sender")
    signature = algorithms.sign(sender.key, b"data")
    assert algorithms.is_signature(sender.certificate.public_key, signature, b"data")
    assert not algorithms.is_signature(sender.certificate.public_key, signature, b"date")
    assert not algorithms.is_signature(key_pair("third").certificate.public_key, signature, b"data")
    assert not algorithms.is_signature(object(), signature, b"data")


def test_only_an_rsa_key_signs_by_rsa():
    with pytest.raises(TypeError):
        algorithms.sign(object(), b"data")


def test_the_suite_of_peppol_is_that_of_the_profile():
    suite = PEPPOL.suite
    assert suite.signature == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    assert suite.digest == "http://www.w3.org/2001/04/xmlenc#sha256"
    assert suite.canonicalization == "http://www.w3.org/2001/10/xml-exc-c14n#"
    assert suite.data_encryption == "http://www.w3.org/2009/xmlenc11#aes128-gcm"
