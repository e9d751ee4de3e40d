"""What Schemathesis is told beside the description; it loads this file into its own process.

KEPT are the ids of what the run needs to its end, TALLY is the file for what was answered.
"""

import atexit
import json
import os
from binascii import crc32
from collections import Counter
from datetime import datetime
from pathlib import Path
from uuid import UUID

import schemathesis

KEPT = frozenset(os.environ["KEPT"].split())
INSTANTS = ("since", "updated_after", "expires_at")
EXTREME = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-05:00",
)
"""Instants at the ends of time; half of them have no date in UTC."""
NOBODY = str(UUID(int=1))
answered: Counter[str] = Counter()


@schemathesis.serializer("application/x-ndjson", "application/zip")
def as_it_is(_context, value):
    """A file is sent byte for byte, whatever was made up for it."""
    if isinstance(value, bytes):
        return {"data": value}
    text = value if isinstance(value, str) else json.dumps(value)
    return {"data": text.encode("utf-8", "replace")}


@schemathesis.hook
def before_call(_context, case, kwargs):
    """Keep what the run needs: with its own key revoked, nothing more would open."""
    del kwargs
    named = (case.path_parameters or {}).get("id")
    path = case.operation.path
    ends = case.operation.method.upper() == "DELETE" or path.endswith(("/rotate", "/revoke"))
    if ends and named in KEPT:
        case.path_parameters["id"] = NOBODY


@schemathesis.hook
def map_query(_context, query):
    """Let some instants be at the ends of time."""
    return strain(query)


@schemathesis.hook
def map_body(_context, body):
    """Let some instants be at the ends of time."""
    return strain(body)


def strain(values):
    """Put an extreme instant where another one is, in a third of the cases and always the same."""
    for name in INSTANTS if isinstance(values, dict) else ():
        dice = crc32(str(values.get(name)).encode())
        if is_instant(values.get(name)) and dice % 3 == 0:
            values = {**values, name: EXTREME[dice // 3 % len(EXTREME)]}
    return values


def is_instant(value):
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


@schemathesis.hook
def after_call(_context, case, response):
    """Count the answers of each operation by their status."""
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    answered[f"{operation} {response.status_code}"] += 1


@atexit.register
def write_tally():
    Path(os.environ["TALLY"]).write_text(json.dumps(answered), "utf-8")
