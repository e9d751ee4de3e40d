"""The enveloped XML signature of an SMP's answer: verified and made with signxml.

One signature, a child of the root; one reference to the whole document; one transform, the
enveloped signature; RSA with SHA-256 and nothing weaker.  [PEPPOL-SMP §6] [XMLDSIG §6.6.4]
What is returned is what was digested.  Keys other than that of the one certificate are ignored.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from as4.certificates import Certificate, FailedAuthentication, load_certificate
from smp.errors import InvalidMetadata, UntrustedSigner
from ubl.xml import canonicalize

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

# LIMIT: a signer's certificate and the two authorities above it, and one to spare.
CERTIFICATES_MAX: Final = 4

CheckSigner = Callable[[bytes, datetime], Certificate]
"""Given a DER certificate and now: return it, read, if an SMP authority of ours stands behind it,
else raise `as4.certificates.FailedAuthentication` or `smp.errors.UntrustedSigner`."""


def verify_enveloped(
    root: etree._Element, *, check_signer: CheckSigner, now: datetime
) -> tuple[etree._Element, Certificate]:
    """Return the tree that *root*'s signature covers and the certificate that made it.

    The tree is parsed anew from the digested bytes: no signature, no comments.
    Raises InvalidMetadata for any fault, UntrustedSigner when *check_signer* refuses.
    """
    signature = _check_form(root)
    signer = require_trusted(_find_signer(signature), check_signer, now)
    config = SignatureConfiguration(
        location="./",
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=now,
        # The one transform leaves a node-set, which is digested in Canonical XML 1.0.
        # [XMLDSIG §4.4.3.2]
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    try:
        result: Any = _Verifier().verify(root, x509_cert=signer.x509, expect_config=config)
    except (SignXMLException, etree.LxmlError, ValueError) as exc:
        raise InvalidMetadata(f"the SMP's signature does not hold: {exc}") from exc
    if result.signed_xml is None:
        raise InvalidMetadata("the SMP's signature covers no XML")
    return result.signed_xml, signer


def require_trusted(der: bytes, check_signer: CheckSigner, now: datetime) -> Certificate:
    """Return the certificate in *der* if *check_signer* trusts it, else raise UntrustedSigner."""
    try:
        return check_signer(der, now)
    except FailedAuthentication as exc:
        raise UntrustedSigner(f"the SMP's signer is not trusted: {exc.detail}") from exc


def sign_enveloped(
    root: etree._Element, *, key: RSAPrivateKey, certificate: x509.Certificate
) -> bytes:
    """Return *root* with an enveloped signature as its last child, as the bytes to be served.

    Nobody may change a byte of them: what is canonicalised is what a receiver parses from them.
    """
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    # Without an element for it the one transform stays the enveloped signature.
    signed = signer.sign(
        root,
        key=key,
        cert=[certificate],
        key_info=_key_info(certificate),
        exclude_c14n_transform_element=True,
    )
    return etree.tostring(signed, encoding="UTF-8", xml_declaration=True)


class _Verifier(XMLVerifier):
    """signxml, with Canonical XML 1.0 that is right below an inherited default namespace."""

    def _c14n(
        self,
        nodes: etree._Element,
        algorithm: CanonicalizationMethod,
        inclusive_ns_prefixes: Sequence[str] | None = None,
    ) -> bytes:
        # lxml's own inclusive form adds xmlns="" to the children of a subtree whose default
        # namespace is declared above it; genuine answers look like that.
        # INTEROP(phoss-smp 8): <Signature xmlns="…"> without a prefix.
        exclusive = algorithm is CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
        return canonicalize(nodes, exclusive=exclusive, prefixes=inclusive_ns_prefixes or ())


def _check_form(root: etree._Element) -> etree._Element:
    """Return the one signature of *root* if it has the one form allowed."""
    signatures = list(root.iter(_ds("Signature")))
    if len(signatures) != 1 or signatures[0].getparent() is not root:
        raise InvalidMetadata("the SMP's answer needs exactly one signature, below its root")
    info = _only(signatures[0], "SignedInfo")
    _check_algorithm(_only(info, "CanonicalizationMethod"), {C14N, EXCLUSIVE_C14N})
    _check_algorithm(_only(info, "SignatureMethod"), {RSA_SHA256})
    reference = _only(info, "Reference")
    if reference.get("URI") != "":
        raise InvalidMetadata("the signature does not cover the whole answer")
    _check_algorithm(_only(_only(reference, "Transforms"), "Transform"), {ENVELOPED})
    _check_algorithm(_only(reference, "DigestMethod"), {SHA256})
    for value in (_only(reference, "DigestValue"), _only(signatures[0], "SignatureValue")):
        if len(value) or not (value.text or "").strip():
            name = etree.QName(value).localname
            raise InvalidMetadata(f"the signature's {name} holds no value, or more than that")
    return signatures[0]


def _check_algorithm(element: etree._Element, allowed: set[str]) -> None:
    algorithm = element.get("Algorithm")
    if algorithm not in allowed:
        raise InvalidMetadata(f"the signature uses {algorithm} as {etree.QName(element).localname}")


def _find_signer(signature: etree._Element) -> bytes:
    """Return the leaf among the certificates of KeyInfo; their order means nothing.

    [XMLDSIG §4.5.4]
    """
    elements = signature.findall(f"{_ds('KeyInfo')}/{_ds('X509Data')}/{_ds('X509Certificate')}")
    if not 1 <= len(elements) <= CERTIFICATES_MAX:
        raise InvalidMetadata(f"the signature carries {len(elements)} certificates")
    leaves = [der for der in map(_decode, elements) if not _is_authority(der)]
    if len(leaves) != 1:
        raise InvalidMetadata(f"the signature carries {len(leaves)} certificates of signers")
    return leaves[0]


def _decode(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidMetadata("the signature carries an unreadable certificate") from exc


def _is_authority(der: bytes) -> bool:
    try:
        constraints = load_certificate(der).x509.extensions.get_extension_for_class(
            x509.BasicConstraints
        )
    except FailedAuthentication as exc:
        raise InvalidMetadata(f"the signature carries an unusable certificate: {exc}") from exc
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def _key_info(certificate: x509.Certificate) -> etree._Element:
    key_info = etree.Element(_ds("KeyInfo"), nsmap={"ds": DS})
    data = etree.SubElement(key_info, _ds("X509Data"))
    subject = certificate.subject.rfc4514_string()
    etree.SubElement(data, _ds("X509SubjectName")).text = subject
    encoded = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    etree.SubElement(data, _ds("X509Certificate")).text = encoded
    return key_info


def _only(parent: etree._Element, name: str) -> etree._Element:
    children = parent.findall(_ds(name))
    if len(children) != 1:
        raise InvalidMetadata(f"the signature has {len(children)} elements {name}")
    return children[0]


def _ds(name: str) -> str:
    return f"{{{DS}}}{name}"
