"""One X.509 certificate, parsed once into the values that the gateway asks for.  [RFC5280 §4]

Reading says nothing about trust: see `as4.certificates.anchors`.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from as4.certificates.kinds import RSA_KEYS, UNREADABLE, KeyKinds, PublicKey
from as4.errors import FailedAuthentication

# LIMIT: certificates of the Peppol PKI take 1.5 to 2.5 KB.
CERTIFICATE_BYTES_MAX = 16 << 10
NO_KEY_USAGE = "the certificate has no key usage extension"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with a key of a known kind; *fingerprint* is the SHA-256 of *der*.

    *subject_cn* is empty unless the subject has exactly one common name.
    *subject* is the whole name in the form of [RFC4514 §2].
    *warnings* says what is odd but not refused.
    """

    der: bytes
    fingerprint: bytes
    subject_cn: str
    subject: str
    issuer_cn: str
    serial: int
    not_before: datetime
    not_after: datetime
    public_key: PublicKey
    crl_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    warnings: tuple[str, ...]
    x509: x509.Certificate


def load_certificate(der: bytes, kinds: KeyKinds = RSA_KEYS) -> Certificate:
    """Read *der*; raises FailedAuthentication when it is no certificate with a key of *kinds*."""
    if len(der) > CERTIFICATE_BYTES_MAX:
        raise FailedAuthentication(f"the certificate is larger than {CERTIFICATE_BYTES_MAX} bytes")
    try:
        return _read(der, kinds)
    except UNREADABLE as exc:
        raise FailedAuthentication("the certificate cannot be read") from exc


def key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    """Return the key usage extension of *certificate*, None when it has none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Say whether *certificate* is that of an authority.  [RFC5280 §4.2.1.9]"""
    constraints = _basic_constraints(certificate)
    return constraints is not None and constraints.ca


def path_length(certificate: x509.Certificate) -> int | None:
    """Return how many authorities may follow below *certificate*, None for any number."""
    constraints = _basic_constraints(certificate)
    return None if constraints is None else constraints.path_length


def _basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _read(der: bytes, kinds: KeyKinds) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    public_key = parsed.public_key()
    if not isinstance(public_key, (kinds.signer, kinds.recipient)):
        raise FailedAuthentication(f"the certificate's key is not {kinds.name}")
    if der[-len(parsed.signature) - 1] != 0:
        # The signature is whole bytes; the parser lets it say that its last bits do not count.
        raise FailedAuthentication("the certificate's signature is not whole bytes")
    return Certificate(
        der=der,
        fingerprint=parsed.fingerprint(SHA256()),
        subject_cn=_common_name(parsed.subject),
        subject=parsed.subject.rfc4514_string(),
        issuer_cn=_common_name(parsed.issuer),
        serial=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        public_key=public_key,
        crl_urls=_crl_urls(parsed),
        ocsp_urls=_ocsp_urls(parsed),
        warnings=() if key_usage(parsed) is not None else (NO_KEY_USAGE,),
        x509=parsed,
    )


def _common_name(name: x509.Name) -> str:
    """Return the one common name in *name*, else nothing: two of them would be two answers."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def _crl_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return where complete revocation lists are published.  [RFC5280 §4.2.1.13]"""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        name.value
        for point in extension.value
        if point.reasons is None and point.crl_issuer is None
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )


def _ocsp_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return where the issuer answers for single certificates.  [RFC5280 §4.2.2.1]"""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        access.access_location.value
        for access in extension.value
        if access.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(access.access_location, x509.UniformResourceIdentifier)
    )
