"""The documents of the matrix: invoice, credit note, status message, and one of 10 MB."""

import re
import uuid
from dataclasses import dataclass

from tests.support.peer import an_invoice
from ubl.routing import read_routing

BLUE, RED = "0208:0123456749", "0208:0987654394"
THEIRS = "0208:0542703815"  # phase4's company; the check digits are right
STRANGER = "0208:0848934496"  # nobody serves it; the check digits are right
# Service providers take part by their seat: PBE000001, PBE000002, PBE000009.
OUR_SENDER, OUR_PROVIDER, THEIR_PROVIDER = "0242:000001", "0242:000002", "0242:000009"
MLS_TYPE = (
    "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
    "::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1"
)
MLS_PROCESS = "cenbii-procid-ubl::urn:peppol:edec:mls"
LARGE_BYTES = 10_000_000

_STATUS = """<?xml version="1.0" encoding="UTF-8"?>
<ApplicationResponse xmlns="urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
    xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:CustomizationID>urn:peppol:edec:mls:1.0</cbc:CustomizationID>
  <cbc:ProfileID>urn:peppol:edec:mls</cbc:ProfileID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>2026-11-20</cbc:IssueDate>
  <cbc:IssueTime>12:00:00Z</cbc:IssueTime>
  <cac:SenderParty><cbc:EndpointID schemeID="0242">{sender}</cbc:EndpointID></cac:SenderParty>
  <cac:ReceiverParty><cbc:EndpointID schemeID="0242">{receiver}</cbc:EndpointID></cac:ReceiverParty>
  <cac:DocumentResponse>
    <cac:Response><cbc:ResponseCode>AP</cbc:ResponseCode></cac:Response>
    <cac:DocumentReference><cbc:ID>{about}</cbc:ID></cac:DocumentReference>
  </cac:DocumentResponse>
</ApplicationResponse>
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A document and what routing needs to know of it."""

    number: str
    data: bytes

    @property
    def sender(self) -> str:
        return read_routing(self.data).sender.value

    @property
    def receiver(self) -> str:
        return read_routing(self.data).receiver.value

    @property
    def document_type(self) -> str:
        return read_routing(self.data).document_type.value

    @property
    def process(self) -> str:
        return read_routing(self.data).process.value


def invoice(sender: str, receiver: str, *, attachment_bytes: int = 0) -> Sample:
    """An invoice from *sender* to *receiver*, with random bytes attached if wanted."""
    number = f"I-{uuid.uuid4().hex[:12]}"
    data = an_invoice(
        number=number,
        sender=sender.removeprefix("0208:"),
        receiver=receiver.removeprefix("0208:"),
        attachment_bytes=attachment_bytes,
    )
    return Sample(number, data)


def large_invoice(sender: str, receiver: str) -> Sample:
    """An invoice of 10 MB that gzip cannot make small."""
    return invoice(sender, receiver, attachment_bytes=LARGE_BYTES * 3 // 4)  # base64 adds a third


def credit_note(sender: str, receiver: str) -> Sample:
    """The invoice's figures as a credit note."""
    made = invoice(sender, receiver)
    text = made.data.decode()
    text = re.sub(r"<cbc:DueDate>.*?</cbc:DueDate>\s*", "", text)
    for old, new in (
        ("xsd:Invoice-2", "xsd:CreditNote-2"), ("<Invoice ", "<CreditNote "),
        ("</Invoice>", "</CreditNote>"), ("InvoiceTypeCode>380", "CreditNoteTypeCode>381"),
        ("InvoiceTypeCode", "CreditNoteTypeCode"), ("InvoiceLine", "CreditNoteLine"),
        ("InvoicedQuantity", "CreditedQuantity"),
    ):  # fmt: skip
        text = text.replace(old, new)
    return Sample(made.number, text.encode())


def status_message(sender: str, receiver: str) -> Sample:
    """A message level status, `0242:...` to `0242:...`."""
    number = f"S-{uuid.uuid4().hex[:12]}"
    text = _STATUS.format(
        number=number, sender=sender[5:], receiver=receiver[5:], about=uuid.uuid4()
    )
    return Sample(number, text.encode())
