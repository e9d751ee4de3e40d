"""A UserMessage explained: header, security, payload, and the endpoint's verdict."""

from lxml import etree

from as4 import usermessage
from as4.business import check_addressee, check_participants, check_timestamp
from as4.certificates import load_certificate
from as4.dump import Dump
from as4.envelope import Envelope, find_message_id, open_envelope
from as4.inspection.known import Known
from as4.inspection.parts import Parts
from as4.inspection.payload import explain_payload
from as4.inspection.report import Report, State
from as4.inspection.security import explain_security, explain_signature, is_signed
from as4.inspection.verdict import judge_message
from as4.usermessage import UserMessage
from as4.wssec import SecurityHeader, check_signer

_STORED = "not checkable: it takes what the receiving gateway has stored"


def explain_message(
    report: Report, dump: Dump, parts: Parts, root: etree._Element, known: Known
) -> None:
    """Fill in *report* for the UserMessage in *dump*, whose envelope is *root*."""
    report.message_id = find_message_id(root)
    envelope = report.attempt(open_envelope, root)
    if envelope is not None:
        _explain_envelope(report, envelope, parts, known)
    report.lead_with(judge_message(dump, known, report.at))
    if known.at is None:
        why = "it is judged as if it had come at its own timestamp (--at gives another time)"
        report.leave("age", why)
    if not report.is_ping:
        report.leave("served", _STORED)
        report.leave("duplicate", _STORED)


def _explain_envelope(report: Report, envelope: Envelope, parts: Parts, known: Known) -> None:
    if not is_signed(envelope):
        report.signature = State.ABSENT
    message = report.attempt(usermessage.parse_user_message, envelope.messaging)
    if message is None:
        explain_signature(report, envelope, known)
        return
    _show_header(report, message)
    report.attempt(usermessage.check_processing_mode, message)
    report.attempt(usermessage.check_payload_info, message)
    header = explain_security(report, envelope, known, href=message.href)
    if header is not None:
        _check_seats(report, message, header, known)
        explain_payload(report, message, header, parts.attachment, known)
    if report.payload is None and not message.is_ping:
        report.attempt(check_participants, message)
    if known.at is not None:
        memory = known.duplicate_memory
        report.attempt(check_timestamp, message, now=known.at, memory=memory)


def _show_header(report: Report, message: UserMessage) -> None:
    report.is_ping = message.is_ping
    report.from_party, report.to_party = message.from_party, message.to_party
    report.document_type = message.action
    service = message.service
    report.process = service.value if service.type is None else f"{service.type}::{service.value}"
    sender, receiver = message.original_sender, message.final_recipient
    report.sender = None if sender is None else sender.uri
    report.receiver = None if receiver is None else receiver.uri


def _check_seats(
    report: Report, message: UserMessage, header: SecurityHeader, known: Known
) -> None:
    """Compare the certificates with the access points that the message names."""
    certificate = report.attempt(load_certificate, header.signer, header.signature.suite.kinds)
    if certificate is not None:
        report.attempt(check_signer, certificate, message.from_party)
    key = header.encrypted_key
    seat = known.find_seat(None if key is None else key.recipient)
    if seat is not None:
        report.attempt(check_addressee, message, (seat,))
    else:
        report.leave("addressee", "the receiver's certificate is not given (--key)")
