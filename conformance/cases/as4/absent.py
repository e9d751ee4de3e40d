"""Assertions of the eDelivery AS4 conformance test that no Peppol access point has to meet."""

from typing import Final

from conformance.suite.case import Cases

__all__ = ["CASES"]

CASES: Final = Cases()

_TWO_WAY = "Peppol sends one way alone, so there is no two-way exchange to try"
_ONE_PAYLOAD = "a Peppol message has exactly one payload, the business envelope"
_ABSENT: Final = (
    ("TA02", "two-way.reply", "A reply names the message that it answers", _TWO_WAY),
    ("TA14", "two-way.receipt", "A message of a two-way exchange earns a receipt", _TWO_WAY),
    ("TA19", "two-way.conversation", "A reply keeps the ConversationId", _TWO_WAY),
    ("TA06", "payloads.leading", "The leading XML payload is named first", _ONE_PAYLOAD),
    ("TA07", "payloads.received", "Several payloads are received", _ONE_PAYLOAD),
    ("TA33", "payloads.decompressed", "Several payloads are delivered decompressed", _ONE_PAYLOAD),
    ("TA45", "payloads.order", "The order of several payloads is kept", _ONE_PAYLOAD),
    (
        "TA27",
        "character-set.utf-16",
        "A payload in UTF-16 is sent with its CharacterSet",
        "Peppol documents travel in UTF-8, inside a business envelope in UTF-8",
    ),
    (
        "TA28",
        "character-set.utf-8",
        "A payload in UTF-8 is sent with its CharacterSet",
        "preferred, and asked for by the producer; the Peppol profile names no CharacterSet",
    ),
    (
        "TA31",
        "notification.decompression",
        "The consumer hears of a payload that could not be decompressed",
        "preferred, with a P-Mode that notifies consumers; Peppol's does not",
    ),
)
for _assertion, _name, _requirement, _reason in _ABSENT:
    CASES.absent(
        f"as4.{_name}",
        _reason,
        title=_requirement,
        requirement=f"{_requirement}.",
        sources=("EDELIVERY-AS4 §3.2",),
        assertions=(f"AS4_CP_{_assertion}",),
    )
