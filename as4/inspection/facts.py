"""A report as plain JSON values, with keys that stay."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from as4.inspection.report import Kind, Payload, Report, Signer
from as4.signal import SignalError
from ubl.sbdh import Sbdh

Facts = dict[str, Any]


def describe(report: Report) -> Facts:
    """Return *report* as one JSON object; the bytes of the document are not in it."""
    verdict = report.verdict
    return {
        "kind": str(report.kind),
        "verdict": "good" if report.good else "bad",
        "code": None if verdict is None else verdict.code,
        "http_status": None if verdict is None else verdict.http_status,
        "problem": None if verdict is None else verdict.detail,
        "problems": [{"code": each.code, "detail": each.detail} for each in report.problems],
        "message_id": report.message_id,
        "ref_to_message_id": report.ref_to_message_id,
        "timestamp": _instant(report.timestamp),
        "judged_at": _instant(report.at),
        "ping": report.is_ping,
        "from_party": report.from_party,
        "to_party": report.to_party,
        "sender": report.sender,
        "receiver": report.receiver,
        "document_type": report.document_type,
        "process": report.process,
        "signature": str(report.signature),
        "references": [
            {"uri": each.uri, "covers": each.covers, "digest": str(each.digest)}
            for each in report.references
        ],
        "signer": None if report.signer is None else _signer(report.signer),
        "encrypted_for": report.encrypted_for,
        "payload": None if report.payload is None else _payload(report.payload),
        "acknowledges": _acknowledges(report),
        "errors": [_error(each) for each in report.errors] if report.kind is Kind.ERROR else None,
        "fault": report.fault,
        "not_checked": [{"what": each.what, "why": each.why} for each in report.not_checked],
        "warnings": report.warnings,
    }


def _signer(signer: Signer) -> Facts:
    return {
        "common_name": signer.common_name,
        "subject": signer.subject,
        "issuer": signer.issuer,
        "serial": signer.serial,
        "not_before": _instant(signer.not_before),
        "not_after": _instant(signer.not_after),
        "sha256": signer.fingerprint,
        "chain": str(signer.chain),
        "valid_at": signer.valid_at,
        "problem": signer.problem,
    }


def _payload(payload: Payload) -> Facts:
    document = payload.document
    return {
        "envelope_sha256": sha256(payload.envelope).hexdigest(),
        "envelope_bytes": len(payload.envelope),
        "document_sha256": None if document is None else sha256(document).hexdigest(),
        "document_bytes": None if document is None else len(document),
        "document": payload.document_name,
        "sbdh": None if payload.header is None else _header(payload.header),
        "agrees": str(payload.agrees),
    }


def _header(header: Sbdh) -> Facts:
    return {
        "sender": header.sender.uri,
        "receiver": header.receiver.uri,
        "document_type": header.document_type.uri,
        "process": header.process.uri,
        "country_c1": header.country_c1,
        "standard": header.standard,
        "type": header.type,
        "type_version": header.type_version,
        "instance_identifier": header.instance_identifier,
        "created_at": header.created_at,
        "scopes": [
            {"type": each.type, "value": each.instance_identifier, "scheme": each.identifier}
            for each in header.scopes
        ],
    }


def _acknowledges(report: Report) -> list[Facts] | None:
    if report.kind is not Kind.RECEIPT:
        return None
    return [
        {"uri": each.uri, "digest": each.digest_value.hex(), "in_request": str(each.in_request)}
        for each in report.acknowledges
    ]


def _error(error: SignalError) -> Facts:
    return {
        "code": error.code,
        "severity": error.severity,
        "short_description": error.short_description,
        "category": error.category,
        "origin": error.origin,
        "description": error.description,
        "error_detail": error.error_detail,
        "ref_to_message_in_error": error.ref_to_message_in_error,
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
