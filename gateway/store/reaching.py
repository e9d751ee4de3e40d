"""Reaching a database for the first time: what cannot be used is told before anything is done.

Each refusal names the setting and what to do.  None repeats the address, which may hold a password.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from gateway.errors import Unavailable
from gateway.store.errors import CannotUseDatabase

__all__ = ["UNREACHABLE", "check_version", "refusals_told"]

OLDEST: Final = 15
"""The oldest major version of PostgreSQL that the tests run on."""

RETRY_SECONDS: Final = 1.0

UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
)
"""What `asyncpg.connect` raises when there is no server to talk to."""

_SHAPE: Final = (
    "it has the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE,"
    " with / ? # @ % of a password written as %2F %3F %23 %40 %25"
)
_ROLES: Final = (
    "give its user the attribute CREATEROLE, or make for it what that is for:"
    " CREATE ROLE gateway_app NOLOGIN; CREATE ROLE gateway_exchange NOLOGIN;"
    " GRANT gateway_app, gateway_exchange TO the user"
)
_RESTORED: Final = (
    "make the roles before a backup is restored:"
    " CREATE ROLE gateway_app NOLOGIN; CREATE ROLE gateway_exchange NOLOGIN"
)
_TODO: Final = (
    (asyncpg.InvalidAuthorizationSpecificationError, "correct its user and password"),
    (
        asyncpg.InvalidCatalogNameError,
        "create it (CREATE DATABASE … OWNER …), or correct its name",
    ),
    (asyncpg.InvalidParameterValueError, _RESTORED),
    (asyncpg.ReadOnlySQLTransactionError, "name the server that takes writes"),
)
"""What to do about an error of the server, by its class."""


@contextmanager
def refusals_told(may: str = _ROLES) -> Iterator[None]:
    """Tell what a server refuses inside the block, and what to do about it.

    *may* says what to do when the user may not do something.  Raises Unavailable when there is no
    server or it is full, and CannotUseDatabase for what a person has to change.
    """
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as exc:
        raise _unusable(f"{exc}; {may}") from exc
    except asyncpg.ClientConfigurationError as exc:
        raise _unusable(f"{exc}; {_SHAPE}") from exc
    except (*UNREACHABLE, asyncpg.InsufficientResourcesError) as exc:
        detail = f"no database: {exc}; is the server of database_url (DATABASE_URL) up?"
        raise Unavailable(detail, RETRY_SECONDS) from exc
    except asyncpg.PostgresError as exc:
        todo = next((todo for kind, todo in _TODO if isinstance(exc, kind)), "correct it")
        raise _unusable(f"{exc}; {todo}") from exc
    except ValueError:
        # Its text may hold a part of the password.
        raise _unusable(f"it is no address of a PostgreSQL; {_SHAPE}") from None


def check_version(connection: asyncpg.Connection) -> None:
    """Raise CannotUseDatabase for a server that is older than those we know."""
    found = connection.get_server_version().major
    if found < OLDEST:
        raise _unusable(f"its server is PostgreSQL {found}; use {OLDEST} or later")


def _unusable(what: str) -> CannotUseDatabase:
    return CannotUseDatabase(f"database_url (DATABASE_URL) cannot be used: {what}")
