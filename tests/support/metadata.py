"""Builders of what an SMP publishes, signed by the publishers of the session's PKI."""

import base64
from datetime import timedelta
from functools import cache

from as4.certificates import Anchors, Use, check_certificate
from smp.metadata import (
    PublishedEndpoint,
    PublishedProcess,
    Redirect,
    ServiceMetadata,
    build_metadata,
)
from smp.signature import sign_enveloped
from tests.support.pki import NOW, leaf, pki
from ubl.identifiers import BILLING, INVOICE, DocumentTypeId, ParticipantId

PARTICIPANT = ParticipantId.parse("0208:0987654394")
ZONE = "sml.test."
PINT_JP = DocumentTypeId(
    "peppol-doctype-wildcard",
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
    "##urn:peppol:pint:billing-1@jp-1::2.1",
)
PINT_ANY = DocumentTypeId(PINT_JP.scheme, PINT_JP.value.replace("@jp-1", "*"))


def an_endpoint(
    *,
    transport_profile="peppol-transport-as4-v2_0",
    address="https://ap.example/as4",
    certificate=None,
    active_from=NOW - timedelta(days=1),
    active_until=NOW + timedelta(days=1),
):
    return PublishedEndpoint(
        transport_profile=transport_profile,
        address=address,
        certificate=certificate or base64.b64encode(leaf("receiver").certificate_der).decode(),
        active_from=active_from,
        active_until=active_until,
        description="An access point",
        contact_url="mailto:ap@example.org",
    )


def a_service(
    *,
    participant=PARTICIPANT,
    document_type=INVOICE,
    process=BILLING,
    endpoints=None,
    processes=None,
):
    if processes is None:
        processes = (PublishedProcess(process, tuple(endpoints or [an_endpoint()])),)
    return ServiceMetadata(participant, document_type, tuple(processes))


def a_redirect(*, href="https://second.example/x", uid=None, to="publisher-second"):
    subject = leaf(to).certificate.subject.rfc4514_string() if uid is None else uid
    return Redirect(href, subject)


def signed(content, *, by="publisher"):
    return sign(build_metadata(content), by=by)


def sign(element, *, by="publisher"):
    identity = leaf(by)
    return sign_enveloped(element, key=identity.key, certificate=identity.certificate)


def check_signer(der, now):
    """Trust what the session's SMP authority issued, as the gateway does."""
    return check_certificate(der, anchors=anchors(), now=now, use=Use.SMP)


@cache
def anchors():
    return Anchors.load(pki().root.certificate_pem, pki().smp_ca.certificate_pem)
