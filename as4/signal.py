"""Read what a peer answers: a receipt, errors, or a SOAP fault.

Peers are lenient about their answers, so the reader is too: errors come unsigned, several at
once, or as a fault.  What it never does is call an answer authenticated that is not: the
signature must hold, cover Messaging and Body, and be by a certificate that the caller accepts.
[EBMS3 §6] [AS4 §5.1.8] [PEPPOL-AS4 §2]

What an answer means for the message that was sent is the gateway's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lxml import etree

from as4 import wssec, xmldsig
from as4.certificates import Certificate
from as4.contentmodel import Exact, Model
from as4.envelope import Envelope, index_ids, open_envelope, parse_root
from as4.errors import As4Error, InvalidReceipt, Severity, Unreadable
from as4.familiar import Familiars, Reading
from as4.namespaces import DS, EBBP, EBMS, SOAP, XML, qname
from as4.pmode import PEPPOL, PMode
from as4.usermessage import parse_timestamp
from as4.usermessage.reader import read_instant
from as4.xmldsig import Reference

# LIMIT: errors in one signal; peers send one.
ERRORS_MAX = 32
# LIMIT: characters kept of a text that a peer wrote.
TEXT_CHARS_MAX = 4000

_SIGNAL = qname(EBMS, "SignalMessage")
_INFO = qname(EBMS, "MessageInfo")
_TIMESTAMP = qname(EBMS, "Timestamp")
_MESSAGE_ID = qname(EBMS, "MessageId")
_REF = qname(EBMS, "RefToMessageId")
_RECEIPT = qname(EBMS, "Receipt")
_ERROR = qname(EBMS, "Error")
_DESCRIPTION = qname(EBMS, "Description")
_DETAIL = qname(EBMS, "ErrorDetail")
_FAULT = qname(SOAP, "Fault")
_NRI = qname(EBBP, "NonRepudiationInformation")
_PART = qname(EBBP, "MessagePartNRInformation")
_REFERENCE = qname(DS, "Reference")
_LANGUAGE = qname(XML, "lang")

_NRI_MODEL = Model((_PART, 1, xmldsig.REFERENCES_MAX))
_PART_MODEL = Exact(_REFERENCE)

CheckSigner = Callable[[bytes, datetime], Certificate]
"""Judges a certificate (DER) at an instant; raises FailedAuthentication."""


@dataclass(frozen=True, slots=True)
class SignalError:
    """One eb:Error, in the words of the peer; *severity* is "failure" where none is given."""

    code: str
    severity: str
    short_description: str | None
    category: str | None
    origin: str | None
    description: str | None
    error_detail: str | None
    ref_to_message_in_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt; it proves nothing before `check_receipt` has accepted it.

    *signer* is None and *problem* says why when it is not authenticated.
    *warnings* are errors of severity "warning" that came along.
    """

    message_id: str | None
    ref_to_message_id: str | None
    timestamp: datetime | None
    references: tuple[Reference, ...]
    warnings: tuple[SignalError, ...]
    signer: Certificate | None
    problem: str | None

    @property
    def authenticated(self) -> bool:
        """Whether the signature holds and its certificate was accepted."""
        return self.signer is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSignal:
    """A refusal: eb:Errors, or a SOAP *fault* that came without any.

    *signer* is None and *problem* says why when it is not authenticated: anybody on the way may
    have made it.
    """

    message_id: str | None
    ref_to_message_id: str | None
    timestamp: datetime | None
    errors: tuple[SignalError, ...]
    fault: str | None
    signer: Certificate | None
    problem: str | None

    @property
    def authenticated(self) -> bool:
        """Whether the signature holds and its certificate was accepted."""
        return self.signer is not None


def read_signal(
    soap: bytes, *, check_signer: CheckSigner, now: datetime, pmode: PMode = PEPPOL
) -> Receipt | ErrorSignal:
    """Read the SOAP envelope *soap*, which came as the answer to a message.

    *check_signer* judges the certificate of a signed answer at *now*.
    Raises Unreadable if it is neither a receipt nor an error nor a fault.
    """
    reading = _FAMILIARS.read(soap, pmode)
    if reading is not None:
        return _authenticate_reading(reading, check_signer, now)
    root = parse_root(soap)
    fault = _read_words(root.find(f"{qname(SOAP, 'Body')}/{_FAULT}"))
    try:
        envelope = open_envelope(root)
    except As4Error as error:
        if fault is not None:
            return _lone_fault(fault)
        raise Unreadable(400, f"the answer is not a signal: {error.detail}") from error
    signal = _only(envelope.messaging, _SIGNAL)
    if signal is None:
        raise Unreadable(400, "the answer has not exactly one SignalMessage")
    signer, problem = _authenticate(envelope, check_signer, now, pmode)
    found = _read_signal(signal, fault, signer, problem)
    if signer is not None and isinstance(found, Receipt):
        _FAMILIARS.learn(soap, pmode)
    return found


def check_receipt(
    receipt: Receipt, references: Sequence[Reference], *, message_id: str, to_party: str
) -> Receipt:
    """Return *receipt* if it proves that *to_party* received *message_id* as it was sent.

    *references* are those of the signature that was sent; they are compared by their meaning and
    as a set, for the order is not significant and peers write them anew.
    Raises InvalidReceipt.  [EBBPSIG §3] [AS4 §5.1.8]
    """
    if receipt.signer is None:
        problem = f"it is not authenticated: {receipt.problem}"
    elif receipt.signer.subject_cn != to_party:
        problem = f"it is signed by {receipt.signer.subject_cn}, not {to_party}"
    elif receipt.ref_to_message_id != message_id:
        problem = f"it is for the message {receipt.ref_to_message_id}"
    elif {found.meaning for found in receipt.references} != {sent.meaning for sent in references}:
        problem = "it acknowledges other parts or digests than were sent"
    else:
        return receipt
    raise InvalidReceipt(f"the receipt proves nothing: {problem}", ref_to_message_id=message_id)


def _read_signal(
    signal: etree._Element, fault: str | None, signer: Certificate | None, problem: str | None
) -> Receipt | ErrorSignal:
    info = _only(signal, _INFO)
    message_id, ref = _read_text(info, _MESSAGE_ID), _read_text(info, _REF)
    timestamp = _read_timestamp(info)
    errors = tuple([_read_error(element) for element in signal.findall(_ERROR)[:ERRORS_MAX]])
    receipt = _only(signal, _RECEIPT)
    refused = any(error.severity != Severity.WARNING for error in errors)
    if receipt is not None and not refused and fault is None:
        return Receipt(
            message_id=message_id,
            ref_to_message_id=ref,
            timestamp=timestamp,
            references=_read_references(receipt),
            warnings=errors,
            signer=signer,
            problem=problem,
        )
    if not errors and fault is None:
        raise Unreadable(400, "the answer is neither a receipt nor an error")
    return ErrorSignal(
        message_id=message_id,
        ref_to_message_id=ref,
        timestamp=timestamp,
        errors=errors,
        fault=fault,
        signer=signer,
        problem=problem,
    )


def _lone_fault(fault: str) -> ErrorSignal:
    return ErrorSignal(
        message_id=None,
        ref_to_message_id=None,
        timestamp=None,
        errors=(),
        fault=fault,
        signer=None,
        problem="a SOAP fault without a signal is not signed",
    )


def _authenticate(
    envelope: Envelope, check_signer: CheckSigner, now: datetime, pmode: PMode
) -> tuple[Certificate | None, str | None]:
    """Return who signed Messaging and Body, or why nobody can be named."""
    if not envelope.securities:
        return None, "it is not signed"
    if _has_cut_values(envelope.messaging) or _has_cut_values(envelope.body):
        return None, "there are comments in values that are signed"
    try:
        ids = index_ids(envelope.root)
        security = wssec.parse_security(envelope, ids, pmode.suite, href=None)
        wssec.check_coverage(security.signature, envelope, ids, href=None)
        signer = check_signer(security.signer, now)
        wssec.verify_signature(security.signature, ids, signer.public_key)
    except As4Error as error:
        return None, error.detail
    return signer, None


def _has_cut_values(element: etree._Element) -> bool:
    """Tell whether a comment stands beside text anywhere in *element*.

    Canonicalisation drops comments: such a value could be read shorter than it was signed.
    Between elements they are free and say nothing.  [SOAP12 §5]
    """
    holders = {comment.getparent() for comment in element.iter(etree.Comment)}
    return any(
        (text or "").strip()
        for holder in holders
        if holder is not None
        for text in (holder.text, *(child.tail for child in holder))
    )


def _authenticate_reading(
    reading: Reading[Receipt], check_signer: CheckSigner, now: datetime
) -> Receipt:
    """Return the receipt with who signed it, or why nobody can be named."""
    try:
        signer = check_signer(reading.signer, now)
        reading.verify(signer.public_key)
    except As4Error as error:
        return replace(reading.content, problem=error.detail)
    return replace(reading.content, signer=signer)


class _ReceiptKind:
    """How `as4.familiar` reads the eb:Receipt of an envelope; see `Kind` there."""

    def parse(self, envelope: Envelope, _pmode: PMode) -> tuple[Receipt, None]:
        signal = _only(envelope.messaging, _SIGNAL)
        if signal is None or len(envelope.body):
            raise ValueError("the envelope holds more than a signal")
        receipt = _read_signal(signal, None, None, None)
        if not isinstance(receipt, Receipt) or receipt.warnings or receipt.timestamp is None:
            raise ValueError("the signal holds more than a receipt, or less")
        return receipt, None

    def plain_values(self, content: Receipt) -> dict[str, str]:
        return {
            "message_id": content.message_id or "",
            "ref_to_message_id": content.ref_to_message_id or "",
        }

    def acknowledged(self, content: Receipt) -> tuple[Reference, ...]:
        return content.references

    def fill(
        self,
        content: Receipt,
        values: dict[str, str],
        repeated: tuple[Reference, ...],
        _pmode: PMode,
    ) -> Receipt:
        return replace(
            content,
            message_id=values["message_id"],
            ref_to_message_id=values["ref_to_message_id"],
            timestamp=read_instant(values["timestamp"]),
            references=repeated,
        )


_FAMILIARS = Familiars(_ReceiptKind())


def _read_references(receipt: etree._Element) -> tuple[Reference, ...]:
    """Return the references that *receipt* acknowledges; none if they cannot be read.

    INTEROP(phase4): elements of other namespaces stand beside the information; they are ignored.
    """
    information = _only(receipt, _NRI)
    if information is None:
        return ()
    try:
        (parts,) = _NRI_MODEL.read(information)
        return tuple([xmldsig.parse_reference(_PART_MODEL.read(part)[0]) for part in parts])
    except As4Error:
        return ()


def _read_error(element: etree._Element) -> SignalError:
    description = element.find(_DESCRIPTION)
    detail = element.find(_DETAIL)
    return SignalError(
        code=element.get("errorCode") or "",
        severity=(element.get("severity") or Severity.FAILURE).lower(),
        short_description=element.get("shortDescription"),
        category=element.get("category"),
        origin=element.get("origin"),
        description=_read_words(description),
        error_detail=_read_words(detail),
        ref_to_message_in_error=element.get("refToMessageInError"),
    )


def _only(element: etree._Element | None, name: str) -> etree._Element | None:
    """Return the child *name* of *element* if there is exactly one.

    INTEROP(any): children of other names may stand beside it.
    """
    found = [] if element is None else element.findall(name)
    return found[0] if len(found) == 1 else None


def _read_text(element: etree._Element | None, name: str) -> str | None:
    found = _only(element, name)
    return None if found is None or len(found) else (found.text or "").strip() or None


def _read_timestamp(info: etree._Element | None) -> datetime | None:
    found = _only(info, _TIMESTAMP)
    try:
        return None if found is None else parse_timestamp(found)
    except As4Error:
        return None


def _read_words(element: etree._Element | None) -> str | None:
    """Return all text inside *element*, with single spaces between the words."""
    if element is None:
        return None
    text = " ".join(str(piece) for piece in element.itertext(etree.Element))
    return " ".join(text.split())[:TEXT_CHARS_MAX]
