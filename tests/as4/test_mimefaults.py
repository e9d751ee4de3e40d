"""Bodies that are refused: before the SOAP part is known, and behind it."""

import random
from itertools import pairwise

import pytest

from as4.errors import ExternalPayloadError, MimeInconsistency, Unreadable
from as4.mime import HEADER_BYTES_MAX, PADDING_BYTES_MAX, PARTS_MAX, PREAMBLE_BYTES_MAX, open_body
from tests.support.mime import (
    SOAP,
    SOAP_HEADER,
    TYPE,
    a_body,
    a_part,
    contents,
    parts_of,
    read,
)


def refusal(body, content_type=TYPE, **limits):
    with pytest.raises(Unreadable) as caught:
        read(body, content_type, **limits)
    return caught.value.status, caught.value.detail


FAULTY = {
    "a fifth part": a_body(*[a_part(b"")] * PARTS_MAX),
    "two with one name": a_body(a_part(), a_part()),
    "truncated": a_body(end=b""),
    "long header behind the SOAP part": a_body(a_part(b"X: " + b"x" * HEADER_BYTES_MAX)),
    "preamble too long": a_body(preamble=b"x" * PREAMBLE_BYTES_MAX + b"\r\n"),
    "SOAP header too long": a_part(b"X: " + b"x" * HEADER_BYTES_MAX),
    "no boundary": b"<S12:Envelope/>",
    "LF": a_body().replace(b"\r\n", b"\n"),
    "padding too long": a_body(a_part(padding=b" " * (PADDING_BYTES_MAX + 1))),
    **{
        f"base64 {content.decode()!r}": a_body(
            a_part(b"Content-Transfer-Encoding: base64\r\n", content)
        )
        for content in (b"abc$efgh", b"YQ==" + b" " * 20 + b"YWJj", b"YQ==Y", b"Y=Q=YWJj", b"YWJj=")
    },
}


def judged(body, cuts):
    """Return everything read before the error, and the error."""
    reader = open_body(TYPE)
    events, error = [], None
    edges = [0, *sorted(cuts), len(body)]
    try:
        for start, stop in pairwise(edges):
            events += reader.feed(body[start:stop])
        events += reader.close()
    except (Unreadable, MimeInconsistency, ExternalPayloadError) as exc:
        error = (type(exc), exc.detail)
    return parts_of(events)[:1], error


@pytest.mark.parametrize("name", FAULTY)
def test_any_cut_gives_the_same_error(name):
    body = FAULTY[name]
    _, whole = judged(body, ())
    assert (whole is None) == (name == "padding too long")
    dice = random.Random(1)
    for _ in range(20):
        cuts = [dice.randrange(len(body)) for _ in range(dice.randrange(12))]
        assert judged(body, cuts)[1] == whole


@pytest.mark.parametrize(
    "name",
    [
        "a fifth part",
        "two with one name",
        "truncated",
        "long header behind the SOAP part",
        "base64 'abc$efgh'",
    ],
)
def test_an_error_behind_the_soap_part_does_not_hide_it(name):
    reader = open_body(TYPE)
    parts = parts_of(reader.feed(FAULTY[name]))
    assert contents(parts)[0] == SOAP
    with pytest.raises((MimeInconsistency, ExternalPayloadError)):
        reader.close()


def test_an_error_behind_the_soap_part_is_raised_by_the_next_piece_too():
    reader = open_body(TYPE)
    reader.feed(FAULTY["two with one name"])
    with pytest.raises(ExternalPayloadError):
        reader.feed(b"more")


def test_a_boundary_with_too_many_blanks_behind_it_is_content():
    assert len(read(a_body(a_part(padding=b" " * PADDING_BYTES_MAX)))) == 2
    parts = read(FAULTY["padding too long"])
    assert len(parts) == 1
    assert len(parts[0][6]) > PADDING_BYTES_MAX


# What is refused before it is a message.


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/xml; charset=UTF-8",
        "multipart/mixed; boundary=b1",
        "soap",
        'multipart/related; boundary="b1"; type="text/xml"',
        'multipart/related; boundary="b1"; type="application/xop+xml"',
        "application/soap+xml; charset=UTF-16",
        "application/soap+xml; charset=iso-8859-1",
    ],
)
def test_other_media_types_are_415(content_type):
    status, detail = refusal(SOAP, content_type)
    assert status == 415
    assert detail


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related",
        "multipart/related; boundary",
        "multipart/related; boundary=",
        'multipart/related; boundary=""',
        'multipart/related; boundary="b1 "',
        'multipart/related; boundary="b1',
        f'multipart/related; boundary="{"x" * 71}"',
        'multipart/related; boundary="b\x01"',
        "multipart/related; boundary=b1; boundary=b2",
        "multipart/related; =b1",
        "application/soap+xml; charset=UTF-8; charset=UTF-16",
    ],
)
def test_unusable_parameters_are_400(content_type):
    assert refusal(a_body(), content_type)[0] == 400


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Content-Type: text/xml\r\n",
        b"Content-Type: multipart/related; boundary=b2\r\n",
        b"Content-Type: application/soap+xml; charset=UTF-16\r\n",
        b"Content-Type: application/soap+xml; charset=utf-7\r\n",
    ],
)
def test_a_first_part_that_is_not_soap_in_utf8_is_415(header):
    """One that names no type is text/plain.  [SOAP12 §A] [MIME §5.2]"""
    assert refusal(a_part(header, SOAP) + b"--b1--")[0] == 415


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body holds no boundary line"),
        (b"--b1--", "the multipart body has no part"),
        (b"--b2\r\n" + SOAP_HEADER, "the body holds no boundary line"),
        (b"--b1", "the body holds no boundary line"),
        (b"x--b1\r\n", "the body holds no boundary line"),
        (b"--b1\r\n" + SOAP_HEADER, "the body ends in the header of a part"),
        (a_part(SOAP_HEADER, SOAP), "the body ends before its last boundary"),
        (b"--b1\r\nno header line\r\n\r\n", "not a header line: 'no header line'"),
        (b"--b1\r\n: x\r\n\r\n", "not a header line: ': x'"),
        (b"--b1\r\nContent Type: x\r\n\r\n", "not a header line: 'Content Type: x'"),
        (b"--b1\r\nContent-Type: soap\r\n\r\n", "not a media type: 'soap'"),
        (
            a_part(SOAP_HEADER * 2, SOAP) + b"--b1--",
            "header content-type twice in one part",
        ),
        (
            a_part(SOAP_HEADER + b"Content-Transfer-Encoding: quoted-printable\r\n", SOAP),
            "transfer encoding 'quoted-printable' is not supported",
        ),
    ],
)
def test_a_body_without_readable_soap_is_400(body, detail):
    """[MIME §5.1.1]"""
    assert refusal(body) == (400, detail)


@pytest.mark.parametrize("content", [b"PFM$", b"PFMxMg", b"PFMx=", b"=PFM"])
def test_damaged_base64_in_the_soap_part_is_400(content):
    header = SOAP_HEADER + b"Content-Transfer-Encoding: base64\r\n"
    assert refusal(a_part(header, content) + b"--b1--")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        a_body().replace(b"\r\n", b"\n"),
        a_body().replace(b"\r\n", b"\n") + b"x" * 2 * PREAMBLE_BYTES_MAX,
        b"--b1\r\n" + SOAP_HEADER.replace(b"\r\n", b"\n") + b"\n" + SOAP,
        b"--b1\r\n" + SOAP_HEADER.replace(b"\r\n", b"\n") + b"X: y\r\n\r\n" + SOAP,
    ],
)
def test_line_ends_without_cr_are_400_and_that_is_said(body):
    status, detail = refusal(body)
    assert status == 400
    assert "CRLF" in detail


@pytest.mark.parametrize("name", ["<att@cid>", "<SOAP@a>", "soap@a "])
def test_a_start_parameter_for_another_part_is_400(name):
    body = a_part(SOAP_HEADER + b"Content-ID: <soap@A>\r\n", SOAP) + a_part() + b"--b1--"
    assert refusal(body, f'{TYPE}; start="{name}"')[0] == 400


def test_a_start_parameter_needs_a_first_part_with_a_name():
    assert refusal(a_body(), f'{TYPE}; start="<att@cid>"')[0] == 400


def test_empty_plain_soap_is_400():
    assert refusal(b"", "application/soap+xml") == (400, "the body is empty")


def test_sizes_are_413():
    body = a_body()
    assert len(read(body, total_bytes_max=len(body), soap_bytes_max=len(SOAP))) == 2
    assert refusal(body, total_bytes_max=len(body) - 1)[0] == 413
    assert refusal(body, soap_bytes_max=len(SOAP) - 1)[0] == 413
    assert read(SOAP, "application/soap+xml", soap_bytes_max=len(SOAP))
    assert refusal(SOAP, "application/soap+xml", soap_bytes_max=len(SOAP) - 1)[0] == 413


def test_sizes_have_a_bound_when_nobody_sets_one():
    at_most = a_part(SOAP_HEADER, bytes(1 << 20)) + b"--b1--"
    assert len(read(at_most)) == 1
    assert refusal(at_most.replace(b"\0", b"\0\0", 1))[0] == 413
    reader = open_body(TYPE)
    reader.feed(a_body())
    mebibyte = bytes(1 << 20)
    for _ in range(159):
        reader.feed(mebibyte)
    with pytest.raises(Unreadable) as caught:
        reader.feed(mebibyte)
    assert caught.value.status == 413


def test_the_total_is_counted_in_the_epilogue_too():
    body = a_body()
    assert refusal(body + b"x", total_bytes_max=len(body))[0] == 413


@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_the_preamble_is_bounded(over, fits):
    body = a_body(preamble=b"x" * (PREAMBLE_BYTES_MAX - 2 + over) + b"\r\n")
    if fits:
        assert len(read(body)) == 2
        assert len(read(body, cuts=range(0, len(body), 100))) == 2
    else:
        assert refusal(body)[0] == 400


def test_an_endless_preamble_is_refused_before_it_ends():
    endless = b"x" * 2 * PREAMBLE_BYTES_MAX
    reader = open_body(TYPE)
    assert reader.feed(endless[: PREAMBLE_BYTES_MAX // 2]) == []
    with pytest.raises(Unreadable):
        reader.feed(endless)


@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_the_header_of_a_part_is_bounded(over, fits):
    filler = b"x" * (HEADER_BYTES_MAX - len(SOAP_HEADER) - len(b"\r\nX: ") + over)
    body = b"--b1\r\n" + SOAP_HEADER + b"X: " + filler + b"\r\n\r\n" + SOAP + b"\r\n--b1--"
    if fits:
        assert contents(read(body)) == [SOAP]
        assert contents(read(body, cuts=range(0, len(body), 100))) == [SOAP]
    else:
        assert refusal(body) == (400, f"a part has over {HEADER_BYTES_MAX} bytes of header")


# What is wrong with the parts behind the SOAP part.


def attachment_error(*parts, end=b"--b1--\r\n"):
    reader = open_body(TYPE)
    reader.feed(a_body(*parts, end=end))
    with pytest.raises((MimeInconsistency, ExternalPayloadError)) as caught:
        reader.close()
    return caught.value.code, caught.value.detail


def test_more_parts_than_any_message_has_are_0011():
    spare = [a_part(b"") for _ in range(PARTS_MAX - 1)]
    assert len(read(a_body(*spare))) == PARTS_MAX
    assert attachment_error(*spare, a_part(b""))[0] == "EBMS:0011"


def test_two_parts_of_one_name_are_0011():
    assert attachment_error(a_part(), a_part()) == (
        "EBMS:0011",
        "two parts are named 'att@cid'",
    )


@pytest.mark.parametrize(
    ("header", "content"),
    [
        (b"Content-Type: multipart/related; boundary=b2\r\n", b""),
        (b"Content-Type: message/rfc822\r\n", b""),
        (b"Content-Type: x\r\n", b""),
        (b"Content-ID: <a@b>\r\nContent-Id: <b@b>\r\n", b""),
        (b"Content-Transfer-Encoding: quoted-printable\r\n", b""),
        (b"Content-Transfer-Encoding: base64\r\n", b"YWJj$A=="),
        (b"Content-Transfer-Encoding: base64\r\n", b"YWJjZ"),
        (b"Content-Transfer-Encoding: base64\r\n", b"YQ==YWJj"),
        (b"Content-Transfer-Encoding: base64\r\n", b"YQ==\r\nYWJj"),
    ],
)
def test_an_attachment_that_cannot_be_unpacked_is_0007(header, content):
    assert attachment_error(a_part(header, content))[0] == "EBMS:0007"


def test_base64_that_goes_on_after_its_padding_in_another_piece_is_0007():
    header = b"Content-Transfer-Encoding: base64\r\n"
    body = a_body(a_part(header, b"YQ==\r\n" + b" " * 40 + b"YWJj"))
    reader = open_body(TYPE)
    reader.feed(body[: body.index(b"YWJj")])
    reader.feed(body[body.index(b"YWJj") :])
    with pytest.raises(MimeInconsistency, match="after its padding"):
        reader.close()


def test_a_body_cut_short_behind_the_soap_part_is_0007():
    assert attachment_error(end=b"") == ("EBMS:0007", "the body ends before its last boundary")
