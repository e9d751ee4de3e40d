"""Access points that take what they should refuse: one rule each that they do not know."""

import base64
import re
from hashlib import sha256

from as4 import xmlenc
from as4.compression import inflate
from tests.conformance.mutants.mutant import takes
from tests.support.messages import key_pair

GZIP = b"\x1f\x8b"
SAME_FAULT = "they need a message that is refused, and it has this fault"


def attached(seen):
    """Return the attachment as it came."""
    start = seen.body.index(b"\r\n\r\n", seen.body.rindex(b"Content-ID: <att")) + 4
    return seen.body[start : seen.body.rindex(b"\r\n------=_")]


def compressed_after_encryption(seen):
    """Whether the attachment is gzip as it came."""
    return attached(seen).startswith(GZIP)


def signed_before_compression(seen):
    """Whether the signature has the digest of the payload as it is decompressed."""
    wrapped = base64.b64decode(re.search(rb"<xenc:CipherValue>([^<]+)", seen.body)[1])
    key = xmlenc.unwrap_key(wrapped, key_pair("receiver").key, random_key=bytes(16))
    plain = xmlenc.decrypt(attached(seen), key=key)
    digest = sha256(inflate(plain)).digest()
    return b">%b</ds:DigestValue>" % base64.b64encode(digest) in seen.body


PARTS = {
    "as4.part.mime-type-missing": takes("a payload without MimeType", "no MimeType property"),
    "as4.part.character-set-illegal": takes("any CharacterSet", "CharacterSet '!"),
    "as4.part.external": takes("a payload that is a link", "which is not an attachment"),
    "as4.part.in-body": takes(
        "a Body with something in it", "the SOAP Body is not empty",
        lambda seen: b"<x></x></S12:Body>" in seen.body,
    ),
    "as4.part.two-announced": takes("a header with two payloads", "names 2 parts"),
    "as4.part.second-attachment": takes("one attachment more than announced", "has 2 attachments"),
    "as4.part.another-name": takes(
        "an attachment by another name", "the attachment is not the 'cid:"
    ),
    "as4.compression.damaged": takes("gzip that is cut short", "is truncated", why=SAME_FAULT),
    "as4.compression.not-gzip": takes("what is not gzip though it is called so", "Invalid gzip"),
    "as4.compression.unknown": takes("any CompressionType", "CompressionType .* is not known"),
    "as4.order.signed-then-compressed": takes(
        "a signature over the payload before it was compressed", "digest fails",
        signed_before_compression,
    ),
    "as4.order.encrypted-then-compressed": takes(
        "an attachment that was compressed after it was encrypted", "tag fails",
        compressed_after_encryption,
    ),
}  # fmt: skip

HEADER = {
    "as4.header.schema": takes("a header without a Timestamp", "has 0 Timestamp"),
    "as4.header.two-parties": takes("more than one PartyId", "has 2 PartyId"),
    "as4.header.agreement": takes("any AgreementRef", "AgreementRef is not"),
    "as4.header.role": takes("any Role", "Role is not"),
    "as4.header.party-type": takes("any type of PartyId", "PartyId is not of type"),
    "as4.security.unsigned": takes("messages without a signature", "has 0 signatures"),
    "as4.security.unencrypted": takes("payloads that are not encrypted", "has 0 EncryptedKey"),
    "as4.security.header-unsigned": takes(
        "a signature that leaves out Messaging alone", "does not cover Messaging$"
    ),
    "as4.security.body-unsigned": takes(
        "a signature that leaves out the Body alone", "does not cover Body$"
    ),
    "as4.security.payload-unsigned": takes(
        "a signature that leaves out the attachment alone", "does not cover the attachment$"
    ),
    "as4.security.changed-header": takes(
        "a header whose digest is not the signed one", "digest of Messaging is not"
    ),
    "as4.security.changed-payload": takes(
        "a payload whose tag does not hold", "tag fails",
        lambda seen: not compressed_after_encryption(seen),
    ),
    "as4.security.weak-signature": takes("RSA with SHA-1", "SignatureMethod .*#rsa-sha1 is"),
    "as4.security.weak-cipher": takes("AES-128 in CBC", "EncryptionMethod .*#aes128-cbc is"),
}  # fmt: skip

HTTP = {
    "as4.http.get": takes("other methods than POST", "^405"),
    "as4.http.media-type": takes("any media type", "^415 .*is not a media type of AS4"),
    "as4.http.empty": takes(
        "an empty body", "no boundary line", lambda seen: not seen.body
    ),
    "as4.http.garbage": takes(
        "a body without any part", "no boundary line",
        lambda seen: seen.body and b"Envelope" not in seen.body,
    ),
    "as4.http.cut": takes("a body without its end", "ends before its last boundary"),
}  # fmt: skip

PEPPOL = {
    "peppol.sbdh.no-payload": takes("an envelope without a document", "no document in the"),
    "peppol.sbdh.absent": takes(
        "a document without an envelope", "no business envelope: the root element is .*Invoice"
    ),
    "peppol.sbdh.nothing": takes("an empty payload", "no element found"),
    "peppol.sbdh.not-xml": takes("a payload that is no XML", "unclosed token"),
    "peppol.sbdh.malformed": takes("tags that do not match", "mismatched tag"),
    "peppol.sbdh.mandatory": takes("an envelope without a country", "COUNTRY_C1 is missing"),
    "peppol.sbdh.two-payloads": takes("two documents in an envelope", "a second document"),
    "peppol.sbdh.unlike-document": takes("another Standard than the document's", "Standard is"),
    "peppol.sbdh.wildcard": takes("a wildcard in a message", r"DOCUMENTID holds a \*"),
    "peppol.header.participants-missing": takes(
        "a header without originalSender", "0 originalSender"
    ),
    "peppol.header.participants-unlike": takes(
        "another originalSender than the envelope's", "originalSender is 0208:0428759497"
    ),
    "peppol.header.action-unlike": takes(
        "another Service than the envelope's", "Service is cenbii-procid-ubl::urn:other"
    ),
    "peppol.addressee": takes(
        "a message for a seat that nobody has", "for PBE999999, which is not this"
    ),
    "peppol.not-served.participant": takes("any participant", "the participant is not served"),
    "peppol.not-served.document-type": takes("any document type", "document type is not served"),
    "peppol.not-served.process": takes("any process", "the process is not served"),
    "peppol.certificate.expired": takes("expired certificates", "expired at"),
    "peppol.certificate.not-yet-valid": takes("certificates before their time", "not valid before"),
    "peppol.certificate.revoked": takes("revoked certificates", "is revoked"),
    "peppol.certificate.foreign": takes(
        "certificates of any authority", "not issued by a trusted .*CN=Sandbox Access Point CA"
    ),
    "peppol.certificate.publisher": takes(
        "certificates of publishers", "not issued by a trusted .*CN=Sandbox Service Metadata"
    ),
    "peppol.certificate.direct-root": takes("certificates of the root", "by the root itself"),
    "peppol.certificate.key-usage": takes(
        "certificates that may not sign", "does not allow digitalSignature"
    ),
    "peppol.certificate.common-name": takes("any common name", "common name is not a seat id"),
    "peppol.certificate.another-seat": takes(
        "what another access point signed", "the signer is PBE000003, not PBE000001"
    ),
}  # fmt: skip

REFUSING = {**PARTS, **HEADER, **HTTP, **PEPPOL}
