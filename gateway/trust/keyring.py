"""Our own keys: the pair that signs and is published, and further pairs that only open messages.

During a roll-over peers go on encrypting for the certificate they last saw in our metadata, so a
retired key keeps opening messages for as long as its file is there; it never signs again.  The key
that comes next opens messages too: one process may publish it before another has taken it up.
"""

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from as4.certificates import KeyPair, load_key_pair
from as4.errors import UnusableMaterial
from gateway.settings import BadSettings, Settings
from gateway.trust.keyfolder import PREVIOUS_MAX, KeyFolder

_PEM = b"-----BEGIN"


class KeyRing:
    """The keys of our seat; *signing* is the one in use, *opening* only open messages.

    Everybody who signs asks for `signing` each time: it changes when the ring takes another over.
    """

    def __init__(self, signing: KeyPair, opening: Iterable[KeyPair] = ()) -> None:
        self.signing = signing
        self.by_certificate = {pair.certificate.der: pair.key for pair in (*opening, signing)}
        self._stand_in: RSAPrivateKey | None = None

    def prepare(self) -> None:
        """Make the key that stands in for those we do not have, which takes tenths of a second."""
        size = self.signing.key.key_size
        self._stand_in = generate_private_key(public_exponent=65537, key_size=size)

    def take_over(self, other: "KeyRing") -> None:
        """Hold the keys of *other*, which was prepared, from now on."""
        self.signing, self.by_certificate = other.signing, other.by_certificate
        self._stand_in = other._stand_in  # noqa: SLF001 - its own kind

    def holds_what(self, other: "KeyRing") -> bool:
        """Say whether *other* signs with the same pair and opens the same messages."""
        same = self.signing.certificate.der == other.signing.certificate.der
        return same and self.by_certificate.keys() == other.by_certificate.keys()

    def find_key(self, certificate_der: bytes) -> RSAPrivateKey | None:
        """Return the private key of exactly this certificate, or None if it is not ours."""
        return self.by_certificate.get(certificate_der)

    def opening_key(self, certificate_der: bytes) -> RSAPrivateKey:
        """Return the private key of this certificate, or one that opens nothing.

        A message for somebody else then takes the same way, and the same time, as one whose key
        was tampered with.  [XMLENC §6.1]
        """
        key = self.by_certificate.get(certificate_der)
        if key is not None:
            return key
        if self._stand_in is None:
            self.prepare()
        assert self._stand_in is not None
        return self._stand_in


def load_key_ring(settings: Settings) -> KeyRing:
    """Read the pair in use, the retired ones and the next from the files *settings* names.

    Raises BadSettings when a file cannot be read or does not hold a key with its certificate.
    """
    folder = key_folder(settings)
    try:
        retired = (*settings.previous_key_files, *folder.previous())
        has_next = folder.has_next()
    except OSError as error:
        raise BadSettings([f"as4_keys_dir: {folder.folder} cannot be read: {error}"]) from error
    if len(retired) > PREVIOUS_MAX:
        raise BadSettings([f"there are {len(retired)} previous keys: keep {PREVIOUS_MAX} at most"])
    opening = [read_pair((file,), settings.as4_key_password) for file in retired]
    if has_next:
        opening.append(load_next_pair(settings))
    return KeyRing(load_current_pair(settings), opening)


def load_current_pair(settings: Settings) -> KeyPair:
    """Read the pair that signs; raises BadSettings."""
    return read_pair(current_key_files(settings), settings.as4_key_password)


def load_next_pair(settings: Settings) -> KeyPair:
    """Read the pair that waits to be taken into use; raises BadSettings when there is none."""
    folder = key_folder(settings)
    return read_pair((folder.next_key, folder.next_certificate), settings.as4_key_password)


def current_key_files(settings: Settings) -> tuple[Path, ...]:
    """Return the files of the pair in use: one PKCS#12, or key and certificate.

    Raises BadSettings when none are named.
    """
    if settings.as4_pkcs12_file is not None:
        return (settings.as4_pkcs12_file,)
    settings.required("as4_key_file", "as4_certificate_file")
    files = (settings.as4_key_file, settings.as4_certificate_file)
    return tuple(file for file in files if file is not None)


def key_folder(settings: Settings) -> KeyFolder:
    """Return the folder of keys that are not in use."""
    return KeyFolder(settings.as4_keys_dir or settings.data_dir / "keys")


def watched_key_files(settings: Settings) -> Iterator[Path]:
    """Yield every file that says what our keys are."""
    yield from current_key_files(settings)
    yield from settings.previous_key_files
    yield from key_folder(settings).watched()


def read_pair(files: tuple[Path, ...], password: str | None) -> KeyPair:
    """Read key and certificate out of *files*: one PEM or PKCS#12, or several that make a pair.

    Raises BadSettings.
    """
    names = " and ".join(str(f) for f in files)
    try:
        contents = [f.read_bytes() for f in files]
        if len(files) > 1:
            contents = [_as_pem(content) for content in contents]
        return load_key_pair(b"\n".join(contents), None if password is None else password.encode())
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"no key with its certificate in {names}: {error}"]) from error


def _as_pem(content: bytes) -> bytes:
    """Return *content* as PEM; beside a key file, what is no PEM is a certificate in DER."""
    return content if _PEM in content else ssl.DER_cert_to_PEM_cert(content).encode()


def subject_units(pair: KeyPair) -> tuple[str, ...]:
    """Return the organisational units of *pair*'s certificate, which name its Peppol stage."""
    subject = pair.certificate.x509.subject
    return tuple(str(a.value) for a in subject if a.oid.dotted_string == "2.5.4.11")
