"""Our own keys: the pair that signs and is published, and retired pairs that still open messages.

During a roll-over peers go on encrypting for the certificate they last saw in our metadata, so a
retired key keeps opening messages for as long as it is listed; it never signs again.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from as4.certificates import KeyPair, load_key_pair
from as4.errors import UnusableMaterial
from gateway.settings import BadSettings, Settings


class KeyRing:
    """The keys of our seat; *signing* is the one in use, *retired* only open messages."""

    def __init__(self, signing: KeyPair, retired: Iterable[KeyPair] = ()) -> None:
        self.signing = signing
        self._keys = {pair.certificate.der: pair.key for pair in (*retired, signing)}

    def find_key(self, certificate_der: bytes) -> RSAPrivateKey | None:
        """Return the private key of exactly this certificate, or None if it is not ours."""
        return self._keys.get(certificate_der)

    def opening_key(self, certificate_der: bytes) -> RSAPrivateKey:
        """Return the private key of this certificate, or one that opens nothing.

        A message for somebody else then takes the same way, and the same time, as one whose key
        was tampered with.  [XMLENC §6.1]
        """
        return self._keys.get(certificate_der) or self._decoy

    @cached_property
    def _decoy(self) -> RSAPrivateKey:
        size = self.signing.key.key_size
        return generate_private_key(public_exponent=65537, key_size=size)


def load_key_ring(settings: Settings) -> KeyRing:
    """Read our pair and the retired ones from the files *settings* names.

    Raises BadSettings when a file cannot be read or does not hold a key with its certificate.
    """
    if settings.as4_pkcs12_file is not None:
        signing = _pair((settings.as4_pkcs12_file,), settings.as4_key_password)
    else:
        settings.required("as4_key_file", "as4_certificate_file")
        files = (settings.as4_key_file, settings.as4_certificate_file)
        signing = _pair(tuple(f for f in files if f is not None), settings.as4_key_password)
    retired = [_pair((f,), settings.as4_key_password) for f in settings.previous_key_files]
    return KeyRing(signing, retired)


def _pair(files: tuple[Path, ...], password: str | None) -> KeyPair:
    """Read key and certificate out of *files*, put together as one PEM or PKCS#12."""
    names = " and ".join(str(f) for f in files)
    try:
        content = b"\n".join(f.read_bytes() for f in files)
        return load_key_pair(content, None if password is None else password.encode())
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"no key with its certificate in {names}: {error}"]) from error


def subject_units(pair: KeyPair) -> tuple[str, ...]:
    """Return the organisational units of *pair*'s certificate, which name its Peppol stage."""
    subject = pair.certificate.x509.subject
    return tuple(str(a.value) for a in subject if a.oid.dotted_string == "2.5.4.11")
