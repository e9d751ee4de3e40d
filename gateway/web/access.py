"""Who asks, and for whose books: one check of key, scope and dossier for every route.

The header `Dossier` names the books; a key that opens one dossier alone needs none, and without it
a key of all dossiers works in the gateway's own.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.clock import Clock
from gateway.errors import Fault, Kind
from gateway.store.dossiers import find_default_dossier, find_dossier
from gateway.store.keys import EVERYTHING, ApiKey, find_api_key, note_use
from gateway.store.pool import Database
from gateway.web.parameters import refused
from gateway.web.route import TABLE, Route
from gateway.web.scopes import Scope
from gateway.web.security import bearer, check_text, hash_api_key

__all__ = ["ACCESS", "DOSSIER", "Access", "authenticated"]

USE_NOTED_EVERY: Final = timedelta(minutes=1)  # LIMIT: one write a minute for each key.
DOSSIER_HEADER: Final = "Dossier"
_NAME_MAX: Final = 100  # LIMIT: characters of a name that is said again.


@dataclass(frozen=True, slots=True)
class Access:
    """The key that a request carries, with the text of it: *secret* seals what is shown once."""

    key: ApiKey
    secret: str

    def may(self, scope: Scope) -> bool:
        """Return whether the key has *scope*."""
        return EVERYTHING in self.key.scopes or scope in self.key.scopes


ACCESS = web.RequestKey("access", Access)
DOSSIER = web.RequestKey("dossier", UUID)


def authenticated(db: Database, clock: Clock) -> Middleware:
    """Return the middleware that lets nobody in without a key that may do what is asked."""

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = _route_of(request)
        if route is not None and route.scope is None:
            return await handler(request)
        access = await _open(request, db, clock)
        check_text(request)
        if route is not None:
            await _admit(request, route, access, db)
            _check_query(request, route)
        return await handler(request)

    return authenticate


def _check_query(request: web.Request, route: Route) -> None:
    """Refuse a parameter that *route* does not have: a slip must not ask for something else."""
    known = [each.name for each in route.parameters if each.place == "query"]
    for name in request.query:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there are none"
            message = f"there is no parameter {name[:_NAME_MAX]} here; {there_are}"
            raise refused("unknown-parameter", name[:_NAME_MAX], message)


async def _open(request: web.Request, db: Database, clock: Clock) -> Access:
    secret, now = bearer(request), clock.now()
    key = await find_api_key(db, hash_api_key(secret))
    if key is None:
        raise Fault(Kind.UNAUTHENTICATED, "wrong-api-key", "this API key is not known")
    if key.is_over(now):
        how = "was revoked" if key.revoked_at is not None else "is past its end"
        raise Fault(Kind.UNAUTHENTICATED, "api-key-over", f"this API key {how}; use another")
    if key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY:
        await note_use(db, key.id, now)
    return Access(key, secret)


async def _admit(request: web.Request, route: Route, access: Access, db: Database) -> None:
    """Let *access* use *route*, in the dossier that the request is about; or raise Fault."""
    assert route.scope is not None
    if not access.may(route.scope):
        detail = f"this API key lacks the scope {route.scope}"
        raise Fault(Kind.DENIED, "scope-missing", detail)
    request[ACCESS] = access
    if route.of_dossier:
        request[DOSSIER] = await _find_books(request, access.key, db)


async def _find_books(request: web.Request, key: ApiKey, db: Database) -> UUID:
    named = request.headers.get(DOSSIER_HEADER)
    if named is None:
        return await _find_only_books(key, db)
    try:
        wanted = UUID(named)
    except ValueError:
        wanted = None
    if wanted is not None and key.dossiers is not None and wanted in key.dossiers:
        # It was there, and of the key's kind, when the key was made; dossiers stay.
        return wanted
    if wanted is not None and key.dossiers is None:
        async with db.office() as otx:
            if await find_dossier(otx, wanted, within=None, is_test=key.is_test):
                return wanted
    raise Fault(Kind.NOT_FOUND, "dossier-not-found", f"there is no dossier {named}")


async def _find_only_books(key: ApiKey, db: Database) -> UUID:
    """Return the dossier that a request with *key* is about when it names none."""
    if key.dossiers is None:
        found = await find_default_dossier(db, is_test=key.is_test)
    else:
        found = next(iter(key.dossiers)) if len(key.dossiers) == 1 else None
    if found is None:
        how_many = "all dossiers of its kind" if key.dossiers is None else len(key.dossiers)
        detail = f"this API key opens {how_many}: name one in the header Dossier"
        raise Fault(Kind.INVALID, "dossier-not-named", detail)
    return found


def _route_of(request: web.Request) -> Route | None:
    resource = request.match_info.route.resource
    if resource is None:
        return None
    # Where HEAD is answered, it is answered as GET.
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[TABLE].get((method, resource.canonical))
