"""Whom we trust: pinned authorities, and the checks a leaf below them must pass.

The path is always root, issuing authority, leaf, and the first two are given by the operator:
no path is searched, so a leaf of another stage or of another role's authority cannot slip in.
[PEPPOL-PKI] [RFC5280 §6.1]

Extended key usage is not asked for, and revocation is a question of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from as4.certificates.certificate import (
    Certificate,
    is_authority,
    key_usage,
    load_certificate,
    path_length,
)
from as4.certificates.kinds import RSA_KEYS, UNREADABLE, KeyKinds, has_strong_key
from as4.errors import FailedAuthentication, UnusableMaterial
from ubl.identifiers import is_seat_id

_PEM = b"-----BEGIN"


class Use(Enum):
    """What a leaf certificate is wanted for."""

    SIGN = auto()
    """An access point signs a message or a signal with it."""
    ENCRYPT = auto()
    """We encrypt for the access point that has its key."""
    SMP = auto()
    """A service metadata publisher signs with it."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """The authorities of one stage and one role, each issuer certified by one of the roots.

    *kinds* are the keys of the leaves below them; *is_party* tells whether a common name is that
    of an access point, which in Peppol is a seat id.
    """

    roots: tuple[x509.Certificate, ...]
    issuers: tuple[x509.Certificate, ...]
    kinds: KeyKinds = RSA_KEYS
    is_party: Callable[[str], bool] = is_seat_id

    @classmethod
    def load(cls, *files: bytes, kinds: KeyKinds = RSA_KEYS) -> "Anchors":
        """Read authorities over leaves of *kinds* from PEM or DER *files*; self-signed is a root.

        Raises UnusableMaterial for what is no certificate of an authority, and for an issuing
        authority that none of the given roots certified: stages must not mix.
        """
        given = [certificate for data in files for certificate in _read_certificates(data)]
        for certificate in given:
            _check_authority(certificate, kinds)
        roots = tuple(each for each in given if each.subject == each.issuer)
        for root in roots:
            if not _issued(root, by=root):
                raise UnusableMaterial(f"{_name(root)} is self-issued but not self-signed")
        issuers = tuple(each for each in given if each.subject != each.issuer)
        for issuer in issuers:
            above = _find_issuer(issuer, roots)
            if above is None:
                raise UnusableMaterial(f"{_name(issuer)} is not issued by a given root")
            if path_length(above) == 0:
                raise UnusableMaterial(f"{_name(above)} allows no authority below it")
        return cls(roots, issuers, kinds)

    def issuer_of(self, leaf: x509.Certificate) -> x509.Certificate | None:
        """Return the pinned issuing authority that signed *leaf*."""
        return _find_issuer(leaf, self.issuers)

    def root_of(self, issuer: x509.Certificate) -> x509.Certificate | None:
        """Return the pinned root that signed the authority *issuer*."""
        return _find_issuer(issuer, self.roots)


def check_certificate(der: bytes, *, anchors: Anchors, now: datetime, use: Use) -> Certificate:
    """Return the certificate in *der* if it may be used for *use* at *now*, else raise.

    Raises FailedAuthentication that says exactly what is wrong.  Revocation is not asked.
    """
    certificate = load_certificate(der, anchors.kinds)
    name = _check_shape(certificate, anchors.kinds)
    _check_path(certificate.x509, name, anchors, now)
    _check_role(certificate, name, use, anchors)
    return certificate


def check_leaf(der: bytes, *, now: datetime, use: Use, kinds: KeyKinds = RSA_KEYS) -> Certificate:
    """Return the certificate in *der* if it may be used for *use* at *now*, whoever issued it.

    It proves nothing about its owner: it is for those who look at a message without knowing any
    authority.  Raises FailedAuthentication like `check_certificate`.
    """
    certificate = load_certificate(der, kinds)
    name = _check_shape(certificate, kinds)
    _check_dates(certificate.x509, name, now)
    _check_role(certificate, name, use, Anchors((), (), kinds))
    return certificate


def _check_shape(certificate: Certificate, kinds: KeyKinds) -> str:
    """Refuse what no leaf may be, whatever it is used for; return what to call it."""
    leaf = certificate.x509
    name = f"the certificate of {certificate.subject_cn or certificate.subject}"
    key = certificate.public_key
    if isinstance(key, RSAPublicKey) and not has_strong_key(key):
        raise FailedAuthentication(f"{name} has a key of unacceptable size")
    if not kinds.is_well_signed(leaf):
        raise FailedAuthentication(f"{name} is signed with a weak digest")
    if is_authority(leaf):
        raise FailedAuthentication(f"{name} is that of an authority")
    _refuse_unknown_critical(leaf, name)
    return name


def _check_role(certificate: Certificate, name: str, use: Use, anchors: Anchors) -> None:
    kinds = anchors.kinds
    wanted = kinds.recipient if use is Use.ENCRYPT else kinds.signer
    if not isinstance(certificate.public_key, wanted):
        raise FailedAuthentication(f"{name} has a key of another kind than this use needs")
    _check_key_usage(certificate.x509, name, use, kinds)
    if use is not Use.SMP and not anchors.is_party(certificate.subject_cn):
        raise FailedAuthentication(f"{name}: its common name is not a seat id")


def _check_path(leaf: x509.Certificate, name: str, anchors: Anchors, now: datetime) -> None:
    issuer = anchors.issuer_of(leaf)
    if issuer is None:
        if _find_issuer(leaf, anchors.roots) is not None:
            raise FailedAuthentication(f"{name} is issued by the root itself")
        raise FailedAuthentication(
            f"{name} is not issued by a trusted authority but by {leaf.issuer.rfc4514_string()}"
        )
    root = anchors.root_of(issuer)
    if root is None:
        raise FailedAuthentication(f"{name}: its authority is not certified by a trusted root")
    for each, what in ((leaf, name), (issuer, f"the authority of {name}"), (root, "the root")):
        _check_dates(each, what, now)


def _check_dates(certificate: x509.Certificate, what: str, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise FailedAuthentication(f"{what} is not valid before {certificate.not_valid_before_utc}")
    if now > certificate.not_valid_after_utc:
        raise FailedAuthentication(f"{what} expired at {certificate.not_valid_after_utc}")


def _check_key_usage(leaf: x509.Certificate, name: str, use: Use, kinds: KeyKinds) -> None:
    """Refuse a key usage that does not allow *use*; none at all is a warning.  [RFC5280 §4.2.1.3]

    The issuing authority is pinned, so a missing extension gives nothing away.
    """
    usage = key_usage(leaf)
    if usage is None:
        return
    if use is Use.ENCRYPT and not kinds.may_receive(usage):
        raise FailedAuthentication(f"{name} does not allow {kinds.recipient_usage}")
    if use is not Use.ENCRYPT and not usage.digital_signature:
        raise FailedAuthentication(f"{name} does not allow digitalSignature")


def _refuse_unknown_critical(leaf: x509.Certificate, name: str) -> None:
    """Refuse what the issuer calls critical and we do not know.  [RFC5280 §4.2]"""
    for extension in leaf.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            oid = extension.oid.dotted_string
            raise FailedAuthentication(f"{name} has the unknown critical extension {oid}")


def _read_certificates(data: bytes) -> list[x509.Certificate]:
    try:
        if data.lstrip().startswith(_PEM):
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
        # Read what is read lazily, so that a broken part shows now.
        for certificate in found:
            _ = certificate.extensions, certificate.public_key()
    except UNREADABLE as exc:
        raise UnusableMaterial(f"not a certificate in PEM or DER: {exc}") from exc
    return found


def _check_authority(certificate: x509.Certificate, kinds: KeyKinds) -> None:
    """Refuse what may not certify others.  [RFC5280 §4.2.1.3] [RFC5280 §4.2.1.9]"""
    name = _name(certificate)
    if not kinds.has_strong_authority(certificate.public_key()):
        raise UnusableMaterial(f"{name} has no {kinds.authority_name} of an acceptable size")
    if not kinds.is_well_signed(certificate):
        raise UnusableMaterial(f"{name} is signed with a weak digest")
    if not is_authority(certificate):
        raise UnusableMaterial(f"{name} is not a certificate of an authority")
    usage = key_usage(certificate)
    if usage is None or not usage.key_cert_sign:
        raise UnusableMaterial(f"{name} does not allow keyCertSign")


def _find_issuer(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    return next((each for each in candidates if _issued(certificate, by=each)), None)


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    """Say whether *by*'s name and key stand behind *certificate*."""
    if certificate.issuer != by.subject:
        return False
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
