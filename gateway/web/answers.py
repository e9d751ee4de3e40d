"""A stored document as the API shows it."""

from uuid import UUID

from gateway.client import model
from gateway.store import documents
from gateway.store.pool import Transaction
from gateway.web import parameters

__all__ = ["document_answer", "get_document"]


async def get_document(tx: Transaction, document_id: UUID) -> documents.Document:
    """Return the document, or raise Fault (NOT_FOUND): another dossier's is as absent as none."""
    document = await documents.find_document(tx, document_id)
    if document is None:
        raise parameters.not_found("document", document_id)
    return document


def document_answer(document: documents.Document, message_id: str | None) -> model.Document:
    """Return *document* as the API shows it; *message_id* is that of the message it is in."""
    return model.Document(
        id=document.id,
        direction=document.direction,
        status=document.status,
        sender=document.sender,
        receiver=document.receiver,
        document_type=document.document_type,
        process=document.process,
        created_at=document.created_at,
        updated_at=document.updated_at,
        acknowledged_at=document.acknowledged_at,
        kind=document.kind,
        number=document.number,
        instance_identifier=document.instance_identifier,
        message_id=message_id,
        sha256=document.content_sha256.hex() if document.content_sha256 is not None else None,
        size_bytes=document.size_bytes,
        flags=tuple(document.flags),
        valid=document.valid,
    )
