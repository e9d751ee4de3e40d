"""Two implementations that are not ours agree with our signatures, and we with theirs."""

from base64 import b64encode

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    SignatureConfiguration,
    SignatureConstructionMethod,
    XMLSigner,
    XMLVerifier,
)
from signxml.exceptions import InvalidDigest, InvalidSignature

from as4.algorithms import EXCLUSIVE_C14N
from as4.errors import MissingReceipt
from as4.errorsignal import build_error
from as4.namespaces import DS, EBMS, SOAP
from as4.receipt import build_receipt
from as4.signal import read_signal
from as4.xmldsig import canonicalize
from tests.support.messages import NONCE, NOW, a_sealed_message, check_signer, key_pair, read, swap
from tests.support.pki import leaf
from ubl import xml

SEALED = a_sealed_message()


def soap_of(sealed):
    start = sealed.body.index(b"<?xml")
    return sealed.body[start : sealed.body.index(b"</S12:Envelope>") + 15]


def a_receipt():
    return build_receipt(
        read(SEALED), message_id="r@red.example", now=NOW, signer=key_pair("receiver"), nonce=NONCE
    )


def an_error():
    return build_error(
        MissingReceipt('a <text> & "more"\r\n', ref_to_message_id="a&b@<c>"),
        message_id="e@red.example",
        now=NOW,
        signer=key_pair("receiver"),
        nonce=NONCE,
    )


SIGNALS = {"receipt": a_receipt, "error": an_error}


def verified_by_signxml(soap, name, references):
    # signxml knows no transform for attachments and passes it over: the octets stay as they are.
    return XMLVerifier().verify(
        xml.parse(soap),
        x509_cert=leaf(name).certificate,
        uri_resolver=lambda uri: SEALED.payload if uri.startswith("cid:") else None,
        id_attribute="Id",
        expect_config=SignatureConfiguration(expect_references=references, location=".//"),
    )


@pytest.mark.parametrize("kind", SIGNALS)
def test_signxml_verifies_our_signals(kind):
    results = verified_by_signxml(SIGNALS[kind](), "receiver", 2)
    signed = [etree.QName(result.signed_xml).localname for result in results]
    assert signed == ["Messaging", "Body"]


def test_signxml_verifies_our_user_message():
    results = verified_by_signxml(soap_of(SEALED), "sender", 3)
    assert results[2].signed_data == SEALED.payload


def test_signxml_refuses_what_was_altered():
    sealed = a_sealed_message(soap=swap("0208:0987654394", "0208:0987654395"))
    with pytest.raises((InvalidDigest, InvalidSignature)):
        verified_by_signxml(soap_of(sealed), "sender", 3)


def verified_by_xmlsec(soap, name):
    root = xml.parse(soap)
    signature = root.find(f".//{{{DS}}}Signature")
    for element in (root.find(f".//{{{EBMS}}}Messaging"), root.find(f"{{{SOAP}}}Body")):
        xmlsec.tree.add_ids(element, ["Id"])
    context = xmlsec.SignatureContext()
    pem = leaf(name).certificate.public_bytes(Encoding.PEM)
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    context.verify(signature)


@pytest.mark.parametrize("kind", SIGNALS)
def test_xmlsec_verifies_our_signals(kind):
    verified_by_xmlsec(SIGNALS[kind](), "receiver")


@pytest.mark.parametrize("kind", SIGNALS)
def test_xmlsec_refuses_what_was_altered(kind):
    soap = SIGNALS[kind]().replace(b"2026-06-15", b"2026-06-16")
    with pytest.raises(xmlsec.Error):
        verified_by_xmlsec(soap, "receiver")


def resigned_by_xmlsec(text, prefixes=()):
    """The envelope *text* with the digests and signature that xmlsec makes of it.

    xmlsec has no transform for attachments, so that digest stays, and is signed as it is.
    """
    root = xml.parse(text.encode())
    messaging, body = root.find(f".//{{{EBMS}}}Messaging"), root.find(f"{{{SOAP}}}Body")
    info = root.find(f".//{{{DS}}}SignedInfo")
    attachment = info[-1]
    _list_prefixes(root, prefixes)
    for element in (messaging, body):
        xmlsec.tree.add_ids(element, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(leaf("sender").key_pem, xmlsec.constants.KeyDataFormatPem)
    info.remove(attachment)
    context.sign(info.getparent())
    info.append(attachment)
    signed = _sign_by_xmlsec(info)
    info.getnext().text = signed
    return etree.tostring(root).decode()


def _sign_by_xmlsec(info):
    """The signature value of *info*, canonicalised by us, for xmlsec knows only whole ones."""
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(leaf("sender").key_pem, xmlsec.constants.KeyDataFormatPem)
    listed = " ".join(child.get("PrefixList") for child in info[0]).split()
    data = canonicalize(info, tuple(listed))
    return b64encode(context.sign_binary(data, xmlsec.constants.TransformRsaSha256)).decode()


@pytest.mark.parametrize("prefixes", [(), ("S12",), ("S12", "#default"), ("#default", "wsu", "x")])
def test_digests_and_signature_made_by_xmlsec_are_accepted(prefixes):
    def hook(text):
        text = text.replace("<S12:Envelope ", '<S12:Envelope xmlns="urn:default" xmlns:x="urn:x" ')
        return resigned_by_xmlsec(text, prefixes)

    sealed = a_sealed_message(soap=hook)
    assert read(sealed).references[0].transforms[0].prefixes == prefixes


@pytest.mark.parametrize("prefixes", [(), ("S12",), ("S12", "#default"), ("#default", "wsu", "x")])
def test_a_receipt_signed_by_xmlsec_is_believed(prefixes):
    text = (
        a_receipt()
        .decode()
        .replace("<S12:Envelope ", '<S12:Envelope xmlns="urn:d" xmlns:x="urn:x" ')
    )
    root = xml.parse(text.encode())
    _list_prefixes(root, prefixes)
    for element in (root.find(f".//{{{EBMS}}}Messaging"), root.find(f"{{{SOAP}}}Body")):
        xmlsec.tree.add_ids(element, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        leaf("receiver").key_pem, xmlsec.constants.KeyDataFormatPem
    )
    context.sign(root.find(f".//{{{DS}}}Signature"))
    answer = read_signal(etree.tostring(root), check_signer=check_signer, now=NOW)
    assert answer.problem is None


def test_a_receipt_signed_by_signxml_is_believed():
    root = xml.parse(a_receipt())
    ours = root.find(f".//{{{DS}}}Signature")
    signer = XMLSigner(
        method=SignatureConstructionMethod.detached,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    theirs = signer.sign(
        root,
        key=leaf("receiver").key,
        cert=[leaf("receiver").certificate],
        key_info=ours[2],
        reference_uri=[f"#msg-{NONCE}", f"#body-{NONCE}"],
        id_attribute="Id",
    )
    ours.getparent().replace(ours, theirs)
    answer = read_signal(etree.tostring(root), check_signer=check_signer, now=NOW)
    assert answer.problem is None


def _list_prefixes(root, prefixes):
    info = root.find(f".//{{{DS}}}SignedInfo")
    for spot in [info[0], *info.iter(f"{{{DS}}}Transform")]:
        if prefixes and spot.get("Algorithm") == EXCLUSIVE_C14N:
            inner = etree.SubElement(spot, f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces")
            inner.set("PrefixList", " ".join(prefixes))
