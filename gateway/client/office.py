"""Dossiers and API keys: what is about the whole gateway."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gateway.client.connection import JSON, Connection, headers_of
from gateway.client.model import (
    ApiKey,
    ApiKeyPage,
    Dossier,
    DossierChange,
    DossierPage,
    FreshApiKey,
    NewApiKey,
    NewDossier,
    Rotation,
)

__all__ = ["Office"]


class Office(Connection):
    """What the API does with dossiers and keys."""

    async def create_dossier(
        self,
        name: str,
        country: str,
        *,
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Dossier:
        """Make a dossier for the company *name*; *reference* is what your software calls it."""
        wanted = NewDossier(name=name, country=country, reference=reference)
        return await self.ask(
            Dossier,
            "POST",
            "/v1/dossiers",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(wanted),
        )

    async def dossiers(
        self, *, limit: int | None = None, cursor: str | None = None, reference: str | None = None
    ) -> DossierPage:
        """Return one page of the dossiers that the key opens, newest first."""
        query = {"limit": limit, "cursor": cursor, "reference": reference}
        return await self.ask(DossierPage, "GET", "/v1/dossiers", query=query)

    async def dossier(self, dossier_id: UUID) -> Dossier:
        """Return one dossier."""
        return await self.ask(Dossier, "GET", f"/v1/dossiers/{dossier_id}")

    async def change_dossier(self, dossier_id: UUID, change: DossierChange) -> Dossier:
        """Change what *change* names; the rest stays as it is."""
        return await self.ask(
            Dossier,
            "PATCH",
            f"/v1/dossiers/{dossier_id}",
            headers=headers_of(JSON),
            data=msgspec.json.encode(change),
        )

    async def create_api_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        dossiers: Sequence[UUID] | None = None,
        expires_at: datetime | None = None,
        is_test: bool | None = None,
        idempotency_key: str | None = None,
    ) -> FreshApiKey:
        """Make an API key that opens *dossiers* (None: those of our own key) for *scopes*.

        A live key that opens all dossiers may make one that opens all test dossiers: *is_test*.
        """
        wanted = NewApiKey(
            name=name,
            scopes=tuple(scopes),
            dossiers=None if dossiers is None else tuple(dossiers),
            expires_at=expires_at,
            is_test=is_test,
        )
        return await self.ask(
            FreshApiKey,
            "POST",
            "/v1/api-keys",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(wanted),
        )

    async def api_keys(self, *, limit: int | None = None, cursor: str | None = None) -> ApiKeyPage:
        """Return one page of the keys that open no more than ours, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self.ask(ApiKeyPage, "GET", "/v1/api-keys", query=query)

    async def api_key(self, key_id: UUID) -> ApiKey:
        """Return one key, without the key itself."""
        return await self.ask(ApiKey, "GET", f"/v1/api-keys/{key_id}")

    async def rotate_api_key(
        self, key_id: UUID, *, overlap_seconds: int = 86400, idempotency_key: str | None = None
    ) -> FreshApiKey:
        """Return a new key that opens the same; the old one ends after *overlap_seconds*."""
        return await self.ask(
            FreshApiKey,
            "POST",
            f"/v1/api-keys/{key_id}/rotate",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(Rotation(overlap_seconds=overlap_seconds)),
        )

    async def revoke_api_key(self, key_id: UUID) -> ApiKey:
        """Let a key open nothing from now on; return it."""
        return await self.ask(ApiKey, "POST", f"/v1/api-keys/{key_id}/revoke")
