"""What other access points must trust to join the sandbox, as PKCS#12 trust stores for Java.

A Java trust store needs its entries marked as trusted, or it is read as empty; and a store for
checking leaves must hold root and issuing authority, for a message carries its leaf alone.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)

from gateway.sandbox.pki import SandboxPki

PASSWORD = "sandbox"  # noqa: S105 - protects nothing: a sandbox's PKCS#12 files must have one


def java_truststore(trusted: Sequence[tuple[str, x509.Certificate]], password: str) -> bytes:
    """Return the (alias, certificate) pairs in *trusted* as PKCS#12 that Java trusts."""
    entries = [PKCS12Certificate(certificate, alias.encode()) for alias, certificate in trusted]
    return serialize_java_truststore(entries, BestAvailableEncryption(password.encode()))


def write_truststores(
    pki: SandboxPki, folder: Path, *, password: str = PASSWORD
) -> dict[str, Path]:
    """Write `ap-trust.p12`, `smp-trust.p12` and `tls-trust.p12` into *folder*; return their paths.

    The keys of what is returned are `ap`, `smp` and `tls`: what signs messages, what signs
    metadata, and what the sandbox's https addresses show.
    """
    root = ("root", pki.root.certificate)
    held = {
        "ap": [root, ("ap-ca", pki.ap_ca.certificate)],
        "smp": [root, ("smp-ca", pki.smp_ca.certificate)],
        "tls": [("tls-ca", pki.tls_ca.certificate)],
    }
    written = {}
    for name, trusted in held.items():
        path = folder / f"{name}-trust.p12"
        path.write_bytes(java_truststore(trusted, password))
        written[name] = path
    return written
