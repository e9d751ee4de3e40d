"""Certificate revocation lists: verified against their issuer, then asked.  [RFC5280 §5]

Only complete lists signed by the issuing authority itself are read: no delta lists, no lists of
one authority about another's certificates, no lists limited to some reasons.
Fetching, storing and refreshing them is the gateway's business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from as4.certificates.certificate import (
    UNREADABLE,
    Certificate,
    has_strong_digest,
    is_authority,
    key_usage,
)
from as4.errors import UnusableMaterial

# LIMIT: 16 MiB is about 400,000 revoked certificates; the whole network has a few thousand.
CRL_BYTES_MAX = 16 << 20
# LIMIT: how far the issuer's clock may be ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)

_NO_GRACE = timedelta(0)


class Revocation(Enum):
    """What a revocation list says about a certificate."""

    GOOD = auto()
    REVOKED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Crl:
    """A verified revocation list of *issuer*; *next_update* is when a newer one is due.

    *scope* are the addresses it was published for, empty when it covers all of the issuer's
    certificates; *covers* says for authorities' and for leaf certificates whether it speaks.
    """

    issuer: x509.Name
    this_update: datetime
    next_update: datetime
    scope: frozenset[str]
    covers_authorities: bool
    covers_leaves: bool
    x509: x509.CertificateRevocationList


def parse_crl(data: bytes, issuer: x509.Certificate, now: datetime) -> Crl:
    """Return the list in *data* (DER or PEM) if *issuer* signed it, else raise UnusableMaterial.

    A list past its next update is returned all the same: the caller may have a grace for it.
    """
    if len(data) > CRL_BYTES_MAX:
        raise UnusableMaterial(f"the revocation list is larger than {CRL_BYTES_MAX} bytes")
    crl = _read(data)
    _check_signature(crl, issuer)
    if crl.last_update_utc > now + CLOCK_SKEW:
        raise UnusableMaterial(f"the revocation list is from the future: {crl.last_update_utc}")
    next_update = crl.next_update_utc
    if next_update is None:
        raise UnusableMaterial("the revocation list does not say when the next one comes")
    point = _distribution_point(crl)
    return Crl(
        issuer=crl.issuer,
        this_update=crl.last_update_utc,
        next_update=next_update,
        scope=_scope(point),
        covers_authorities=point is None or not point.only_contains_user_certs,
        covers_leaves=point is None or not point.only_contains_ca_certs,
        x509=crl,
    )


def revocation_of(
    certificate: Certificate, crl: Crl, now: datetime, *, stale_grace: timedelta = _NO_GRACE
) -> Revocation:
    """Say what *crl* knows of *certificate* at *now*, leaf or authority.

    A list that is not about this certificate answers UNKNOWN.
    So does one older than its next update plus *stale_grace*, but what it revoked stays so.
    """
    if not _speaks_of(crl, certificate):
        return Revocation.UNKNOWN
    if crl.x509.get_revoked_certificate_by_serial_number(certificate.serial) is not None:
        return Revocation.REVOKED
    if now > crl.next_update + stale_grace:
        return Revocation.UNKNOWN
    return Revocation.GOOD


def _speaks_of(crl: Crl, certificate: Certificate) -> bool:
    if crl.issuer != certificate.x509.issuer:
        return False
    if crl.scope and crl.scope.isdisjoint(certificate.crl_urls):
        return False
    return crl.covers_authorities if is_authority(certificate.x509) else crl.covers_leaves


def _read(data: bytes) -> x509.CertificateRevocationList:
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            crl = x509.load_pem_x509_crl(data)
        else:
            crl = x509.load_der_x509_crl(data)
        # Read what is read lazily, so that a broken part shows now.
        _ = crl.extensions, crl.issuer, crl.last_update_utc, crl.next_update_utc, len(crl)
    except UNREADABLE as exc:
        raise UnusableMaterial(f"not a certificate revocation list: {exc}") from exc
    return crl


def _check_signature(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    if crl.issuer != issuer.subject:
        raise UnusableMaterial(
            f"the revocation list is one of {crl.issuer.rfc4514_string()},"
            f" not of {issuer.subject.rfc4514_string()}"
        )
    usage = key_usage(issuer)
    if usage is not None and not usage.crl_sign:
        raise UnusableMaterial(f"{issuer.subject.rfc4514_string()} may not sign revocation lists")
    key = issuer.public_key()
    if not isinstance(key, RSAPublicKey) or not has_strong_digest(crl):
        raise UnusableMaterial("the revocation list is not signed with RSA and SHA-2")
    if not crl.is_signature_valid(key):
        raise UnusableMaterial("the signature of the revocation list does not hold")


def _distribution_point(
    crl: x509.CertificateRevocationList,
) -> x509.IssuingDistributionPoint | None:
    """Return what limits the list; raises UnusableMaterial for limits that we cannot judge."""
    point: x509.IssuingDistributionPoint | None = None
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            point = extension.value
        elif extension.critical:
            raise UnusableMaterial(
                f"the revocation list has the critical extension {extension.oid.dotted_string}"
            )
    if point is not None and (
        point.indirect_crl
        or point.only_some_reasons is not None
        or point.only_contains_attribute_certs
    ):
        raise UnusableMaterial("the revocation list is not a complete one of its issuer")
    return point


def _scope(point: x509.IssuingDistributionPoint | None) -> frozenset[str]:
    if point is None:
        return frozenset()
    return frozenset(
        name.value
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
