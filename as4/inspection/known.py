"""What the one who inspects knows beside the bytes: authorities, the receiver's key, a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as4.certificates import (
    CURVE_KEYS,
    RSA_KEYS,
    Anchors,
    Certificate,
    KeyKinds,
    PrivateKey,
    Use,
    check_certificate,
    check_leaf,
    load_certificate,
)
from as4.errors import FailedAuthentication

CheckSigner = Callable[[bytes, datetime], Certificate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known; everything but two values may be missing.

    *at* is when the message is taken to arrive, its own timestamp if None.
    *key* is the receiver's; with its *certificate* only what is encrypted for exactly that is
    opened, as at the endpoint; alone it opens what is encrypted for its public key.
    *random_key* (fresh, 16 bytes) stands in for a content key that cannot be unwrapped.
    *duplicate_memory* is how long the endpoint remembers messages.
    """

    anchors: Anchors | None = None
    at: datetime | None = None
    key: PrivateKey | None = None
    certificate: Certificate | None = None
    random_key: bytes
    duplicate_memory: timedelta

    def find_key(self, recipient: bytes) -> PrivateKey | None:
        """Return the key that opens what is encrypted for the certificate *recipient* (DER)."""
        if self.key is None:
            return None
        if self.certificate is not None:
            return self.key if recipient == self.certificate.der else None
        try:
            fits = load_certificate(recipient, self._kinds).public_key == self.key.public_key()
        except FailedAuthentication:
            return None
        return self.key if fits else None

    def find_seat(self, recipient: bytes | None) -> str | None:
        """Return the name of the receiving access point, if the key tells it.

        A key without certificate has the name of the certificate *recipient* that it fits.
        """
        if self.certificate is not None:
            return self.certificate.subject_cn
        if recipient is None or self.find_key(recipient) is None:
            return None
        return load_certificate(recipient, self._kinds).subject_cn

    @property
    def _kinds(self) -> KeyKinds:
        return RSA_KEYS if isinstance(self.key, RSAPrivateKey) else CURVE_KEYS

    def signer_check(self, at: datetime | None, kinds: KeyKinds = RSA_KEYS) -> CheckSigner:
        """Return the check of a signer's certificate as the endpoint makes it, at *at*.

        *kinds* are the keys that certificates of the message's suite have.
        Without authorities, who issued it is left out; without a time, everything is.
        """

        def check(der: bytes, _now: datetime) -> Certificate:
            if at is None:
                return load_certificate(der, kinds)
            if self.anchors is None:
                return check_leaf(der, now=at, use=Use.SIGN, kinds=kinds)
            anchors = replace(self.anchors, kinds=kinds)
            return check_certificate(der, anchors=anchors, now=at, use=Use.SIGN)

        return check
