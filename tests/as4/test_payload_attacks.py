"""What is found after decryption: keys, tags, digests, compression, and what the header claims."""

import gzip
from base64 import b64encode
from datetime import timedelta

import pytest

from as4.compression import gzip_compress
from as4.errors import As4Error
from as4.unpack import MessageReader
from as4.xmlenc import wrap_key
from tests.support.messages import (
    CONTENT_KEY,
    NONCE,
    NOW,
    RANDOM_KEY,
    a_business_envelope,
    a_ping,
    a_sealed_message,
    a_user_message,
    check_signer,
    cut,
    find_key,
    key_pair,
    read,
    receive,
    swap,
)
from ubl.identifiers import ParticipantId, ProcessId

OTHER = ParticipantId.parse("iso6523-actorid-upis::0208:0000000097")


def refused(sealed, **changes):
    with pytest.raises(As4Error) as caught:
        receive(sealed, **changes)
    assert caught.value.ref_to_message_id in (sealed.message_id, None)
    return caught.value


def flipped(position):
    def hook(data):
        changed = bytearray(data)
        changed[position] ^= 1
        return bytes(changed)

    return hook


def _other_digest(refs):
    return [refs[0], refs[1], refs[2]._replace(digest_value=bytes(32))]


def wrapped(key, name="receiver"):
    """A hook that puts *key*, wrapped for *name*, in place of the right one."""
    value = b64encode(wrap_key(key, key_pair(name).certificate.public_key)).decode()
    tag = "xenc:CipherValue>"
    return cut(f"<{tag}", f"</{tag}", f"<{tag}{value}</{tag}")


UNDECRYPTABLE = {
    "a flipped bit of the IV": {"attachment": flipped(0)},
    "a flipped bit of the content": {"attachment": flipped(40)},
    "a flipped bit of the tag": {"attachment": flipped(-1)},
    "a byte less": {"attachment": lambda data: data[:-1]},
    "a byte more": {"attachment": lambda data: data + b"\0"},
    "hardly anything": {"attachment": lambda data: data[:27]},
    "nothing": {"attachment": lambda _data: b""},
    "another key": {"soap": wrapped(bytes(16))},
    "a key of another length": {"soap": wrapped(bytes(32))},
    "the key wrapped for another": {"soap": wrapped(CONTENT_KEY, "third")},
    "a longer key": {"soap": swap("<xenc:CipherValue>", "<xenc:CipherValue>AAAA")},
    "an empty key": {"soap": cut("<xenc:CipherValue>", "</", "<xenc:CipherValue></")},
    "encrypted for somebody else": {"recipient": "third"},
    "encrypted for our next certificate": {"recipient": "receiver-renewed"},
    "another payload than was signed": {"references": _other_digest},
}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("step", [None, 700])
@pytest.mark.parametrize("spoil", UNDECRYPTABLE.values(), ids=UNDECRYPTABLE.keys())
def test_whatever_depends_on_our_key_fails_alike(spoil, step, keep):
    sealed = a_sealed_message(**spoil)
    with pytest.raises(As4Error) as caught:
        read(sealed, step=step, keep=keep)
    assert caught.value.code == "EBMS:0102"
    assert caught.value.detail == "The encrypted attachment could not be opened with our key."
    assert caught.value.error_detail is None
    assert caught.value.ref_to_message_id == sealed.message_id


def test_a_wrong_key_is_not_noticed_before_the_attachment_ends():
    sealed = a_sealed_message(soap=wrapped(bytes(16)))
    reader = MessageReader(sealed.content_type, keep=True)
    reader.feed(sealed.body[: sealed.attachment_offset + 50])
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    reader.open_attachment(find_key, RANDOM_KEY)
    reader.feed(sealed.body[sealed.attachment_offset + 50 :])
    with pytest.raises(As4Error) as caught:
        reader.close()
    assert caught.value.code == "EBMS:0102"


@pytest.mark.parametrize("cut_at", [-4, -20, -60, -400])
def test_a_body_that_breaks_off_is_refused(cut_at):
    sealed = a_sealed_message(wire=lambda wire: wire[:cut_at])
    with pytest.raises(As4Error) as caught:
        read(sealed)
    assert caught.value.code == "EBMS:0007"
    assert caught.value.ref_to_message_id == sealed.message_id


COMPRESSED = gzip_compress(a_business_envelope())
BROKEN_GZIP = {
    "not gzip": a_business_envelope(),
    "truncated": COMPRESSED[:-4],
    "with bytes behind": COMPRESSED + b"\0",
    "two members": COMPRESSED * 2,
    "a wrong checksum": COMPRESSED[:-8] + b"\0\0\0\0" + COMPRESSED[-4:],
    "a bomb": gzip.compress(bytes(64 << 20)),
    "empty": b"",
}


@pytest.mark.parametrize("payload", BROKEN_GZIP.values(), ids=BROKEN_GZIP.keys())
def test_a_payload_that_does_not_decompress_is_refused(payload):
    assert refused(a_sealed_message(payload=payload)).code == "EBMS:0303"


def test_an_unknown_compression_type_is_refused():
    hook = swap(">application/gzip<", ">application/brotli<")
    sealed = a_sealed_message(messaging=hook)
    error = refused(sealed)
    assert error.code == "EBMS:0303"
    assert error.ref_to_message_id == sealed.message_id


def test_an_unknown_compression_type_is_not_said_before_tag_and_digest_hold():
    hook = swap(">application/gzip<", ">application/brotli<")
    sealed = a_sealed_message(messaging=hook, attachment=flipped(20))
    assert refused(sealed).code == "EBMS:0102"


def test_an_uncompressed_payload_is_accepted():
    hook = cut('<eb:Property name="Comp', "</eb:Property>")
    received = receive(a_sealed_message(messaging=hook, payload=a_business_envelope()))
    assert not received.compressed
    assert received.payload == a_business_envelope()


SENDER_NAME = 'name="originalSender" type="iso6523-actorid-upis"'
CONTRADICTIONS = {
    "another action": {"message": {"action": "busdox-docid-qns::urn:x::y##z::2.1"}},
    "an action without scheme": {"messaging": swap("busdox-docid-qns::", "")},
    "an action in capitals": {"messaging": swap("::Invoice##", "::INVOICE##")},
    "another service": {"message": {"service": ProcessId.parse("cenbii-procid-ubl::urn:x")}},
    "another service type": {"messaging": swap('"cenbii-procid-ubl"', '"x"')},
    "an untyped service": {"messaging": swap(' type="cenbii-procid-ubl"', "")},
    "another sender": {"message": {"original_sender": OTHER}},
    "another recipient": {"message": {"final_recipient": OTHER}},
    "sender and recipient exchanged": {
        "messaging": lambda text: (
            text.replace("0123456749", "\0")
            .replace("0987654394", "0123456749")
            .replace("\0", "0987654394")
        )
    },
    "an untyped sender": {"messaging": swap(SENDER_NAME, 'name="originalSender"')},
    "a sender of another type": {"messaging": swap(SENDER_NAME, 'name="originalSender" type="x"')},
    "no sender": {"messaging": cut('<eb:Property name="orig', "</eb:Property>")},
    "no recipient": {"messaging": cut('<eb:Property name="final', "</eb:Property>")},
    "no properties": {"messaging": cut("<eb:MessageProperties>", "</eb:MessageProperties>")},
    "two senders": {
        "messaging": swap(
            "<eb:MessageProperties>",
            f"<eb:MessageProperties><eb:Property {SENDER_NAME}>0208:0123456749</eb:Property>",
        )
    },
    "a sender that is none": {"messaging": swap(">0208:0123456749<", ">0208<")},
}


@pytest.mark.parametrize("spoil", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_header_that_contradicts_the_business_header_is_refused(spoil):
    message = a_user_message(**spoil.get("message", {}))
    sealed = a_sealed_message(message, messaging=spoil.get("messaging"))
    error = refused(sealed)
    assert error.code == "EBMS:0004"
    assert error.error_detail is None
    assert error.ref_to_message_id == sealed.message_id


def test_participants_are_compared_without_regard_to_case():
    upper = ParticipantId.parse("iso6523-actorid-upis::9925:BE0123456749")
    lower = ParticipantId.parse("iso6523-actorid-upis::9925:be0123456749")
    payload = gzip_compress(a_business_envelope(sender=upper))
    receive(a_sealed_message(a_user_message(original_sender=lower), payload=payload))


def test_more_properties_do_no_harm():
    hook = swap(
        "</eb:MessageProperties>",
        '<eb:Property name="trackingIdentifier">x</eb:Property></eb:MessageProperties>',
    )
    receive(a_sealed_message(messaging=hook))


def test_a_message_for_another_access_point_is_refused():
    error = refused(a_sealed_message(a_user_message(to_party="PBE000009")))
    assert error.code == "EBMS:0004"


@pytest.mark.parametrize("payload", [True, False])
def test_a_ping_for_another_access_point_is_refused(payload):
    sealed = a_ping(to_party="PBE000009")
    if payload:
        sealed = a_sealed_message(_as_ping(a_user_message(to_party="PBE000009")))
    assert refused(sealed).code == "EBMS:0004"


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (timedelta(hours=-1), None),
        (timedelta(hours=-1, milliseconds=-1), "EBMS:0003"),
        (timedelta(days=-400), "EBMS:0003"),
        (timedelta(0), None),
        (timedelta(days=90), None),
        (timedelta(days=90, milliseconds=1), "EBMS:0003"),
    ],
)
def test_a_timestamp_far_ahead_or_older_than_the_memory_is_refused(age, code):
    sealed = a_sealed_message(a_user_message(timestamp=NOW - age))
    if code is None:
        receive(sealed)
    else:
        assert refused(sealed).code == code


@pytest.mark.parametrize("zone", ["+02:00", "", "Z"])
def test_a_timestamp_may_stand_in_any_zone(zone):
    hook = cut("<eb:Timestamp>", "<", f"<eb:Timestamp>2026-06-15T12:00:00.1234567{zone}<")
    received = receive(a_sealed_message(messaging=hook))
    moved = timedelta(hours=2) if zone == "+02:00" else timedelta(0)
    assert received.user_message.timestamp == NOW + timedelta(microseconds=123456) - moved


def test_a_ping_with_payload_is_opened_like_a_message():
    received = receive(a_sealed_message(_as_ping(a_user_message())))
    assert received.user_message.is_ping
    assert received.payload is not None


def test_a_ping_without_payload_has_nothing_but_its_header():
    received = receive(a_ping())
    assert received.user_message.is_ping
    assert (received.payload, received.content_key, received.attachment_length) == (None, b"", 0)
    assert len(received.references) == 2


def test_a_ping_whose_payload_is_missing_is_refused():
    message = _as_ping(a_user_message())
    boundary = f"\r\n------=_{NONCE}".encode()
    sealed = a_sealed_message(
        message, wire=lambda wire: wire[: wire.index(boundary)] + boundary + b"--\r\n"
    )
    assert refused(sealed).code == "EBMS:0011"


def _as_ping(message):
    from as4.pack import as_ping

    return as_ping(message)
