"""The order of calls, streaming, and what may and may not be had before everything is verified."""

from base64 import encodebytes

import pytest

from as4 import xmlenc
from as4.errors import As4Error, Unreadable
from as4.unpack import MessageReader
from tests.support.messages import (
    NONCE,
    NOW,
    RANDOM_KEY,
    a_ping,
    a_sealed_message,
    check_signer,
    find_key,
    key_pair,
    read,
    swap,
)

SEALED = a_sealed_message()


def test_the_envelope_can_be_judged_before_the_attachment_comes():
    reader = MessageReader(SEALED.content_type, keep=False)
    for position in range(SEALED.attachment_offset):
        assert not reader.soap_ready or position > SEALED.attachment_offset - 200
        reader.feed(SEALED.body[position : position + 1])
    assert reader.soap_ready
    opened = reader.open_envelope(anchors_check=check_signer, now=NOW)
    assert opened.user_message.message_id == SEALED.message_id
    assert opened.signer.subject_cn == "PBE000001"
    assert opened.references == SEALED.references
    assert opened.attachment_digest == SEALED.references[2].digest_value


def test_a_bad_envelope_is_refused_before_the_attachment_comes():
    sealed = a_sealed_message(soap=swap("0208:0987654394", "0208:0987654395"))
    reader = MessageReader(sealed.content_type, keep=False)
    reader.feed(sealed.body[: sealed.attachment_offset])
    with pytest.raises(As4Error) as caught:
        reader.open_envelope(anchors_check=check_signer, now=NOW)
    assert caught.value.code == "EBMS:0101"


@pytest.mark.parametrize("headers", ["Content-ID: <other@as4>", "Content-Type: text/plain"])
def test_a_wrong_attachment_is_refused_as_soon_as_its_header_comes(headers):
    sealed = a_sealed_message(attachment_headers=headers)
    reader = MessageReader(sealed.content_type, keep=False)
    line_end = sealed.body.rindex(b"Content-", 0, sealed.attachment_offset)
    reader.feed(sealed.body[:line_end])
    assert reader.soap_ready
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    with pytest.raises(As4Error) as caught:
        reader.feed(sealed.body[line_end:])
    assert caught.value.code == "EBMS:0011"
    assert caught.value.ref_to_message_id == sealed.message_id


@pytest.mark.parametrize(
    ("content_id", "url"),
    [
        ("100%25@as4", "cid:100%2525@as4"),
        ("a/b?c@as4", "cid:a%2fb%3Fc@as4"),
        ("foo4%foo1@as4", "cid:foo4%25foo1@as4"),
        ("100%25@as4", "cid:100%25@as4"),
    ],
)
def test_the_attachment_is_called_by_its_content_id_percent_encoded(content_id, url):
    old = f"cid:att-{NONCE}@as4"
    sealed = a_sealed_message(
        messaging=swap(old, url),
        encryption=swap(old, url),
        references=lambda found: [*found[:2], found[2]._replace(uri=url)],
        attachment_headers=f"Content-Type: application/gzip\r\nContent-ID: <{content_id}>",
    )
    assert read(sealed).payload == sealed.payload


def test_the_attachment_can_be_opened_again_from_the_wire():
    received = read(SEALED, keep=False)
    assert received.payload is None
    start = received.attachment_offset
    again = xmlenc.Redecryptor(
        key=received.content_key, transfer_encoding=received.transfer_encoding
    )
    plain = again.feed(SEALED.body[start : start + received.attachment_length])
    again.close()
    assert plain == SEALED.payload


def test_the_attachment_of_a_base64_part_can_be_opened_again_from_the_wire():
    headers = (
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-ID: <att-0123456789abcdef0123456789abcdef@as4>"
    )
    sealed = a_sealed_message(
        attachment=lambda data: encodebytes(data).replace(b"\n", b"\r\n"),
        attachment_headers=headers,
    )
    received = read(sealed, step=50)
    assert received.payload == sealed.payload
    assert received.transfer_encoding == "base64"
    start = received.attachment_offset
    again = xmlenc.Redecryptor(key=received.content_key, transfer_encoding="base64")
    assert again.feed(sealed.body[start:][: received.attachment_length]) == sealed.payload
    again.close()


def test_the_signer_is_judged_at_the_time_given():
    asked = []

    def check(der, now):
        asked.append(now)
        return check_signer(der, now)

    reader = MessageReader(SEALED.content_type, keep=True)
    reader.feed(SEALED.body)
    reader.open_envelope(anchors_check=check, now=NOW)
    assert asked == [NOW]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/xml", "", "multipart/mixed; boundary=x"]
)
def test_a_media_type_that_is_not_of_as4_is_unreadable(content_type):
    with pytest.raises(Unreadable) as caught:
        MessageReader(content_type, keep=True)
    assert caught.value.status == 415


def test_the_bounds_are_arguments():
    reader = MessageReader(SEALED.content_type, keep=True, body_bytes_max=1000)
    with pytest.raises(Unreadable) as caught:
        reader.feed(SEALED.body)
    assert caught.value.status == 413
    reader = MessageReader(SEALED.content_type, keep=True, soap_bytes_max=1000)
    with pytest.raises(Unreadable) as caught:
        reader.feed(SEALED.body)
    assert caught.value.status == 413


def test_calls_out_of_order_are_mistakes_of_the_caller():
    reader = MessageReader(SEALED.content_type, keep=True)
    with pytest.raises(AssertionError):
        reader.open_attachment(find_key, RANDOM_KEY)
    with pytest.raises(AssertionError):
        reader.close()
    reader.feed(SEALED.body)
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    with pytest.raises(AssertionError):
        reader.close()


def test_a_body_without_soap_is_unreadable():
    reader = MessageReader(SEALED.content_type, keep=True)
    reader.feed(SEALED.body[:300])
    with pytest.raises(Unreadable) as caught:
        reader.open_envelope(anchors_check=check_signer, now=NOW)
    assert caught.value.status == 400


def test_a_ping_as_plain_soap_streams_too():
    received = read(a_ping(), step=None)
    assert received.user_message.is_ping
    assert received.attachment_digest == b""


def test_the_previous_certificate_opens_as_long_as_its_key_is_found():
    sealed = a_sealed_message(recipient="receiver-renewed")

    renewed = key_pair("receiver-renewed")
    received = read(
        sealed, find=lambda der: renewed.key if der == renewed.certificate.der else None
    )
    assert received.payload == sealed.payload
