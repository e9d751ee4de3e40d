"""What the API says of many documents at once, as values: batches, imports and their results."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from gateway.client.model import Document, ProblemDetails
from ubl.form import InvoiceForm

__all__ = [
    "Batch",
    "BatchItem",
    "BatchResult",
    "BatchResults",
    "Import",
    "ImportPage",
    "ImportResult",
    "ImportResults",
]


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One document of several: *ubl* (Base64 of it) or *invoice*, the JSON form of one.

    The others are what a single document has in its query and headers.
    """

    ubl: bytes | None = None
    invoice: InvoiceForm | None = None
    idempotency_key: Annotated[str, msgspec.Meta(pattern="^[!-~]{1,255}$")] | None = None
    to: str | None = None
    duplicate: Literal["allow"] | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Documents to hand in at once, each of which is accepted or refused on its own."""

    documents: Annotated[tuple[BatchItem, ...], msgspec.Meta(min_length=1, max_length=100)]


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document of a batch: *document* (202), or the *problem*.

    *replayed*: its key was used before, and this was the answer then.
    """

    status: int
    document: Document | msgspec.UnsetType = msgspec.UNSET
    problem: ProblemDetails | msgspec.UnsetType = msgspec.UNSET
    replayed: bool = False


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the documents of a batch, one result for each, in their order."""

    results: tuple[BatchResult, ...]


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A file with many documents, and how far: `waiting`, `running`, `done`, `cancelled`, `failed`.

    *total* are the documents in it; those *accepted* and *refused* so far have their results. One
    that `failed` stopped on our side: hand in again what has no result.
    """

    id: UUID
    status: str
    media_type: str
    size_bytes: int
    total: int
    accepted: int
    refused: int
    created_at: datetime
    updated_at: datetime


class ImportPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some imports, newest first; *next_cursor* asks for those that follow."""

    imports: tuple[Import, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Import]:
        """Give what is on the page."""
        return iter(self.imports)


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document of an import: *document_id* (202), or the *problem*.

    *position* is its line, or its place in the ZIP, counted from one; *name* is its path there.
    """

    position: int
    status: int
    name: str | None = None
    document_id: UUID | msgspec.UnsetType = msgspec.UNSET
    problem: ProblemDetails | msgspec.UnsetType = msgspec.UNSET


class ImportResults(msgspec.Struct, frozen=True, kw_only=True):
    """Some results of an import, in the order of its documents; more may come while it runs."""

    results: tuple[ImportResult, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[ImportResult]:
        """Give what is on the page."""
        return iter(self.results)
