"""What requests for documents say beside the body: keys, cursors, filters, fixed endpoints."""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web
from cryptography import x509

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.intake import FixedEndpoint
from gateway.settings import Stage
from gateway.store.documents import Cursor, Document
from gateway.web.directory import read_participant
from ubl.identifiers import ParticipantId

PAGE_DEFAULT = 50
PAGE_MAX = 200  # LIMIT: documents on one page.
CERTIFICATE_HEADER = "Endpoint-Certificate"
_CURSOR = re.compile(r"([0-9]{1,16})\.([0-9a-f]{32})")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_ADDRESS_CHARACTERS_MAX = 2048  # LIMIT: an endpoint's address.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def document_id(request: web.Request) -> UUID:
    """Return the identifier in the address; what is none names no document."""
    text = request.match_info["id"]
    try:
        return UUID(text)
    except ValueError:
        detail = f"there is no document {text}"
        raise Fault(Kind.NOT_FOUND, "document-not-found", detail) from None


def idempotency_key(request: web.Request) -> str | None:
    """Return the caller's key for this request, if he gave one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        message = "an Idempotency-Key has 1 to 255 visible ASCII characters"
        raise _refused("bad-idempotency-key", "Idempotency-Key", message)
    return key


def receiver(request: web.Request) -> ParticipantId | None:
    """Return the receiver that the caller expects the document to name."""
    text = request.query.get("to")
    return None if text is None else read_participant(text, "to")


def fixed_endpoint(request: web.Request, stage: Stage) -> FixedEndpoint | None:
    """Return where to send without a look-up, if the caller says so; never in production."""
    address = request.query.get("endpoint")
    encoded = request.headers.get(CERTIFICATE_HEADER)
    if address is None and encoded is None:
        return None
    if stage is Stage.PRODUCTION:
        detail = "a fixed endpoint is for tests of peers; in production receivers are looked up"
        raise Fault(Kind.DENIED, "fixed-endpoint-refused", detail)
    if address is None or encoded is None:
        message = f"endpoint and {CERTIFICATE_HEADER} go together"
        raise _refused("incomplete-endpoint", "endpoint", message)
    _check_address(address, stage)
    return FixedEndpoint(address, _read_certificate(encoded))


def page_limit(request: web.Request) -> int:
    """Return how many documents a page shall have."""
    text = request.query.get("limit", str(PAGE_DEFAULT))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= PAGE_MAX:
        raise _refused("bad-limit", "limit", f"a page has from 1 to {PAGE_MAX} documents")
    return int(text)


def choice(request: web.Request, name: str, allowed: Sequence[str]) -> str | None:
    """Return the filter *name*, one of *allowed*, if the caller gave it."""
    text = request.query.get(name)
    if text is not None and text not in allowed:
        message = f"{name} is one of {', '.join(allowed)}"
        raise _refused(f"bad-{name}", name, message)
    return text


def cursor(request: web.Request) -> Cursor | None:
    """Return where the page begins: after the document that `write_cursor` pointed at."""
    text = request.query.get("cursor")
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise _refused("bad-cursor", "cursor", "pass next_cursor of the page before, unchanged")
    return Cursor(_EPOCH + timedelta(microseconds=int(found[1])), UUID(found[2]))


def write_cursor(document: Document) -> str:
    """Return the cursor that asks for what comes after *document*."""
    microseconds = (document.created_at - _EPOCH) // timedelta(microseconds=1)
    return f"{microseconds}.{document.id.hex}"


def _check_address(address: str, stage: Stage) -> None:
    """Refuse an *address* that no AS4 message may go to at this *stage*."""
    try:
        parts = urlsplit(address)
        host = parts.hostname if len(address) <= _ADDRESS_CHARACTERS_MAX else None
    except ValueError:
        host = None
    schemes = ("https", "http") if stage is Stage.SANDBOX else ("https",)
    if host is None or parts.scheme not in schemes or not address.isascii():
        raise _refused("bad-endpoint", "endpoint", f"{' or '.join(schemes)} address expected")


def _read_certificate(encoded: str) -> bytes:
    """Return the DER certificate in *encoded* (Base64)."""
    try:
        der = base64.b64decode(encoded, validate=True)
        x509.load_der_x509_certificate(der)
    except ValueError:
        message = "a certificate as Base64 of its DER is expected"
        raise _refused("bad-certificate", CERTIFICATE_HEADER, message) from None
    return der


def _refused(code: str, place: str, message: str) -> Fault:
    problem = Problem(rule=code, location=place, message=message)
    return Fault(Kind.INVALID, code, message, errors=[problem])
