"""Captured HTTP messages as people and tools leave them: with half a head, or none."""

import gzip

import pytest

from as4.dump import HEAD_BYTES_MAX, read_dump
from as4.errors import Unreadable
from as4.inspection.parts import split_parts
from tests.support.messages import a_ping, a_sealed_message

SOAP = b"<S12:Envelope/>"
TYPE = b"Content-Type: application/soap+xml; charset=UTF-8"


def a_dump(*lines, body=SOAP, end=b"\r\n"):
    return end.join([*lines, b"", b""]) + body


def chunked(body, *, size=7, end=b"0\r\n\r\n", extension=b""):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(each), extension, each) for each in pieces) + end


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("start", [b"POST /as4 HTTP/1.1", b"HTTP/1.1 200 OK", b"HTTP/2 200", None])
def test_a_head_is_read_with_any_line_end_and_with_or_without_start_line(start, end):
    dump = read_dump(a_dump(*([start] if start else []), b"Host: x", TYPE, end=end))
    assert dump.start_line == (start.decode() if start else None)
    assert dump.headers["host"] == "x"
    assert dump.content_type == "application/soap+xml; charset=UTF-8"
    assert (dump.body, dump.notes) == (SOAP, ())


def test_a_folded_header_line_is_one():
    head = b'Content-Type: multipart/related;\r\n\tboundary="b1"'
    assert read_dump(a_dump(head)).content_type == 'multipart/related; boundary="b1"'


def test_an_interim_answer_is_skipped():
    dump = read_dump(a_dump(b"HTTP/1.1 100 Continue", body=a_dump(b"HTTP/1.1 200 OK", TYPE)))
    assert (dump.start_line, dump.body) == ("HTTP/1.1 200 OK", SOAP)


def as_text(data):
    """What an editor can rewrite without harm."""
    return data.hex().encode()


CHUNKED = b"Transfer-Encoding: chunked"
GZIPPED = b"Content-Encoding: gzip"


@pytest.mark.parametrize("extension", [b"", b";x=1", b" "])
def test_chunks_are_joined(extension):
    body = chunked(SOAP, extension=extension)
    assert read_dump(a_dump(TYPE, CHUNKED, body=body)).body == SOAP


def test_what_the_head_names_and_the_bytes_do_not_show_was_undone_already():
    assert read_dump(a_dump(TYPE, CHUNKED, GZIPPED)).body == SOAP


def test_gzip_is_undone_inside_chunks_and_without_being_named():
    packed = gzip.compress(SOAP)
    assert read_dump(a_dump(TYPE, CHUNKED, GZIPPED, body=chunked(packed))).body == SOAP
    assert read_dump(a_dump(TYPE, body=packed)).body == SOAP
    assert read_dump(a_dump(TYPE, CHUNKED, GZIPPED, body=packed)).body == SOAP


def test_gzip_that_is_broken_is_unreadable():
    with pytest.raises(Unreadable, match="gzip") as caught:
        read_dump(a_dump(TYPE, body=gzip.compress(SOAP)[:-5]))
    assert caught.value.status == 400


def test_what_is_missing_of_a_body_is_said():
    cut_off = read_dump(a_dump(TYPE, CHUNKED, body=chunked(SOAP, end=b"")))
    assert (cut_off.body, cut_off.notes) == (SOAP, ("the last chunk of the body is missing",))
    short = read_dump(a_dump(TYPE, b"Content-Length: 99"))
    assert short.notes == ("the body has 15 bytes, the HTTP head announces 99",)


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n"])
def test_a_bare_envelope_is_read(before):
    dump = read_dump(before + SOAP)
    assert (dump.content_type, dump.body) == ("application/soap+xml; charset=UTF-8", SOAP)
    assert dump.notes == ("the file has no HTTP head",)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n"])
def test_a_bare_mime_body_is_read_by_its_first_line(before):
    sealed = a_sealed_message()
    parts = split_parts(read_dump(before + sealed.body))
    whole = split_parts(read_dump(a_dump(_type(sealed), body=sealed.body)))
    assert parts == whole
    assert parts.attachment
    assert parts.soap.startswith(b"<?xml")


def test_a_head_without_media_type_is_that_of_what_follows():
    sealed = a_sealed_message()
    dump = read_dump(a_dump(b"POST /as4 HTTP/1.1", b"Host: x", body=sealed.body))
    assert split_parts(dump).attachment
    assert dump.notes == ("the HTTP head has no Content-Type",)
    ping = read_dump(a_dump(b"POST /as4 HTTP/1.1", b"Host: x", body=a_ping().body))
    assert ping.content_type.startswith("application/soap+xml")


@pytest.mark.parametrize("bare", [True, False])
def test_a_mime_structure_with_lf_is_put_right_and_said(bare):
    """An editor that rewrote line ends spoils neither XML nor base64."""
    sealed = a_sealed_message(
        attachment=as_text,
        attachment_headers="Content-Type: application/octet-stream\r\nContent-ID: <x@y>",
    )
    rewritten = sealed.body.replace(b"\r\n", b"\n")
    dump = read_dump(rewritten if bare else a_dump(_type(sealed), body=rewritten, end=b"\n"))
    assert split_parts(dump) == split_parts(read_dump(sealed.body))
    assert dump.notes[-1] == "the line ends of the MIME structure were LF instead of CRLF"


def test_content_with_crlf_is_left_as_it_is():
    sealed = a_sealed_message(attachment=lambda _: b"one\r\n--no\ntwo\n\nthree")
    dump = read_dump(sealed.body)
    assert (dump.body, dump.notes) == (sealed.body, ("the file has no HTTP head",))
    assert split_parts(dump).attachment == b"one\r\n--no\ntwo\n\nthree"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no head, no body",
        b"one line\r\nanother line\r\n\r\nbody",
        a_dump(b"Host: x", body=b"%PDF"),
        a_dump(TYPE, b"X: " + b"y" * HEAD_BYTES_MAX),
        bytes(1000),
    ],
)
def test_what_is_no_capture_is_unreadable(data):
    with pytest.raises(Unreadable) as caught:
        read_dump(data)
    assert caught.value.status == 400


def _type(sealed):
    return b"Content-Type: " + sealed.content_type.encode()
