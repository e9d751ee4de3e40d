"""What is sent: the profile's values, canonical by construction, reproducible, renewable."""

import re
from base64 import b64decode
from hashlib import sha256

import pytest

from as4 import pack, xmlenc
from as4.compression import gzip_compress, inflate
from as4.errors import As4Error
from as4.namespaces import DS, EBMS, SOAP, WSSE, WSU, XENC
from as4.pmode import PEPPOL
from as4.usermessage import Service
from as4.xmldsig import canonicalize
from tests.support.messages import (
    CONTENT_KEY,
    IV,
    NONCE,
    NOW,
    a_business_envelope,
    a_user_message,
    key_pair,
    read,
    receive,
)
from ubl import xml
from ubl.identifiers import ParticipantId, ProcessId

NAMESPACES = {"S12": SOAP, "eb": EBMS, "wsse": WSSE, "wsu": WSU, "ds": DS, "xenc": XENC}
PAYLOAD = gzip_compress(a_business_envelope())
FRESH = {"content_key": CONTENT_KEY, "nonce": NONCE}


def seal(message=None, *, recipient="receiver", **changes):
    return pack.seal(
        message or a_user_message(),
        PAYLOAD,
        signer=key_pair("sender"),
        recipient=key_pair(recipient).certificate,
        **{**FRESH, "iv": IV, **changes},
    )


def envelope_of(sealed):
    start = sealed.body.index(b"<?xml")
    return xml.parse(sealed.body[start : sealed.body.index(b"</S12:Envelope>") + 15])


def ask(root, path):
    return root.xpath(path, namespaces=NAMESPACES)


AWKWARD = {
    "message_id": "a&b<c>\"'\r\n\t@d.example",
    "conversation_id": "]]>&amp;",
    "action": 'busdox-docid-qns::urn:<x>&"y"::Invoice##z::2.1',
    "service": Service("urn:\"a\" & 'b'", "scheme\n\t<"),
    "original_sender": ParticipantId.parse("iso6523-actorid-upis::9925:BE.0123-~"),
}


@pytest.mark.parametrize("changes", [{}, AWKWARD])
def test_what_is_signed_is_written_in_canonical_form(changes):
    sealed = seal(a_user_message(**changes))
    root = envelope_of(sealed)
    ids = {element.get(f"{{{WSU}}}Id"): element for element in root.iter("*")}
    for reference in sealed.references[:2]:
        canonical = canonicalize(ids[reference.uri[1:]])
        assert sha256(canonical).digest() == reference.digest_value
        assert canonical in sealed.body
    info = canonicalize(ask(root, "//ds:SignedInfo")[0])
    bare = b"<ds:SignedInfo>" + info.partition(b">")[2]
    assert bare in sealed.body


def test_the_header_carries_the_values_of_the_profile():
    root = envelope_of(seal())
    expected = {
        "//eb:Messaging/@S12:mustUnderstand": "true",
        "//wsse:Security/@S12:mustUnderstand": "true",
        "//eb:Timestamp": "2026-06-15T11:59:59.000Z",
        "//eb:MessageId": "0c4a1d4e-0000-4000-8000-000000000001@blue.example",
        "//eb:From/eb:PartyId": "PBE000001",
        "//eb:From/eb:PartyId/@type": "urn:fdc:peppol.eu:2017:identifiers:ap",
        "//eb:From/eb:Role": f"{EBMS}initiator",
        "//eb:To/eb:PartyId": "PBE000002",
        "//eb:To/eb:PartyId/@type": "urn:fdc:peppol.eu:2017:identifiers:ap",
        "//eb:To/eb:Role": f"{EBMS}responder",
        "//eb:AgreementRef": "urn:fdc:peppol.eu:2017:agreements:tia:ap_provider",
        "//eb:Service": "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        "//eb:Service/@type": "cenbii-procid-ubl",
        "//eb:Action": a_user_message().action,
        "//eb:ConversationId": a_user_message().conversation_id,
        "//eb:Property[@name='originalSender']": "0208:0123456749",
        "//eb:Property[@name='originalSender']/@type": "iso6523-actorid-upis",
        "//eb:Property[@name='finalRecipient']": "0208:0987654394",
        "//eb:Property[@name='finalRecipient']/@type": "iso6523-actorid-upis",
        "//eb:PartInfo/@href": f"cid:att-{NONCE}@as4",
        "//eb:Property[@name='MimeType']": "application/xml",
        "//eb:Property[@name='CompressionType']": "application/gzip",
    }
    found = {path: [getattr(hit, "text", hit) for hit in ask(root, path)] for path in expected}
    assert found == {path: [value] for path, value in expected.items()}


def test_the_header_carries_nothing_that_the_profile_forbids():
    root = envelope_of(seal())
    forbidden = """//eb:RefToMessageId //@mpc //@pmode //eb:AgreementRef/@type //wsu:Timestamp
        //S12:Body/node() //@S12:role //ds:KeyInfo/ds:*"""
    for path in forbidden.split():
        assert ask(root, path) == []
    assert len(ask(root, "//eb:MessageProperties/eb:Property")) == 2


def test_the_algorithms_are_those_of_the_suite():
    root = envelope_of(seal())
    suite = PEPPOL.suite
    found = set(ask(root, "//@Algorithm"))
    swa = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
    assert found == {
        suite.canonicalization, suite.digest, suite.signature, suite.data_encryption,
        "http://www.w3.org/2009/xmlenc11#rsa-oaep", "http://www.w3.org/2009/xmlenc11#mgf1sha256",
        f"{swa}Attachment-Content-Signature-Transform", f"{swa}Attachment-Ciphertext-Transform",
    }  # fmt: skip


def test_the_tokens_are_the_leaf_of_the_recipient_and_of_the_sender():
    tokens = [
        b64decode(found.text) for found in ask(envelope_of(seal()), "//wsse:BinarySecurityToken")
    ]
    names = ("receiver", "sender")
    assert tokens == [key_pair(name).certificate.der for name in names]


def test_the_soap_part_comes_first_then_the_attachment():
    sealed = seal()
    assert re.fullmatch(
        r'multipart/related; type="application/soap\+xml"; boundary="([^"]+)"; start="<[^"]+>"',
        sealed.content_type,
    )
    boundary = sealed.content_type.split('"')[3].encode()
    before, soap, attachment, after = sealed.body.split(b"--" + boundary)
    assert (before, after) == (b"", b"--\r\n")
    assert b"Content-Type: application/soap+xml; charset=UTF-8\r\n" in soap
    assert f"Content-ID: <att-{NONCE}@as4>\r\n".encode() in attachment
    assert b"filename" not in sealed.body


def test_the_attachment_is_gzip_then_encrypted_where_it_is_said_to_be():
    sealed = seal()
    encrypted = sealed.body[sealed.attachment_offset :][: sealed.attachment_length]
    assert encrypted[:12] == IV
    plain = xmlenc.decrypt(encrypted, key=sealed.content_key)
    assert plain == PAYLOAD
    assert inflate(plain) == a_business_envelope()
    assert sealed.references[2].digest_value == sha256(PAYLOAD).digest()


def test_sealing_again_with_the_same_key_and_nonce_gives_the_same_message():
    one, other = seal(), seal()
    start = one.body.index(b"<xenc:CipherValue>")
    end = one.body.index(b"</xenc:CipherValue>")
    assert one.body[:start] == other.body[:start]
    assert one.body[end:] == other.body[end:]
    assert one.references == other.references


def test_a_streamed_message_is_the_same_as_a_whole_one():
    head = pack.seal_head(
        a_user_message(),
        sha256(PAYLOAD).digest(),
        signer=key_pair("sender"),
        recipient=key_pair("receiver").certificate,
        **FRESH,
    )
    encryptor = xmlenc.Encryptor(key=CONTENT_KEY, iv=IV)
    pieces = [encryptor.feed(PAYLOAD[:100]), encryptor.feed(PAYLOAD[100:]), encryptor.close()]
    body = b"".join((head.head, *pieces, head.tail))
    sealed = seal()
    assert head.references == sealed.references
    received = read(pack.SealedMessage(head.content_type, body, "", (), 0, 0, b""))
    assert received.payload == PAYLOAD
    assert received.attachment_offset == len(head.head) == sealed.attachment_offset


def test_renewed_encryption_changes_token_and_key_alone():
    sealed = seal(recipient="third")
    head = sealed.body[: sealed.attachment_offset]
    renewed = pack.renew_encryption(head, key_pair("receiver").certificate, sealed.content_key)
    key_end = b"</xenc:EncryptedKey>"
    assert renewed.partition(key_end)[2] == head.partition(key_end)[2]
    token = b"<wsse:BinarySecurityToken"
    assert renewed.partition(token)[0] == head.partition(token)[0]
    body = renewed + sealed.body[sealed.attachment_offset :]
    again = pack.SealedMessage(sealed.content_type, body, "", (), 0, 0, b"")
    received = receive(again)
    assert received.payload == PAYLOAD
    assert received.references == sealed.references
    with pytest.raises(As4Error):
        read(sealed)


def test_renewed_encryption_keeps_the_ids_unique():
    sealed = seal()
    head = sealed.body[: sealed.attachment_offset]
    once = pack.renew_encryption(head, key_pair("third").certificate, sealed.content_key)
    twice = pack.renew_encryption(once, key_pair("receiver").certificate, sealed.content_key)
    assert len(twice) == len(head)
    assert re.findall(rb'Id="([^"]+)"', twice) == re.findall(rb'Id="([^"]+)"', head)


@pytest.mark.parametrize("head", [b"", b"<wsse:BinarySecurityToken ", b"--x\r\n\r\n<Envelope/>"])
def test_only_a_head_of_ours_can_be_renewed(head):
    with pytest.raises(ValueError, match="our making"):
        pack.renew_encryption(head, key_pair("receiver").certificate, CONTENT_KEY)


@pytest.mark.parametrize("nonce", ["", "short", "x" * 49, "with blank 0123456789", 'a"' * 10])
def test_a_nonce_that_cannot_be_an_id_is_a_mistake_of_the_caller(nonce):
    with pytest.raises(ValueError, match="nonce"):
        seal(nonce=nonce)
    with pytest.raises(ValueError, match="nonce"):
        pack.ping(a_user_message(), signer=key_pair("sender"), nonce=nonce)


def test_a_timestamp_without_zone_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="zone"):
        seal(a_user_message(timestamp=NOW.replace(tzinfo=None)))


def test_a_plain_ping_is_signed_soap_without_attachment():
    made = pack.ping(a_user_message(), signer=key_pair("sender"), nonce=NONCE)
    assert made.content_type == "application/soap+xml; charset=UTF-8"
    root = envelope_of(made)
    assert [found.text for found in ask(root, "//eb:Action")] == [f"{EBMS}test"]
    assert [found.text for found in ask(root, "//eb:Service")] == [f"{EBMS}service"]
    assert ask(root, "//eb:Service/@type") == ask(root, "//eb:PayloadInfo") == []
    assert read(made).user_message.is_ping


def test_a_ping_with_payload_is_sealed_like_any_message():
    received = receive(seal(pack.as_ping(a_user_message())))
    assert received.user_message.is_ping
    assert received.payload == PAYLOAD


def test_a_process_and_its_name_are_the_same_service():
    process = ProcessId.parse("cenbii-procid-ubl::urn:p")
    named = Service("urn:p", "cenbii-procid-ubl")
    one, other = seal(a_user_message(service=process)), seal(a_user_message(service=named))
    assert one.references == other.references
