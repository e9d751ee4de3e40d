"""Genuine messages, signed by this process, and what counts of each when it is taken."""

from functools import cache
from typing import NamedTuple

from as4 import familiar
from as4.errors import NotServed, Unreadable
from as4.errorsignal import build_error
from as4.pmode import PEPPOL
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from tests.fuzz.corpora import NOW
from tests.fuzz.edits import spoil
from tests.fuzz.shapes import ReceiptKind, UserMessageKind, only, read_by_shape


class Genuine(NamedTuple):
    """A message; *judge* returns everything that is used of its bytes, or raises a refusal."""

    body: bytes
    judge: object
    meaning: object


@cache
def genuine():
    """Return the messages that are edited: a business message, a ping, answers, metadata."""
    from tests.support import messages
    from tests.support.metadata import a_service, signed

    sent = messages.a_sealed_message()
    ping = messages.a_ping()
    received = messages.read(sent)
    pair = messages.key_pair("receiver")
    about = {"message_id": "r@red.example", "now": NOW, "signer": pair, "nonce": messages.NONCE}
    refusal = NotServed("not here", ref_to_message_id=sent.message_id)

    def proven(body):
        found = _counting(body, messages.check_signer)
        if not isinstance(found, Receipt):
            raise Unreadable(400, "no receipt")
        check_receipt(
            found, sent.references, message_id=sent.message_id, to_party=messages.RECEIVER
        )
        return found.ref_to_message_id, {each.meaning for each in found.references}

    def refused(body):
        found = _counting(body, messages.check_signer)
        return type(found), found.ref_to_message_id, getattr(found, "errors", None)

    pairs = [
        (sent.body, _receiving(sent.content_type)),
        (ping.body, _receiving(ping.content_type)),
        (build_receipt(received, **about), proven),
        (build_error(refusal, **about), refused),
        (signed(a_service()), _published),
    ]
    return [Genuine(body, judge, judge(body)) for body, judge in pairs]


def check(data, refusals):
    """Spoil one of the genuine messages as *data* says; raise AssertionError if that passes."""
    every = genuine()
    chosen = every[data[0] % len(every)] if data else every[0]
    body = spoil(chosen.body, data[1:])
    try:
        meaning = chosen.judge(body)
    except refusals:
        pass
    else:
        assert meaning == chosen.meaning
    _compare_shapes(chosen.body, body)


def _receiving(content_type):
    """Return who receives messages of *content_type*, and hands out what is used of them."""
    from tests.support import messages

    def judge(body):
        sent = messages.Sealed(content_type, body, "", (), b"", 0, 0)
        with only():
            found = messages.receive(sent)
            pieces = messages.read(sent, step=977)
        assert pieces == found
        return (
            found.user_message, found.signer.der, {each.meaning for each in found.references},
            found.attachment_digest, found.content_key, found.payload, found.compressed,
        )  # fmt: skip

    return judge


def _published(body):
    from smp.metadata import verify_metadata
    from tests.support.metadata import check_signer

    found = verify_metadata(body, check_signer=check_signer, now=NOW)
    return found.content, found.signer.der


def _counting(body, check_signer):
    with only():
        found = read_signal(body, check_signer=check_signer, now=NOW)
    if not found.authenticated:
        raise Unreadable(400, "nobody answers for it")
    return found


def _compare_shapes(before, after):
    """What is read of the edited envelope by the shape of the genuine one, the parser reads too."""
    first, second = _soap_of(before), _soap_of(after)
    for kind in (UserMessageKind, ReceiptKind):
        reading = read_by_shape(kind, second, first)
        if reading is not None:
            assert familiar._parse(second, kind(), PEPPOL).reading == reading


def _soap_of(body):
    start = max(0, body.find(b"<?xml"))
    return body[start : body.rfind(b"Envelope>") + len(b"Envelope>")]
