"""Participants of access points that are not ours, so that the sandbox finds them.

The sandbox publishes signed metadata for each, as a publisher of its own would, and its locator
knows where.  Who runs the sandbox tells it over plain HTTP on loopback: `POST /participants`,
`DELETE /participants/ID`, `POST /revocations`; the metadata is below `/smp`.  [PEPPOL-SMP §5]
"""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import Fault
from gateway.sandbox.dns import Locator
from gateway.sandbox.loopback import serve_application
from gateway.sandbox.pki import Identity, SandboxPki
from gateway.sandbox.revocation import RevocationLists
from gateway.web.jsonbody import decode_json, json_response
from smp.endpoint import AS4_PROFILE
from smp.metadata import (
    PublishedEndpoint,
    PublishedProcess,
    ServiceMetadata,
    build_metadata,
    build_service_group,
)
from smp.server import answer
from smp.signature import sign_enveloped
from ubl.errors import BadIdentifier
from ubl.identifiers import BILLING, CREDIT_NOTE, INVOICE, DocumentTypeId, ParticipantId, ProcessId

PREFIX = "/smp"
PARTICIPANTS_MAX = 1000  # LIMIT: of a sandbox; each is some 3 KB in memory.
BODY_BYTES_MAX = 64 * 1024  # LIMIT: a certificate has 2 KB.

Shape = TypeVar("Shape")


class VisitorService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document type that a participant takes, in one process; both with their scheme."""

    document_type: str
    process: str


class Visitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A participant (`0208:0542703815`) and the access point that receives for it.

    *endpoint* is the address of AS4, *certificate* that of the access point as PEM.  Without
    *services* it takes invoices and credit notes of BIS Billing.
    """

    participant: str
    endpoint: str
    certificate: str
    services: tuple[VisitorService, ...] | None = None


class RevokedCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate of the sandbox that is to be revoked, as PEM."""

    certificate: str


@dataclass(frozen=True, slots=True)
class _Published:
    participant: ParticipantId
    endpoint: str
    certificate: x509.Certificate
    services: tuple[tuple[DocumentTypeId, ProcessId], ...]


class Visitors:
    """The registered participants, published under *publisher*'s signature."""

    def __init__(
        self,
        *,
        pki: SandboxPki,
        publisher: Identity,
        locator: Locator,
        lists: RevocationLists,
        now: Callable[[], datetime],
    ) -> None:
        self.url = ""
        self._pki, self._publisher, self._now = pki, publisher, now
        self._locator, self._lists = locator, lists
        self._published: dict[str, _Published] = {}

    @property
    def smp_url(self) -> str:
        """Where the metadata of these participants is published."""
        return self.url + PREFIX

    def register(self, visitor: Visitor) -> ParticipantId:
        """Let *visitor* be found from now on; raise ValueError when it cannot be published."""
        participant = ParticipantId.parse(visitor.participant)
        if urlsplit(visitor.endpoint).scheme not in ("http", "https"):
            raise ValueError(f"{visitor.endpoint!r} is no address; write http://127.0.0.1:PORT/as4")
        if visitor.services is None:
            services: tuple[tuple[DocumentTypeId, ProcessId], ...] = (
                (INVOICE, BILLING),
                (CREDIT_NOTE, BILLING),
            )
        else:
            services = tuple(
                (DocumentTypeId.parse(each.document_type), ProcessId.parse(each.process))
                for each in visitor.services
            )
        certificate = x509.load_pem_x509_certificate(visitor.certificate.encode())
        if participant.key not in self._published and len(self._published) >= PARTICIPANTS_MAX:
            raise ValueError(f"a sandbox has {PARTICIPANTS_MAX} visiting participants at most")
        self._published[participant.key] = _Published(
            participant, visitor.endpoint, certificate, services
        )
        self._locator.register(participant, self.smp_url)
        return participant

    def unregister(self, participant: ParticipantId) -> bool:
        """Let *participant* be unknown again; return whether it was known."""
        if self._published.pop(participant.key, None) is None:
            return False
        self._locator.unregister(participant)
        return True

    def revoke(self, certificate_pem: str) -> str:
        """Put a certificate on its authority's list; return the authority's name.

        Raises ValueError when it is no certificate of this sandbox.
        """
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        for stem, authority in self._pki.authorities().items():
            if stem != "tls-ca" and _issued(certificate, authority.certificate):
                self._lists.revoke_serial(
                    self._pki, stem, certificate.serial_number, now=self._now()
                )
                return stem
        raise ValueError("that certificate was not issued by this sandbox")

    async def find_group(self, participant: ParticipantId) -> bytes | None:
        """Return the ServiceGroup of *participant*, or None when it is not registered."""
        found = self._published.get(participant.key)
        if found is None:
            return None
        types = dict.fromkeys(document_type for document_type, _ in found.services)
        return build_service_group(found.participant, types, self.smp_url)

    async def find_metadata(
        self, participant: ParticipantId, document_type: DocumentTypeId
    ) -> bytes | None:
        """Return the signed metadata of exactly *document_type*, or None when there is none."""
        found = self._published.get(participant.key)
        if found is None:
            return None
        endpoint = _endpoint(found)
        processes = tuple(
            PublishedProcess(process, (endpoint,))
            for taken, process in found.services
            if taken == document_type
        )
        if not processes:
            return None
        content = ServiceMetadata(found.participant, document_type, processes)
        return sign_enveloped(
            build_metadata(content),
            key=self._publisher.key,
            certificate=self._publisher.certificate,
        )


@asynccontextmanager
async def serve_visitors(visitors: Visitors) -> AsyncIterator[None]:
    """Serve *visitors* on a free port of 127.0.0.1, whose address it writes into `url`."""
    application = web.Application(client_max_size=BODY_BYTES_MAX)
    calls = _Calls(visitors)
    application.router.add_post("/participants", calls.register)
    application.router.add_delete("/participants/{participant}", calls.unregister)
    application.router.add_post("/revocations", calls.revoke)
    application.router.add_route("*", PREFIX + "/{path:(?s:.*)}", calls.publish)
    async with serve_application(application) as visitors.url:
        yield


class _Calls:
    """What may be asked over HTTP."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    async def register(self, request: web.Request) -> web.Response:
        try:
            visitor = await _read(request, Visitor)
            participant = self._visitors.register(visitor)
        except (Fault, BadIdentifier, ValueError) as error:
            return _refused(error)
        facts = {"participant": participant.value, "smp": self._visitors.smp_url}
        return json_response(facts, status=201)

    async def unregister(self, request: web.Request) -> web.Response:
        try:
            participant = ParticipantId.parse(request.match_info["participant"])
        except BadIdentifier as error:
            return _refused(error)
        return web.Response(status=204 if self._visitors.unregister(participant) else 404)

    async def revoke(self, request: web.Request) -> web.Response:
        try:
            wanted = await _read(request, RevokedCertificate)
            stem = self._visitors.revoke(wanted.certificate)
        except (Fault, ValueError) as error:
            return _refused(error)
        return json_response({"revoked_by": stem})

    async def publish(self, request: web.Request) -> web.Response:
        return await answer(request, self._visitors, prefix=PREFIX)


async def _read(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the body as *shape*; a page in a browser cannot send this media type unasked."""
    if request.content_type != "application/json":
        raise ValueError("send JSON, with Content-Type: application/json")
    return decode_json(await request.read(), shape)


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Say whether *authority* signed *certificate*: other sandboxes use the same names."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _refused(error: Exception) -> web.Response:
    return json_response({"error": str(error)}, status=422)


def _endpoint(found: _Published) -> PublishedEndpoint:
    certificate = found.certificate
    return PublishedEndpoint(
        transport_profile=AS4_PROFILE,
        address=found.endpoint,
        certificate=base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        active_from=certificate.not_valid_before_utc,
        active_until=certificate.not_valid_after_utc,
        description="Visiting access point",
        contact_url="",
    )
