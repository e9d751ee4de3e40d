"""What requests say beside the body: ids, keys, filters, fixed endpoints."""

import base64
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web
from cryptography import x509

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.intake import FixedEndpoint
from gateway.languages import LANGUAGES
from gateway.settings import Stage
from gateway.web.instants import to_utc
from ubl.errors import BadIdentifier
from ubl.identifiers import ParticipantId

PAGE_DEFAULT = 50
PAGE_MAX = 200  # LIMIT: entries on one page of a list.
CERTIFICATE_HEADER = "Endpoint-Certificate"
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_ADDRESS_CHARACTERS_MAX = 2048  # LIMIT: an endpoint's address.


def read_id(request: web.Request, what: str) -> UUID:
    """Return the identifier of *what* (`document`, `api-key`, …) in the address.

    Text that is none names nothing: raises Fault (NOT_FOUND).
    """
    text = request.match_info["id"]
    try:
        return UUID(text)
    except ValueError:
        raise not_found(what, text) from None


def not_found(what: str, wanted: object) -> Fault:
    """Return the refusal of what is not there, or is another's: both look the same."""
    return Fault(Kind.NOT_FOUND, f"{what}-not-found", f"there is no {what} {wanted}")


def idempotency_key(request: web.Request) -> str | None:
    """Return the caller's key for this request, if he gave one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        message = "an Idempotency-Key has 1 to 255 visible ASCII characters"
        raise refused("bad-idempotency-key", "Idempotency-Key", message)
    return key


def receiver(request: web.Request) -> ParticipantId | None:
    """Return the receiver that the caller expects the document to name."""
    text = request.query.get("to")
    return None if text is None else read_participant(text, "to")


def read_participant(text: str, place: str) -> ParticipantId:
    """Return the participant that *text* names, with or without its scheme, or raise Fault."""
    try:
        return ParticipantId.parse(text)
    except BadIdentifier as error:
        raise bad_identifier(error, place) from error


def bad_identifier(error: BadIdentifier, place: str) -> Fault:
    """Return the refusal of an identifier at *place* that is none."""
    problem = Problem(rule="bad-identifier", location=place, message=error.detail)
    return Fault(Kind.INVALID, "bad-identifier", error.detail, errors=[problem])


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
        raise refused("incomplete-endpoint", "endpoint", message)
    _check_address(address, stage)
    return FixedEndpoint(address, _read_certificate(encoded))


def page_limit(request: web.Request) -> int:
    """Return how many entries a page shall have."""
    text = request.query.get("limit", str(PAGE_DEFAULT))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= PAGE_MAX:
        raise refused("bad-limit", "limit", f"a page has from 1 to {PAGE_MAX} entries")
    return int(text)


def choice(request: web.Request, name: str, allowed: Sequence[str]) -> str | None:
    """Return the filter *name*, one of *allowed*, if the caller gave it."""
    text = request.query.get(name)
    if text is not None and text not in allowed:
        message = f"{name} is one of {', '.join(allowed)}"
        raise refused(f"bad-{name.replace('_', '-')}", name, message)
    return text


def language(request: web.Request) -> str:
    """Return the language for hints: the parameter, else the first accepted one that we have."""
    chosen = choice(request, "language", LANGUAGES)
    if chosen is not None:
        return chosen
    wanted = request.headers.get("Accept-Language", "").lower().split(",")
    ranges = (part.partition(";")[0].strip().partition("-")[0] for part in wanted)
    return next((each for each in ranges if each in LANGUAGES), LANGUAGES[0])


def instant(request: web.Request, name: str) -> datetime | None:
    """Return the instant that the parameter *name* gives, if the caller gave it.

    It has an offset from UTC: `2026-11-22T10:00:00Z`.  [RFC3339 §5.6]
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        # A plus in a query is a blank, if the caller did not escape it.
        found = datetime.fromisoformat(text.replace(" ", "+"))
        if found.tzinfo is not None:
            return to_utc(found)
    except ValueError:
        pass
    raise refused(f"bad-{name.replace('_', '-')}", name, "an instant like 2026-11-22T10:00:00Z")


def _check_address(address: str, stage: Stage) -> None:
    """Refuse an *address* that no AS4 message may go to at this *stage*."""
    try:
        parts = urlsplit(address)
        host = parts.hostname if len(address) <= _ADDRESS_CHARACTERS_MAX else None
    except ValueError:
        host = None
    schemes = ("https", "http") if stage is Stage.SANDBOX else ("https",)
    if host is None or parts.scheme not in schemes or not address.isascii():
        raise refused("bad-endpoint", "endpoint", f"{' or '.join(schemes)} address expected")


def _read_certificate(encoded: str) -> bytes:
    """Return the DER certificate in *encoded* (Base64)."""
    try:
        der = base64.b64decode(encoded, validate=True)
        x509.load_der_x509_certificate(der)
    except ValueError:
        message = "a certificate as Base64 of its DER is expected"
        raise refused("bad-certificate", CERTIFICATE_HEADER, message) from None
    return der


def refused(code: str, place: str, message: str) -> Fault:
    """Return the refusal of what stands at *place* of the request, with a *code* of its own."""
    problem = Problem(rule=code, location=place, message=message)
    return Fault(Kind.INVALID, code, message, errors=[problem])
