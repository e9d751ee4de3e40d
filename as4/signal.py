"""Read what a peer answers: a receipt, errors, or a SOAP fault.

Peers are lenient about their answers, so the reader is too: errors come unsigned, several at
once, or as a fault.  What it never does is call an answer authenticated that is not: the
signature must hold, cover Messaging and Body, and be by a certificate that the caller accepts.
[EBMS3 §6] [AS4 §5.1.8] [PEPPOL-AS4 §2]

What an answer means for the message that was sent is the gateway's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from as4 import wssec, xmldsig
from as4.certificates import Certificate
from as4.contentmodel import Exact, Model, leaf_text
from as4.envelope import Envelope, index_ids, open_envelope, parse_root
from as4.errors import As4Error, InvalidReceipt, PolicyNoncompliance, Severity, Unreadable
from as4.namespaces import DS, EBBP, EBMS, SOAP, XML, qname
from as4.pmode import PEPPOL, PMode
from as4.usermessage import parse_message_id, parse_timestamp
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

_MESSAGING_MODEL = Exact(_SIGNAL)
_SIGNAL_MODEL = Model((_INFO, 1, 1), (_RECEIPT, 0, 1), (_ERROR, 0, ERRORS_MAX))
_INFO_MODEL = Model((_TIMESTAMP, 1, 1), (_MESSAGE_ID, 1, 1), (_REF, 0, 1))
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

    message_id: str
    ref_to_message_id: str | None
    timestamp: datetime
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
    root = parse_root(soap)
    fault = _read_fault(root)
    try:
        envelope = open_envelope(root)
        (signal,) = _MESSAGING_MODEL.read(envelope.messaging)
        signer, problem = _authenticate(envelope, check_signer, now, pmode)
        return _read_signal(signal, fault, signer, problem)
    except As4Error as error:
        if fault is None:
            raise Unreadable(400, f"the answer is not a signal: {error.detail}") from error
        return ErrorSignal(
            message_id=None,
            ref_to_message_id=None,
            timestamp=None,
            errors=(),
            fault=fault,
            signer=None,
            problem="a SOAP fault without a signal",
        )


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
    (info,), receipts, refusals = _SIGNAL_MODEL.read(signal)
    (instant,), (identifier,), refs = _INFO_MODEL.read(info)
    message_id, timestamp = parse_message_id(identifier), parse_timestamp(instant)
    ref = (leaf_text(refs[0]) or None) if refs else None
    errors = tuple(_read_error(element) for element in refusals)
    refused = [error for error in errors if error.severity != Severity.WARNING]
    if receipts and not refused and fault is None:
        return Receipt(
            message_id=message_id,
            ref_to_message_id=ref,
            timestamp=timestamp,
            references=_read_references(receipts[0]),
            warnings=errors,
            signer=signer,
            problem=problem,
        )
    if not errors and fault is None:
        raise PolicyNoncompliance("neither receipt nor error")
    return ErrorSignal(
        message_id=message_id,
        ref_to_message_id=ref,
        timestamp=timestamp,
        errors=errors,
        fault=fault,
        signer=signer,
        problem=problem,
    )


def _authenticate(
    envelope: Envelope, check_signer: CheckSigner, now: datetime, pmode: PMode
) -> tuple[Certificate | None, str | None]:
    """Return who signed Messaging and Body, or why nobody can be named."""
    if not envelope.securities:
        return None, "it is not signed"
    try:
        ids = index_ids(envelope.root)
        security = wssec.parse_security(envelope, ids, pmode.suite, href=None)
        wssec.check_coverage(security.signature, envelope, ids, href=None)
        signer = check_signer(security.signer, now)
        wssec.verify_signature(security.signature, ids, signer.public_key)
    except As4Error as error:
        return None, error.detail
    return signer, None


def _read_references(receipt: etree._Element) -> tuple[Reference, ...]:
    """Return the references that *receipt* acknowledges; none if it repeats none.

    INTEROP(phase4): elements of other namespaces stand beside the information; they are ignored.
    """
    information = receipt.findall(_NRI)
    if len(information) != 1:
        return ()
    (parts,) = _NRI_MODEL.read(information[0])
    return tuple(xmldsig.parse_reference(_PART_MODEL.read(part)[0]) for part in parts)


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


def _read_fault(root: etree._Element) -> str | None:
    """Return the text of the SOAP fault in the Body of *root*.  [SOAP12 §5.4]"""
    return _read_words(root.find(f"{qname(SOAP, 'Body')}/{_FAULT}"))


def _read_words(element: etree._Element | None) -> str | None:
    """Return all text inside *element*, with single spaces between the words."""
    if element is None:
        return None
    text = " ".join(str(piece) for piece in element.itertext(etree.Element))
    return " ".join(text.split())[:TEXT_CHARS_MAX]
