"""What a key may do: every scope of the API, and what each of them opens."""

from enum import StrEnum

__all__ = ["MEANINGS", "Scope"]


class Scope(StrEnum):
    """One thing that a key may do; each route needs exactly one of them."""

    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    PARTICIPANTS_READ = "participants:read"
    PARTICIPANTS_WRITE = "participants:write"
    VALIDATE = "validate"
    LOOKUP = "lookup"
    DOSSIERS_READ = "dossiers:read"
    DOSSIERS_WRITE = "dossiers:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


MEANINGS: dict[Scope, str] = {
    Scope.DOCUMENTS_READ: "list documents and events, read, show and download them",
    Scope.DOCUMENTS_WRITE: "hand documents in, decide about them, and acknowledge received ones",
    Scope.PARTICIPANTS_READ: "see which participants a dossier has",
    Scope.PARTICIPANTS_WRITE: "register and remove participants of a dossier",
    Scope.VALIDATE: "check documents that are not kept",
    Scope.LOOKUP: "ask what others on the network take, and ping their access points",
    Scope.DOSSIERS_READ: "see the dossiers that the key opens",
    Scope.DOSSIERS_WRITE: "make dossiers and change them",
    Scope.KEYS_READ: "see keys that open no more than this one",
    Scope.KEYS_WRITE: "make, rotate and revoke keys that open no more than this one",
    Scope.WEBHOOKS_READ: "see who is told of events, and how that went",
    Scope.WEBHOOKS_WRITE: "choose who is told of events, test and replay; sees new secrets",
}
