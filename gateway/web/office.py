"""Dossiers and API keys over HTTP: what is about the whole gateway, and no company's books.

A key sees and makes only what opens no more than itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.client import model
from gateway.errors import Fault, Kind, Problem
from gateway.store import dossiers, keys
from gateway.store.pool import OfficeTransaction
from gateway.web import cursors, parameters
from gateway.web.access import ACCESS
from gateway.web.jsonbody import bad_value, json_response, read_json
from gateway.web.once import Answer, store_once
from gateway.web.route import JSON, KEY, PAGED, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.security import hash_api_key, new_api_key
from gateway.web.services import SERVICES
from gateway.web.streams import read_all

__all__ = ["ROUTES"]

_HINT_CHARACTERS: Final = 4


@dataclass(frozen=True, slots=True)
class _Powers:
    """What a key opens, and until when; *dossiers* None means all of its kind."""

    is_test: bool
    dossiers: frozenset[UUID] | None
    scopes: frozenset[str]
    expires_at: datetime | None


async def create_dossier(request: web.Request) -> web.Response:
    """Make a dossier: a company's books, with documents and participants of their own.

    Only a key that opens all dossiers can open the new one, so only such a key may make it.
    """
    wanted = await read_json(request, model.NewDossier)
    services, key = request.app[SERVICES], request[ACCESS].key
    if key.dossiers is not None:
        detail = "this API key opens listed dossiers; a new one needs a key that opens all"
        raise Fault(Kind.DENIED, "dossiers-listed", detail)
    now = services.clock.now()
    new = dossiers.Dossier(
        id=services.clock.uuid(),
        name=wanted.name,
        country=wanted.country,
        reference=wanted.reference,
        is_test=key.is_test,
        is_default=False,
        created_at=now,
        updated_at=now,
    )

    async def make(otx: OfficeTransaction) -> Answer:
        await _check_reference(otx, request, await dossiers.insert_dossier(otx, new))
        return Answer(status=201, value=_dossier(new), location=f"/v1/dossiers/{new.id}")

    return await store_once(request, await read_all(request), make)


async def list_dossiers(request: web.Request) -> web.Response:
    """Show one page of the dossiers that the key opens, newest first."""
    key = request[ACCESS].key
    limit = parameters.page_limit(request)
    async with request.app[SERVICES].db.office() as otx:
        found = await dossiers.list_dossiers(
            otx,
            within=key.dossiers,
            is_test=key.is_test,
            limit=limit + 1,
            before=cursors.read_row(request),
            reference=request.query.get("reference"),
        )
    page, more, cursor = cursors.cut_page(request, found, limit)
    return json_response(
        model.DossierPage(dossiers=tuple(map(_dossier, page)), has_more=more, next_cursor=cursor)
    )


async def show_dossier(request: web.Request) -> web.Response:
    """Show one dossier."""
    async with request.app[SERVICES].db.office() as otx:
        return json_response(_dossier(await _find_dossier(otx, request)))


async def change_dossier(request: web.Request) -> web.Response:
    """Give a dossier another name or reference; what is left out stays, null takes it away."""
    wanted = await read_json(request, model.DossierChange)
    async with request.app[SERVICES].db.office() as otx:
        found = await _find_dossier(otx, request)
        taken = await dossiers.change_dossier(
            otx,
            found.id,
            name=found.name if wanted.name is msgspec.UNSET else wanted.name,
            reference=found.reference if wanted.reference is msgspec.UNSET else wanted.reference,
            now=request.app[SERVICES].clock.now(),
        )
        await _check_reference(otx, request, taken)
        return json_response(_dossier(await _find_dossier(otx, request)))


async def create_key(request: web.Request) -> web.Response:
    """Make an API key; the answer is the only place that shows it.

    It can open no more than the key that asks for it: neither scopes, nor dossiers, nor time.
    """
    wanted = await read_json(request, model.NewApiKey)
    own = request[ACCESS].key
    now = request.app[SERVICES].clock.now()
    is_test = _read_kind(own, wanted)
    scopes = _read_scopes(request, wanted.scopes)
    reach = own.dossiers if wanted.dossiers is None else frozenset(wanted.dossiers)
    ends = own.expires_at if wanted.expires_at is None else wanted.expires_at
    if ends is not None and (ends <= now or (own.expires_at is not None and ends > own.expires_at)):
        raise bad_value(
            "bad-expiry", "/expires_at", "is past, or later than the asking key's own end"
        )

    async def make(otx: OfficeTransaction) -> Answer:
        await _check_reach(otx, own, reach)
        return await _make_key(request, otx, wanted.name, _Powers(is_test, reach, scopes, ends))

    return await store_once(request, await read_all(request), make)


async def list_keys(request: web.Request) -> web.Response:
    """Show one page of the keys that open no more than this one, newest first."""
    own, limit = request[ACCESS].key, parameters.page_limit(request)
    async with request.app[SERVICES].db.office() as otx:
        found = await keys.list_keys(
            otx,
            by=own,
            limit=limit + 1,
            before=cursors.read_row(request),
        )
    page, more, cursor = cursors.cut_page(request, found, limit)
    return json_response(
        model.ApiKeyPage(api_keys=tuple(map(_key, page)), has_more=more, next_cursor=cursor)
    )


async def show_key(request: web.Request) -> web.Response:
    """Show one key, without the key itself."""
    async with request.app[SERVICES].db.office() as otx:
        return json_response(_key(await _find_key(otx, request)))


async def rotate_key(request: web.Request) -> web.Response:
    """Make a key that opens the same, and let the old one end after `overlap_seconds`.

    The answer is the only place that shows the new key.
    """
    wanted = await read_json(request, model.Rotation)
    now = request.app[SERVICES].clock.now()

    async def rotate(otx: OfficeTransaction) -> Answer:
        old = await _find_key(otx, request)
        if old.is_over(now) or old.replaced_by is not None:
            detail = "this API key is over, or was replaced before; rotate the one in use"
            raise Fault(Kind.CONFLICT, "api-key-replaced", detail)
        powers = _Powers(old.is_test, old.dossiers, old.scopes, old.expires_at)
        answer = await _make_key(request, otx, old.name, powers)
        until = now + timedelta(seconds=wanted.overlap_seconds)
        assert isinstance(answer.value, model.FreshApiKey)
        await keys.replace_key(otx, old.id, by=answer.value.id, until=until)
        return answer

    return await store_once(request, await read_all(request), rotate)


async def revoke_key(request: web.Request) -> web.Response:
    """Let a key open nothing from now on; it stays in the list. Doing it again changes nothing."""
    now = request.app[SERVICES].clock.now()

    async def revoke(otx: OfficeTransaction) -> Answer:
        await keys.end_key(otx, (await _find_key(otx, request)).id, now=now)
        return Answer(value=_key(await _find_key(otx, request)))

    return await store_once(request, b"", revoke)


async def _make_key(
    request: web.Request, otx: OfficeTransaction, name: str, powers: _Powers
) -> Answer:
    clock = request.app[SERVICES].clock
    secret = new_api_key(clock, is_test=powers.is_test)
    made = keys.ApiKey(
        id=clock.uuid(),
        name=name,
        hint=secret[-_HINT_CHARACTERS:],
        is_test=powers.is_test,
        dossiers=powers.dossiers,
        scopes=powers.scopes,
        created_at=clock.now(),
        expires_at=powers.expires_at,
    )
    await keys.insert_api_key(otx, made, key_hash=hash_api_key(secret))
    shown = model.FreshApiKey(key=secret, **msgspec.structs.asdict(_key(made)))
    return Answer(status=201, value=shown, location=f"/v1/api-keys/{made.id}", secret=True)


def _read_kind(own: keys.ApiKey, wanted: model.NewApiKey) -> bool:
    """Return whether the key to make is one for tests: as the asking one, unless it says so."""
    is_test = own.is_test if wanted.is_test is None else wanted.is_test
    if is_test == own.is_test:
        return is_test
    if own.is_test:
        raise bad_value("kind-beyond", "/is_test", "the asking key opens test dossiers alone")
    if own.dossiers is not None or wanted.dossiers is not None:
        what = "a live key that opens all dossiers makes one that opens all test dossiers"
        raise bad_value("kind-beyond", "/is_test", what)
    return is_test


def _read_scopes(request: web.Request, wanted: Sequence[str]) -> frozenset[str]:
    access = request[ACCESS]
    for number, name in enumerate(wanted):
        place = f"/scopes/{number}"
        if name == keys.EVERYTHING:
            if keys.EVERYTHING not in access.key.scopes:
                raise bad_value("scope-beyond", place, "the asking key has not all scopes itself")
        elif name not in tuple(Scope):
            raise bad_value("unknown-scope", place, f"is none of {', '.join(Scope)}, *")
        elif not access.may(Scope(name)):
            raise bad_value("scope-beyond", place, f"the asking key has not {name} itself")
    return frozenset(wanted)


async def _check_reach(
    otx: OfficeTransaction, own: keys.ApiKey, reach: frozenset[UUID] | None
) -> None:
    """Refuse dossiers that the asking key does not open itself."""
    for number, each in enumerate(sorted(reach or ())):
        found = await dossiers.find_dossier(otx, each, within=own.dossiers, is_test=own.is_test)
        if found is None:
            raise bad_value("dossier-beyond", f"/dossiers/{number}", f"there is no dossier {each}")


async def _check_reference(
    otx: OfficeTransaction, request: web.Request, taken: UUID | None
) -> None:
    """Refuse a reference that is *taken*; which dossier has it is for who opens that dossier."""
    if taken is None:
        return
    own = request[ACCESS].key
    seen = await dossiers.find_dossier(otx, taken, within=own.dossiers, is_test=own.is_test)
    problem = Problem(
        rule="reference-taken",
        location="/reference",
        message=f"dossier {taken} has this reference" if seen else "this reference is taken",
        hint="use that dossier, or another reference" if seen else "use another reference",
    )
    detail = "another dossier has this reference"
    raise Fault(Kind.CONFLICT, "reference-taken", detail, errors=[problem])


async def _find_dossier(otx: OfficeTransaction, request: web.Request) -> dossiers.Dossier:
    own = request[ACCESS].key
    wanted = parameters.read_id(request, "dossier")
    found = await dossiers.find_dossier(otx, wanted, within=own.dossiers, is_test=own.is_test)
    if found is None:
        raise parameters.not_found("dossier", wanted)
    return found


async def _find_key(otx: OfficeTransaction, request: web.Request) -> keys.ApiKey:
    wanted = parameters.read_id(request, "api-key")
    found = await keys.find_key(otx, wanted, by=request[ACCESS].key)
    if found is None:
        raise parameters.not_found("api-key", wanted)
    return found


def _dossier(row: dossiers.Dossier) -> model.Dossier:
    return model.Dossier(
        id=row.id,
        name=row.name,
        country=row.country,
        reference=row.reference,
        is_test=row.is_test,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _key(row: keys.ApiKey) -> model.ApiKey:
    return model.ApiKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        is_test=row.is_test,
        dossiers=None if row.dossiers is None else tuple(sorted(row.dossiers)),
        scopes=tuple(sorted(row.scopes)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        replaced_by=row.replaced_by,
    )


_REFERENCE: Final = Parameter("reference", "the one dossier that your software calls this")
_Office = partial(Route, of_dossier=False)

ROUTES: Final = (
    _Office(
        "POST",
        "/v1/dossiers",
        create_dossier,
        Scope.DOSSIERS_WRITE,
        Body(JSON, model.Dossier),
        201,
        sends=(Body(JSON, model.NewDossier),),
        parameters=(KEY,),
        refusals=("dossiers-listed", "reference-taken"),
    ),
    _Office(
        "GET",
        "/v1/dossiers",
        list_dossiers,
        Scope.DOSSIERS_READ,
        Body(JSON, model.DossierPage),
        parameters=(*PAGED, _REFERENCE),
    ),
    _Office(
        "GET", "/v1/dossiers/{id}", show_dossier, Scope.DOSSIERS_READ, Body(JSON, model.Dossier)
    ),
    _Office(
        "PATCH",
        "/v1/dossiers/{id}",
        change_dossier,
        Scope.DOSSIERS_WRITE,
        Body(JSON, model.Dossier),
        sends=(Body(JSON, model.DossierChange),),
        refusals=("reference-taken",),
    ),
    _Office(
        "POST",
        "/v1/api-keys",
        create_key,
        Scope.KEYS_WRITE,
        Body(JSON, model.FreshApiKey),
        201,
        sends=(Body(JSON, model.NewApiKey),),
        parameters=(KEY,),
        refusals=(
            "scope-beyond",
            "unknown-scope",
            "bad-expiry",
            "dossier-beyond",
            "kind-beyond",
            "answer-sealed",
        ),
    ),
    _Office(
        "GET",
        "/v1/api-keys",
        list_keys,
        Scope.KEYS_READ,
        Body(JSON, model.ApiKeyPage),
        parameters=PAGED,
    ),
    _Office("GET", "/v1/api-keys/{id}", show_key, Scope.KEYS_READ, Body(JSON, model.ApiKey)),
    _Office(
        "POST",
        "/v1/api-keys/{id}/rotate",
        rotate_key,
        Scope.KEYS_WRITE,
        Body(JSON, model.FreshApiKey),
        201,
        sends=(Body(JSON, model.Rotation),),
        parameters=(KEY,),
        refusals=("api-key-replaced", "answer-sealed"),
    ),
    _Office(
        "POST",
        "/v1/api-keys/{id}/revoke",
        revoke_key,
        Scope.KEYS_WRITE,
        Body(JSON, model.ApiKey),
        parameters=(KEY,),
    ),
)
