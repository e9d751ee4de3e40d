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
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates.certificate import Certificate, is_authority, key_usage
from as4.certificates.kinds import UNREADABLE, has_strong_digest
from as4.errors import UnusableMaterial

# LIMIT: 16 MiB is about 400,000 revoked certificates; the whole network has a few thousand.
CRL_BYTES_MAX = 16 << 20
# LIMIT: how far the issuer's clock may be ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)

_NO_GRACE = timedelta(0)


class Revocation(Enum):
    """What a revocation list or a responder says about a certificate."""

    GOOD = auto()
    REVOKED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Crl:
    """A verified revocation list of *issuer*; *next_update* is when a newer one is due.

    *number* grows from list to list, 0 where it has none.
    *scope* are the addresses it was published for, empty when it covers all of the issuer's
    certificates; *covers* says for authorities' and for leaf certificates whether it speaks.
    """

    issuer: x509.Name
    this_update: datetime
    next_update: datetime
    number: int
    scope: frozenset[str]
    covers_authorities: bool
    covers_leaves: bool
    x509: x509.CertificateRevocationList

    def is_older_than(self, other: "Crl") -> bool:
        """Say whether *other* came after this one: taking this one would forget revocations."""
        return (self.this_update, self.number) < (other.this_update, other.number)


def parse_crl(data: bytes, issuer: x509.Certificate, now: datetime) -> Crl:
    """Return the list in *data* (DER or PEM) if *issuer* signed it, else raise UnusableMaterial.

    A list past its next update is returned all the same: the caller may have a grace for it.
    """
    if len(data) > CRL_BYTES_MAX:
        raise UnusableMaterial(f"the revocation list is larger than {CRL_BYTES_MAX} bytes")
    try:
        return _checked(_read(data), issuer, now)
    except UNREADABLE as exc:
        raise UnusableMaterial(f"not a certificate revocation list: {exc}") from exc


def revocation_of(
    certificate: Certificate, crl: Crl, now: datetime, *, stale_grace: timedelta = _NO_GRACE
) -> Revocation:
    """Say what *crl* knows of *certificate* at *now*, leaf or authority.

    A list that is not about this certificate answers UNKNOWN.
    So does one older than its next update plus *stale_grace*, but what it revoked stays so.
    """
    if not speaks_of(crl, certificate):
        return Revocation.UNKNOWN
    if crl.x509.get_revoked_certificate_by_serial_number(certificate.serial) is not None:
        return Revocation.REVOKED
    if now > crl.next_update + stale_grace:
        return Revocation.UNKNOWN
    return Revocation.GOOD


def speaks_of(crl: Crl, certificate: Certificate) -> bool:
    """Say whether *certificate* is one of those that *crl* is about.  [RFC5280 §6.3.3]"""
    if crl.issuer != certificate.x509.issuer:
        return False
    if crl.scope and crl.scope.isdisjoint(certificate.crl_urls):
        return False
    return crl.covers_authorities if is_authority(certificate.x509) else crl.covers_leaves


def _read(data: bytes) -> x509.CertificateRevocationList:
    if data.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_crl(data)
    return x509.load_der_x509_crl(data)


def _checked(crl: x509.CertificateRevocationList, issuer: x509.Certificate, now: datetime) -> Crl:
    """Return the value of *crl* if every part of it can be read and relied on, else raise."""
    _check_signature(crl, issuer)
    if crl.last_update_utc > now + CLOCK_SKEW:
        raise UnusableMaterial(f"the revocation list is from the future: {crl.last_update_utc}")
    next_update = crl.next_update_utc
    if next_update is None:
        raise UnusableMaterial("the revocation list does not say when the next one comes")
    point = _distribution_point(crl)
    _check_entries(crl)
    return Crl(
        issuer=crl.issuer,
        this_update=crl.last_update_utc,
        next_update=next_update,
        number=_number(crl),
        scope=_scope(point),
        covers_authorities=point is None or not point.only_contains_user_certs,
        covers_leaves=point is None or not point.only_contains_ca_certs,
        x509=crl,
    )


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
    if crl.public_bytes(Encoding.DER)[-len(crl.signature) - 1] != 0:
        # As with certificates: the parser lets it say that its last bits do not count.
        raise UnusableMaterial("the signature of the revocation list is not whole bytes")
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


def _check_entries(crl: x509.CertificateRevocationList) -> None:
    """Refuse a list with an entry that says more than we read: another issuer's, say.

    [RFC5280 §5.3]
    """
    for extension in (extension for entry in crl for extension in entry.extensions):
        if extension.critical or isinstance(extension.value, x509.CertificateIssuer):
            raise UnusableMaterial(
                "an entry of the revocation list has the critical extension"
                f" {extension.oid.dotted_string}"
            )


def _number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _scope(point: x509.IssuingDistributionPoint | None) -> frozenset[str]:
    if point is None:
        return frozenset()
    return frozenset(
        name.value
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
