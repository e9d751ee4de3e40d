"""Bring the database to what this version of the gateway needs.

Without database_url that is the gateway's own PostgreSQL in data_dir, which is started for it.
With `country` set, the default dossier and the first API key are made too. Doing it again changes
nothing, and doing it while a gateway runs is safe.
"""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.app import local_database, make_clock
from gateway.commands.options import EXIT_DONE, Progress, add_config, load_settings, report
from gateway.errors import Fault, Kind
from gateway.settings import Settings
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.errors import StoreError
from gateway.store.migrate import upgrade
from gateway.store.pool import Database, assert_durable
from gateway.web.security import ensure_first_key

SUMMARY = "bring the database to what this version needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `db upgrade`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="upgrade")
    add_config(verbs.add_parser("upgrade", help="apply what is missing"))


def run(args: argparse.Namespace) -> int:
    """Upgrade the database and return the exit code."""
    settings = load_settings(args)
    try:
        facts = asyncio.run(_upgrade(settings, Progress(args)))
    except StoreError as error:
        raise Fault(Kind.CONFLICT, "database-unusable", str(error)) from error
    report(args, facts, _lines)
    return EXIT_DONE


async def _upgrade(settings: Settings, progress: Progress) -> dict[str, Any]:
    if settings.database_url is None:
        progress.say(f"starting PostgreSQL in {settings.data_dir}")
    async with local_database(settings) as dsn:
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
    dossier = await ensure_default_dossier(
        db,
        dossier_id=clock.uuid(),
        name=settings.dossier_name,
        country=settings.country,
        now=clock.now(),
    )
    return str(await ensure_first_key(db, dossier.id, clock=clock, settings=settings))


def _lines(facts: Mapping[str, Any]) -> list[str]:
    names = [f"applied {name}" for name in facts["applied"]] or ["nothing to apply"]
    return [*names, *([f"API key in {facts['api_key_file']}"] if facts["api_key_file"] else [])]
