"""Access points whose sending side has a fault."""

import re

from as4.compression import gzip_compress
from tests.conformance.mutants.mutant import sends
from ubl.identifiers import ParticipantId

OTHER = ParticipantId.parse("0208:0428759497")
UNREADABLE = "what cannot be read cannot be judged, and says so"
_COMPRESSION = re.compile('<eb:Property name="CompressionType">[^<]*</eb:Property>')


def _plain(forge):
    return forge.envelope()


def _unsaid(text):
    return _COMPRESSION.sub("", text)


SENDING = {
    "as4.send.payload-in-part": sends(
        "puts something into the Body",
        spoil={"body": lambda text: text.replace("></S12:Body>", "><x></x></S12:Body>")},
        why=UNREADABLE,
    ),
    "as4.send.gzip": sends(
        "calls compressed what is not", spoil={"payload": _plain},
        why="they look into the business envelope, which cannot be decompressed",
    ),
    "as4.send.compression-type": sends(
        "does not say that it compresses", spoil={"messaging": _unsaid},
        why="they look into the business envelope, which seems to be no XML",
    ),
    "as4.send.mime-type": sends(
        "calls its payload a picture",
        spoil={"messaging": lambda text: text.replace(">application/xml<", ">image/png<")},
    ),
    "as4.send.signature": sends(
        "does not sign the payload", spoil={"references": lambda references: references[:2]},
        why=UNREADABLE,
    ),
    "as4.send.encryption": sends(
        "encrypts for somebody else", spoil={"recipient": "third"}, why=UNREADABLE
    ),
    "as4.send.participants": sends(
        "names another original sender", fields={"original_sender": OTHER}
    ),
    "as4.send.parties": sends("names the participant as a party", fields={"to_party": OTHER.value}),
    "as4.send.receipt-taken": sends(
        "sends once more after its receipt", repeats=1,
        why="it counts how often the message came",
    ),
    "as4.send.ping": sends("sends a document as test message", pings_plainly=True),
    "as4.send.lost-answer": sends(
        "gives up when the connection breaks", gives_up="a broken connection",
        why="it is the same connection that breaks",
    ),
    "as4.send.no-receipt": sends("gives up after HTTP 202", gives_up="HTTP 202"),
    "as4.send.server-error": sends("gives up after HTTP 500", gives_up="HTTP 500"),
    "as4.send.recovers": sends("seals each attempt anew", anew=True),
    "as4.send.missing-receipt": sends("says nothing of missing receipts", hides="EBMS:0301"),
    "as4.send.receipt.unsigned": sends(
        "takes a receipt without a signature", believes="EBMS:0302.*not authenticated"
    ),
    "as4.send.receipt.other-digest": sends(
        "takes a receipt for other bytes", believes="EBMS:0302.*other parts or digests"
    ),
    "as4.send.receipt.other-message": sends(
        "takes a receipt for another message", believes="EBMS:0302.*for the message"
    ),
    "as4.send.receipt.stranger": sends(
        "takes a receipt that another access point signed", believes="EBMS:0302.*signed by"
    ),
    "as4.send.error-taken": sends("calls delivered what was refused", believes="EBMS:0101"),
    "peppol.send.valid": sends(
        "adds a blank to the document", document=lambda text: text.replace(b"</", b" </", 1)
    ),
    "peppol.send.sbdh": sends(
        "names another sender in the envelope",
        spoil={"payload": lambda forge: gzip_compress(forge.envelope(sender=OTHER))},
    ),
    "peppol.send.instance": sends("gives all messages the same identifiers", fixed_ids=True),
    "peppol.send.revoked-receiver": sends(
        "sends to revoked certificates", sends_to=frozenset({"revoked"})
    ),
    "peppol.send.expired-receiver": sends(
        "sends to expired certificates", sends_to=frozenset({"expired"})
    ),
    "peppol.send.unregistered": sends(
        "sends to who is not registered", sends_to=frozenset({"unregistered"})
    ),
}  # fmt: skip
