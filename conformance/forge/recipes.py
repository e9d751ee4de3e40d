"""What the tables of attacks are made of: a recipe makes a message, a row says what it earns."""

import zlib
from collections.abc import Callable
from typing import Any, Unpack

from as4.compression import gzip_compress
from conformance.forge.hooks import Unspoiled, swap
from conformance.forge.messages import NONCE, Forge, Sealed, Spoil

__all__ = [
    "Recipe",
    "Row",
    "Table",
    "addressed",
    "bomb",
    "enveloped",
    "fitted",
    "in_xml",
    "more_parts",
    "on_wire",
    "paid",
    "rows",
    "spoiled",
]

Recipe = Callable[[Forge], Sealed]
Row = tuple[Recipe, str]
"""A message, and what it earns: a code of ebMS with its ErrorDetail, or an HTTP status."""
Table = dict[str, Row]


def rows(recipes: dict[str, Recipe], expected: str) -> Table:
    """Return *recipes* as a table of messages that all earn the same."""
    return {name: (recipe, expected) for name, recipe in recipes.items()}


def spoiled(**spoil: Unpack[Spoil]) -> Recipe:
    """Return the recipe of a message that is spoiled the same for every forge."""

    def make(forge: Forge) -> Sealed:
        return forge.sealed(**spoil)

    return make


def fitted(fit: Callable[[Forge], Spoil]) -> Recipe:
    """Return the recipe of a message whose fault depends on who sends it to whom."""

    def make(forge: Forge) -> Sealed:
        return forge.sealed(**fit(forge))

    return make


def addressed(
    change: Callable[[Forge], dict[str, Any]],
    attached: Callable[[Forge], bytes] | None = None,
    /,
    **spoil: Unpack[Spoil],
) -> Recipe:
    """Return the recipe of a message whose header has the fields of *change* instead.

    With *attached* that is its payload.
    """

    def make(forge: Forge) -> Sealed:
        message = forge.user_message(**change(forge))
        if attached is None:
            return forge.sealed(message, **spoil)
        whole: Spoil = {**spoil, "payload": attached(forge)}
        return forge.sealed(message, **whole)

    return make


def paid(payload: Callable[[Forge], bytes], /, **spoil: Unpack[Spoil]) -> Recipe:
    """Return the recipe of a message that has *payload* attached as it is."""

    def make(forge: Forge) -> Sealed:
        whole: Spoil = {**spoil, "payload": payload(forge)}
        return forge.sealed(**whole)

    return make


def enveloped(
    change: Callable[[bytes], bytes] = lambda sbd: sbd,
    *,
    document: Callable[[Forge], bytes] | None = None,
    **header: Any,
) -> Recipe:
    """Return the recipe of a message whose business envelope is spoiled by *change*.

    *document* stands in the envelope instead, *header* are fields of its header.
    """

    def make(forge: Forge) -> Sealed:
        sbd = forge.envelope(document(forge) if document else None, **header)
        changed = change(sbd)
        if changed == sbd and not header and document is None:
            raise Unspoiled("the envelope is as it was")
        return forge.sealed(payload=gzip_compress(changed))

    return make


def on_wire(old: bytes, new: bytes) -> Recipe:
    """Return the recipe of a message with *new* for the first *old* in its bytes."""

    def wire(body: bytes) -> bytes:
        if old not in body:
            raise Unspoiled(f"{old!r} is not there to be replaced")
        return body.replace(old, new, 1)

    return spoiled(wire=wire)


def more_parts(count: int) -> Recipe:
    """Return the recipe of a message with *count* parts that its header does not name."""
    part = b"\r\n------=_%s\r\nContent-Type: text/plain\r\nContent-ID: <%%d>\r\n\r\nx"
    extra = b"".join(part % NONCE.encode() % number for number in range(count))

    def wire(body: bytes) -> bytes:
        end = body.rindex(b"\r\n------=_")
        return body[:end] + extra + body[end:]

    return spoiled(wire=wire)


def in_xml(entity: str) -> Recipe:
    """Return the recipe of a message whose SOAP part starts with the document type *entity*."""
    return spoiled(soap=swap("<S12:Envelope", f"<!DOCTYPE S12:Envelope {entity}><S12:Envelope"))


def bomb(size: int, *, step: int = 1 << 20) -> bytes:
    """Return a gzip member that comes to *size* bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(step)) for _ in range(size // step)) + packer.flush()
