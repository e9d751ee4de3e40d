"""Bodies cut into parts: whatever the cut, whatever peers write, and what is refused."""

import base64
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.errors import ExternalPayloadError, MimeInconsistency, Unreadable
from as4.mime import (
    HEADER_BYTES_MAX,
    PADDING_BYTES_MAX,
    PARTS_MAX,
    PREAMBLE_BYTES_MAX,
    PartBegin,
    PartData,
    PartEnd,
    open_body,
)

SOAP = b"<S12:Envelope/>"
CIPHERTEXT = bytes(range(256)) + b"\r\n--b\r\n\r--b1x\r\n--" * 3
TYPE = 'multipart/related; boundary="b1"; type="application/soap+xml"'
SOAP_HEADER = b"Content-Type: application/soap+xml; charset=UTF-8\r\n"
ATTACHMENT_HEADER = b"Content-Type: application/octet-stream\r\nContent-ID: <att@cid>\r\n"


def a_part(header=ATTACHMENT_HEADER, content=CIPHERTEXT, boundary=b"b1", padding=b""):
    return b"--" + boundary + padding + b"\r\n" + header + b"\r\n" + content + b"\r\n"


def a_body(*parts, preamble=b"", end=b"--b1--\r\n", boundary=b"b1"):
    """Return a body of a SOAP part and *parts*; one attachment when none is given."""
    rest = parts or (a_part(boundary=boundary),)
    soap = a_part(SOAP_HEADER, SOAP, boundary)
    return preamble + soap + b"".join(rest) + end.replace(b"b1", boundary)


def read(body, content_type=TYPE, cuts=(), **limits):
    """Return (index, media type, content id, encoding, offset, length, content) of each part."""
    reader = open_body(content_type, **limits)
    events = []
    edges = [0, *sorted(cuts), len(body)]
    for start, stop in pairwise(edges):
        events += reader.feed(body[start:stop])
    events += reader.close()
    return parts_of(events)


def parts_of(events):
    parts = []
    for event in events:
        match event:
            case PartBegin(index, headers, offset):
                begun = (index, headers.media_type.name, headers.content_id)
                parts.append([*begun, headers.transfer_encoding, offset, None, b""])
            case PartData(data):
                parts[-1][6] += data
            case PartEnd(length):
                parts[-1][5] = length
    return [tuple(part) for part in parts]


def contents(parts):
    return [part[6] for part in parts]


def refusal(body, content_type=TYPE, **limits):
    with pytest.raises(Unreadable) as caught:
        read(body, content_type, **limits)
    return caught.value.status, caught.value.detail


def test_a_message_has_its_parts_and_their_places():
    body = a_body()
    soap_at, attachment_at = body.index(SOAP), body.index(CIPHERTEXT)
    assert read(body) == [
        (0, "application/soap+xml", None, "binary", soap_at, len(SOAP), SOAP),
        (
            1,
            "application/octet-stream",
            "att@cid",
            "binary",
            attachment_at,
            len(CIPHERTEXT),
            CIPHERTEXT,
        ),
    ]


BODIES = {
    "plain": a_body(),
    "preamble": a_body(preamble=b"This is MIME.\r\n--b\r\n x--b1\r\n--b1x\r\n\r\n"),
    "byte order mark": a_body(preamble=b"\xef\xbb\xbf"),
    "epilogue": a_body(end=b"--b1--\r\n--b1\r\nthat was all\r\n"),
    "no line end at the end": a_body(end=b"--b1--"),
    "padding": a_body(a_part(padding=b" \t ")),
    "base64": a_body(
        a_part(
            ATTACHMENT_HEADER + b"Content-Transfer-Encoding: base64\r\n",
            base64.encodebytes(CIPHERTEXT).replace(b"\n", b"\r\n"),
        )
    ),
    "folded header": a_body(
        a_part(b"Content-Type:\r\n application/octet-stream\r\nContent-ID:\r\n\t<att@cid>\r\n")
    ),
    "no header": a_body(a_part(b"", CIPHERTEXT)),
    "empty attachment": a_body(a_part(content=b"")),
    "attachment without even a line end": a_body(
        b"--b1\r\n" + ATTACHMENT_HEADER + b"\r\n--b1\r\n\r\nx\r\n"
    ),
}


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_cut_gives_the_same_parts(name, data):
    body = BODIES[name]
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12))
    assert read(body) == read(body, cuts=cuts)


@pytest.mark.parametrize("name", BODIES)
def test_byte_by_byte_gives_the_same_parts(name):
    body = BODIES[name]
    assert read(body) == read(body, cuts=range(1, len(body)))


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
    "no base64": a_body(a_part(b"Content-Transfer-Encoding: base64\r\n", b"abc$efgh")),
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
        "no base64",
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


# What peers write and must be accepted.


@pytest.mark.parametrize(
    "parameters",
    [
        'boundary="b1"',
        "boundary=b1",
        "Boundary=b1",
        ' boundary = "b1" ;',
        'type="application/soap+xml";boundary=b1;start-info="x"',
        'boundary="b1"; type="application/soap+xml;charset=UTF-8"',
        "TYPE=Application/SOAP+XML; boundary=b1;;",
        'boundary="\\b1"',
    ],
)
def test_parameters_may_be_written_in_many_ways(parameters):
    assert contents(read(a_body(), f"Multipart/Related; {parameters}")) == [SOAP, CIPHERTEXT]


@pytest.mark.parametrize(
    "boundary",
    [b"----=_Part_1_2.3", b"a b", b"uuid:0'(1)+_,-./:=?", b"x" * 70, b"#*%!"],
)
def test_boundaries_of_many_kinds(boundary):
    content_type = f'multipart/related; boundary="{boundary.decode()}"'
    assert contents(read(a_body(boundary=boundary), content_type)) == [SOAP, CIPHERTEXT]


def test_an_unquoted_boundary_may_hold_an_equals_sign():
    body = a_body(boundary=b"----=_Part_1")
    assert len(read(body, "multipart/related;boundary=----=_Part_1;charset=UTF-8")) == 2


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7bit", "Binary", ""])
def test_bytes_stand_as_they_are_in_these_transfer_encodings(encoding):
    header = ATTACHMENT_HEADER + b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n"
    (_, attachment) = read(a_body(a_part(header)))
    assert attachment[3] == (encoding.lower() or "binary")
    assert attachment[6] == CIPHERTEXT


def test_base64_is_undone_and_its_place_is_that_of_the_encoded_bytes():
    encoded = base64.encodebytes(CIPHERTEXT).replace(b"\n", b"\r\n")
    header = ATTACHMENT_HEADER + b"content-transfer-encoding: BASE64\r\n"
    body = a_body(a_part(header, encoded))
    (_, (_, _, _, encoding, offset, length, content)) = read(body)
    assert (encoding, content) == ("base64", CIPHERTEXT)
    assert body[offset : offset + length] == encoded


def test_the_soap_part_may_be_base64():
    header = SOAP_HEADER + b"Content-Transfer-Encoding: base64\r\n"
    body = a_part(header, base64.b64encode(SOAP)) + a_part() + b"--b1--"
    assert contents(read(body)) == [SOAP, CIPHERTEXT]


def test_header_names_may_be_in_any_case_and_content_ids_bare():
    header = b"CONTENT-TYPE: Application/Octet-Stream\r\nContent-Id : att@cid\r\nX-Other: a\r\n"
    (_, attachment) = read(a_body(a_part(header)))
    assert attachment[1:3] == ("application/octet-stream", "att@cid")


@pytest.mark.parametrize("start", ["<soap@a>", "soap@a"])
def test_a_start_parameter_may_name_the_first_part(start):
    body = a_part(SOAP_HEADER + b"Content-ID: <soap@a>\r\n", SOAP) + a_part() + b"--b1--"
    assert contents(read(body, f'{TYPE}; start="{start}"')) == [SOAP, CIPHERTEXT]


def test_a_byte_order_mark_in_the_soap_part_is_content():
    body = a_part(SOAP_HEADER, b"\xef\xbb\xbf" + SOAP) + b"--b1--"
    assert contents(read(body)) == [b"\xef\xbb\xbf" + SOAP]


def test_a_line_that_only_starts_like_the_boundary_is_content():
    content = b"a\r\n--b1x\r\n--b1 x\r\n--b1-\r\n--b1\n\r\n--b1\rx"
    assert contents(read(a_body(a_part(content=content)))) == [SOAP, content]


def test_a_boundary_with_too_many_blanks_behind_it_is_content():
    parts = read(FAULTY["padding too long"])
    assert len(parts) == 1
    assert len(parts[0][6]) > PADDING_BYTES_MAX


def test_plain_soap_is_a_body_of_one_part():
    expected = [(0, "application/soap+xml", None, "binary", 0, len(SOAP), SOAP)]
    assert read(SOAP, 'application/soap+xml; charset="utf-8"; action="x"') == expected
    assert read(SOAP, "application/soap+xml", cuts=[0, 3, 3, 9]) == expected


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


# Memory.


def test_streamed_content_is_handed_out_and_not_kept():
    reader = open_body(TYPE)
    reader.feed(a_body(end=b"").removesuffix(b"\r\n"))
    chunk = random.Random(2).randbytes(64 << 10)
    for _ in range(32):
        given_out = sum(len(event.data) for event in reader.feed(chunk))
        assert abs(given_out - len(chunk)) < 16
        assert len(reader._held) < 16


@pytest.mark.captured
def test_captured_requests_of_another_implementation_fall_into_two_parts(test_data):
    found = 0
    for path in sorted((test_data / "phase4-captured" / "messages").glob("*.request.http")):
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        content_type = next(
            line.partition(":")[2]
            for line in head.decode().split("\r\n")
            if line.lower().startswith("content-type:")
        )
        soap, attachment = read(body, content_type)
        assert soap[:4] == (0, "application/soap+xml", None, "binary")
        assert attachment[2].endswith("@cid")
        assert body[attachment[4] : attachment[4] + attachment[5]] == attachment[6]
        found += 1
    assert found >= 16
