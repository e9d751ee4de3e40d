"""The message that a receipt is about, as far as a receipt must fit it."""

from dataclasses import dataclass

from as4 import usermessage, wssec
from as4.dump import Dump
from as4.envelope import index_ids, open_envelope, parse_root
from as4.inspection.parts import split_parts
from as4.pmode import PEPPOL
from as4.xmldsig import Reference


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: the identity, whom it was for, and what its signature refers to."""

    message_id: str
    to_party: str
    references: tuple[Reference, ...]


def read_request(dump: Dump) -> Sent:
    """Read the UserMessage in *dump*, whether or not its signature holds.

    Raises Unreadable or As4Error if it is none, or not signed in the profile's way.
    """
    root = parse_root(split_parts(dump).soap)
    envelope = open_envelope(root)
    message = usermessage.parse_user_message(envelope.messaging)
    usermessage.check_processing_mode(message)
    signature, _ = wssec.parse_signature(envelope, index_ids(root), PEPPOL.suite)
    return Sent(message.message_id, message.to_party, signature.references)
