"""Secrets of webhooks, and the signatures made with them: HMAC-SHA256 alone, version `v1`.

[STANDARD-WEBHOOKS §signature-scheme]
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

__all__ = ["SECRET_BYTES", "TOLERANCE", "sign", "signed_headers", "verify", "write_secret"]

SECRET_BYTES: Final = 32
"""How long our secrets are; the specification wants 24 to 64 bytes."""
TOLERANCE: Final = timedelta(minutes=5)
"""LIMIT: how far from its receiver's clock a message may be; older ones may be repetitions."""
_PREFIX: Final = "whsec_"


def write_secret(secret: bytes) -> str:
    """Return *secret* as it is shown: `whsec_` and its Base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of one message; *timestamp* is in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def signed_headers(
    secrets: Iterable[bytes], message_id: str, body: bytes, *, now: datetime
) -> dict[str, str]:
    """Return the three headers of a message, with one signature for each of *secrets*.

    [STANDARD-WEBHOOKS §webhook-headers]
    """
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(each, message_id, timestamp, body) for each in secrets),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Say whether the message came from who has *secret* (`whsec_…`), and not long ago.

    *headers* may be any: their names count without case, and what cannot be signed is not genuine.
    [STANDARD-WEBHOOKS §verifying-webhook-authenticity]
    """
    named = {name.lower(): value for name, value in headers.items()}
    message_id = named.get("webhook-id", "")
    text = named.get("webhook-timestamp", "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        return False
    if abs(now.timestamp() - int(text)) > TOLERANCE.total_seconds():
        return False
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        wanted = sign(key, message_id, int(text), body).encode()
    except ValueError:
        return False
    given = named.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(wanted, each.encode(errors="replace")) for each in given)
