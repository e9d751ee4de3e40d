"""The sandbox's public key infrastructure: a root, its issuing authorities, and the leaves below.

It has the shape of the Peppol PKI, generation 3: one root, one authority for access points, one for
service metadata publishers, leaves with key usage, clientAuth, and addresses of a revocation list.
A second, unrelated authority issues the TLS server certificates, as a public CA would.
[PEPPOL-PKI] [RFC5280 §4.2]

Keys are made on the spot and live in files of mode 0600; no sandbox shares one with another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
LEAF_DAYS = 730
CRL_DAYS = 30
KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM: write it to files of mode 0600 only."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def pkcs12(self, password: str, authorities: Iterable[x509.Certificate] = ()) -> bytes:
        """Return key, certificate and *authorities* as PKCS#12, protected by *password*."""
        name = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return pkcs12.serialize_key_and_certificates(
            str(name).encode(),
            self.key,
            self.certificate,
            list(authorities),
            BestAvailableEncryption(password.encode()),
        )


@dataclass(frozen=True, slots=True)
class SandboxPki:
    """The authorities of one sandbox; *revocation_url* is where their lists are served."""

    root: Identity
    ap_ca: Identity
    smp_ca: Identity
    tls_ca: Identity
    revocation_url: str | None

    def authorities(self) -> dict[str, Identity]:
        """The authorities by the stem of the files they are kept in."""
        return {
            "root": self.root,
            "ap-ca": self.ap_ca,
            "smp-ca": self.smp_ca,
            "tls-ca": self.tls_ca,
        }


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What the key usage extension of a leaf allows; the default is that of generation 3."""

    digital_signature: bool = True
    key_encipherment: bool = True
    data_encipherment: bool = True


PEPPOL_USE = KeyUse()


def make_pki(*, now: datetime, revocation_url: str | None) -> SandboxPki:
    """Make new authorities, valid from a day before *now*.

    *revocation_url* is the base address (no slash at its end) under which `build_crl` of each
    authority will be served as `NAME.crl`; None leaves the addresses out of every certificate.
    """
    root = _make_authority("Sandbox Root CA", None, now, None)
    root_list = _list_url(revocation_url, "root")
    return SandboxPki(
        root=root,
        ap_ca=_make_authority("Sandbox Access Point CA", root, now, root_list),
        smp_ca=_make_authority("Sandbox Service Metadata Publisher CA", root, now, root_list),
        tls_ca=_make_authority("Sandbox Web CA", None, now, None),
        revocation_url=revocation_url,
    )


def issue_access_point(
    pki: SandboxPki,
    seat_id: str,
    *,
    now: datetime,
    organisation: str = "Sandbox",
    days: int = LEAF_DAYS,
    use: KeyUse | None = PEPPOL_USE,
) -> Identity:
    """Issue an access point certificate whose subject's common name is *seat_id*.

    It is valid from a day before *now* for *days*; *use* None leaves key usage out.
    """
    subject = _name(seat_id, "PEPPOL SANDBOX AP", organisation)
    return _issue_leaf(pki.ap_ca, subject, now, days, use, _list_url(pki.revocation_url, "ap-ca"))


def issue_publisher(
    pki: SandboxPki, seat_id: str, *, now: datetime, days: int = LEAF_DAYS
) -> Identity:
    """Issue the certificate with which a service metadata publisher signs."""
    subject = _name(seat_id, "PEPPOL SANDBOX SMP", "Sandbox")
    list_url = _list_url(pki.revocation_url, "smp-ca")
    return _issue_leaf(pki.smp_ca, subject, now, days, PEPPOL_USE, list_url)


def issue_tls(
    pki: SandboxPki, hosts: Sequence[str], *, now: datetime, days: int = LEAF_DAYS
) -> Identity:
    """Issue a TLS server certificate for *hosts* (names or IP addresses)."""
    key = _new_key()
    names: list[x509.GeneralName] = [_general_name(host) for host in hosts]
    builder = (
        _builder(_name(hosts[0], "Web", "Sandbox"), pki.tls_ca, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return Identity(builder.sign(pki.tls_ca.key, hashes.SHA256()), key)


def build_crl(
    authority: Identity,
    revoked_serials: Iterable[int] = (),
    *,
    now: datetime,
    days: int = CRL_DAYS,
) -> bytes:
    """Return the DER of *authority*'s list, next due *days* after *now*.  [RFC5280 §5]"""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - timedelta(hours=1))
        .next_update(now + timedelta(days=days))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial in revoked_serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


def save_pki(pki: SandboxPki, folder: Path) -> None:
    """Write the authorities into *folder* (made with mode 0700), keys with mode 0600."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stem, identity in pki.authorities().items():
        write_identity(identity, folder, stem)
    (folder / "revocation-url").write_text(pki.revocation_url or "")


def load_pki(folder: Path) -> SandboxPki:
    """Read back what `save_pki` wrote.  Raises FileNotFoundError when *folder* holds no PKI."""
    read = {name: read_identity(folder, name) for name in ("root", "ap-ca", "smp-ca", "tls-ca")}
    url = (folder / "revocation-url").read_text().strip() or None
    return SandboxPki(read["root"], read["ap-ca"], read["smp-ca"], read["tls-ca"], url)


def write_identity(identity: Identity, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write `STEM.cert.pem` and `STEM.key.pem` (mode 0600) into *folder*; return both paths."""
    certificate, key = folder / f"{stem}.cert.pem", folder / f"{stem}.key.pem"
    certificate.write_bytes(identity.certificate_pem)
    key.touch(mode=0o600)
    key.write_bytes(identity.key_pem)
    return certificate, key


def read_identity(folder: Path, stem: str) -> Identity:
    """Read the pair that `write_identity` wrote under *stem*."""
    certificate = x509.load_pem_x509_certificate((folder / f"{stem}.cert.pem").read_bytes())
    key = load_pem_private_key((folder / f"{stem}.key.pem").read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{stem}.key.pem holds no RSA key")
    return Identity(certificate, key)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _name(common_name: str, unit: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _list_url(base: str | None, stem: str) -> str | None:
    return None if base is None else f"{base}/{stem}.crl"


def _builder(
    subject: x509.Name, issuer: Identity, public_key: rsa.RSAPublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )


def _make_authority(
    common_name: str, issuer: Identity | None, now: datetime, list_url: str | None
) -> Identity:
    key = _new_key()
    subject = _name(common_name, "FOR TEST ONLY", "Sandbox")
    public_key = key.public_key()
    signer = issuer or Identity(_self_issued(subject, key, now), key)
    builder = (
        _builder(subject, signer, public_key, now, CA_DAYS)
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=0 if issuer else None), critical=True
        )
        .add_extension(_ca_usage(), critical=True)
    )
    return Identity(_with_list(builder, list_url).sign(signer.key, hashes.SHA256()), key)


def _self_issued(subject: x509.Name, key: rsa.RSAPrivateKey, now: datetime) -> x509.Certificate:
    """A stand-in that lends a root its own name while the real certificate is being built."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _with_list(builder: x509.CertificateBuilder, list_url: str | None) -> x509.CertificateBuilder:
    if list_url is None:
        return builder
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(list_url)], None, None, None)
    return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)


def _issue_leaf(
    issuer: Identity,
    subject: x509.Name,
    now: datetime,
    days: int,
    use: KeyUse | None,
    list_url: str | None,
) -> Identity:
    key = _new_key()
    builder = (
        _builder(subject, issuer, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    if use is not None:
        builder = builder.add_extension(_leaf_usage(use), critical=True)
    if list_url is not None:
        responder = x509.UniformResourceIdentifier(list_url.rsplit("/", 1)[0] + "/ocsp")
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return Identity(_with_list(builder, list_url).sign(issuer.key, hashes.SHA256()), key)


def _leaf_usage(use: KeyUse) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=use.digital_signature,
        content_commitment=False,
        key_encipherment=use.key_encipherment,
        data_encipherment=use.data_encipherment,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
