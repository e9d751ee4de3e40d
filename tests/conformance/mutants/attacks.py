"""Access points that fall for an attack: of each table of the forge, for one of its rows."""

import re

from tests.conformance.mutants.mutant import takes


def says(pattern):
    """Return whether the body of a message has *pattern*."""
    return lambda seen: re.search(pattern, seen.body, re.DOTALL) is not None


def _signs_with_md5(seen):
    signed = re.search(rb"<ds:SignedInfo>.*</ds:SignedInfo>", seen.body, re.DOTALL)
    return signed is not None and b"xmldsig-more#md5" in signed[0]


TABLES = {
    "security.structure.xml": takes(
        "entities that are files", "DOCTYPE", says(b'<!ENTITY x SYSTEM "file:')
    ),
    "security.structure.header": takes(
        "two whole Messaging headers", "2 eb:Messaging",
        lambda seen: seen.body.count(b"</eb:UserMessage>") == 2,
    ),
    "security.structure.parts": takes("parts inside a part", "holds parts of its own"),
    "security.policy": takes("a key by its name", "KeyName is out of place"),
    "security.authentication": takes(
        "a Body whose digest is not the signed one", "digest of Body is not"
    ),
    "security.decompression": takes("gzip with a wrong checksum", "Incorrect checksum"),
    "security.envelope": takes("a participant cut by a comment", "interrupted by a comment"),
    "security.replay.reflected": takes(
        "messages for other access points", "for PBE000003, which is not this"
    ),
    "security.replay.aged": takes("messages of any age", "older than the receiver's memory"),
    "security.replay.spliced": takes(
        "a payload whose digest is not the signed one", "digest fails",
        why="what is signed there is the digest of other bytes, too",
    ),
    "security.identities": takes("parties in small letters", "the signer is .* not pbe"),
    "security.wrapping.doubled-ids": takes(
        "an id again at the envelope", "given twice",
        says(b'<S12:Envelope (Id|ID|id|xml:id|xmlns:u="[^"]*" u:Id)="'),
    ),
    "security.wrapping.comments": takes("comments in a MessageId", "MessageId holds more"),
    "security.wrapping.second": takes("two Security headers", "there are 2 Security headers"),
    "security.downgrade.digest": takes(
        "MD5 as digest of what is signed", "DigestMethod .*#md5 is refused", _signs_with_md5
    ),
    "security.downgrade.transform": takes(
        "Canonical XML 1.1 as transform", "^EBMS:0103 transform .*xml-c14n11 of"
    ),
    "security.downgrade.signature": takes("RSA with MD5", "SignatureMethod .*#rsa-md5 is"),
    "security.downgrade.canonicalisation": takes(
        "SignedInfo in Canonical XML 1.1", "CanonicalizationMethod .*xml-c14n11 is"
    ),
    "security.downgrade.encryption": takes("AES-256 in GCM", "EncryptionMethod .*#aes256-gcm is"),
    "security.downgrade.reference": takes("references to files", "reference 'file:"),
    "security.downgrade.coverage": takes(
        "an attachment signed twice", "covers cid:.* too",
        lambda seen: seen.body.count(b"<ds:Reference ") == 4,
    ),
    "security.bulk.markup": takes("any number of prefixes to keep", "more than 64 prefixes"),
    "security.bulk.entities": takes(
        "entities that grow", "DOCTYPE", says(b'<!ENTITY l0 "ha">')
    ),
    "security.bulk.parts": takes("a boundary twice", "boundary twice in a media type"),
    "security.bulk.bombs": takes("payloads that inflate without end", "inflates more than"),
    "security.decryption.refused": takes("an attachment without a byte", "length fails"),
}  # fmt: skip

_GENUINE = b"(</eb:Messaging>|</S12:Body>)"
_TWO_BODIES = b'<S12:Body lang="nl"[^>]*></S12:Body><S12:Body [^>]*></S12:Body></S12:Envelope>'
_PLACES = {
    "behind-it-in-the-header": ("wrapped at the end of the header", b"</x:Wrapper></S12:Header>"),
    "before-it-in-the-header": ("wrapped at the start of the header", b"<S12:Header><x:Wrapper"),
    "in-the-body": ("in the Body", _GENUINE + b"</S12:Body></S12:Envelope>"),
    "wrapped-in-the-body": ("wrapped in the Body", b"</x:Wrapper></S12:Body>"),
    "behind-the-body": ("wrapped behind the Body", b"</x:Wrapper></S12:Envelope>"),
    "bare-behind-the-body": (
        "behind the Body",
        b"</S12:Body><eb:Messaging .*</S12:Envelope>|" + _TWO_BODIES,
    ),
    "in-security": ("in Security", _GENUINE + b"</wsse:Security>"),
    "in-an-object-of-the-signature": ("in an Object of the signature", b"</ds:Object>"),
    "in-the-signature-s-keyinfo": (
        "in KeyInfo of the signature", _GENUINE + b"</ds:KeyInfo></ds:Signature>"
    ),
    "in-the-signed-information": ("in SignedInfo", _GENUINE + b"</ds:SignedInfo>"),
    "in-the-signature-s-token": ("in a token", _GENUINE + b"</wsse:BinarySecurityToken>"),
    "in-a-timestamp": ("in a timestamp", _GENUINE + b"</wsu:Timestamp>"),
    "in-the-encrypted-key": ("in an encrypted key", _GENUINE + b"</xenc:EncryptedKey>"),
    "in-a-nested-envelope-in-the-body": (
        "in an envelope in the Body", b"</S12:Envelope></S12:Body>"
    ),
    "in-a-nested-envelope-in-the-header": (
        "in an envelope in the header", b"</S12:Envelope></S12:Header>"
    ),
    "in-a-second-header": ("in a second header", b"</S12:Header><S12:Header>"),
    "for-another-role": ("for another role", b' S12:role="urn:other">'),
}  # fmt: skip
MOVED = {
    f"security.wrapping.moved.{name}": takes(
        f"what is signed {words} for what it reads", "", says(p)
    )
    for name, (words, p) in _PLACES.items()
}
ATTACKS = {**TABLES, **MOVED}
