"""A receipt or an error explained, and what the endpoint that gets it as an answer makes of it.

[AS4 §5.1.8] [EBMS3 §6] [EBBPSIG §3]
"""

from datetime import UTC, datetime

from lxml import etree

from as4.envelope import Envelope, open_envelope
from as4.errors import As4Error, InvalidReceipt
from as4.inspection.known import Known
from as4.inspection.report import Acknowledgement, Kind, Report, State
from as4.inspection.request import Sent
from as4.inspection.security import explain_security, is_signed
from as4.signal import ErrorSignal, Receipt, check_receipt, read_signal

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NO_REQUEST = "the request is not given (--request)"


def explain_signal(
    report: Report, soap: bytes, root: etree._Element, known: Known, sent: Sent | None
) -> None:
    """Fill in *report* for the signal *soap*, whose envelope is *root*.

    With *sent*, it is compared with the message it must be about.
    Raises Unreadable if it is neither a receipt nor an error.
    """
    signal = read_signal(soap, check_signer=known.signer_check(report.at), now=report.at or _NEVER)
    report.message_id = signal.message_id
    report.ref_to_message_id = signal.ref_to_message_id
    envelope = _find_envelope(root)
    report.signature = State.ABSENT
    if envelope is not None and is_signed(envelope):
        report.signature = State.NOT_CHECKED
        explain_security(report, envelope, known, href=None)
    if sent is None:
        report.leave("request", _NO_REQUEST)
    if isinstance(signal, Receipt):
        _explain_receipt(report, signal, sent)
    else:
        _explain_error(report, signal, sent)


def _find_envelope(root: etree._Element) -> Envelope | None:
    """Return the envelope, None for a SOAP fault that carries no ebMS header."""
    try:
        return open_envelope(root)
    except As4Error:
        return None


def _explain_receipt(report: Report, receipt: Receipt, sent: Sent | None) -> None:
    report.kind = Kind.RECEIPT
    report.warnings += [
        f"the receipt warns: {each.code} {each.description or each.short_description or ''}"
        for each in receipt.warnings
    ]
    known = None if sent is None else {each.meaning for each in sent.references}
    for reference in receipt.references:
        state = State.NOT_CHECKED
        if known is not None:
            state = State.GOOD if reference.meaning in known else State.BAD
        found = Acknowledgement(reference.uri, reference.digest_value, state)
        report.acknowledges.append(found)
    report.lead_with(_judge_receipt(receipt, sent))


def _judge_receipt(receipt: Receipt, sent: Sent | None) -> InvalidReceipt | None:
    """Return why the sender of the message would not take *receipt* as proof, None if it would."""
    if sent is None:
        return _judge_alone(receipt)
    try:
        check_receipt(receipt, sent.references, message_id=sent.message_id, to_party=sent.to_party)
    except InvalidReceipt as refusal:
        return refusal
    return None


def _judge_alone(receipt: Receipt) -> InvalidReceipt | None:
    """Return why *receipt* can be proof of no message at all, None if it may be."""
    if not receipt.authenticated:
        problem = f"it is not authenticated: {receipt.problem}"
    elif receipt.ref_to_message_id is None:
        problem = "it names no message"
    elif not receipt.references:
        problem = "it acknowledges no parts"
    else:
        return None
    return InvalidReceipt(f"the receipt proves nothing: {problem}")


def _explain_error(report: Report, signal: ErrorSignal, sent: Sent | None) -> None:
    report.kind = Kind.ERROR
    report.errors += signal.errors
    report.fault = signal.fault
    if not signal.authenticated and report.signature is State.ABSENT:
        report.warnings.append("the error is not signed: anybody on the way may have made it")
    # What is wrong with a signature goes first in the order in which the endpoint finds it.
    report.problems.sort(key=lambda each: each.detail != signal.problem)
    if sent is None:
        return
    if signal.ref_to_message_id not in (None, sent.message_id):
        report.note(None, f"the error is about the message {signal.ref_to_message_id}")
    if signal.signer is not None and signal.signer.subject_cn != sent.to_party:
        report.note(None, f"the error is signed by {signal.signer.subject_cn}, not {sent.to_party}")
