"""A look-up for people: where a participant takes a document type, told as plain JSON."""

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.retry import Phase
from gateway.exchange.route import Finder
from smp.client import Found
from smp.errors import InvalidMetadata, SmpError
from ubl.identifiers import (
    BILLING,
    CREDIT_NOTE,
    INVOICE,
    INVOICE_RESPONSE,
    INVOICE_RESPONSE_PROCESS,
    MESSAGE_LEVEL_STATUS,
    MESSAGE_LEVEL_STATUS_PROCESS,
    SELF_BILLING,
    SELF_BILLING_CREDIT_NOTE,
    SELF_BILLING_INVOICE,
    DocumentTypeId,
    ParticipantId,
    ProcessId,
)

__all__ = ["describe_receiver", "smp_fault", "usual_process"]

RETRY_AFTER_SECONDS = 30.0
"""When to ask again for what cannot be looked up now."""

_PROCESSES = {
    INVOICE: BILLING,
    CREDIT_NOTE: BILLING,
    SELF_BILLING_INVOICE: SELF_BILLING,
    SELF_BILLING_CREDIT_NOTE: SELF_BILLING,
    INVOICE_RESPONSE: INVOICE_RESPONSE_PROCESS,
    MESSAGE_LEVEL_STATUS: MESSAGE_LEVEL_STATUS_PROCESS,
}


def usual_process(document_type: DocumentTypeId) -> ProcessId:
    """Return the process that *document_type* belongs to, or raise Fault when it must be named."""
    process = _PROCESSES.get(document_type)
    if process is None:
        detail = f"the process of {document_type} is not known here; name it"
        problem = Problem(rule="process-missing", location="process", message=detail)
        raise Fault(Kind.INVALID, "process-missing", detail, errors=[problem])
    return process


async def describe_receiver(
    finder: Finder,
    receiver: ParticipantId,
    document_type: DocumentTypeId,
    process: ProcessId,
    *,
    now: datetime,
) -> dict[str, Any]:
    """Return where *receiver* takes *document_type*, and who says so.

    Raises Fault with the code of the SmpError, or unavailable when it cannot be done now.
    """
    try:
        found = await finder.lookup(receiver, document_type, process, now=now)
    except SmpError as error:
        raise smp_fault(error) from error
    return {
        "participant": receiver.value,
        "document_type": document_type.uri,
        "process": process.uri,
        "smp_url": found.smp_url,
        "smp_signer": found.signer.subject,
        "endpoint": _endpoint(found),
    }


def smp_fault(error: SmpError) -> Fault:
    """Return what a failed look-up means to whoever asked for it."""
    if not error.permanent:
        detail = f"the look-up cannot be done now: {error.detail}"
        after = RETRY_AFTER_SECONDS
        return Fault(
            Kind.UNAVAILABLE, "unavailable", detail, retry_after_seconds=after, phase=Phase.LOOKUP
        )
    kind = Kind.REFUSED_BY_PEER if isinstance(error, InvalidMetadata) else Kind.NOT_FOUND
    return Fault(kind, error.code, error.detail, phase=Phase.LOOKUP)


def _endpoint(found: Found) -> dict[str, Any]:
    endpoint = found.endpoint
    certificate = x509.load_der_x509_certificate(endpoint.certificate)
    return {
        "address": endpoint.address,
        "transport_profile": endpoint.transport_profile,
        "published_document_type": endpoint.published_document_type.uri,
        "active_from": endpoint.active_from,
        "active_until": endpoint.active_until,
        "certificate": {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "serial": f"{certificate.serial_number:x}",
            "not_after": certificate.not_valid_after_utc,
            "sha256": certificate.fingerprint(SHA256()).hex(),
        },
    }
