"""`Idempotency-Key` for every POST: carried out once, and answered the same when it is repeated.

Work in the database is one transaction with the key.  Other work (asking a peer, checking a
document) has its key claimed before and finished after, under a lock; if it fails or its process
dies, it may be asked for again.
An answer that shows a secret is kept sealed: only the API key that asked can read it.  A large one
that can be made again is not kept: a repetition makes it anew, another request is still refused.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import Fault, Kind
from gateway.exchange.repeats import claim, find_answer, in_flight
from gateway.store.idempotency import UNKEPT, Stored, drop_key, finish_key
from gateway.store.pool import OfficeTransaction, Transaction
from gateway.web.access import ACCESS, DOSSIER
from gateway.web.parameters import idempotency_key
from gateway.web.services import SERVICES

__all__ = ["Answer", "do_once", "store_once"]

KEPT_BYTES_MAX: Final = 256 * 1024  # LIMIT: an answer that is kept although it can be made again.
_NONCE_BYTES = 12
AnyTransaction = Transaction | OfficeTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a POST is answered: *value* as JSON, or *body* as it is.

    *secret*: the answer shows what is shown once.  *passing*: something was away for the moment, so
    a repetition is carried out again.  *remade*: the work changes nothing, so a repetition may make
    the answer anew where it is too large to be kept.
    """

    value: object = None
    status: int = 200
    body: bytes | None = None
    content_type: str = "application/json"
    location: str | None = None
    secret: bool = False
    passing: bool = False
    remade: bool = False

    def stored(self) -> Stored:
        """Return the answer as it is kept."""
        return Stored(
            status=self.status,
            body=msgspec.json.encode(self.value) if self.body is None else self.body,
            content_type=self.content_type,
            location=self.location,
            sealed=self.secret,
        )


async def store_once(
    request: web.Request,
    body: bytes,
    work: Callable[[Any], Awaitable[Answer]],
) -> web.Response:
    """Do *work* in a transaction of the request's dossier (or the office) with its key.

    *body* is the request's, as far as it matters.  Raises Fault as `claim` and *work* do; then
    nothing was stored.
    """
    key = _own_key(request)
    async with _transaction(request) as tx:
        if key is not None:
            now = request.app[SERVICES].clock.now()
            before = await claim(tx, key, _fingerprint(request, body), now=now)
            if before is not None:
                return _respond(_unseal(request, before), replayed=True)
        answer = (await work(tx)).stored()
        if key is not None:
            await finish_key(tx, key, _seal(request, answer))
    return _respond(answer, replayed=False)


async def do_once(
    request: web.Request, body: bytes, work: Callable[[], Awaitable[Answer]]
) -> web.Response:
    """Do *work*, which needs no transaction; else as `store_once`."""
    key = _own_key(request)
    if key is None:
        return _respond((await work()).stored(), replayed=False)
    # A process that dies lets go of the lock: what it claimed is carried out by who asks next.
    async with request.app[SERVICES].locks.hold(_lock_name(request, key)) as ours:
        before = await _claim(request, key, body, alone=ours)
        if before is not None and before != UNKEPT:
            return _respond(_unseal(request, before), replayed=True)
        return _respond(await _carry_out(request, key, work), replayed=False)


async def _claim(request: web.Request, key: str, body: bytes, *, alone: bool) -> Stored | None:
    """Return what was answered before, None if the work is ours to do."""
    fingerprint = _fingerprint(request, body)
    async with _transaction(request) as tx:
        if alone:
            now = request.app[SERVICES].clock.now()
            return await claim(tx, key, fingerprint, now=now, alone=True)
        before = await find_answer(tx, key, fingerprint)
    if before is None:
        raise in_flight()
    return before


async def _carry_out(
    request: web.Request, key: str, work: Callable[[], Awaitable[Answer]]
) -> Stored:
    """Do *work* and keep the answer, or give the claim up."""
    try:
        done = await work()
    except BaseException:
        async with _transaction(request) as tx:
            await drop_key(tx, key)
        raise
    answer = done.stored()
    async with _transaction(request) as tx:
        if done.passing:
            await drop_key(tx, key)
        elif done.remade and len(answer.body) > KEPT_BYTES_MAX:
            await finish_key(tx, key, UNKEPT)
        else:
            await finish_key(tx, key, _seal(request, answer))
    return answer


def _transaction(request: web.Request) -> AbstractAsyncContextManager[AnyTransaction]:
    db, dossier = request.app[SERVICES].db, request.get(DOSSIER)
    return db.office() if dossier is None else db.transaction(dossier)


def _own_key(request: web.Request) -> str | None:
    """Return the key of the request; the office's callers must not meet each other's."""
    key = idempotency_key(request)
    if key is None or DOSSIER in request:
        return key
    return f"{request[ACCESS].key.id}:{key}"


def _lock_name(request: web.Request, key: str) -> UUID:
    whose = request.get(DOSSIER, "office")
    return UUID(bytes=hashlib.sha256(f"request {whose} {key}".encode()).digest()[:16])


def _fingerprint(request: web.Request, body: bytes) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.raw_path}\n".encode())
    digest.update(body)
    return digest.digest()


def _seal(request: web.Request, answer: Stored) -> Stored:
    if not answer.sealed:
        return answer
    nonce = request.app[SERVICES].clock.random(_NONCE_BYTES)
    return replace(answer, body=nonce + _cipher(request).encrypt(nonce, answer.body, None))


def _unseal(request: web.Request, answer: Stored) -> Stored:
    if not answer.sealed:
        return answer
    nonce, sealed = answer.body[:_NONCE_BYTES], answer.body[_NONCE_BYTES:]
    try:
        return replace(answer, body=_cipher(request).decrypt(nonce, sealed, None))
    except InvalidTag:
        detail = "this was answered before, with a secret that only the API key of then may see"
        raise Fault(Kind.CONFLICT, "answer-sealed", detail) from None


def _cipher(request: web.Request) -> AESGCM:
    return AESGCM(hashlib.sha256(b"answer " + request[ACCESS].secret.encode()).digest())


def _respond(answer: Stored, *, replayed: bool) -> web.Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    if answer.sealed:
        headers["Cache-Control"] = "no-store"
    if answer.location is not None:
        headers["Location"] = answer.location
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        headers=headers,
    )
