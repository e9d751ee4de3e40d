"""What is sent through a simulated network: invoices that differ in parties, number and size."""

from dataclasses import dataclass
from functools import cache

from tests.simulation.rules import UNCOVERED, spoilt, uncovered
from tests.support.api import RECEIVER, SENDER
from tests.support.api import an_invoice as a_sample
from ubl.identifiers import ParticipantId

NUMBER = "0000-0000"
MARK = "Zwijgplicht-5c20e"
"""Stands in every document, and nowhere else."""


@dataclass(frozen=True)
class Invoice:
    """A document that somebody hands in: from whom to whom, and under which number."""

    sender: str
    receiver: str
    number: str
    data: bytes
    flaw: str = ""

    @property
    def parties(self):
        return self.sender, self.receiver


def participant(index, nth):
    """The *nth* participant that starts at access point *index*."""
    return ParticipantId.parse(f"0208:{9_000_000_000 + index * 1_000 + nth:010}")


def node_of(value):
    """Return the access point at which the participant called *value* starts."""
    return int(value.partition(":")[2]) % 1_000_000_000 // 1_000


def an_invoice(sender, receiver, number, size=0, flaw=""):
    """A document with what `rules` calls *flaw*, and a note that makes it *size* bytes or more."""
    # What repeats would be compressed to nothing.
    words = " ".join(f"{number} {each * 7919 % 100_003:x}" for each in range(size // 16))
    note = f"{MARK} {words}"
    if flaw == UNCOVERED:
        return Invoice(sender, receiver, number, uncovered(sender, receiver, number, note), flaw)
    data = _sample().replace(f">{NUMBER}<".encode(), f">{number}<".encode())
    data = data.replace(b"SENDER", sender.partition(":")[2].encode())
    data = data.replace(b"RECEIVER", receiver.partition(":")[2].encode())
    data = spoilt(data.replace(b"FILLING", note.encode()), flaw)
    return Invoice(sender, receiver, number, data, flaw)


@cache
def _sample():
    data = a_sample(number=NUMBER, note="FILLING")
    for party, name in ((SENDER, b"SENDER"), (RECEIVER, b"RECEIVER")):
        value = party.partition(":")[2].encode()
        before = b'schemeID="0208">'
        assert data.count(before + value) >= 1
        # The endpoint decides where it goes; what else bears the number may keep it.
        data = data.replace(
            b"<cbc:EndpointID " + before + value, b"<cbc:EndpointID " + before + name
        )
    return data
