import base64
from datetime import timedelta

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.sandbox.pki import issue_publisher
from smp.errors import InvalidMetadata, UntrustedSigner
from smp.metadata import build_metadata, verify_metadata
from smp.signature import sign_enveloped
from tests.support.metadata import a_redirect, a_service, check_signer, sign, signed
from tests.support.pki import NOW, leaf, pki

DS = "{http://www.w3.org/2000/09/xmldsig#}"
SMP = "{http://busdox.org/serviceMetadata/publishing/1.0/}"
EXCLUSIVE = xmlsec.constants.TransformExclC14N
INCLUSIVE = xmlsec.constants.TransformInclC14N


def verify(data, *, now=NOW):
    return verify_metadata(data, check_signer=check_signer, now=now).content


def signed_by_xmlsec(  # every part of the form can be changed
    root=None,
    *,
    c14n=INCLUSIVE,
    method=xmlsec.constants.TransformRsaSha256,
    digest=xmlsec.constants.TransformSha256,
    transforms=(xmlsec.constants.TransformEnveloped,),
    uri="",
    prefix=None,
    by="publisher",
    references=1,
):
    """Sign as another program would, libxmlsec in the part of the other SMP."""
    root = build_metadata(a_service()) if root is None else root
    signature = xmlsec.template.create(root, c14n, method, ns=prefix)
    root.append(signature)
    for _ in range(references):
        reference = xmlsec.template.add_reference(signature, digest, uri=uri)
        for transform in transforms:
            xmlsec.template.add_transform(reference, transform)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(leaf(by).key_pem, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(leaf(by).certificate_pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def accepted_by_xmlsec(data, by="publisher"):
    root = etree.fromstring(data)
    context = xmlsec.SignatureContext()
    pem = leaf(by).certificate_pem
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    try:
        context.verify(root.find(f"{DS}Signature"))
    except xmlsec.Error:
        return False
    return True


@pytest.mark.parametrize("content", [a_service(), a_redirect()], ids=["service", "redirect"])
def test_our_signature_is_accepted_by_xmlsec(content):
    assert accepted_by_xmlsec(signed(content))


def test_our_signature_is_refused_by_xmlsec_once_changed():
    assert not accepted_by_xmlsec(signed(a_service()).replace(b"https://ap.", b"https://bp."))


def test_odd_text_survives_signing():
    root = build_metadata(a_service())
    next(root.iter(f"{SMP}ServiceDescription")).text = "a\r\nb\t<&>\"'é€😀 "
    data = sign(root)
    assert accepted_by_xmlsec(data)
    assert verify(data).processes[0].endpoints[0].description == "a\r\nb\t<&>\"'é€😀"


def test_our_signature_has_the_form_of_the_specification():
    """[PEPPOL-SMP §6] [XMLDSIG §6.6.4]"""
    signature = etree.fromstring(signed(a_service()))[-1]
    assert [
        element.get("Algorithm") for element in signature.iter() if element.get("Algorithm")
    ] == [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    ]
    assert [r.get("URI") for r in signature.iter(f"{DS}Reference")] == [""]
    data = signature.find(f"{DS}KeyInfo/{DS}X509Data")
    certificate = leaf("publisher").certificate
    assert [child.tag for child in data] == [f"{DS}X509SubjectName", f"{DS}X509Certificate"]
    assert data[0].text == certificate.subject.rfc4514_string()
    assert base64.b64decode(data[1].text) == certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("c14n", [INCLUSIVE, EXCLUSIVE])
@pytest.mark.parametrize("prefix", [None, "ds"])
def test_signature_of_another_program_is_accepted(c14n, prefix):
    assert verify(signed_by_xmlsec(c14n=c14n, prefix=prefix)) == a_service()


def test_signature_below_an_inherited_default_namespace_is_accepted():
    root = build_metadata(a_service())
    text = etree.tostring(root).replace(b"smp:", b"").replace(b"xmlns:smp", b"xmlns")
    assert verify(signed_by_xmlsec(etree.fromstring(text))) == a_service()


@pytest.mark.parametrize(
    "change",
    [
        {"method": xmlsec.constants.TransformRsaSha1},
        {"digest": xmlsec.constants.TransformSha1},
        {"digest": xmlsec.constants.TransformSha512},
        {"method": xmlsec.constants.TransformRsaSha512},
        {"c14n": xmlsec.constants.TransformInclC14NWithComments},
        {"c14n": xmlsec.constants.TransformInclC14N11},
        {"transforms": (xmlsec.constants.TransformEnveloped, EXCLUSIVE)},
        {"transforms": (xmlsec.constants.TransformEnveloped, INCLUSIVE)},
        {"references": 2},
    ],
    ids=str,
)
def test_signature_of_another_form_is_refused(change):
    with pytest.raises(InvalidMetadata, match=r"the signature (uses|has 2 elements)"):
        verify(signed_by_xmlsec(**change))


def test_reference_to_a_part_is_refused():
    """The reference is the empty URI: all of it.  [XMLDSIG §4.4.3.2]"""
    root = build_metadata(a_service())
    root[0].set("Id", "part")
    xmlsec.tree.add_ids(root, ["Id"])
    data = signed_by_xmlsec(root, uri="#part")
    with pytest.raises(InvalidMetadata, match="whole answer"):
        verify(data)


def edit(data, change):
    root = etree.fromstring(data)
    change(root)
    return etree.tostring(root)


def drop_signature(root):
    root.remove(root[-1])


def second_signature(root):
    root.append(etree.fromstring(etree.tostring(root[-1])))


def nested_signature(root):
    root[0].append(root[-1])


def no_transform(root):
    transforms = next(root.iter(f"{DS}Transforms"))
    transforms.getparent().remove(transforms)


def no_reference(root):
    reference = next(root.iter(f"{DS}Reference"))
    reference.getparent().remove(reference)


def no_uri(root):
    del next(root.iter(f"{DS}Reference")).attrib["URI"]


def no_certificate(root):
    key_info = next(root.iter(f"{DS}KeyInfo"))
    key_info.getparent().remove(key_info)


def unreadable_certificate(root):
    next(root.iter(f"{DS}X509Certificate")).text = "AAAA"


def many_certificates(root):
    data = next(root.iter(f"{DS}X509Data"))
    for _ in range(4):
        data.append(etree.fromstring(etree.tostring(data[-1])))


def two_leaves(root):
    data = next(root.iter(f"{DS}X509Data"))
    other = base64.b64encode(leaf("publisher-second").certificate_der).decode()
    etree.SubElement(data, f"{DS}X509Certificate").text = other


@pytest.mark.parametrize(
    "change",
    [
        no_transform,
        no_reference,
        no_uri,
        no_certificate,
        unreadable_certificate,
        many_certificates,
        two_leaves,
    ],
)
def test_answer_with_another_signature_is_refused(change):
    with pytest.raises(InvalidMetadata):
        verify(edit(signed(a_service()), change))


@pytest.mark.parametrize("change", [drop_signature, second_signature, nested_signature])
def test_answer_without_its_one_signature_is_refused(change):
    with pytest.raises(InvalidMetadata, match="exactly one signature"):
        verify(edit(signed(a_service()), change))


def test_signer_is_judged_at_the_given_instant_and_not_by_the_machine():
    later = NOW + timedelta(days=3000)
    identity = issue_publisher(pki(), "PSM000003", now=later, days=5)
    root = build_metadata(a_service())
    data = sign_enveloped(root, key=identity.key, certificate=identity.certificate)
    assert verify(data, now=later)


def test_authorities_beside_the_signer_do_not_matter():
    """The order in KeyInfo means nothing.  [XMLDSIG §4.5.4]"""

    def add_authorities(root):
        data = next(root.iter(f"{DS}X509Data"))
        for authority in (pki().smp_ca, pki().root):
            element = etree.Element(f"{DS}X509Certificate")
            element.text = base64.b64encode(authority.certificate_der).decode()
            data.insert(0, element)

    assert verify(edit(signed(a_service()), add_authorities))


def wrapped(data):
    """Keep the signed answer, but show the reader another one around it."""
    inner = etree.fromstring(data)
    outer = build_metadata(a_service())
    next(outer.iter("{http://www.w3.org/2005/08/addressing}Address")).text = "https://evil.example"
    signature = inner[-1]
    outer.append(inner)
    outer.append(signature)
    return etree.tostring(outer)


def test_signed_answer_wrapped_into_another_is_refused():
    with pytest.raises(InvalidMetadata):
        verify(wrapped(signed(a_service())))


def test_element_after_the_signature_is_covered_too():
    def append(root):
        etree.SubElement(root, f"{SMP}ServiceMetadata")

    with pytest.raises(InvalidMetadata):
        verify(edit(signed(a_service()), append))


def test_signer_of_another_authority_is_not_trusted():
    data = signed(a_service(), by="sender")
    with pytest.raises(UntrustedSigner, match="not issued by a trusted authority"):
        verify(data)


def test_signer_is_not_trusted_after_its_time():
    with pytest.raises(UntrustedSigner, match="expired"):
        verify(signed(a_service()), now=NOW + timedelta(days=4000))


def test_certificate_of_another_key_is_refused():
    def swap(root):
        other = base64.b64encode(leaf("publisher-second").certificate_der).decode()
        next(root.iter(f"{DS}X509Certificate")).text = other

    with pytest.raises(InvalidMetadata, match="does not hold"):
        verify(edit(signed(a_service()), swap))


def test_every_changed_byte_of_the_content_is_noticed():
    data = signed(a_service())
    start, end = data.index(b"<smp:ServiceMetadata>"), data.index(b"<ds:Signature")
    accepted = []
    for position in range(start, end, 37):
        flipped = bytearray(data)
        flipped[position] ^= 1
        try:
            verify(bytes(flipped))
        except InvalidMetadata:
            continue
        accepted.append(position)
    assert accepted == []


@pytest.mark.parametrize("name", ["DigestValue", "SignatureValue"])
@pytest.mark.parametrize("content", [b"", b" ", b"<!-- x -->", b"<x/>"])
def test_signature_without_a_value_is_refused(name, content):
    before, tag, rest = signed(a_service()).partition(f"<ds:{name}>".encode())
    after = rest[rest.index(b"</") :]
    with pytest.raises(InvalidMetadata, match=name):
        verify(before + tag + content + after)
