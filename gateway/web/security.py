"""Who asks: API keys, and what an API request may contain.

A key is `gk_test_` or `gk_live_` (by stage) and 32 random bytes; the database holds its SHA-256
alone. The first key is written to `<data_dir>/api-key`, readable by the gateway's user only.
"""

import base64
import hashlib
import os
from pathlib import Path
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.clock import Clock
from gateway.errors import Fault, Kind
from gateway.settings import Settings, Stage
from gateway.store.keys import find_api_key, insert_api_key
from gateway.store.pool import Database
from gateway.telemetry import with_reference

__all__ = [
    "API_KEY_FILE",
    "DOSSIER",
    "authenticated",
    "ensure_first_key",
    "new_api_key",
    "referenced",
]

API_KEY_FILE = "api-key"
_KEY_BYTES = 32
_KEY_CHARACTERS_MAX = 200  # LIMIT: ours have 51.
_OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
_TEXT_MAX = 4096  # LIMIT: characters of a path segment or query value.

DOSSIER = web.RequestKey("dossier", UUID)


def new_api_key(clock: Clock, stage: Stage) -> str:
    """Return a fresh API key for *stage*."""
    prefix = "gk_live_" if stage is Stage.PRODUCTION else "gk_test_"
    return prefix + base64.urlsafe_b64encode(clock.random(_KEY_BYTES)).decode().rstrip("=")


def hash_api_key(key: str) -> bytes:
    """Return what the database holds of *key*: random keys need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


async def ensure_first_key(
    db: Database, dossier_id: UUID, *, clock: Clock, settings: Settings
) -> Path:
    """See that `<data_dir>/api-key` holds a key of the dossier, and return that path.

    A key that is there already is kept, and made known to a database that does not know it.
    """
    path = settings.data_dir / API_KEY_FILE
    key = _read_key(path) or _write_key(path, new_api_key(clock, settings.stage))
    if await find_api_key(db, hash_api_key(key)) is None:
        async with db.transaction(dossier_id) as tx:
            await insert_api_key(tx, key_hash=hash_api_key(key), name="first", now=clock.now())
    return path


def authenticated(db: Database) -> Middleware:
    """Return the middleware that lets nobody in without a key, and notes whose dossier it opens."""

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            dossier = await find_api_key(db, hash_api_key(_bearer(request)))
            if dossier is None:
                raise Fault(Kind.UNAUTHENTICATED, "wrong-api-key", "this API key is not known")
            request[DOSSIER] = dossier
            _check_text(request)
        return await handler(request)

    return authenticate


def referenced(clock: Clock) -> Middleware:
    """Return the middleware that gives each request a reference: in its answer, and in the log."""

    @web.middleware
    async def refer(request: web.Request, handler: Handler) -> web.StreamResponse:
        number = str(clock.uuid())
        with with_reference(number):
            response = await handler(request)
        if not response.prepared:
            response.headers["X-Request-Id"] = number
        return response

    return refer


def _bearer(request: web.Request) -> str:
    """Return the key that *request* carries, or refuse."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        detail = "an API key is needed: Authorization: Bearer gk_..."
        raise Fault(Kind.UNAUTHENTICATED, "no-api-key", detail)
    if len(key) > _KEY_CHARACTERS_MAX or not key.isascii():
        raise Fault(Kind.UNAUTHENTICATED, "wrong-api-key", "this API key is not known")
    return key


def _check_text(request: web.Request) -> None:
    """Refuse what no database column and no log line can hold: U+0000 and lone surrogates."""
    values = [*request.match_info.values(), *request.query.keys(), *request.query.values()]
    for value in values:
        if not is_plain_text(value) or len(value) > _TEXT_MAX:
            detail = "the address holds U+0000, half a character, or is too long"
            raise Fault(Kind.INVALID, "bad-text", detail)


def is_plain_text(text: str) -> bool:
    """Return whether *text* has neither U+0000 nor a lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _read_key(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def _write_key(path: Path, key: str) -> str:
    """Write *key* to *path* for our user alone; if another process was first, return its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{key[-8:]}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return _read_key(path) or key
    finally:
        draft.unlink()
    return key
