"""Bad messages, one for each rule of the profile: a table, and what comes of each."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from as4.compression import gzip_compress
from as4.xmldsig import Reference
from conformance.cases.trying import refused
from conformance.forge import policy, structure
from conformance.forge.messages import Forge, Sealed
from conformance.forge.payload import DECOMPRESSION
from conformance.forge.recipes import Recipe, Table
from conformance.suite.case import Cases

__all__ = ["CASES"]

CASES: Final = Cases()


class _Rule(NamedTuple):
    """A rule, and a message that breaks it."""

    name: str
    title: str
    requirement: str
    sources: tuple[str, ...]
    recipe: Recipe
    code: str = ""
    assertions: tuple[str, ...] = ()


def _row(table: Table, name: str) -> Recipe:
    return table[name][0]


def _signed_then_compressed(forge: Forge) -> Sealed:
    """The signature covers the payload before it was compressed."""
    plain = forge.envelope()

    def digest_of_plain(references: Sequence[Reference]) -> Sequence[Reference]:
        value = hashlib.sha256(plain).digest()
        return [*references[:2], references[2]._replace(digest_value=value)]

    return forge.sealed(payload=gzip_compress(plain), references=digest_of_plain)


def _encrypted_then_compressed(forge: Forge) -> Sealed:
    """What is attached is compressed after it was encrypted."""
    return forge.sealed(attachment=gzip_compress)


_RULES: Final = (
    _Rule(
        "part.mime-type-missing",
        "A payload without MimeType is refused",
        "A message whose PartInfo has no property MimeType is answered with an ebMS error.",
        ("AS4 §3.1", "EDELIVERY-AS4 §3.2"),
        _row(structure.HEADERS, "no MimeType"),
        assertions=("AS4_CP_TA26",),
    ),
    _Rule(
        "part.character-set-illegal",
        "An illegal CharacterSet is refused",
        "A CharacterSet that is no name of an encoding is answered with an ebMS error.",
        ("AS4 §3.1", "XML §4.3.3"),
        _row(structure.HEADERS, "an illegal CharacterSet"),
        assertions=("AS4_CP_TA29",),
    ),
    _Rule(
        "part.external",
        "A payload that is a link is refused",
        "A payload referenced by a hyperlink is answered with an ebMS error, at once.",
        ("EBMS3 §5.2.2.13", "EDELIVERY-AS4 §3.2"),
        _row(structure.PAYLOADS, "a part outside"),
        assertions=("AS4_CP_TA08",),
    ),
    _Rule(
        "part.in-body",
        "A payload in the SOAP Body is refused",
        "The SOAP Body of a Peppol message is empty.",
        ("PEPPOL-AS4 §2.2", "EDELIVERY-AS4 §3.2"),
        _row(structure.PAYLOADS, "a payload in the Body"),
    ),
    _Rule(
        "part.two-announced",
        "A header that announces two payloads is refused",
        "A Peppol message has exactly one payload.",
        ("PEPPOL-AS4 §2.2",),
        _row(structure.PAYLOADS, "two parts announced"),
    ),
    _Rule(
        "part.second-attachment",
        "An attachment that the header does not name is refused",
        "Every MIME part beside the first is named by a PartInfo.",
        ("EBMS3 §5.2.2.12", "WSS-SWA §5"),
        _row(structure.PAYLOADS, "a second attachment"),
    ),
    _Rule(
        "part.another-name",
        "An attachment of another Content-ID is refused",
        "The Content-ID of the attachment is the one of the PartInfo.",
        ("EBMS3 §5.2.2.13", "RFC2392 §2"),
        _row(structure.PAYLOADS, "a part by another name"),
    ),
    _Rule(
        "compression.damaged",
        "A damaged payload is refused with EBMS:0303",
        "A compressed payload that cannot be decompressed is answered at once with EBMS:0303.",
        ("AS4 §3.1",),
        _row(DECOMPRESSION, "gzip cut short"),
        "EBMS:0303",
        ("AS4_CP_TA30",),
    ),
    _Rule(
        "compression.not-gzip",
        "A payload that is not gzip, though it is called so, is refused with EBMS:0303",
        "A payload that is not what its CompressionType says is answered with EBMS:0303.",
        ("AS4 §3.1", "RFC1952 §2.3.1"),
        _row(DECOMPRESSION, "not gzip"),
        "EBMS:0303",
    ),
    _Rule(
        "compression.unknown",
        "An unknown CompressionType is refused",
        "application/gzip is the one CompressionType.",
        ("AS4 §3.1",),
        _row(DECOMPRESSION, "an unknown compression"),
    ),
    _Rule(
        "order.signed-then-compressed",
        "Signed before it was compressed is refused",
        "A payload whose signature covers it uncompressed is answered with an error or a SOAP "
        "fault.",
        ("AS4 §3.1", "EDELIVERY-AS4 §3.2"),
        _signed_then_compressed,
        assertions=("AS4_CP_TA35",),
    ),
    _Rule(
        "order.encrypted-then-compressed",
        "Encrypted before it was compressed is refused",
        "A payload that was compressed after it was encrypted is answered with an error or a SOAP "
        "fault.",
        ("AS4 §3.1", "EDELIVERY-AS4 §3.2"),
        _encrypted_then_compressed,
        assertions=("AS4_CP_TA37",),
    ),
    _Rule(
        "header.schema",
        "A header that does not follow its schema is refused",
        "A header with an unknown child, or without a Timestamp, is answered with an ebMS error.",
        ("EBMS3 §5.2.2", "EBMS3 §6.7.1"),
        _row(structure.HEADERS, "no timestamp"),
    ),
    _Rule(
        "header.two-parties",
        "More than one PartyId is refused",
        "From and To have exactly one PartyId each.",
        ("EDELIVERY-AS4 §3.2", "PEPPOL-AS4 §2.2"),
        _row(structure.MODES, "two parties"),
        assertions=("AS4_CP_TA03",),
    ),
    _Rule(
        "header.agreement",
        "Another AgreementRef is refused",
        "The AgreementRef is that of the Peppol transport infrastructure agreement.",
        ("PEPPOL-AS4 §2.2",),
        _row(structure.MODES, "another agreement"),
    ),
    _Rule(
        "header.role",
        "Another Role is refused",
        "The roles are the initiator and the responder of ebMS.",
        ("PEPPOL-AS4 §2.2", "EBMS3 §5.2.2.5"),
        _row(structure.MODES, "another role"),
    ),
    _Rule(
        "header.party-type",
        "Another type of PartyId is refused",
        "A PartyId has the type of Peppol's access points.",
        ("PEPPOL-AS4 §2.2",),
        _row(structure.MODES, "another kind of party"),
    ),
    _Rule(
        "security.unsigned",
        "A message without a signature is refused",
        "Every message is signed.",
        ("PEPPOL-AS4 §2.4", "EDELIVERY-AS4 §3.2"),
        _row(policy.POLICY, "unsigned"),
    ),
    _Rule(
        "security.unencrypted",
        "A payload that is not encrypted is refused",
        "Every payload is encrypted for its receiver.",
        ("PEPPOL-AS4 §2.4", "EDELIVERY-AS4 §3.2"),
        _row(policy.POLICY, "unencrypted"),
    ),
    _Rule(
        "security.header-unsigned",
        "A header outside the signature is refused",
        "The signature covers the Messaging header.",
        ("EDELIVERY-AS4 §3.2", "EBMS3 §7.2"),
        _row(policy.POLICY, "Messaging not signed"),
    ),
    _Rule(
        "security.body-unsigned",
        "A Body outside the signature is refused",
        "The signature covers the SOAP Body, empty as it is.",
        ("EDELIVERY-AS4 §3.2", "EBMS3 §7.2"),
        _row(policy.POLICY, "Body not signed"),
    ),
    _Rule(
        "security.payload-unsigned",
        "A payload outside the signature is refused",
        "The signature covers every attachment.",
        ("EDELIVERY-AS4 §3.2", "WSS-SWA §5.2"),
        _row(policy.POLICY, "attachment not signed"),
    ),
    _Rule(
        "security.changed-header",
        "A header that was changed after it was signed is refused",
        "The digests of the signature hold.",
        ("XMLDSIG §3.2.1",),
        _row(policy.AUTHENTICATION, "a changed header"),
    ),
    _Rule(
        "security.changed-payload",
        "A payload that was changed on the way is refused",
        "The tag of the cipher and the digest of the signature hold.",
        ("XMLENC §5.2.4", "WSS-SWA §5.2"),
        _row(policy.DECRYPTION, "a changed ciphertext"),
    ),
    _Rule(
        "security.weak-signature",
        "A signature with SHA-1 is refused",
        "The signature is RSA with SHA-256.",
        ("EDELIVERY-AS4 §3.2",),
        _row(policy.POLICY, "RSA with SHA-1"),
    ),
    _Rule(
        "security.weak-cipher",
        "A payload in another cipher is refused",
        "The payload is encrypted with AES-128 in GCM.",
        ("EDELIVERY-AS4 §3.2",),
        _row(policy.POLICY, "AES in CBC"),
    ),
)
for _rule in _RULES:
    CASES.case(
        f"as4.{_rule.name}",
        title=_rule.title,
        requirement=_rule.requirement,
        sources=_rule.sources,
        assertions=_rule.assertions,
    )(refused(_rule.recipe, code=_rule.code))
