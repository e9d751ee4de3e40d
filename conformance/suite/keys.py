"""The tester's identities: a good access point, another one, and ones that must be refused.

Each is called by what is wrong with it.  What was not given makes the cases that need it not
applicable; nothing is ever made up.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from as4.certificates import Certificate, KeyPair, UnusableMaterial, load_key_pair
from conformance.forge.messages import NoIdentity

__all__ = ["NAMES", "Keys", "read_keys"]

NAMES: Final[Mapping[str, str]] = {
    "sender": "a good access point, which the tester plays",
    "third": "another good access point, of another seat",
    "expired": "the sender's seat, out of its time",
    "not-yet-valid": "the sender's seat, before its time",
    "revoked": "the sender's seat, on its authority's revocation list",
    "foreign": "the sender's seat, of an authority that nobody trusts",
    "bad-cn": "an access point whose common name is no seat id",
    "direct-root": "the sender's seat, issued by the root itself",
    "encipher-only": "the sender's seat, with a key usage that allows no signature",
    "publisher-as-ap": "the sender's seat, issued by the authority of metadata publishers",
}
"""Every identity that a case may ask for, and what it is."""

FILE_BYTES_MAX: Final = 64 * 1024  # LIMIT: a key and its certificates have some 10 KB.


class Keys:
    """The identities in *pairs* by their names in `NAMES`, and the target's certificate."""

    def __init__(self, pairs: Mapping[str, KeyPair], receiver: Certificate) -> None:
        self._pairs = dict(pairs)
        self._receiver = receiver

    @property
    def names(self) -> frozenset[str]:
        """The identities that are there."""
        return frozenset(self._pairs)

    def key_pair(self, name: str) -> KeyPair:
        """Return key and certificate of *name*; raises NoIdentity."""
        try:
            return self._pairs[name]
        except KeyError:
            raise NoIdentity(name) from None

    def certificate(self, name: str) -> Certificate:
        """Return the certificate of *name*, `receiver` being the target; raises NoIdentity."""
        return self._receiver if name == "receiver" else self.key_pair(name).certificate


def read_keys(folder: Path, password: bytes | None, receiver: Certificate) -> Keys:
    """Read `NAME.pem` (key and certificate) or `NAME.p12` from *folder* for each of `NAMES`.

    Raises UnusableMaterial, which names the file, and OSError.
    """
    found = {}
    for name in NAMES:
        for path in (folder / f"{name}.pem", folder / f"{name}.p12"):
            if path.exists():
                found[name] = _read(path, password)
    if "sender" not in found:
        raise UnusableMaterial(f"{folder} holds no sender.pem or sender.p12")
    return Keys(found, receiver)


def _read(path: Path, password: bytes | None) -> KeyPair:
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX)
    try:
        return load_key_pair(data, password)
    except UnusableMaterial as error:
        raise UnusableMaterial(f"{path}: {error}") from error
