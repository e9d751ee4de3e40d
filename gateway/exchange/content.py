"""The bytes of a document, from wherever they are kept.

A sent document is kept as it was handed in. A received one is kept inside its message, as it came:
it is decrypted again, and cut out of the business envelope from its root's first byte to its last.
Either way it is read piece by piece, and no plain copy is made.
"""

from collections.abc import AsyncIterator

from gateway.errors import Fault, Kind
from gateway.exchange.payload import SealedPayload, read_payload
from gateway.exchange.states import Status
from gateway.store.archive import Archive
from gateway.store.documents import Document, find_content
from gateway.store.messages import find_message
from gateway.store.pool import Transaction
from ubl.errors import UblError
from ubl.sbdh import EnvelopeReader

__all__ = ["open_document"]

_ENVELOPE_BYTES_MAX = 4 << 30  # LIMIT: what it may come to was checked when it was received.
_RETRY_SECONDS = 1.0


async def open_document(
    tx: Transaction, archive: Archive, document: Document
) -> AsyncIterator[bytes]:
    """Find *document* in *tx* and return its bytes, which are read after the transaction.

    Raises Fault (CONFLICT) for a received document that is not unwrapped yet, or is broken.
    """
    if document.direction == "in":
        _check_readable(document)
        message = await find_message(tx, document.id)
        assert message is not None, "a received document came in a message"
        return cut_document(archive, message)
    content = await find_content(tx, document.id)
    assert content is not None, "an accepted document is stored"
    if content.file is not None:
        return archive.read(content.file)
    return _one_piece(content.data or b"")


async def cut_document(archive: Archive, sealed: SealedPayload) -> AsyncIterator[bytes]:
    """Yield the document in *sealed* without its envelope; raises Fault (CONFLICT) if broken."""
    reader = EnvelopeReader(read_header_only=False)
    at = 0
    async for piece in read_payload(archive, sealed, bytes_max=_ENVELOPE_BYTES_MAX):
        try:
            reader.feed(piece)
        except UblError as error:
            raise _broken(str(error)) from error
        if reader.payload_offset is not None:
            end = len(piece) if reader.payload_end is None else reader.payload_end - at
            if wanted := piece[max(reader.payload_offset - at, 0) : max(end, 0)]:
                yield wanted
        at += len(piece)


def _check_readable(document: Document) -> None:
    if document.status == Status.BROKEN:
        raise _broken("see its timeline")
    if document.status == Status.RECEIVED:
        detail = "the document was received and is being unwrapped"
        raise Fault(Kind.CONFLICT, "not-yet", detail, retry_after_seconds=_RETRY_SECONDS)


def _broken(why: str) -> Fault:
    detail = f"what was received is no readable document: {why}; its evidence has the message"
    return Fault(Kind.CONFLICT, "document-broken", detail)


async def _one_piece(data: bytes) -> AsyncIterator[bytes]:
    yield data
