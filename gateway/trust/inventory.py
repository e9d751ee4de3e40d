"""Every certificate of our own: what it is used for, until when, and what is wrong with it.

For the operator, not for the message path: it reads files and judges, and changes nothing.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Anchors, KeyPair, Revocation, Use, check_certificate
from as4.errors import FailedAuthentication
from gateway.settings import BadSettings, Settings
from gateway.trust.anchors import check_own_certificate, load_ap_anchors, load_smp_anchors
from gateway.trust.keyfolder import retired_at
from gateway.trust.keyring import (
    KeyRing,
    current_key_files,
    key_folder,
    load_current_pair,
    load_next_pair,
    read_pair,
)

EXPIRY_WARNING = timedelta(days=30)
"""An authority takes days to issue a certificate, and a roll-over wants two weeks."""
PREVIOUS_KEPT = timedelta(days=14)
"""Peers remember metadata for hours and try a message for days; then the old key may go."""


class Role(StrEnum):
    """What a certificate of ours is for."""

    CURRENT = "current"
    NEXT = "next"
    PREVIOUS = "previous"
    SMP = "smp"
    TLS = "tls"


USED_FOR = {
    Role.CURRENT: "signs and opens messages, published in our metadata",
    Role.NEXT: "opens messages; signs and is published after `gateway pki rotate`",
    Role.PREVIOUS: "opens messages that were encrypted before the roll-over",
    Role.SMP: "signs our metadata",
    Role.TLS: "TLS of the public listener",
}
_IN_USE = (Role.CURRENT, Role.SMP, Role.TLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCertificate:
    """One of our certificates; *problem* says why peers would refuse it, *warning* what to mind.

    *x509* is None when the file cannot be read.  *stage* is what the subject names, *revocation*
    None where there is nobody to ask.
    """

    role: Role
    file: Path
    x509: x509.Certificate | None
    stage: str | None = None
    days_left: int | None = None
    revocation: Revocation | None = None
    may_go_at: datetime | None = None
    problem: str = ""
    warning: str = ""

    @property
    def sha256(self) -> str | None:
        """The fingerprint in hexadecimal."""
        return None if self.x509 is None else self.x509.fingerprint(SHA256()).hex()


@dataclass(frozen=True, slots=True)
class _Found:
    """A certificate as its file holds it, and who can say what is wrong with it."""

    role: Role
    file: Path
    read: Callable[[], x509.Certificate]
    check: Callable[[x509.Certificate], str]


RevocationOf = Callable[[Role, x509.Certificate], Awaitable[Revocation | None]]


async def own_certificates(
    settings: Settings, *, now: datetime, revocation_of: RevocationOf
) -> list[OwnCertificate]:
    """Return all of them, the one in use first; *revocation_of* is asked about those of Peppol.

    Raises BadSettings when no key files or authorities are named at all.
    """
    return [await _judged(found, now, revocation_of) for found in _all(settings, now)]


def expiring(settings: Settings, now: datetime) -> list[str]:
    """Return a sentence for each certificate in use that expires within 30 days, or has expired."""
    said = []
    for found in _all(settings, now):
        try:
            left = found.read().not_valid_after_utc - now
        except (BadSettings, OSError, ValueError):
            continue  # whoever reads it for use says so
        if found.role in _IN_USE and left < EXPIRY_WARNING:
            text = _warning(found, left, now) or "it has expired"
            said.append(f"{found.role} certificate in {found.file}: {text}")
    return said


async def _judged(found: _Found, now: datetime, revocation_of: RevocationOf) -> OwnCertificate:
    try:
        certificate = found.read()
    except (BadSettings, OSError, ValueError) as error:
        return OwnCertificate(role=found.role, file=found.file, x509=None, problem=str(error))
    left = certificate.not_valid_after_utc - now
    revocation, problem = None, found.check(certificate)
    if found.role is not Role.TLS:
        revocation = await revocation_of(found.role, certificate)
    if revocation is Revocation.REVOKED:
        problem = problem or "it was revoked"
    elif found.role is Role.PREVIOUS:
        problem = ""
    return OwnCertificate(
        role=found.role,
        file=found.file,
        x509=certificate,
        stage=None if found.role is Role.TLS else _stage(certificate),
        days_left=left.days,
        revocation=revocation,
        may_go_at=_may_go_at(found),
        problem=problem,
        warning=_warning(found, left, now),
    )


def _all(settings: Settings, now: datetime) -> Iterator[_Found]:
    yield from _access_point(settings, now)
    if settings.smp_certificate_file is not None:
        publishers, file = load_smp_anchors(settings), settings.smp_certificate_file

        def check_publisher(certificate: x509.Certificate) -> str:
            return _use_problem(certificate, publishers, now)

        yield _Found(Role.SMP, file, lambda: _read_first(file), check_publisher)
    if settings.public_tls_certificate_file is not None:
        chain = settings.public_tls_certificate_file

        def check_tls(certificate: x509.Certificate) -> str:
            return _tls_problem(certificate, settings, now)

        yield _Found(Role.TLS, chain, lambda: _read_first(chain), check_tls)


def _access_point(settings: Settings, now: datetime) -> Iterator[_Found]:
    anchors, folder = load_ap_anchors(settings), key_folder(settings)
    password = settings.as4_key_password

    def found(role: Role, file: Path, load: Callable[[], KeyPair]) -> _Found:
        def check(_: x509.Certificate) -> str:
            try:
                check_own_certificate(settings, anchors, KeyRing(load()), now)
            except BadSettings as error:
                return str(error)
            return ""

        return _Found(role, file, lambda: load().certificate.x509, check)

    yield found(Role.CURRENT, current_key_files(settings)[-1], lambda: load_current_pair(settings))
    if folder.has_next():
        yield found(Role.NEXT, folder.next_certificate, lambda: load_next_pair(settings))
    for file in (*settings.previous_key_files, *folder.previous()):
        yield found(Role.PREVIOUS, file, partial(read_pair, (file,), password))


def _use_problem(certificate: x509.Certificate, anchors: Anchors, now: datetime) -> str:
    try:
        der = certificate.public_bytes(Encoding.DER)
        check_certificate(der, anchors=anchors, now=now, use=Use.SMP)
    except FailedAuthentication as error:
        return error.detail
    return ""


def _tls_problem(certificate: x509.Certificate, settings: Settings, now: datetime) -> str:
    """Say why a client would refuse our TLS certificate; who issued it is not asked here."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return "it is not valid now"
    host = urlsplit(settings.public_url or "").hostname
    if host is not None and not _names(certificate, host):
        return f"it does not name {host}, the host of public_url"
    return ""


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Say whether *certificate* names *host*; a wildcard stands for one label."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    try:
        return ip_address(host) in extension.value.get_values_for_type(x509.IPAddress)
    except ValueError:
        wildcard = "*." + host.partition(".")[2]
        names = [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]
        return host.lower() in names or wildcard.lower() in names


def _warning(found: _Found, left: timedelta, now: datetime) -> str:
    if found.role in _IN_USE and timedelta() <= left < EXPIRY_WARNING:
        return f"it expires in {left.days} days: " + (
            "`gateway pki request` starts a roll-over"
            if found.role is Role.CURRENT
            else "replace its files, they are taken up while the gateway runs"
        )
    goes = _may_go_at(found)
    if goes is not None and now >= goes:
        return f"it is not needed any more: {found.file} may be removed"
    return ""


def _may_go_at(found: _Found) -> datetime | None:
    """Return when a previous key has done its duty, where its file says since when it is one."""
    since = retired_at(found.file) if found.role is Role.PREVIOUS else None
    return None if since is None else since + PREVIOUS_KEPT


def _read_first(file: Path) -> x509.Certificate:
    """Return the certificate in *file*, in PEM the first: that of the server, before its chain."""
    content = file.read_bytes()
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificate(content)
    return x509.load_der_x509_certificate(content)


def _stage(certificate: x509.Certificate) -> str:
    """Return the stage that the organisational units name."""
    units = [str(a.value) for a in certificate.subject if a.oid.dotted_string == "2.5.4.11"]
    words = {word for unit in units for word in unit.split()}
    return next((w.lower() for w in ("PRODUCTION", "TEST", "SANDBOX") if w in words), "none")
