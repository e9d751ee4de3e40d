"""API keys as text, and what an API request may contain.

A key is `gk_test_` or `gk_live_` and 32 random bytes; the database holds its SHA-256 alone.  The
first key is written to `<data_dir>/api-key`, readable by the gateway's user only.
"""

import base64
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.clock import Clock
from gateway.errors import Fault, Kind, Problem
from gateway.settings import Settings, Stage
from gateway.store.keys import EVERYTHING, ApiKey, find_api_key, insert_api_key
from gateway.store.pool import Database
from gateway.telemetry import with_reference

__all__ = [
    "API_KEY_FILE",
    "HEADERS",
    "add_headers",
    "bearer",
    "check_text",
    "ensure_first_key",
    "hash_api_key",
    "is_plain_text",
    "new_api_key",
    "referenced",
]

API_KEY_FILE = "api-key"
HEADERS: Final = web.RequestKey("headers", dict[str, str])
"""What every answer to a request carries, whoever makes it."""
_KEY_BYTES = 32
_PREFIXES: Final = {True: "gk_test_", False: "gk_live_"}
_KEY_CHARACTERS_MAX = 200  # LIMIT: ours have 51.
_TEXT_MAX = 4096  # LIMIT: characters of a path segment, or of a query's name and value.
_NAME_MAX = 100  # LIMIT: characters of a name that is said again.


def new_api_key(clock: Clock, *, is_test: bool) -> str:
    """Return a fresh API key, for test dossiers or for those that are real."""
    return _PREFIXES[is_test] + base64.urlsafe_b64encode(clock.random(_KEY_BYTES)).decode().rstrip(
        "="
    )


def hash_api_key(key: str) -> bytes:
    """Return what the database holds of *key*: random keys need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


async def ensure_first_key(db: Database, *, clock: Clock, settings: Settings) -> Path:
    """See that `<data_dir>/api-key` holds a key of all dossiers, and return that path.

    A key that is there already is kept, and made known to a database that does not know it; one
    of the other kind (the gateway was for tests, and is not any more) is put aside.
    """
    is_test = settings.stage is not Stage.PRODUCTION
    path = settings.data_dir / API_KEY_FILE
    _put_aside(path, is_test=is_test)
    key = _read_key(path) or _write_key(path, new_api_key(clock, is_test=is_test))
    if await find_api_key(db, hash_api_key(key)) is None:
        first = ApiKey(
            id=clock.uuid(),
            name="first",
            hint=key[-4:],
            is_test=is_test,
            dossiers=None,
            scopes=frozenset({EVERYTHING}),
            created_at=clock.now(),
        )
        async with db.office() as otx:
            await insert_api_key(otx, first, key_hash=hash_api_key(key))
    return path


def referenced(clock: Clock) -> Middleware:
    """Return the middleware that gives each request a reference: in its answer, and in the log."""

    @web.middleware
    async def refer(request: web.Request, handler: Handler) -> web.StreamResponse:
        number = str(clock.uuid())
        request[HEADERS] = {"X-Request-Id": number}
        with with_reference(number):
            return await handler(request)

    return refer


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give *response* the headers of all answers to *request*, before the first of it is sent.

    What is streamed has left before its middlewares see it again.
    """
    response.headers.update(request.get(HEADERS, {}))


def bearer(request: web.Request) -> str:
    """Return the key that *request* carries; raises Fault (UNAUTHENTICATED) if it has none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        detail = "an API key is needed: Authorization: Bearer gk_..."
        raise Fault(Kind.UNAUTHENTICATED, "no-api-key", detail)
    if len(key) > _KEY_CHARACTERS_MAX or not key.isascii():
        raise Fault(Kind.UNAUTHENTICATED, "wrong-api-key", "this API key is not known")
    return key


def check_text(request: web.Request) -> None:
    """Raise Fault (INVALID) for what no column and no log can hold: U+0000, half characters."""
    named = [*request.match_info.items(), *request.query.items()]
    for name, value in named:
        if not is_plain_text(name + value) or len(name + value) > _TEXT_MAX:
            message = "holds U+0000, half a character, or is too long"
            place = name if is_plain_text(name) else ""
            problem = Problem(rule="bad-text", location=place[:_NAME_MAX], message=message)
            raise Fault(Kind.INVALID, "bad-text", f"the address {message}", errors=[problem])


def is_plain_text(text: str) -> bool:
    """Return whether *text* has neither U+0000 nor a lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _read_key(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def _put_aside(path: Path, *, is_test: bool) -> None:
    """Rename a key of the other kind, `api-key.test` or `api-key.live`: it goes on being good."""
    other = "live" if is_test else "test"
    if (_read_key(path) or "").startswith(_PREFIXES[not is_test]):
        # Of several processes one is first; the others find it gone.
        with suppress(FileNotFoundError):
            path.rename(path.with_name(f"{path.name}.{other}"))


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
