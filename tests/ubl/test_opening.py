"""Openings of a known shape read as the parser reads them, or are left to it."""

import pytest

from tests.support.messages import C4, a_business_envelope
from ubl import opening
from ubl.businessheader import Scope
from ubl.opening import LEARNED_EVERY, OPENING_BYTES_MAX, SHAPES_MAX, Openings
from ubl.sbdh import _HEADER, _ROOT, _WANTED

OTHER = {"instance_identifier": "another", "receiver": C4, "country_c1": "NL"}


def parsed(data):
    return opening.read_opening(data, _ROOT, _HEADER, _WANTED)


def knowing(data):
    """Openings that have learned *data*, and do not parse any more."""
    known = Openings(_ROOT, _HEADER, _WANTED)
    known.read(data)
    known._parse = lambda _data: None
    return known


def test_an_opening_of_a_known_shape_reads_as_the_parser_reads_it():
    known = knowing(a_business_envelope())
    for data in (a_business_envelope(), a_business_envelope(**OTHER)):
        found = known.read(data)
        assert found == parsed(data) is not None


def test_the_payload_may_be_another():
    known = knowing(a_business_envelope())
    for document in (
        b"<Other/>",
        b'<o:Other xmlns:o="urn:o" a=">"><o:more/></o:Other>',
        b'<Other xmlns="urn:o">',
        b"\n<sh:StandardBusinessDocumentHeader>",
    ):
        data = a_business_envelope(document)
        assert known.read(data) == parsed(data) is not None
    for document in (
        b"<o:Other/>",
        b"<!-- --><Other/>",
        b"",
        b"<Other",
        b"<Other a='<'/>",
        b"<a b>",
    ):
        data = a_business_envelope(document)
        assert known.read(data) is None
        assert parsed(data) is None


def test_scopes_beside_the_mandatory_ones_make_another_shape():
    data = a_business_envelope(scopes=(Scope("MLS_TO", "0208:0123456749", "iso6523-actorid-upis"),))
    assert knowing(a_business_envelope()).read(data) is None
    assert knowing(data).read(data) == parsed(data) is not None


def test_no_byte_makes_it_read_what_the_parser_does_not():
    data = a_business_envelope()
    known, read_alike = knowing(data), 0
    for at in range(data.index(b"<Invoice") + 9):
        for byte in (b"A", b"<", b"&", b'"', b" ", b"", b"\xc3", b"\x01"):
            changed = data[:at] + byte + data[at + 1 :]
            found = known.read(changed)
            if found is not None:
                assert found == parsed(changed), (at, byte)
                read_alike += 1
    assert read_alike > 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b">BE<", b">B&#69;<"),
        (b">BE<", b">BE <"),
        (b">BE<", b"><!-- -->BE<"),
        (b">BE<", b"><"),
        (b"<sh:HeaderVersion>", b"<sh:HeaderVersion >"),
        (b"?>\n", b"?>\r\n"),
    ],
)
def test_what_is_odd_is_left_to_the_parser(old, new):
    data = a_business_envelope()
    assert old in data
    assert knowing(data).read(data.replace(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<sh:BusinessScope>", b"<sh:BusinessScope><!-- x -->"),
        (b">BE<", b">&#66;E<"),
        (b'xmlns:sh="', b"xmlns:o='urn:o' xmlns:sh=\""),
        (b"?>\n", b"?>\n" + b" " * OPENING_BYTES_MAX),
    ],
)
def test_what_is_not_plain_is_not_learned(old, new):
    data = a_business_envelope()
    known = Openings(_ROOT, _HEADER, _WANTED)
    known.read(data.replace(old, new))
    assert known._known == ()


def test_few_shapes_are_kept_and_few_openings_learned():
    known = Openings(_ROOT, _HEADER, _WANTED)
    for number in range(LEARNED_EVERY * (SHAPES_MAX + 2)):
        data = a_business_envelope().replace(b"?>\n", b"?>\n" + b"\n" * number)
        assert known.read(data) == parsed(data) is not None
    assert len(known._known) == SHAPES_MAX
    first = known._known[-1]
    known.read(a_business_envelope().replace(b"?>\n", b"?>\n" + b"\n" * (2 * LEARNED_EVERY)))
    assert known._known[0] is first
