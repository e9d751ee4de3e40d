"""Before each attempt: the message as it stands, made to fit the endpoint as it is now.

A document is sealed once. When the same access point shows another certificate, the encryption
alone is renewed: MessageId, signature and payload stay. When the document has to go to another
access point, it is sealed anew under a new MessageId, in an envelope with the same identifier, so
that a receiver who got both knows them for one document.  [PEPPOL-AS4 §2.5] [PEPPOL-BME §3]
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from as4.pack import SealedMessage, renew_encryption
from as4.xmldsig import Reference, Transform
from gateway.clock import Clock
from gateway.exchange.route import Route
from gateway.exchange.sealing import (
    CONTENT_KEY_BYTES,
    IV_BYTES,
    Keys,
    SealedStream,
    business_header,
    known_routing,
    outbound_message,
    read_document,
    seal_in_memory,
    seal_streaming,
)
from gateway.store.archive import Archive, SpoolFile
from gateway.store.documents import Content, Document
from gateway.store.messages import SealedRow, SealedWire, StoredMessage
from gateway.trust import KeyRing

__all__ = ["Preparation", "read_references", "readdress", "wire_pieces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Makes sealed messages; everything it needs for that, and nothing of the database.

    A message is signed with the pair that *keys* has in use; *host* ends our MessageIds.
    Documents up to *inline_bytes_max* are sealed in memory, and bodies up to it are kept in the
    row.
    """

    archive: Archive
    clock: Clock
    keys: KeyRing
    host: str
    inline_bytes_max: int

    async def seal(
        self, document: Document, content: Content, country: str, route: Route
    ) -> SealedRow:
        """Seal *document* for *route* under a new MessageId.

        What was noted of a document that the database keeps need not be read again.  Raises
        `ubl.errors.UblError` when the content is no document that can be sent, Unavailable when
        the archive is away.
        """
        now = self.clock.now()

        def pieces() -> AsyncIterator[bytes]:
            return content_pieces(content, self.archive)

        routing = (content.data and known_routing(document)) or await read_document(pieces())
        instance = document.instance_identifier or str(self.clock.uuid())
        header = business_header(routing, country=country, instance_identifier=instance, now=now)
        message = outbound_message(
            routing,
            message_id=self.clock.message_id(self.host),
            from_party=self.keys.signing.certificate.subject_cn,
            to_party=route.recipient.subject_cn,
            now=now,
        )
        keys = self._fresh_keys(route)
        if content.data is not None and len(content.data) <= self.inline_bytes_max:
            sealed: SealedMessage | SealedStream
            sealed = seal_in_memory(content.data, routing, header, message, keys)
            wire, file, length = await self._keep_small(sealed.body)
        else:
            sealed, file = await self._seal_large(
                lambda to: seal_streaming(pieces, routing, header, message, keys, to)
            )
            wire, length = None, sealed.wire_length
        return SealedRow(
            message_row_id=self.clock.uuid(),
            document_id=document.id,
            message_id=message.message_id,
            sending_ap=message.from_party,
            receiving_ap=message.to_party,
            sender=document.sender,
            receiver=document.receiver,
            instance_identifier=instance,
            attachment_digest=sealed.references[-1].digest_value,
            signed_references=_write_references(sealed.references),
            body=SealedWire(
                content_type=sealed.content_type,
                wire=wire,
                wire_file=file,
                wire_length=length,
                attachment_offset=sealed.attachment_offset,
                attachment_length=sealed.attachment_length,
                content_key=keys.content_key,
                endpoint_address=route.address,
                endpoint_certificate=route.recipient.der,
                smp_url=route.smp_url,
                signed_metadata=route.smp_answer,
            ),
            sealed_at=now,
        )

    async def renew(self, message: StoredMessage, route: Route) -> SealedWire:
        """Return the body of *message*, encrypted for the certificate of *route* instead.

        Whoever replaces the row deletes the file of the old body after the commit.
        """
        head = await self._head(message)
        renewed = renew_encryption(head, route.recipient, message.content_key)
        if message.wire is not None:
            body = renewed + message.wire[len(head) :]
            wire, file, length = await self._keep_small(body)
        else:
            length = message.wire_length + len(renewed) - len(head)
            wire, file = None, await self._copy_large(message, renewed, len(head))
        return SealedWire(
            content_type=message.content_type,
            wire=wire,
            wire_file=file,
            wire_length=length,
            attachment_offset=len(renewed),
            attachment_length=message.attachment_length,
            content_key=message.content_key,
            endpoint_address=route.address,
            endpoint_certificate=route.recipient.der,
            smp_url=route.smp_url,
            signed_metadata=route.smp_answer,
        )

    def _fresh_keys(self, route: Route) -> Keys:
        return Keys(
            signer=self.keys.signing,
            recipient=route.recipient,
            content_key=self.clock.random(CONTENT_KEY_BYTES),
            iv=self.clock.random(IV_BYTES),
            nonce=self.clock.uuid().hex,
        )

    async def _keep_small(self, body: bytes) -> tuple[bytes | None, str | None, int]:
        """Return *body* for the row, or the name of the file that holds it, and its length."""
        if len(body) <= self.inline_bytes_max:
            return body, None, len(body)
        async with self._spooled() as spool:
            spool.write(body)
            return None, await spool.keep(), len(body)

    async def _seal_large(
        self, seal: Callable[[SpoolFile], Awaitable[SealedStream]]
    ) -> tuple[SealedStream, str]:
        async with self._spooled() as spool:
            sealed = await seal(spool)
            return sealed, await spool.keep()

    async def _head(self, message: StoredMessage) -> bytes:
        """Return what stands before the attachment."""
        if message.wire is not None:
            return message.wire[: message.attachment_offset]
        assert message.wire_file is not None
        pieces = self.archive.read(message.wire_file, 0, message.attachment_offset)
        return b"".join([piece async for piece in pieces])

    async def _copy_large(self, message: StoredMessage, head: bytes, start: int) -> str:
        """Write *head* and all of the body from offset *start* on into a new file."""
        assert message.wire_file is not None
        async with self._spooled() as spool:
            spool.write(head)
            async for piece in self.archive.read(message.wire_file, start):
                spool.write(piece)
            return await spool.keep()

    @asynccontextmanager
    async def _spooled(self) -> AsyncIterator[SpoolFile]:
        """Open a spool file that is gone at the end unless it was kept."""
        spool = self.archive.open_spool(self.clock.uuid().hex)
        try:
            yield spool
        finally:
            spool.discard()


def readdress(message: StoredMessage, route: Route) -> SealedWire:
    """Return the body of *message* as it is, for the same access point at another address."""
    return SealedWire(
        content_type=message.content_type,
        wire=message.wire,
        wire_file=message.wire_file,
        wire_length=message.wire_length,
        attachment_offset=message.attachment_offset,
        attachment_length=message.attachment_length,
        content_key=message.content_key,
        endpoint_address=route.address,
        endpoint_certificate=route.recipient.der,
        smp_url=route.smp_url,
        signed_metadata=route.smp_answer,
    )


async def content_pieces(content: Content, archive: Archive) -> AsyncIterator[bytes]:
    """Yield a document as it was handed in."""
    if content.data is not None:
        yield content.data
        return
    assert content.file is not None
    async for piece in archive.read(content.file):
        yield piece


async def wire_pieces(
    message: SealedWire | StoredMessage, archive: Archive
) -> AsyncIterator[bytes]:
    """Yield the body of a message that is kept in a file."""
    assert message.wire_file is not None
    async for piece in archive.read(message.wire_file):
        yield piece


def read_references(stored: Any) -> tuple[Reference, ...]:
    """Return the references of a message's signature as the row has them."""
    return tuple(
        Reference(
            uri=each["uri"],
            transforms=tuple(Transform(algorithm) for algorithm in each["transforms"]),
            digest_method=each["digest_method"],
            digest_value=bytes.fromhex(each["digest_value"]),
        )
        for each in stored
    )


def _write_references(references: Sequence[Reference]) -> list[dict[str, Any]]:
    return [
        {
            "uri": each.uri,
            "transforms": [transform.algorithm for transform in each.transforms],
            "digest_method": each.digest_method,
            "digest_value": each.digest_value.hex(),
        }
        for each in references
    ]
