"""One private PKI per test session, in memory, with every fault a certificate can have.

`pki()` makes it at first use; `leaf(name)` gives an identity by the fault it has.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.sandbox import pki as sandbox_pki
from gateway.sandbox.pki import Identity, KeyUse, SandboxPki

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
"""The instant most tests take as now."""

SENDER = "PBE000001"
RECEIVER = "PBE000002"


@cache
def pki() -> SandboxPki:
    """The authorities of this session; their certificates name no revocation address."""
    return sandbox_pki.make_pki(now=NOW - timedelta(days=400), revocation_url=None)


@cache
def foreign_pki() -> SandboxPki:
    """Authorities nobody trusts."""
    return sandbox_pki.make_pki(now=NOW - timedelta(days=400), revocation_url=None)


@cache
def leaf(name: str) -> Identity:
    """Return the leaf called *name*: 'sender', 'receiver', 'third' are good, the rest are not."""
    if name == "sender":
        return sandbox_pki.issue_access_point(pki(), SENDER, now=NOW)
    if name == "receiver":
        return sandbox_pki.issue_access_point(pki(), RECEIVER, now=NOW)
    if name == "receiver-renewed":
        return sandbox_pki.issue_access_point(pki(), RECEIVER, now=NOW)
    if name == "third":
        return sandbox_pki.issue_access_point(pki(), "PBE000003", now=NOW)
    if name == "publisher":
        return sandbox_pki.issue_publisher(pki(), "PSM000001", now=NOW)
    if name == "publisher-second":
        return sandbox_pki.issue_publisher(pki(), "PSM000002", now=NOW)
    if name == "revoked":
        return sandbox_pki.issue_access_point(pki(), SENDER, now=NOW)
    return _faulty(name)


def _faulty(name: str) -> Identity:
    long_ago, soon = NOW - timedelta(days=300), NOW + timedelta(days=10)
    match name:
        case "expired":
            return sandbox_pki.issue_access_point(pki(), SENDER, now=long_ago, days=100)
        case "not-yet-valid":
            return sandbox_pki.issue_access_point(pki(), SENDER, now=soon)
        case "foreign":
            return sandbox_pki.issue_access_point(foreign_pki(), SENDER, now=NOW)
        case "bad-cn":
            return sandbox_pki.issue_access_point(pki(), "ap.example", now=NOW)
        case "no-key-usage":
            return sandbox_pki.issue_access_point(pki(), SENDER, now=NOW, use=None)
        case "encipher-only":
            use = KeyUse(digital_signature=False)
            return sandbox_pki.issue_access_point(pki(), SENDER, now=NOW, use=use)
        case "sign-only":
            use = KeyUse(key_encipherment=False, data_encipherment=False)
            return sandbox_pki.issue_access_point(pki(), RECEIVER, now=NOW, use=use)
        case "direct-root":
            good = sandbox_pki.issue_access_point(pki(), SENDER, now=NOW)
            return _reissued(good, pki().root)
        case "publisher-as-ap":
            return sandbox_pki.issue_publisher(pki(), SENDER, now=NOW)
        case _:
            raise ValueError(f"no leaf is called {name}")


def _reissued(identity: Identity, issuer: Identity) -> Identity:
    old = identity.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(identity.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for extension in old.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    return Identity(builder.sign(issuer.key, hashes.SHA256()), identity.key)
