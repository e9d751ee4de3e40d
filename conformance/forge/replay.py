"""Messages that were good once, somewhere else or for somebody else: replayed and reflected.

And parties, actions and participants that disagree with the certificate or with each other.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from as4 import pack
from as4.compression import gzip_compress
from conformance.forge.hooks import Hook, swap
from conformance.forge.messages import NONCE, Forge, Sealed
from conformance.forge.recipes import Recipe, Table, addressed, enveloped, fitted

__all__ = ["AGED", "IDENTITIES", "REFLECTED", "REPLAYS", "SPLICED"]


def _another(forge: Forge, **spoil: Any) -> Sealed:
    message = forge.user_message(message_id="another@blue.example")
    payload = gzip_compress(forge.envelope(b"<x/>"))
    return forge.sealed(message, payload=payload, **spoil)


def _attachment_of_another(forge: Forge, **spoil: Any) -> tuple[Sealed, Sealed]:
    """The signed envelope of one message around the encrypted attachment of another."""
    one, other = forge.sealed(), _another(forge, **spoil)
    start, end = other.attachment_offset, other.attachment_offset + other.attachment_length
    tail = one.body[one.attachment_offset + one.attachment_length :]
    body = one.body[: one.attachment_offset] + other.body[start:end] + tail
    return replace(one, body=body), other


def _key_of_another(forge: Forge) -> Sealed:
    """The signed envelope of one message around key and attachment of another."""
    one, other = _attachment_of_another(forge, content_key=bytes(range(16, 32)))
    start, end = b"<xenc:CipherValue>", b"</xenc:CipherValue>"
    mine = one.body[one.body.index(start) : one.body.index(end)]
    theirs = other.body[other.body.index(start) : other.body.index(end)]
    return replace(one, body=one.body.replace(mine, theirs))


def _signature_of_another(forge: Forge) -> Sealed:
    """The signature of one message in another of the same ids."""
    other = _another(forge).body.decode("latin-1")
    start, end = other.index("<ds:Signature "), other.index("</ds:Signature>") + 15

    def hook(text: str) -> str:
        first, last = text.index("<ds:Signature "), text.index("</ds:Signature>") + 15
        return text[:first] + other[start:end] + text[last:]

    return forge.sealed(soap=hook)


def _reflected(forge: Forge) -> dict[str, Any]:
    return {"from_party": forge.to_party, "to_party": forge.from_party}


def _reflected_ping(forge: Forge) -> Sealed:
    """A ping of the receiver to another access point, sent back to it."""
    message = forge.user_message(**_reflected(forge))
    signer = forge.identities.key_pair("receiver")
    made = pack.ping(message, signer=signer, nonce=NONCE)
    return replace(forge.ping(), content_type=made.content_type, body=made.body)


def _aged(**delta: float) -> Recipe:
    return addressed(lambda f: {"timestamp": f.now - timedelta(**delta)})


def _to_third(forge: Forge) -> dict[str, Any]:
    return {"to_party": forge.third_party}


REFLECTED: Final[Table] = {
    "a message of ours, reflected": (
        addressed(_reflected, signer="receiver", recipient="sender"),
        "EBMS:0102",
    ),
    "a message of ours, reflected and encrypted for us": (
        addressed(_reflected, signer="receiver"),
        "EBMS:0004",
    ),
    "a ping of ours, reflected": (_reflected_ping, "EBMS:0004"),
    "a ping for another": (lambda f: f.ping(to_party=f.third_party), "EBMS:0004"),
    "a message for another, encrypted for us": (addressed(_to_third), "EBMS:0004"),
    "a message for another, as it was": (addressed(_to_third, recipient="third"), "EBMS:0102"),
    "a message signed anew by another seat": (
        lambda f: f.sealed(signer="third"),
        "EBMS:0101",
    ),
}
"""What was meant for somebody else."""

AGED: Final[Table] = {
    "a message of a year ago": (_aged(days=365), "EBMS:0003"),
    "a message older than our memory": (_aged(days=91), "EBMS:0003"),
    "a message of tomorrow": (_aged(days=-1), "EBMS:0003"),
    "a ping of a year ago": (
        lambda f: f.ping(timestamp=f.now - timedelta(days=365)),
        "EBMS:0003",
    ),
}
"""What lies outside the time for which duplicates are remembered."""

SPLICED: Final[Table] = {
    "the attachment of another message": (lambda f: _attachment_of_another(f)[0], "EBMS:0102"),
    "key and attachment of another message": (_key_of_another, "EBMS:0102"),
    "the signature of another message": (_signature_of_another, "EBMS:0101"),
}
"""Messages put together from two."""

REPLAYS: Final[Table] = {**REFLECTED, **AGED, **SPLICED}
"""What was good somewhere, and is refused here."""


def _sender(spelled: str) -> Recipe:
    """A message whose sender's party is *spelled*, where %s stands for what it should be."""

    def hook(forge: Forge) -> Hook:
        return swap(f">{forge.from_party}<", f">{spelled.replace('%s', forge.from_party)}<")

    return fitted(lambda f: {"messaging": hook(f)})


def _foreign_letter(forge: Forge) -> Hook:
    name = forge.from_party
    return swap(f">{name}<", f">{name[0]}\u0412{name[2:]}<")


def _action(old: str, new: str) -> Recipe:
    return fitted(lambda f: {"messaging": swap(f"{f.document_type.uri}<", _renamed(f, old, new))})


def _renamed(forge: Forge, old: str, new: str) -> str:
    return f"{forge.document_type.uri}<".replace(old, new, 1)


IDENTITIES: Final[Table] = {
    "a party in small letters": (
        fitted(lambda f: {"messaging": swap(f">{f.from_party}<", f">{f.from_party.lower()}<")}),
        "EBMS:0101",
    ),
    "a party with a letter more": (_sender("%s1"), "EBMS:0101"),
    "a party with a letter of another script": (
        fitted(lambda f: {"messaging": _foreign_letter(f)}),
        "EBMS:0101",
    ),
    "a party behind a distinguished name": (_sender("CN=%s"), "EBMS:0101"),
    "no party": (_sender(""), "EBMS:0009"),
    "the sender as both parties": (addressed(lambda f: {"to_party": f.from_party}), "EBMS:0004"),
    "us as both parties": (addressed(lambda f: {"from_party": f.to_party}), "EBMS:0101"),
    "us in small letters": (addressed(lambda f: {"to_party": f.to_party.lower()}), "EBMS:0004"),
    "a stranger as the envelope's sender": (lambda f: enveloped(sender=f.stranger)(f), "EBMS:0004"),
    "a stranger as the envelope's receiver": (
        lambda f: enveloped(receiver=f.stranger)(f),
        "EBMS:0004",
    ),
    "the sender as the envelope's receiver": (
        lambda f: enveloped(receiver=f.sender)(f),
        "EBMS:0004",
    ),
    "the action of another document": (_action("##", "-other##"), "EBMS:0004"),
    "an action with more behind it": (_action("<", " x<"), "EBMS:0004"),
}
"""Parties, action and participants that disagree with the certificate or with each other."""
