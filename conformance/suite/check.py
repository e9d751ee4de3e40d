"""Who may have signed: a judgement of certificates, as the libraries ask for it."""

from dataclasses import dataclass
from datetime import datetime

from as4.certificates import Anchors, Certificate, Use, check_certificate

__all__ = ["SignerCheck"]


@dataclass(frozen=True, slots=True)
class SignerCheck:
    """Judges certificates of *use* below *trust*: a `CheckSigner`."""

    trust: Anchors
    use: Use

    def __call__(self, der: bytes, now: datetime) -> Certificate:
        """Return the certificate in *der* if it is good at *now*; raises FailedAuthentication."""
        return check_certificate(der, anchors=self.trust, now=now, use=self.use)
