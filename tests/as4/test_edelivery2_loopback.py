"""The second suite between two of ours: what is sealed opens, is receipted, and is believed."""

import re
from base64 import b64decode
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4 import familiar, pack
from as4.compression import gzip_compress, inflate
from as4.errors import FailedAuthentication
from as4.errorsignal import build_error
from as4.familiar import Familiars
from as4.pmode import FOUR_CORNERS
from as4.receipt import build_receipt
from as4.signal import ErrorSignal, Receipt, check_receipt, read_signal
from as4.signal import _ReceiptKind as ReceiptKind
from as4.suites import EDELIVERY_1, EDELIVERY_2
from as4.usermessage import UserMessageKind
from tests.support.curves import (
    NONCE,
    NOW,
    PAYLOAD,
    PEPPOL_NEXT,
    RECEIVER,
    SEED,
    check_signer,
    pair,
    read,
    seal,
)
from tests.support.messages import CONTENT_KEY, IV, a_business_envelope, a_user_message

PMODES = {"eDelivery": FOUR_CORNERS, "Peppol": PEPPOL_NEXT}
OTHER = "fedcba9876543210fedcba9876543210"


def soap_of(sealed):
    return sealed.body[sealed.body.index(b"<?xml") : sealed.body.index(b"</S12:Envelope>") + 15]


def a_receipt(received, pmode=FOUR_CORNERS, message_id="r@red.example", nonce=NONCE):
    return build_receipt(
        received,
        message_id=message_id,
        now=NOW,
        signer=pair("answerer"),
        nonce=nonce,
        pmode=pmode,
    )


@pytest.mark.parametrize("pmode", PMODES.values(), ids=PMODES)
@pytest.mark.parametrize("step", [None, 100])
def test_a_sealed_message_is_read_receipted_and_the_receipt_believed(pmode, step):
    sealed = seal(pmode=pmode)
    received = read(sealed, pmode=pmode, step=step)
    assert received.payload == PAYLOAD
    assert inflate(received.payload) == a_business_envelope()
    assert received.attachment_offset == sealed.attachment_offset
    soap = a_receipt(received, pmode)
    receipt = read_signal(soap, check_signer=check_signer, now=NOW, pmode=pmode)
    assert isinstance(receipt, Receipt)
    check_receipt(receipt, sealed.references, message_id=sealed.message_id, to_party=RECEIVER)


def test_an_error_is_signed_by_the_suite():
    error = FailedAuthentication("no", ref_to_message_id="m@blue.example")
    soap = build_error(
        error,
        message_id="e@red.example",
        now=NOW,
        signer=pair("answerer"),
        nonce=NONCE,
        pmode=FOUR_CORNERS,
    )
    signal = read_signal(soap, check_signer=check_signer, now=NOW, pmode=FOUR_CORNERS)
    assert isinstance(signal, ErrorSignal)
    assert signal.signer.subject_cn == RECEIVER
    assert signal.errors[0].code == "EBMS:0101"


@settings(max_examples=40, deadline=None)
@given(
    content=st.binary(max_size=300),
    content_key=st.binary(min_size=16, max_size=16),
    iv=st.binary(min_size=12, max_size=12),
    seed=st.binary(min_size=64, max_size=64),
    nonce=st.text("0123456789abcdef", min_size=16, max_size=48),
    step=st.integers(1, 4000),
)
def test_whatever_is_sealed_opens_again(content, content_key, iv, seed, nonce, step):
    payload = gzip_compress(content)
    sealed = pack.seal(
        a_user_message(),
        payload,
        signer=pair("sender"),
        recipient=pair("receiver").certificate,
        content_key=content_key,
        iv=iv,
        nonce=nonce,
        key_seed=seed,
        pmode=FOUR_CORNERS,
    )
    received = read(sealed, step=step)
    assert (received.payload, received.content_key) == (payload, content_key)


def test_sealing_again_with_the_same_arguments_gives_the_same_bytes():
    assert seal().body == seal().body


def test_another_seed_gives_another_key_under_the_same_signature():
    one, other = seal().body, seal(key_seed=SEED[::-1]).body
    start, end = one.index(b"<xenc:EncryptedKey "), one.index(b"</xenc:EncryptedKey>")
    assert one[:start] == other[:start]
    assert one[end:] == other[end:]
    values = [re.search(rb"CipherValue>([^<]+)<", body)[1] for body in (one, other)]
    assert len(set(values)) == 2
    assert {len(b64decode(value)) for value in values} == {24}


def test_a_renewed_key_opens_for_its_new_recipient():
    sealed = seal(recipient="third receiver")
    head = sealed.body[: sealed.attachment_offset]
    renewed = pack.renew_encryption(
        head, pair("receiver").certificate, CONTENT_KEY, key_seed=SEED, pmode=FOUR_CORNERS
    )
    body = renewed + sealed.body[sealed.attachment_offset :]
    again = pack.SealedMessage(sealed.content_type, body, "", (), 0, 0, b"")
    assert read(again).payload == PAYLOAD


def test_a_ping_without_payload_is_signed():
    made = pack.ping(a_user_message(), signer=pair("sender"), nonce=NONCE, pmode=FOUR_CORNERS)
    assert read(made).user_message.is_ping


@pytest.mark.parametrize("seed", [b"", bytes(63), bytes(65)])
def test_a_seed_of_another_length_is_a_mistake_of_the_caller(seed):
    with pytest.raises(ValueError, match="instead of 64 and 16"):
        seal(key_seed=seed)


def test_the_first_suite_takes_no_seed():
    with pytest.raises(ValueError, match="no seed"):
        EDELIVERY_1.content_key.wrap(CONTENT_KEY, object(), SEED)


def test_a_key_of_another_kind_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="needs an X25519 key"):
        seal(recipient="third")
    with pytest.raises(TypeError, match="needs an Ed25519 key"):
        seal(signer=pair("agrees"))


def test_the_suite_is_that_of_the_common_usage_profile():
    """Every algorithm by its name.  [EDELIVERY-AS4-2 §3] [RFC9231 §2.3] [RFC9231 §2.7]"""
    named = set(re.findall(rb'Algorithm="([^"]+)"', seal().body))
    more21, swa = b"http://www.w3.org/2021/04/xmldsig-more#", b"oasis-wss-SwAProfile-1.1#"
    wss = b"http://docs.oasis-open.org/wss/" + swa
    assert named == {
        b"http://www.w3.org/2001/10/xml-exc-c14n#",
        b"http://www.w3.org/2001/04/xmlenc#sha256",
        more21 + b"eddsa-ed25519",
        more21 + b"x25519",
        more21 + b"hkdf",
        b"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        b"http://www.w3.org/2001/04/xmlenc#kw-aes128",
        b"http://www.w3.org/2009/xmlenc11#aes128-gcm",
        wss + b"Attachment-Content-Signature-Transform",
        wss + b"Attachment-Ciphertext-Transform",
    }
    assert b"<more:KeyLength>16</more:KeyLength>" in seal().body


@pytest.mark.parametrize("kind", ["message", "receipt"])
@pytest.mark.parametrize("pmode", PMODES.values(), ids=PMODES)
def test_a_familiar_envelope_is_read_alike_by_parser_and_by_shape(kind, pmode):
    first = seal(pmode=pmode)
    message = a_user_message(message_id="other@blue.example", timestamp=NOW - timedelta(hours=1))
    second = seal(message, pmode=pmode, nonce=OTHER, key_seed=SEED[::-1], content_key=IV + b"1234")
    envelopes = [soap_of(first), soap_of(second)]
    reader = UserMessageKind()
    if kind == "receipt":
        received = [read(each, pmode=pmode) for each in (first, second)]
        envelopes = [a_receipt(received[0], pmode), a_receipt(received[1], pmode, "s@x.y", OTHER)]
        reader = ReceiptKind()
    known = Familiars(reader)
    known.learn(envelopes[0], pmode)
    found = known.read(envelopes[1], pmode)
    assert found is not None
    assert found == familiar._parse(envelopes[1], reader, pmode).reading
    found.verify(pair("sender" if kind == "message" else "answerer").certificate.public_key)
    assert found.suite is EDELIVERY_2
