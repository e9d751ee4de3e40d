"""Bodies cut into parts: whatever the cut, whatever peers write."""

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.mime import open_body
from tests.support.mime import (
    ATTACHMENT_HEADER,
    CIPHERTEXT,
    SOAP,
    SOAP_HEADER,
    TYPE,
    a_body,
    a_part,
    contents,
    read,
)


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
    "padding": a_body(a_part(padding=b" \t "), a_part(b"", padding=b" ")),
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


def test_plain_soap_is_a_body_of_one_part():
    expected = [(0, "application/soap+xml", None, "binary", 0, len(SOAP), SOAP)]
    assert read(SOAP, 'application/soap+xml; charset="utf-8"; action="x"') == expected
    assert read(SOAP, "application/soap+xml", cuts=[0, 3, 3, 9]) == expected


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
