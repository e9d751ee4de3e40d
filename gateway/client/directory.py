"""Participants: whom a dossier serves, and what others on the network take."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.client.connection import Connection
from gateway.client.model import NewService, Participant, Participants, Registration, Service

__all__ = ["Directory"]


class Directory(Connection):
    """What the API knows of participants."""

    async def register_participant(
        self, participant: str, services: Sequence[Service] | None = None
    ) -> Participant:
        """Make *participant* one of the dossier's own; by default for BIS Billing."""
        takes = None
        if services is not None:
            takes = tuple(
                NewService(document_type=each.document_type, process=each.process)
                for each in services
            )
        wanted = Registration(services=takes)
        return await self.ask(
            Participant,
            "PUT",
            f"/v1/participants/{quote(participant, safe='')}",
            headers={"Content-Type": "application/json"},
            data=msgspec.json.encode(wanted),
        )

    async def participant(self, participant: str) -> Participant:
        """Return one of the dossier's participants."""
        return await self.ask(Participant, "GET", f"/v1/participants/{quote(participant, safe='')}")

    async def participants(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Participants:
        """Return a page of the dossier's participants; *cursor* is that of the page before.

        `each(client.participants)` gives all of them.
        """
        query = {"limit": limit, "cursor": cursor}
        return await self.ask(Participants, "GET", "/v1/participants", query=query)

    async def remove_participant(self, participant: str) -> None:
        """Let *participant* be served no more."""
        path = f"/v1/participants/{quote(participant, safe='')}"
        async with self.open("DELETE", path):
            pass

    async def lookup(
        self, participant: str, document_type: str | None = None, process: str | None = None
    ) -> dict[str, Any]:
        """Return where *participant* takes *document_type* (by default a BIS Billing invoice)."""
        query = {"document_type": document_type, "process": process}
        path = f"/v1/lookup/{quote(participant, safe='')}"
        return await self.ask(dict[str, Any], "GET", path, query=query)

    async def ping(self, participant: str) -> dict[str, Any]:
        """Send a test message to the access point of *participant*; return how it answered."""
        path = f"/v1/ping/{quote(participant, safe='')}"
        return await self.ask(dict[str, Any], "POST", path)
