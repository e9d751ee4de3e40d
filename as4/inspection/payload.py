"""The attachment opened with the receiver's key, and what is in it.

Of a signed digest or a tag that does not hold, nothing inside is looked at.  Unlike the endpoint,
which must not tell a peer, this says which step failed: it is for whoever has the key.
[XMLENC §5.2.4] [AS4 §3.1] [PEPPOL-BME §3]
"""

from dataclasses import replace
from hashlib import sha256

from as4 import xmlenc
from as4.algorithms import AlgorithmSuite
from as4.business import check_business_header, check_compression
from as4.certificates import PrivateKey
from as4.errors import FailedDecryption, Other
from as4.inspection.known import Known
from as4.inspection.report import Payload, Report, State
from as4.inspection.security import name_recipient
from as4.inspection.verdict import inflate_payload, read_header
from as4.usermessage import UserMessage
from as4.wssec import EncryptedKey, SecurityHeader
from as4.xmlpayload import is_canonical_digest
from ubl.errors import UblError
from ubl.identifiers import check_participant
from ubl.sbdh import EnvelopeReader, Sbdh

_NO_KEY = "the receiver's key is not given (--key)"


def explain_payload(
    report: Report,
    message: UserMessage,
    header: SecurityHeader,
    attachment: bytes | None,
    known: Known,
) -> None:
    """Open *attachment* and fill in the payload of *report*, and what is wrong with it."""
    key = header.encrypted_key
    if key is None or attachment is None:
        return
    suite = header.signature.suite
    report.encrypted_for = name_recipient(key, suite)
    if known.key is None:
        report.leave("attachment", _NO_KEY)
        report.leave("business document", _NO_KEY)
        return
    private_key = known.find_key(key.recipient)
    if private_key is None:
        report.note(
            FailedDecryption.code,
            f"the attachment is encrypted for a certificate of {report.encrypted_for},"
            " which is not that of the given key",
        )
        return
    plain = _decrypt(report, key, private_key, attachment, suite)
    if plain is None or not _check_digest(report, header, plain, packed=message.compressed):
        return
    report.attempt(check_compression, message)
    envelope = report.attempt(inflate_payload, plain, compressed=message.compressed)
    if envelope is not None:
        report.payload = _explain_envelope(report, message, envelope)


def _decrypt(
    report: Report,
    key: EncryptedKey,
    private_key: PrivateKey,
    attachment: bytes,
    suite: AlgorithmSuite,
) -> bytes | None:
    content_key = suite.content_key.unwrap(key, private_key, random_key=b"")
    if not content_key:
        report.note(FailedDecryption.code, "the attachment's key cannot be unwrapped")
        return None
    try:
        return xmlenc.decrypt(attachment, key=content_key)
    except FailedDecryption:
        report.note(FailedDecryption.code, "the attachment was altered: its tag does not hold")
        return None


def _check_digest(report: Report, header: SecurityHeader, plain: bytes, *, packed: bool) -> bool:
    """Compare *plain* with the signed digest of the attachment, and note what comes out."""
    digest, holds = sha256(plain).digest(), True
    values = {each.uri: each.digest_value for each in header.signature.references}
    for index, checked in enumerate(report.references):
        if checked.covers == "attachment":
            signed = values[checked.uri]
            good = signed == digest or (not packed and is_canonical_digest(plain, signed))
            holds = holds and good
            state = State.GOOD if good else State.BAD
            report.references[index] = replace(checked, digest=state)
    if not holds:
        detail = "the digest of the attachment is not the one that was signed"
        report.note(FailedDecryption.code, detail)
    return holds


def _explain_envelope(report: Report, message: UserMessage, envelope: bytes) -> Payload:
    if message.is_ping:
        return _payload(envelope, None, State.NOT_CHECKED)
    header = report.attempt(read_header, envelope)
    if header is None:
        return _payload(envelope, None, State.NOT_CHECKED)
    try:
        check_business_header(message, header)
    except Other as error:
        report.note(error.code, error.detail)
        agrees = State.BAD
    else:
        agrees = State.GOOD
    for participant in (header.sender, header.receiver):
        report.warnings += check_participant(participant)
    reader = _scan(report, envelope)
    return _payload(envelope, header, agrees, reader)


def _scan(report: Report, envelope: bytes) -> EnvelopeReader | None:
    """Return the *envelope* read to its end; None for a document that is broken inside."""
    reader = EnvelopeReader(read_header_only=False)
    try:
        reader.feed(envelope)
        reader.close()
    except UblError as error:
        # A second document is refused by the endpoint, and known already.
        if report.good:
            detail = f"the document is broken, which the endpoint does not look at: {error}"
            report.note(None, detail)
        return None
    return reader


def _payload(
    envelope: bytes, header: Sbdh | None, agrees: State, reader: EnvelopeReader | None = None
) -> Payload:
    document = None
    if reader is not None and reader.payload_end is not None:
        document = envelope[reader.payload_offset : reader.payload_end]
    return Payload(
        envelope=envelope,
        header=header,
        agrees=agrees,
        document_name=None if reader is None else reader.payload_name,
        document=document,
    )
