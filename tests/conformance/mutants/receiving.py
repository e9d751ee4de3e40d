"""Access points that do wrong with good messages."""

from as4.compression import gzip_compress
from tests.conformance.mutants.mutant import Mutant, refuses
from tests.support.broken import Dials

ALL_RECEIPTS = "each case that sends a good message wants its receipt, whole"


def _without_security(soap, _seen):
    start, end = soap.index(b"<wsse:Security"), soap.index(b"</wsse:Security>") + 16
    return 200, soap[:start] + soap[end:]


def _header(seen, name):
    return seen.request.headers.get(name, "")


def _parts(seen):
    return seen.received.user_message.parts


def _again_without_receipt():
    known = set()

    def change(soap, seen):
        again = seen.message_id in known
        known.add(seen.message_id)
        return (500, b"") if again else (200, soap)

    return change


def _as_it_came(document, received):
    return gzip_compress(document) if received.compressed else document


RECEIVING = {
    "as4.receipt.non-repudiation": Mutant(
        "gives receipts without a signature", Dials(receipt=_without_security), ALL_RECEIPTS
    ),
    "as4.receipt.own-id": Mutant(
        "gives every receipt the same MessageId", Dials(receipt_id=lambda: "one@red.example")
    ),
    "as4.payload.compressed": Mutant(
        "delivers what was compressed as it came", Dials(mangle=_as_it_came),
        "they look at the document that was delivered, and it came compressed",
    ),
    "as4.order.compress-sign-encrypt": refuses(
        "what was compressed before it was signed", lambda seen: seen.received.compressed,
        why="each good message with a payload is made in this order",
    ),
    "as4.ping.plain": Mutant(
        "delivers test messages without a payload",
        Dials(pings=lambda received: received.payload is None),
    ),
    "as4.ping.with-payload": Mutant(
        "delivers the payloads of test messages",
        Dials(pings=lambda received: received.payload is not None),
    ),
    "as4.http.chunked": refuses(
        "bodies in chunks", lambda seen: _header(seen, "Transfer-Encoding") == "chunked"
    ),
    "as4.payload.uncompressed": refuses(
        "payloads that are not compressed",
        lambda seen: any(part.compression_type is None for part in _parts(seen)),
    ),
    "as4.part.character-set": refuses(
        "a payload with a CharacterSet",
        lambda seen: any(part.character_set for part in _parts(seen)),
    ),
    "as4.property.tracking": refuses(
        "properties that it does not know",
        lambda seen: len(seen.received.user_message.properties) > 2,
    ),
    "as4.duplicate.receipt-again": Mutant(
        "answers a message that comes again with HTTP 500",
        Dials(receipt=_again_without_receipt()),
    ),
    "as4.duplicate.delivered-once": Mutant("delivers what comes again again", Dials(again=1)),
    "as4.error.signed": Mutant("does not sign its errors", Dials(error_key=None)),
    "as4.error.names-message": Mutant(
        "does not say which message an error is about", Dials(error_names=False),
        "the error that it judges must be the one about its message",
    ),
    "as4.mime.preamble-epilogue": refuses(
        "a preamble", lambda seen: seen.body.startswith(b"preamble")
    ),
    "as4.mime.start": refuses(
        "a start parameter", lambda seen: "start=" in _header(seen, "Content-Type")
    ),
    "as4.mime.parameter-order": refuses(
        "media types in capital letters",
        lambda seen: _header(seen, "Content-Type").startswith("Multipart"),
    ),
    "as4.mime.base64": refuses(
        "attachments in base64", lambda seen: seen.received.transfer_encoding == "base64"
    ),
    "as4.mime.header-folding": refuses(
        "part headers in small letters", lambda seen: b"\ncontent-id:\r\n <att" in seen.body
    ),
    "peppol.receive.valid": refuses("everything", lambda _seen: True, why=ALL_RECEIPTS),
    "peppol.receive.unchanged": Mutant(
        "delivers documents without the blanks in them",
        Dials(mangle=lambda text, _received: text.replace(b"\r\n\t", b"")),
    ),
    "peppol.receive.megabytes": refuses(
        "what has more than a megabyte", lambda seen: len(seen.body) > 1 << 20,
        why="fifty megabytes are more, too",
    ),
    "peppol.receive.large": refuses(
        "what has more than 20 megabytes", lambda seen: len(seen.body) > 20 << 20
    ),
    "security.decryption.look-alike": Mutant(
        "says how far its key came", Dials(talkative=True)
    ),
    "security.replay.other-content": Mutant(
        "goes by the MessageId alone", Dials(forgetful=True)
    ),
}  # fmt: skip
