"""Answers of an OCSP responder of any shape: the authority's own and good unless told otherwise."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.certificates import (
    DAY,
    SHA256,
    a_certificate,
    an_authority,
    key,
    key_usage,
    name_of,
)
from tests.support.pki import NOW

GOOD, REVOKED, UNKNOWN = (
    ocsp.OCSPCertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN,
)
OCSP_SIGNING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
HOUR = timedelta(hours=1)


def a_responder(**changes):
    """Return the certificate of a delegated responder below "A CA"; its key is "responder"'s."""
    arguments = {
        "subject": name_of("A responder"),
        "public_key": key("responder"),
        "usage": key_usage("digital_signature"),
        "extensions": [OCSP_SIGNING, (x509.OCSPNoCheck(), False)],
        **changes,
    }
    return a_certificate(**arguments)


def an_answer(
    certificate,
    *,
    issuer=None,
    status=GOOD,
    this_update=NOW - HOUR,
    next_update=NOW + DAY,
    naming=None,
    responder=None,
    by_key=False,
    sent=None,
    signed_with=None,
    digest=SHA256,
    extensions=(),
):
    """Return the DER of an answer about *certificate*.

    *responder* answers in the issuer's name; *sent* are the certificates that go along, its own
    unless told otherwise; *by_key* names it by its key.
    """
    issuer = issuer or an_authority()
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=certificate,
        issuer=issuer,
        algorithm=naming or hashes.SHA1(),
        cert_status=status,
        this_update=this_update,
        next_update=next_update,
        revocation_time=this_update if status is REVOKED else None,
        revocation_reason=None,
    )
    encoding = ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME
    builder = builder.responder_id(encoding, responder or issuer)
    along = ([responder] if responder else []) if sent is None else sent
    if along:
        builder = builder.certificates(along)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    signer = signed_with or key("responder" if responder else "A CA")
    return builder.sign(signer, digest).public_bytes(Encoding.DER)
