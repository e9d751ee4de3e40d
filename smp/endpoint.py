"""Which published endpoint to send to: process, transport profile, dates, address, certificate.

[PEPPOL-SMP §5.4] [PEPPOL-AS4 §2]
Whether the certificate is a good one is for the caller, who knows the access point authority.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509

from smp.address import AddressRules, check_as4_address
from smp.errors import (
    EndpointAbsent,
    EndpointAddressRefused,
    EndpointCertificateUnreadable,
    EndpointInactive,
    ProcessAbsent,
)
from smp.metadata import PublishedEndpoint, ServiceMetadata
from ubl.identifiers import DocumentTypeId, ProcessId

AS4_PROFILE: Final = "peppol-transport-as4-v2_0"
# LIMIT: texts of certificates read before; an access point's stands in each of its answers.
CERTIFICATES_REMEMBERED: Final = 256
# LIMIT: addresses found good before; few access points serve most receivers.
ADDRESSES_REMEMBERED: Final = 256

_ARMOUR: Final = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to send, and for whom to encrypt: *certificate* is DER."""

    address: str
    certificate: bytes
    process: ProcessId
    published_document_type: DocumentTypeId
    transport_profile: str
    active_from: datetime | None
    active_until: datetime | None


def choose_endpoint(
    metadata: ServiceMetadata, process: ProcessId, *, rules: AddressRules, now: datetime
) -> Endpoint:
    """Return the first endpoint of *metadata* that can be used for *process* at *now*.

    Process identifiers compare by scheme and value, case and all.  [PEPPOL-ID §5]
    Raises ProcessAbsent, EndpointAbsent or the child of it that names what the last one lacked.
    """
    takes = [p for p in metadata.processes if p.process == process]
    if not takes:
        raise ProcessAbsent(f"{metadata.participant.uri} does not take the process {process.uri}")
    where = f"{metadata.participant.uri} for {process.uri}"
    spoken = [e for p in takes for e in p.endpoints if e.transport_profile == AS4_PROFILE]
    if not spoken:
        raise EndpointAbsent(f"{where} has no endpoint of {AS4_PROFILE}")
    active = [endpoint for endpoint in spoken if is_active(endpoint, now)]
    if not active:
        raise EndpointInactive(f"{where} has no endpoint that is active at {now.isoformat()}")
    refusals: list[EndpointAbsent] = []
    for endpoint in active:
        try:
            address = _check_address(endpoint.address, rules)
            certificate = decode_certificate(endpoint.certificate)
        except EndpointAbsent as exc:
            refusals.append(exc)
            continue
        return Endpoint(
            address=address,
            certificate=certificate,
            process=process,
            published_document_type=metadata.document_type,
            transport_profile=endpoint.transport_profile,
            active_from=endpoint.active_from,
            active_until=endpoint.active_until,
        )
    raise refusals[-1]


def is_active(endpoint: PublishedEndpoint, now: datetime) -> bool:
    """Tell whether *now* lies in *endpoint*'s window, both ends included; a missing end is open."""
    begun = endpoint.active_from is None or endpoint.active_from <= now
    return begun and (endpoint.active_until is None or now <= endpoint.active_until)


@lru_cache(CERTIFICATES_REMEMBERED)
def decode_certificate(text: str) -> bytes:
    """Return the DER of a published certificate: base64, any white space, with PEM armour or not.

    Raises EndpointCertificateUnreadable.
    """
    # INTEROP(phoss-smp 8): lines of 64 characters; others wrap the base64 as a PEM file does.
    try:
        der = base64.b64decode("".join(_ARMOUR.sub("", text).split()), validate=True)
        x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as exc:
        raise EndpointCertificateUnreadable(f"the endpoint's certificate: {exc}") from exc
    return der


@lru_cache(ADDRESSES_REMEMBERED)
def _check_address(address: str, rules: AddressRules) -> str:
    try:
        return check_as4_address(address, rules)
    except ValueError as exc:
        raise EndpointAddressRefused(f"the endpoint's address {exc}") from exc
