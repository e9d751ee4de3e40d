"""What can go wrong in the store before any row is touched.

    Exception
    └── StoreError
        ├── NotDurable            the server could acknowledge a commit and lose it
        ├── CannotUseDatabase     the server of `database_url` does not let us work in it
        ├── CannotStartPostgres   the embedded server does not come up
        └── MigrationFailed       the schema could not be brought up to date

A server that is away or busy is `gateway.errors.Unavailable`; a refusal is `gateway.errors.Fault`.
"""

__all__ = [
    "CannotStartPostgres",
    "CannotUseDatabase",
    "MigrationFailed",
    "NotDurable",
    "StoreError",
]


class StoreError(Exception):
    """The store cannot be used as it is; a person has to change something."""


class NotDurable(StoreError):  # noqa: N818 - it names the state of the server
    """The server could lose what it acknowledged: *setting* stands at *value*."""

    def __init__(self, setting: str, value: str, where: str) -> None:
        super().__init__(
            f"{setting} is {value!r} ({where}); a receipt promises that a message is kept, "
            f"so the gateway starts only with {setting} on"
        )
        self.setting = setting
        self.value = value


class CannotUseDatabase(StoreError):  # noqa: N818 - says what cannot be done
    """The database of `database_url` cannot be used as it is; the message says what to change."""


class CannotStartPostgres(StoreError):  # noqa: N818 - says what cannot be done
    """The embedded PostgreSQL does not come up; the message carries the end of its log."""


class MigrationFailed(StoreError):  # noqa: N818 - names the event
    """A migration did not apply; the database is as it was before that migration."""
