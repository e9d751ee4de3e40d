"""Signatures by other means, over other parts, or that do not hold: refused unopened."""

from base64 import b64encode

import pytest

from as4.algorithms import (
    ATTACHMENT_CONTENT_SIGNATURE,
    EXCLUSIVE_C14N,
    SHA256,
)
from as4.errors import As4Error
from as4.unpack import MessageReader
from as4.xmldsig import PREFIXES_MAX, Reference, Transform
from tests.support.messages import (
    NONCE,
    NOW,
    RANDOM_KEY,
    a_sealed_message,
    a_user_message,
    check_signer,
    cut,
    find_key,
    key_pair,
    read,
    refused_unopened,
    swap,
)

WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
XENC = "http://www.w3.org/2001/04/xmlenc#"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
ID = f"msg-{NONCE}"


def transform(algorithm):
    return f'<ds:Transform Algorithm="{algorithm}"></ds:Transform>'


EXC = transform(EXCLUSIVE_C14N)


PARAMETER = (
    f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="S12">'
    "</ec:InclusiveNamespaces>"
)
MANY_PREFIXES = PARAMETER.replace("S12", "S12 " * (PREFIXES_MAX + 1))
BAD_PARAMETER = PARAMETER.replace("S12", "a+b")
SIGNED = {
    "RSA over SHA-1": swap(f"{MORE}rsa-sha256", f"{DSIG}rsa-sha1"),
    "RSA over SHA-512": swap(f"{MORE}rsa-sha256", f"{MORE}rsa-sha512"),
    "HMAC": swap(f"{MORE}rsa-sha256", f"{MORE}hmac-sha256"),
    "a truncated signature": swap(
        'rsa-sha256">', 'rsa-sha256"><ds:HMACOutputLength>0</ds:HMACOutputLength>'
    ),
    "inclusive canonicalisation": swap(
        EXCLUSIVE_C14N, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    ),
    "canonicalisation with comments": swap(EXCLUSIVE_C14N, f"{EXCLUSIVE_C14N}WithComments"),
    "a digest by SHA-1": swap(SHA256, f"{DSIG}sha1"),
    "a digest by SHA-512": swap(SHA256, f"{XENC}sha512"),
    "a digest with parameters": swap(f'"{SHA256}">', f'"{SHA256}"><x></x>'),
    "no transform": swap(f"<ds:Transforms>{EXC}</ds:Transforms>", ""),
    "two transforms": swap(EXC, EXC * 2),
    "an XPath transform": swap(EXC, transform("http://www.w3.org/TR/1999/REC-xpath-19991116")),
    "an XSLT transform": swap(EXC, transform("http://www.w3.org/TR/1999/REC-xslt-19991116")),
    "a base64 transform": swap(EXC, transform(f"{DSIG}base64")),
    "the STR transform": swap(EXC, transform(f"{WSS}soap-message-security-1.0#STR-Transform")),
    "an enveloped signature": swap(EXC, transform(f"{DSIG}enveloped-signature")),
    "a transform with comments": lambda text: text.replace(
        EXC, EXC.replace('#">', '#WithComments">')
    ),
    "a transform with unknown parameters": swap(EXC, EXC.replace('"></', '"><x></x></')),
    "a transform with two prefix lists": swap(EXC, EXC.replace('"></', f'">{PARAMETER * 2}</')),
    "a prefix list without end": swap(EXC, EXC.replace('"></', f'">{MANY_PREFIXES}</')),
    "a prefix list that is none": swap(EXC, EXC.replace('"></', f'">{BAD_PARAMETER}</')),
    "the attachment with its headers": swap("#Attachment-Content-Sig", "#Attachment-Complete-Sig"),
    "the attachment canonicalised": swap(ATTACHMENT_CONTENT_SIGNATURE, EXCLUSIVE_C14N),
    "an element as an attachment": swap(EXC, transform(f"{ATTACHMENT_CONTENT_SIGNATURE}")),
    "the attachment with prefixes": swap(
        f'{ATTACHMENT_CONTENT_SIGNATURE}">', f'{ATTACHMENT_CONTENT_SIGNATURE}">{PARAMETER}'
    ),
    "a digest method inside the transforms": lambda text: swap(
        "</ds:DigestMethod>", "</ds:DigestMethod></ds:Transforms>"
    )(swap("</ds:Transforms>", "")(text)),
    "a digest that is not base64": swap("<ds:DigestValue>", "<ds:DigestValue>*"),
    "a reference to the whole": cut('URI="#', '"', 'URI=""'),
    "a reference without URI": cut(' URI="#', '"'),
    "an XPointer": cut('URI="#', '"', f"URI=\"#xpointer(id('{ID}'))\""),
    "a reference outside": cut('URI="#', '"', 'URI="https://example.com/x"'),
    "a reference to nothing": cut('URI="#', '"', 'URI="#nothing"'),
    "another attachment": cut('URI="cid:', '"', 'URI="cid:other@as4"'),
    "no reference": cut("<ds:Reference", "</ds:Reference></ds:SignedInfo>", "</ds:SignedInfo>"),
    "a manifest": swap("</ds:SignedInfo>", "<ds:Manifest></ds:Manifest></ds:SignedInfo>"),
}


@pytest.mark.parametrize("hook", SIGNED.values(), ids=SIGNED.keys())
def test_a_signature_by_other_means_is_noncompliant_even_if_it_holds(hook):
    assert refused_unopened(a_sealed_message(signed_info=hook)).code == "EBMS:0103"


def _token(references):
    token = Reference(f"#X509-{NONCE}", (Transform(EXCLUSIVE_C14N),), SHA256, bytes(32))
    return [*references, token]


def _other_attachment(references):
    return [*references, Reference("cid:other@as4", references[2].transforms, SHA256, bytes(32))]


COVERAGE = {
    "without Messaging": lambda refs: refs[1:],
    "without Body": lambda refs: [refs[0], refs[2]],
    "without attachment": lambda refs: refs[:2],
    "with the token": _token,
    "with another attachment": _other_attachment,
    "with Messaging twice": lambda refs: [*refs, refs[0]],
    "with Messaging twice and no Body": lambda refs: [refs[0], refs[0], refs[2]],
    "with the attachment twice": lambda refs: [*refs, refs[2]],
    "with many": lambda refs: [*refs, *[refs[0]] * 9],
}


@pytest.mark.parametrize("references", COVERAGE.values(), ids=COVERAGE.keys())
def test_a_signature_must_cover_exactly_messaging_body_and_attachment(references):
    assert refused_unopened(a_sealed_message(references=references)).code == "EBMS:0103"


def test_the_order_of_references_is_free():
    read(a_sealed_message(references=lambda refs: [refs[2], refs[1], refs[0]]))


@pytest.mark.parametrize("place", ["</S12:Body>", "</x:Wrapper>", "</ds:Signature>"])
@pytest.mark.parametrize("new_id", [ID, "another"])
def test_a_messaging_moved_away_with_another_in_its_place_is_refused(place, new_id):
    def hook(text):
        start = text.index("<eb:Messaging")
        signed = text[start : text.index("</eb:Messaging>") + 15]
        forged = signed.replace("PBE000001", "PBE000003").replace(ID, new_id)
        wrapper = '<x:Wrapper xmlns:x="urn:x"></x:Wrapper>'
        text = text.replace(signed, forged).replace("</S12:Header>", f"{wrapper}</S12:Header>")
        return text.replace(place, signed + place)

    assert refused_unopened(a_sealed_message(soap=hook)).code in ("EBMS:0103", "EBMS:0011")


def test_a_body_moved_away_with_another_in_its_place_is_refused():
    def hook(text):
        start = text.index("<S12:Body")
        signed = text[start : text.index("</S12:Body>") + 11]
        wrapper = f'<x:Wrapper xmlns:x="urn:x">{signed}</x:Wrapper>'
        text = text.replace(signed, "<S12:Body></S12:Body>")
        return text.replace("</S12:Header>", f"{wrapper}</S12:Header>")

    assert refused_unopened(a_sealed_message(soap=hook)).code == "EBMS:0103"


ALTERED = {
    "another receiver": swap("0208:0987654394", "0208:0987654395"),
    "another message id": swap("-000000000001@", "-000000000009@"),
    "a blank in Messaging": swap("<eb:PartyInfo>", " <eb:PartyInfo>"),
    "an attribute of Messaging": swap(' S12:mustUnderstand="true"><eb:User', "><eb:User"),
    "an attribute of the Body": swap("<S12:Body ", '<S12:Body x="1" '),
    "a relative namespace in Messaging": swap("<eb:PartyInfo>", '<eb:PartyInfo xmlns:x="x">'),
    "a relative namespace in what is signed": swap(
        "<ds:SignedInfo>", '<ds:SignedInfo xmlns:x="x">'
    ),
    "a blank in the Body": swap("></S12:Body>", "> </S12:Body>"),
    "a digest": swap("<ds:DigestValue>", "<ds:DigestValue>" + b64encode(bytes(3)).decode()),
    "the signature value": swap("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
    "an empty signature value": cut(
        "<ds:SignatureValue>", "</ds:SignatureValue>", "<ds:SignatureValue></ds:SignatureValue>"
    ),
    "another token": lambda text: text.replace(
        b64encode(key_pair("sender").certificate.der).decode(),
        b64encode(key_pair("third").certificate.der).decode(),
    ),
    "a token that is no certificate": lambda text: text.replace(
        b64encode(key_pair("sender").certificate.der).decode(), "AAAA"
    ),
}


@pytest.mark.parametrize("hook", ALTERED.values(), ids=ALTERED.keys())
def test_what_was_altered_after_signing_fails_authentication(hook):
    """A relative namespace has no canonical form.  [XMLDSIG §3.2.1] [C14N §1.3]"""
    with pytest.raises(As4Error) as caught:
        read(a_sealed_message(soap=hook))
    assert caught.value.code == "EBMS:0101"
    assert caught.value.ref_to_message_id is not None


SIGNERS = "expired not-yet-valid foreign bad-cn encipher-only direct-root publisher-as-ap third"


@pytest.mark.parametrize("signer", SIGNERS.split())
def test_a_signer_that_may_not_sign_for_the_sender_fails_authentication(signer):
    message = a_user_message(from_party="ap.example") if signer == "bad-cn" else None
    assert refused_unopened(a_sealed_message(message, signer=signer)).code == "EBMS:0101"


def test_a_signer_without_key_usage_passes_with_a_warning():
    assert read(a_sealed_message(signer="no-key-usage")).signer.warnings


def test_a_sender_that_is_not_the_signer_fails_authentication():
    sealed = a_sealed_message(a_user_message(from_party="PBE000003"))
    assert refused_unopened(sealed).code == "EBMS:0101"


def test_nothing_is_decrypted_before_the_signature_holds(monkeypatch):
    looked = []
    reader = MessageReader(a_sealed_message().content_type, keep=True)
    reader.feed(a_sealed_message(soap=ALTERED["the signature value"]).body)
    with pytest.raises(As4Error):
        reader.open_envelope(anchors_check=check_signer, now=NOW)
    with pytest.raises(AssertionError):
        reader.open_attachment(lambda der: looked.append(der) or find_key(der), RANDOM_KEY)
    assert looked == []
