"""Bring the database to what this version of the gateway needs, or say that it was put back.

Without database_url that is the gateway's own PostgreSQL in data_dir, which is started for it.
With `country` set, the default dossier and the first API key are made too. Doing it again changes
nothing, and doing it while a gateway runs is safe.

`restored` is for a folder or a snapshot of an earlier state that was put back, which the server
cannot know: the feed then goes on behind all that was shown. What was restored from a dump, or to a
point in time, is noticed at the start of a gateway.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from gateway.app import local_database, make_clock
from gateway.commands.options import EXIT_DONE, Progress, add_config, load_settings, report
from gateway.settings import Settings, Stage
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.eras import follow_cluster
from gateway.store.migrate import upgrade
from gateway.store.pool import Database, assert_durable
from gateway.web.security import ensure_first_key

SUMMARY = "bring the database to what this version needs, or say that it was put back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `db upgrade` and `db restored`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="upgrade | restored")
    add_config(verbs.add_parser("upgrade", help="apply what is missing"))
    told = "let the feed go on behind what was shown before an earlier state was put back"
    add_config(verbs.add_parser("restored", help=told))


def run(args: argparse.Namespace) -> int:
    """Upgrade the database; return the exit code.  Raises BadSettings, StoreError, Unavailable."""
    settings = load_settings(args)
    work = _restored if args.what == "restored" else _upgrade
    facts = asyncio.run(work(settings, Progress(args)))
    report(args, facts, _lines)
    return EXIT_DONE


async def _restored(settings: Settings, progress: Progress) -> dict[str, Any]:
    async with _database(settings, progress) as dsn:
        return {
            "applied": await upgrade(dsn),
            "api_key_file": None,
            "era": await follow_cluster(dsn, restored=True),
        }


@asynccontextmanager
async def _database(settings: Settings, progress: Progress) -> AsyncIterator[str]:
    if settings.database_url is None:
        progress.say(f"starting PostgreSQL in {settings.data_dir}")
    async with local_database(settings) as dsn:
        yield dsn


async def _upgrade(settings: Settings, progress: Progress) -> dict[str, Any]:
    async with _database(settings, progress) as dsn:
        applied = await upgrade(dsn)
        db = await Database.open(dsn, max_size=1)
        try:
            await assert_durable(db)
            return {"applied": applied, "api_key_file": await _first_key(db, settings)}
        finally:
            await db.close()


async def _first_key(db: Database, settings: Settings) -> str | None:
    """Make the default dossier and its first key; None when the country is not known."""
    if settings.country is None:
        return None
    clock = make_clock(settings)
    await ensure_default_dossier(
        db,
        dossier_id=clock.uuid(),
        name=settings.dossier_name,
        country=settings.country,
        now=clock.now(),
        is_test=settings.stage is not Stage.PRODUCTION,
    )
    return str(await ensure_first_key(db, clock=clock, settings=settings))


def _lines(facts: Mapping[str, Any]) -> list[str]:
    names = [f"applied {name}" for name in facts["applied"]] or ["nothing to apply"]
    if "era" in facts:
        names.append(f"the feed goes on in era {facts['era']}, behind all that was shown")
    return [*names, *([f"API key in {facts['api_key_file']}"] if facts["api_key_file"] else [])]
