"""Answers of a responder about one certificate: asked for, verified, then read.  [RFC6960]

A responder is the issuing authority itself, or somebody it certified for exactly this.
Sending the question, remembering the answer and choosing between it and a revocation list are the
gateway's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from as4.certificates.certificate import key_usage
from as4.certificates.kinds import UNREADABLE, has_strong_digest, has_strong_key
from as4.certificates.revocation import CLOCK_SKEW, Revocation
from as4.errors import UnusableMaterial

REQUEST_TYPE = "application/ocsp-request"
# LIMIT: an answer with the responder's certificate has 1.5 to 2.5 KB.
ANSWER_BYTES_MAX = 32 << 10
# LIMIT: how many certificates of an answer are looked at; one is usual.
RESPONDERS_MAX = 4
# LIMIT: how long an answer counts that does not say when the next one comes.  [RFC6960 §4.2.2.1]
UNDATED_LIFE = timedelta(hours=1)

_STATUS = {
    ocsp.OCSPCertStatus.GOOD: Revocation.GOOD,
    ocsp.OCSPCertStatus.REVOKED: Revocation.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: Revocation.UNKNOWN,
}
# The digests a CertID may name an issuer with; SHA-1 is a name here, it protects nothing.
_NAMING = (SHA1, SHA256, SHA384, SHA512)
_SIGNED_WITH = (
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
)


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """A verified answer about one certificate; *next_update* is when a newer one is due.

    *responder* is the certificate of a delegated responder, None when the issuer itself signed.
    """

    status: Revocation
    this_update: datetime
    next_update: datetime
    responder: x509.Certificate | None


def build_ocsp_request(
    certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None = None
) -> bytes:
    """Return the DER of the question whether *issuer* revoked *certificate*.  [RFC6960 §4.1]

    *nonce* are 16 to 32 random bytes, or None: most responders answer from a store and send none
    back.
    """
    # INTEROP(public responders): many know their issuers under the SHA-1 name alone.
    digest = SHA1()  # noqa: S303 - a name, not a protection
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, digest)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def parse_ocsp(
    data: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    nonce: bytes | None = None,
) -> OcspAnswer:
    """Return what *data* (DER) says of *certificate*, which *issuer* issued.  [RFC6960 §3.2]

    Raises UnusableMaterial unless it is a signed answer about exactly this certificate, by the
    issuer or a responder that it certified and that is valid at *now*.  Where *nonce* was sent and
    one came back, they must agree.
    An answer past its next update is returned all the same: the caller may have a grace for it.
    """
    if len(data) > ANSWER_BYTES_MAX:
        raise UnusableMaterial(f"the OCSP answer is larger than {ANSWER_BYTES_MAX} bytes")
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            name = response.response_status.name.lower()
            raise UnusableMaterial(f"the OCSP responder gives no answer but {name}")
        if data[data.rfind(response.signature) - 1] != 0:
            # As with certificates: the parser lets it say that its last bits do not count.
            raise UnusableMaterial("the signature of the OCSP answer is not whole bytes")
        responder = _check_signer(response, issuer, now)
        _check_extensions(response, nonce)
        single = _find_answer(response, certificate, issuer)
        return _dated(single, None if responder == issuer else responder, now)
    except UNREADABLE as exc:
        raise UnusableMaterial(f"not an OCSP answer: {exc}") from exc


def ocsp_revocation_of(
    answer: OcspAnswer, now: datetime, *, stale_grace: timedelta = timedelta(0)
) -> Revocation:
    """Say what *answer* is worth at *now*.

    Past its next update plus *stale_grace* it is UNKNOWN, but what was revoked stays so.
    """
    if answer.status is Revocation.REVOKED:
        return Revocation.REVOKED
    if now > answer.next_update + stale_grace:
        return Revocation.UNKNOWN
    return answer.status


def _check_signer(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> x509.Certificate:
    """Return who signed *response*, if it may answer for *issuer*, else raise."""
    if response.signature_algorithm_oid not in _SIGNED_WITH:
        raise UnusableMaterial("the OCSP answer is not signed with RSA and SHA-2")
    for candidate in _candidates(response, issuer):
        if _is_signed_by(response, candidate):
            if candidate != issuer:
                _check_delegate(candidate, issuer, now)
            return candidate
    raise UnusableMaterial("the OCSP answer is signed by nobody who may answer for the issuer")


def _candidates(
    response: ocsp.OCSPResponse, issuer: x509.Certificate
) -> Iterator[x509.Certificate]:
    """Yield the certificates that carry the responder's name or key.  [RFC6960 §4.2.2.3]"""
    for each in (issuer, *response.certificates[:RESPONDERS_MAX]):
        if response.responder_name is not None:
            if each.subject == response.responder_name:
                yield each
        elif _key_hash(each) == response.responder_key_hash:
            yield each


def _key_hash(certificate: x509.Certificate) -> bytes:
    """Return the SHA-1 of the bits of the public key, which names a responder by its key."""
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _is_signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), response.signature_hash_algorithm
    if not isinstance(key, RSAPublicKey) or not has_strong_key(key) or digest is None:
        return False
    try:
        key.verify(response.signature, response.tbs_response_bytes, PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _check_delegate(delegate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    """Refuse a responder that *issuer* itself did not certify for this.  [RFC6960 §4.2.2.2]"""
    name = f"the OCSP responder {delegate.subject.rfc4514_string()}"
    try:
        delegate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as exc:
        raise UnusableMaterial(f"{name} is not certified by the issuer itself") from exc
    if not has_strong_digest(delegate):
        raise UnusableMaterial(f"{name} has a certificate with a weak digest")
    if not _is_delegate(delegate):
        raise UnusableMaterial(f"{name} is not certified for OCSPSigning")
    usage = key_usage(delegate)
    if usage is not None and not usage.digital_signature:
        raise UnusableMaterial(f"{name} may not sign")
    if not delegate.not_valid_before_utc <= now <= delegate.not_valid_after_utc:
        raise UnusableMaterial(f"{name} is not valid at {now}")
    for extension in delegate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            oid = extension.oid.dotted_string
            raise UnusableMaterial(f"{name} has the unknown critical extension {oid}")


def _is_delegate(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _check_extensions(response: ocsp.OCSPResponse, nonce: bytes | None) -> None:
    """Refuse another question's nonce, and what is critical and unknown.  [RFC6960 §4.4]"""
    extensions = list(response.extensions)
    if len(list(response.responses)) == 1:
        extensions += response.single_extensions
    for extension in extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            if nonce is not None and extension.value.nonce != nonce:
                raise UnusableMaterial("the OCSP answer is one to another question")
        elif extension.critical:
            oid = extension.oid.dotted_string
            raise UnusableMaterial(f"the OCSP answer has the critical extension {oid}")


def _find_answer(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """Return the one answer about *certificate*.  [RFC6960 §4.1.1]"""
    found = [each for each in response.responses if _is_about(each, certificate, issuer)]
    if len(found) != 1:
        what = "nothing" if not found else "more than one thing"
        raise UnusableMaterial(f"the OCSP answer says {what} about the certificate asked for")
    return found[0]


def _is_about(
    single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> bool:
    if single.serial_number != certificate.serial_number:
        return False
    digest: HashAlgorithm = single.hash_algorithm
    if not isinstance(digest, _NAMING):
        return False
    wanted = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, digest).build()
    return (single.issuer_name_hash, single.issuer_key_hash) == (
        wanted.issuer_name_hash,
        wanted.issuer_key_hash,
    )


def _dated(
    single: ocsp.OCSPSingleResponse, responder: x509.Certificate | None, now: datetime
) -> OcspAnswer:
    """Return the value of *single*; raises for one that is from the future."""
    if single.this_update_utc > now + CLOCK_SKEW:
        raise UnusableMaterial(f"the OCSP answer is from the future: {single.this_update_utc}")
    return OcspAnswer(
        status=_STATUS[single.certificate_status],
        this_update=single.this_update_utc,
        next_update=single.next_update_utc or single.this_update_utc + UNDATED_LIFE,
        responder=responder,
    )
