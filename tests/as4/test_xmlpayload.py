"""Payloads that travel as XML: their digest may be that of the canonical form."""

from hashlib import sha256

import pytest

from as4.errors import FailedDecryption
from as4.xmlpayload import CANONICAL_BYTES_MAX, is_canonical_digest
from tests.support.attacks import COMPRESSION
from tests.support.messages import a_business_envelope, a_sealed_message, receive, swap
from ubl.xml import canonicalize, parse

PLAIN = a_business_envelope()
assert canonicalize(parse(PLAIN)) != PLAIN


def sealed(payload, signed, *, packed=False):
    """A message whose *payload* is attached as it is; its signed digest is that of *signed*."""

    def digest(references):
        *header, attachment = references
        return (*header, attachment._replace(digest_value=sha256(signed).digest()))

    announced = None if packed else swap(COMPRESSION, "")
    return a_sealed_message(payload=payload, references=digest, messaging=announced)


@pytest.mark.parametrize("signed", [PLAIN, canonicalize(parse(PLAIN))], ids=["bytes", "canonical"])
def test_xml_that_is_not_compressed_is_signed_either_way(signed):
    """As bytes, or in its canonical form.  [WSS-SWA §5.4]"""
    received = receive(sealed(PLAIN, signed))
    assert (received.payload, received.compressed) == (PLAIN, False)


def test_the_digest_of_other_xml_is_refused():
    """[WSS-SWA §5.4]"""
    other = canonicalize(parse(PLAIN.replace(b"2026", b"2027")))
    assert other != canonicalize(parse(PLAIN))
    with pytest.raises(FailedDecryption):
        receive(sealed(PLAIN, other))


def test_what_is_said_to_be_compressed_is_never_canonicalised():
    with pytest.raises(FailedDecryption):
        receive(sealed(PLAIN, canonicalize(parse(PLAIN)), packed=True))


@pytest.mark.parametrize(
    "payload",
    [
        b"%PDF-1.7",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a>" + b" " * CANONICAL_BYTES_MAX + b"</a>",
        b"<a>" * 10_000 + b"</a>" * 10_000,
    ],
    ids=["no XML", "entity", "too large", "too deep"],
)
def test_what_is_no_harmless_xml_has_no_canonical_digest(payload):
    assert not is_canonical_digest(payload, sha256(payload).digest())
