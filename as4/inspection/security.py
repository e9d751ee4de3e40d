"""Who signed what, and does it hold: the wsse:Security header explained to its end.

Each check stands on its own, so that a digest that fails does not hide who signed.
[WSS §4] [XMLDSIG §3.2] [PEPPOL-AS4 §2]
"""

from datetime import datetime

from lxml import etree

from as4 import wssec, xmldsig
from as4.algorithms import AlgorithmSuite
from as4.certificates import Certificate, KeyKinds, load_certificate
from as4.contentmodel import local_name
from as4.envelope import Envelope, Ids, index_ids
from as4.errors import As4Error, FailedAuthentication
from as4.inspection.known import Known
from as4.inspection.report import Checked, Report, Signer, State
from as4.namespaces import DS, qname
from as4.pmode import PEPPOL
from as4.suites import SUITES
from as4.wssec import EncryptedKey, SecurityHeader
from as4.xmldsig import Reference, Signature

_SIGNATURE = qname(DS, "Signature")
_METHOD = f"{_SIGNATURE}/{qname(DS, 'SignedInfo')}/{qname(DS, 'SignatureMethod')}"
_REVOCATION = "no connection is opened: whether a certificate was revoked is not asked"
_NO_TRUST = "no authorities are given (--trust)"


def explain_security(
    report: Report, envelope: Envelope, known: Known, *, href: str | None
) -> SecurityHeader | None:
    """Fill in signature, references and signer of *report*, and what is wrong with them.

    *href* is the attachment that must be signed and encrypted.
    Returns the header if it is one of the profile.
    """
    ids = report.attempt(index_ids, envelope.root)
    if ids is None:
        return None
    suite = find_suite(envelope)
    if suite is not PEPPOL.suite:
        text = f"it is secured by {suite.name}, which a Peppol access point refuses in any case"
        report.warnings.append(text)
    header = report.attempt(wssec.parse_security, envelope, ids, suite, href=href)
    signature = _explain_signed(report, envelope, ids, known)
    if signature is not None:
        report.attempt(wssec.check_coverage, signature, envelope, ids, href=href)
    return header


def explain_signature(report: Report, envelope: Envelope, known: Known) -> None:
    """Do what `explain_security` does where nobody knows what must be signed and encrypted."""
    ids = report.attempt(index_ids, envelope.root)
    if ids is not None:
        _explain_signed(report, envelope, ids, known)


def is_signed(envelope: Envelope) -> bool:
    """Tell whether anything in *envelope* claims to be signed."""
    return any(header.find(_SIGNATURE) is not None for header in envelope.securities)


def find_suite(envelope: Envelope) -> AlgorithmSuite:
    """Return the suite whose signature *envelope* names, that of Peppol if it names no other."""
    named = {
        each.get("Algorithm") for part in envelope.securities for each in part.iterfind(_METHOD)
    }
    return next((suite for suite in SUITES if named == {suite.signature}), PEPPOL.suite)


def name_recipient(key: EncryptedKey, suite: AlgorithmSuite) -> str | None:
    """Return the name of the access point that *key* was encrypted for, if it can be read."""
    try:
        recipient = load_certificate(key.recipient, suite.kinds)
    except FailedAuthentication:
        return None
    return recipient.subject_cn or recipient.subject


def _explain_signed(report: Report, envelope: Envelope, ids: Ids, known: Known) -> Signature | None:
    signed = report.attempt(wssec.parse_signature, envelope, ids, find_suite(envelope))
    if signed is None:
        return None
    signature, der = signed
    _explain_value(report, signature, der, known)
    report.references += [
        _explain_reference(report, reference, envelope, ids) for reference in signature.references
    ]
    return signature


def _explain_value(report: Report, signature: Signature, der: bytes, known: Known) -> None:
    kinds = signature.suite.kinds
    certificate = report.attempt(load_certificate, der, kinds)
    if certificate is None:
        report.leave("signature value", "the signer's certificate cannot be read")
        return
    report.signer = _explain_signer(report, certificate, known, kinds)
    report.warnings += certificate.warnings
    try:
        xmldsig.verify_value(signature, certificate.public_key)
    except As4Error as error:
        report.signature = State.BAD
        report.note(error.code, error.detail)
    else:
        report.signature = State.GOOD


def _explain_signer(
    report: Report, certificate: Certificate, known: Known, kinds: KeyKinds
) -> Signer:
    report.leave("revocation", _REVOCATION)
    if known.anchors is None:
        report.leave("chain", _NO_TRUST)
    if report.at is None:
        report.leave("validity", "there is no timestamp to judge the certificate at (--at)")
    problem = _find_fault(certificate, known, report.at, kinds)
    if problem is not None:
        report.note(problem.code, problem.detail)
    return Signer(
        subject=certificate.subject,
        common_name=certificate.subject_cn,
        issuer=certificate.x509.issuer.rfc4514_string(),
        serial=f"{certificate.serial:x}",
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        fingerprint=certificate.fingerprint.hex(),
        chain=_judge_chain(certificate, known),
        valid_at=_is_valid(certificate, report.at),
        problem=None if problem is None else problem.detail,
    )


def _find_fault(
    certificate: Certificate, known: Known, at: datetime | None, kinds: KeyKinds
) -> FailedAuthentication | None:
    try:
        # Without a time the check looks at none.
        known.signer_check(at, kinds)(certificate.der, at or certificate.not_before)
    except FailedAuthentication as error:
        return error
    return None


def _judge_chain(certificate: Certificate, known: Known) -> State:
    """Say whether the leaf comes from a given authority below a given root.  [RFC5280 §6.1]"""
    if known.anchors is None:
        return State.NOT_CHECKED
    issuer = known.anchors.issuer_of(certificate.x509)
    if issuer is None or known.anchors.root_of(issuer) is None:
        return State.BAD
    return State.GOOD


def _is_valid(certificate: Certificate, at: datetime | None) -> bool | None:
    return None if at is None else certificate.not_before <= at <= certificate.not_after


def _explain_reference(
    report: Report, reference: Reference, envelope: Envelope, ids: Ids
) -> Checked:
    if reference.uri.startswith("cid:"):
        # Set by whoever opens the attachment.
        return Checked(reference.uri, "attachment", State.NOT_CHECKED)
    element = ids.get(reference.uri[1:]) if reference.uri.startswith("#") else None
    if element is None:
        return Checked(reference.uri, "nothing", State.NOT_CHECKED)
    try:
        xmldsig.verify_reference(reference, element)
    except As4Error as error:
        report.note(error.code, error.detail)
        return Checked(reference.uri, _name(element, envelope), State.BAD)
    return Checked(reference.uri, _name(element, envelope), State.GOOD)


def _name(element: etree._Element, envelope: Envelope) -> str:
    """Return what *element* is; another one of the same name is called that."""
    name = local_name(element)
    if element in (envelope.messaging, envelope.body) or name not in ("Messaging", "Body"):
        return name
    return f"another {name}"
