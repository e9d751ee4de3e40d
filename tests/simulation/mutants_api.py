"""Mutants of the API and of what stands behind it; `MUTANTS` has them with all others."""

from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from types import MappingProxyType
from unittest.mock import patch

from gateway.exchange import imports, intake
from gateway.rendering import html
from gateway.store import imports as stored
from gateway.web import access, once
from tests.simulation.patched import Mutants, Patched


class OneForAll(Patched):
    """8: whatever its key opens, a request is about the gateway's own dossier."""

    where, name = access, "_find_books"

    def instead(self, original):
        async def find(request, key, db):
            if key.dossiers is not None:
                key = replace(key, dossiers=None)
            return await original(request, key, db)

        return find


class OpenBooks(Mutants):
    """8: row security lets everybody see all documents."""

    spoils = "ALTER TABLE documents DISABLE ROW LEVEL SECURITY"
    mends = "ALTER TABLE documents ENABLE ROW LEVEL SECURITY"


class Trusting(Mutants):
    """16: what documents say is taken for markup."""

    @contextmanager
    def switched_on(self):
        html._template.cache_clear()

        class Careless(html.Environment):
            def __init__(self, **given):
                super().__init__(**given | {"autoescape": False})

        try:
            with patch.object(html, "Environment", Careless):
                yield
        finally:
            html._template.cache_clear()


class PassesOver(Patched):
    """22: every other entry of a file is passed over."""

    where, name = imports, "read_entries"

    def instead(self, original):
        async def read(file, media_type, start):
            async for entry in original(file, media_type, start):
                if entry.at.position % 2:
                    yield entry

        return read


class NeverStops(Patched):
    """22: an import that somebody cancels goes on."""

    where, name = stored, "cancel_import"

    def instead(self, original):
        del original

        async def cancel(tx, import_id, *, now):
            del now
            found = await stored.find_import(tx, import_id)
            is_open = found.status in ("waiting", "running")
            return replace(found, status="cancelled") if is_open else None

        return cancel


class ForgetsAnswers(Mutants):
    """23: nobody knows that a request was answered before."""

    @contextmanager
    def switched_on(self):
        async def nothing(*_, **__):
            return None

        with ExitStack() as stack:
            for where, name in ((once, "claim"), (intake, "claim"), (intake, "find_answer")):
                stack.enter_context(patch.object(where, name, nothing))
            yield


class TakesAnyBody(Patched):
    """23: whatever is sent under a key counts as the first request."""

    where, name = intake, "_fingerprint"

    def instead(self, original):
        del original
        return lambda upload, submission: bytes(32)


class LosesWork(Patched):
    """23: what a request made is answered, and rolled back."""

    where, name = once, "_transaction"

    def instead(self, original):
        @asynccontextmanager
        async def transaction(request):
            async with original(request) as tx:
                yield tx
                await tx.connection.execute("ROLLBACK AND CHAIN")

        return transaction


API = MappingProxyType(
    {
        "one-for-all": OneForAll,
        "open-books": OpenBooks,
        "trusting": Trusting,
        "passes-over": PassesOver,
        "never-stops": NeverStops,
        "forgets-answers": ForgetsAnswers,
        "takes-any-body": TakesAnyBody,
        "loses-work": LosesWork,
    }
)
