"""The attacks of the forge, group by group: every row must be refused, but for those in `FREE`.

None of them is harmless: they are many, some are large, and a target may break under them.
"""

import re
from typing import Final, NamedTuple

from conformance.cases.security.free import FREE
from conformance.cases.trying import rows_refused
from conformance.forge import bulk, downgrade, payload, policy, replay, structure, wrapping
from conformance.forge.recipes import Table
from conformance.suite.case import Cases

__all__ = ["CASES"]

CASES: Final = Cases()

_SIGNED: Final = ("XMLDSIG §3.2", "WSS §8")
_POLICY: Final = ("EDELIVERY-AS4 §3.2", "PEPPOL-AS4 §2.4")


class _Group(NamedTuple):
    """Attacks of one kind."""

    name: str
    title: str
    requirement: str
    sources: tuple[str, ...]
    table: Table
    may_close: bool = False
    masses: bool = False
    seconds: float = 120.0


_GROUPS: Final = (
    _Group(
        "structure.xml",
        "Hostile XML is refused before it is read",
        "Document types, entities and nesting without end are answered with a fault, an ebMS error "
        "or an error of HTTP.",
        ("SOAP12 §5", "XML §4", "EBMS3 §6.7.1"),
        structure.HTTP,
        may_close=True,
    ),
    _Group(
        "structure.header",
        "Headers that hide something are refused",
        "Doubled headers, and comments inside values, are refused.",
        ("EBMS3 §5.2.2", "SOAP12 §5"),
        structure.HEADERS,
    ),
    _Group(
        "structure.parts",
        "Parts that nobody announced are refused",
        "The parts of a message are those of its header.",
        ("EBMS3 §5.2.2.12", "WSS-SWA §5"),
        structure.PAYLOADS,
    ),
    _Group(
        "policy",
        "Messages that are not secured as the profile demands are refused",
        "Signature, encryption and all their algorithms are those of the profile.",
        _POLICY,
        policy.POLICY,
    ),
    _Group(
        "authentication",
        "Signatures and certificates that do not hold are refused",
        "What is signed is unchanged, and signed by whom it says.",
        _SIGNED,
        policy.AUTHENTICATION,
    ),
    _Group(
        "decompression",
        "Payloads that do not decompress are refused",
        "Whatever is wrong with the gzip stream, the message is refused.",
        ("AS4 §3.1", "RFC1952 §2.3.1"),
        payload.DECOMPRESSION,
    ),
    _Group(
        "envelope",
        "Business envelopes that are not what they must be are refused",
        "Every fault of the business header is found before the receipt.",
        ("PEPPOL-BME §4",),
        payload.ENVELOPES,
    ),
    _Group(
        "replay.reflected",
        "Messages for somebody else are refused",
        "A message that was meant for another, or was the target's own, is refused.",
        ("PEPPOL-AS4 §2.2", "WSS §13"),
        replay.REFLECTED,
    ),
    _Group(
        "replay.aged",
        "Messages of another time are refused, or acknowledged as they are",
        "A message that is older than what the receiver remembers, or of the future, had better be "
        "refused: nobody could tell whether it is a replay.  One that is taken earns a receipt.",
        ("AS4 §3.2", "WSS §13"),
        replay.AGED,
    ),
    _Group(
        "replay.spliced",
        "Messages put together from two are refused",
        "Signature, key and attachment belong to one message.",
        _SIGNED,
        replay.SPLICED,
    ),
    _Group(
        "identities",
        "Names that are nearly right are refused",
        "Parties and participants agree, letter for letter, with certificate and envelope.",
        ("PEPPOL-AS4 §2.2", "PEPPOL-BME §4"),
        replay.IDENTITIES,
    ),
    _Group(
        "wrapping.doubled-ids",
        "An id that is there twice is refused",
        "A wsu:Id is there once, so that a reference of the signature leads to exactly one "
        "element.",
        _SIGNED,
        wrapping.DOUBLED,
    ),
    _Group(
        "wrapping.comments",
        "A value cut by a comment is refused, or read whole",
        "Canonicalisation drops comments, so what is signed is the whole value, and no part of it "
        "is read instead.",
        _SIGNED,
        wrapping.COMMENTED,
    ),
    _Group(
        "wrapping.second",
        "A second header, body or envelope is refused",
        "There is one of each, and it is the signed one.",
        ("SOAP12 §5", "WSS §5"),
        wrapping.SECOND,
    ),
    _Group(
        "downgrade.digest",
        "Another digest than SHA-256 is refused",
        "Each reference is digested with SHA-256.",
        _POLICY,
        downgrade.DIGESTED,
    ),
    _Group(
        "downgrade.transform",
        "Another transform is refused",
        "Each reference has the one transform of the profile.",
        _POLICY,
        {**downgrade.TRANSFORMED, **downgrade.CHAINED},
    ),
    _Group(
        "downgrade.signature",
        "Another signature algorithm is refused",
        "The signature is RSA with SHA-256, whatever it says of itself.",
        _POLICY,
        downgrade.SIGNATURES,
    ),
    _Group(
        "downgrade.canonicalisation",
        "Another canonicalisation is refused",
        "The signed information is canonicalised exclusively, without comments.",
        _POLICY,
        downgrade.CANONICAL,
    ),
    _Group(
        "downgrade.encryption",
        "Another encryption is refused",
        "RSA-OAEP with SHA-256 wraps a key of AES-128 in GCM, and nothing else.",
        _POLICY,
        downgrade.ENCRYPTIONS,
    ),
    _Group(
        "downgrade.reference",
        "A reference that leads elsewhere is refused",
        "References are to Messaging, Body and attachment, by their ids.",
        ("XMLDSIG §4.4.3.1", "WSS §8.2"),
        downgrade.REFERRED,
    ),
    _Group(
        "downgrade.coverage",
        "A signature over less, or over something twice, is refused",
        "The signature covers Messaging, Body and attachment, once each.",
        _POLICY,
        downgrade.COVERED,
    ),
    _Group(
        "bulk.markup",
        "Masses of markup are turned away in time, or read",
        "Namespaces, attributes, elements and names without end do not hold the receiver up.",
        ("XML §2", "EXC-C14N §2"),
        bulk.MARKUP,
        masses=True,
    ),
    _Group(
        "bulk.entities",
        "Entities that grow are refused",
        "No entity is ever expanded, in the message or in its payload.",
        ("XML §4", "SOAP12 §5"),
        bulk.ENTITIES,
        may_close=True,
    ),
    _Group(
        "bulk.parts",
        "Masses of parts and headers are turned away in time",
        "Parts and headers without end do not hold the receiver up.",
        ("MIME §5.1.1",),
        bulk.PARTS,
        masses=True,
    ),
    _Group(
        "bulk.bombs",
        "Payloads that decompress to gigabytes are turned away in time",
        "What is decompressed is bounded, and does not hold the receiver up.",
        ("AS4 §3.1", "RFC1952 §2.3.1"),
        bulk.BOMBS,
        masses=True,
        seconds=300,
    ),
)


def _moved(place: str) -> Table:
    """Return the attacks in which the signed element stands at *place*."""
    return {
        name: row
        for name, row in wrapping.MOVED.items()
        if name.partition(" moved ")[2].startswith(f"{place},")
    }


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


_MOVED: Final = tuple(
    _Group(
        f"wrapping.moved.{_slug(place)}",
        f"A signed element moved {place} does not vouch for another",
        "What is read is what the signature covers: the genuine element elsewhere, and a forged "
        "one in its place, is refused.",
        _SIGNED,
        _moved(place),
    )
    for place in wrapping.PLACES
)
for _group in (*_GROUPS, *_MOVED):
    CASES.case(
        f"security.{_group.name}",
        title=_group.title,
        requirement=_group.requirement,
        sources=_group.sources,
        harmless=False,
        seconds_max=_group.seconds,
    )(
        rows_refused(
            _group.table,
            may_close=_group.may_close,
            masses=_group.masses,
            free=FREE.get(_group.name, frozenset()),
        )
    )
