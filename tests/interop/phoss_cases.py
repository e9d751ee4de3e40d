"""What a live phoss-smp publishes for the matrix, and what our look-up must make of it.

Every case is one `gateway lookup`; the answers pass a relay that can change them.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.sandbox.pki import Identity
from smp.metadata import (
    PublishedEndpoint,
    PublishedProcess,
    Redirect,
    ServiceMetadata,
    group_path,
    metadata_path,
)
from tests.interop.relay import Change
from tests.interop.sandbox import Sandbox
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

ADDRESS = "http://127.0.0.1:9/as4"  # nothing is sent there
AS4 = "peppol-transport-as4-v2_0"
AS2 = "busdox-transport-as2-ver1p0"
NOT_REGISTERED = ParticipantId.parse("0208:0542703815")
REGISTERED_ONLY = ParticipantId.parse("0208:0848934496")  # the locator knows it, phoss-smp does not
MIXED_CASE = ParticipantId.parse("9915:Mixed.Case_and~Marks-1")
PINT_PROCESS = ProcessId("cenbii-procid-ubl", "urn:peppol:bis:billing")


def _pint(customization: str) -> DocumentTypeId:
    return DocumentTypeId(
        "peppol-doctype-wildcard",
        "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
        f"##urn:peppol:pint:{customization}::2.1",
    )


PINT_ANY = _pint("billing-1*")
PINT_JAPAN = _pint("billing-1@jp-1")
PINT_MALAYSIA = _pint("billing-1@my-1")
ORDER = DocumentTypeId(
    "busdox-docid-qns",
    "urn:oasis:names:specification:ubl:schema:xsd:Order-2::Order##urn:fdc:peppol.eu:trns:order:3::2.1",
)
ODD = DocumentTypeId(
    "busdox-docid-qns", "urn:example:a/b?c=d&e%2Ff+g::Root##urn:example:x@y(1)::1.0"
)
# Written by hand from the rule: all but the unreserved characters, once.  [RFC3986 §2]
ODD_SEGMENT = (
    "busdox-docid-qns%3A%3Aurn%3Aexample%3Aa%2Fb%3Fc%3Dd%26e%252Ff%2Bg%3A%3ARoot"
    "%23%23urn%3Aexample%3Ax%40y%281%29%3A%3A1.0"
)
STRAY_STAR = DocumentTypeId("busdox-docid-qns", "urn:example:a::Root##urn:example:x*y::1.0")


@dataclass(frozen=True, slots=True)
class Expected:
    """The endpoint that must be found."""

    address: str
    certificate: x509.Certificate
    published_as: DocumentTypeId
    signer: x509.Certificate

    def faults(self, facts: dict[str, Any]) -> list[str]:
        """Return what in *facts*, the command's JSON, is otherwise."""
        if "endpoint" not in facts:
            return [f"not found: {facts.get('code')}, {facts.get('error')}"]
        endpoint = facts["endpoint"]
        pairs = {
            "address": (endpoint["address"], self.address),
            "certificate": (
                endpoint["certificate"]["sha256"],
                self.certificate.fingerprint(SHA256()).hex(),
            ),
            "published as": (endpoint["published_document_type"], self.published_as.uri),
            "signer": (facts["smp_signer"], self.signer.subject.rfc4514_string()),
        }
        return [f"{name} {got!r}" for name, (got, wanted) in pairs.items() if got != wanted]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The code of the refusal, a part of its text, and whether a later try may help."""

    code: str
    says: str = ""
    later: bool = False

    def faults(self, facts: dict[str, Any]) -> list[str]:
        """Return what in *facts*, the command's JSON, is otherwise."""
        if "endpoint" in facts:
            return [f"accepted, and would send to {facts['endpoint']['address']}"]
        code, error = facts.get("code"), str(facts.get("error"))
        if code != self.code or self.says not in error:
            return [f"{code}: {error}"]
        return []


@dataclass(frozen=True, slots=True)
class Case:
    """One look-up.

    *asks* are the paths that phoss-smp must be asked, in this order, and *coding* how it answers,
    if given, whatever we asked for; *records* stand in the DNS in place of the usual one.
    """

    name: str
    says: str
    outcome: Expected | Refusal
    participant: ParticipantId
    document_type: DocumentTypeId = INVOICE
    process: ProcessId = BILLING
    change: Change | None = None
    instead: str | None = None
    status: int | None = None
    records: tuple[str, ...] | None = None
    dns_fails: bool = False
    asks: tuple[str, ...] | None = None
    coding: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Who is who: the participant of red, a receiver's certificate, and both publishers'."""

    participant: ParticipantId
    receiver: Identity
    phoss: Identity
    red_publisher: x509.Certificate
    red_as4: x509.Certificate
    red_as4_url: str
    red_smp_url: str

    @classmethod
    def of(cls, sandbox: Sandbox, *, receiver: Identity, phoss: Identity) -> "World":
        """Return the world of *sandbox*, whose red side publishes by itself."""
        red = sandbox.red
        file = tomllib.loads(red.config.read_text())["smp_certificate_file"]
        return cls(
            ParticipantId.parse(red.participant),
            receiver,
            phoss,
            _read(Path(file)),
            _read(red.certificate),
            red.as4_url,
            red.smp_url,
        )

    def metadata(
        self,
        document_type: DocumentTypeId,
        process: ProcessId,
        *,
        participant: ParticipantId | None = None,
        **changed: Any,
    ) -> ServiceMetadata:
        """Return what is published for *document_type*: one endpoint, with *changed* fields."""
        now = datetime.now(UTC).replace(microsecond=0)
        endpoint = PublishedEndpoint(
            transport_profile=AS4,
            address=ADDRESS,
            certificate=self.receiver.certificate_pem.decode(),
            active_from=now - timedelta(days=1),
            active_until=now + timedelta(days=300),
            description="Receiver",
            contact_url="mailto:nobody@example.org",
        )
        offer = PublishedProcess(process, (replace(endpoint, **changed),))
        return ServiceMetadata(participant or self.participant, document_type, (offer,))

    def redirect(self, *, names: str | None = None) -> Redirect:
        """Return the redirect of the credit note to red's SMP, whose signer is called *names*."""
        subject = self.red_publisher.subject.rfc4514_string()
        href = self.red_smp_url + metadata_path(self.participant, CREDIT_NOTE)
        return Redirect(href, names or subject)

    def services(self, phoss_url: str) -> dict[DocumentTypeId, ServiceMetadata | Redirect]:
        """Return all that phoss-smp publishes for the participant."""
        long_ago = datetime(2025, 1, 1, tzinfo=UTC)
        circle = phoss_url + metadata_path(self.participant, CREDIT_NOTE)
        return {
            INVOICE: self.metadata(INVOICE, BILLING),
            PINT_ANY: self.metadata(PINT_ANY, PINT_PROCESS),
            PINT_MALAYSIA: self.metadata(PINT_MALAYSIA, PINT_PROCESS),
            ODD: self.metadata(ODD, BILLING),
            CREDIT_NOTE: self.redirect(),
            SELF_BILLING_INVOICE: Redirect(circle, self.phoss.certificate.subject.rfc4514_string()),
            SELF_BILLING_CREDIT_NOTE: Redirect(
                phoss_url + metadata_path(self.participant, ORDER),
                self.phoss.certificate.subject.rfc4514_string(),
            ),
            INVOICE_RESPONSE: self.metadata(
                INVOICE_RESPONSE,
                INVOICE_RESPONSE_PROCESS,
                active_from=long_ago,
                active_until=long_ago + timedelta(days=30),
            ),
            MESSAGE_LEVEL_STATUS: self.metadata(
                MESSAGE_LEVEL_STATUS, MESSAGE_LEVEL_STATUS_PROCESS, transport_profile=AS2
            ),
        }

    def found(self, published_as: DocumentTypeId = INVOICE) -> Expected:
        """Return the endpoint of the receiver, under phoss-smp's signature."""
        return Expected(ADDRESS, self.receiver.certificate, published_as, self.phoss.certificate)

    def found_at_red(self) -> Expected:
        """Return the endpoint that red publishes, under red's signature."""
        return Expected(self.red_as4_url, self.red_as4, CREDIT_NOTE, self.red_publisher)


def other_spellings(name: x509.Name) -> str:
    """Return *name* as other programs write it: backwards, spaced, types in small letters."""
    parts = [f"{part.rfc4514_attribute_name.lower()} = {str(part.value).upper()}" for part in name]
    return " , ".join(parts)


def cases_of(world: World) -> list[Case]:
    """Return the look-ups of the matrix, in the order they are made."""
    return [*_good(world), *_absent(world), *_unusable(world)]


def _good(world: World) -> list[Case]:
    who = world.participant

    def path(document_type: DocumentTypeId) -> str:
        return metadata_path(who, document_type)

    odd = MIXED_CASE
    return [
        Case("metadata", "an invoice", world.found(), who, asks=(path(INVOICE),)),
        Case("metadata in gzip", "an invoice, by a relay that asks for gzip", world.found(), who,
             coding="gzip"),
        Case("redirect to our SMP", "a credit note, redirected", world.found_at_red(), who,
             CREDIT_NOTE, asks=(path(CREDIT_NOTE),)),
        Case("wildcard document type", "PINT for Japan, published as billing-1*",
             world.found(PINT_ANY), who, PINT_JAPAN, PINT_PROCESS,
             asks=(path(PINT_JAPAN), path(_pint("billing-1@jp-1*")), path(PINT_ANY))),
        Case("exact before wildcard", "PINT for Malaysia, published exactly and as billing-1*",
             world.found(PINT_MALAYSIA), who, PINT_MALAYSIA, PINT_PROCESS,
             asks=(path(PINT_MALAYSIA),)),
        Case("percent-encoded document type", "a type with / ? # % & + @ in it",
             world.found(ODD), who, ODD,
             asks=(f"/iso6523-actorid-upis%3A%3A0208%3A{who.value[5:]}/services/{ODD_SEGMENT}",)),
        Case("participant in other letters", "9915:MIXED.CASE_AND~MARKS-1",
             world.found(), ParticipantId(odd.scheme, odd.value.upper())),
    ]  # fmt: skip


def _absent(world: World) -> list[Case]:
    who = world.participant
    gone = Refusal("participant-absent", "is not registered")
    unknown = Refusal("participant-absent", "does not know")
    return [
        Case("participant in no zone", "a name that does not exist", gone, NOT_REGISTERED, asks=()),
        Case("participant unknown to the SMP", "a name that leads to phoss-smp, which has nothing",
             unknown, REGISTERED_ONLY,
             asks=(metadata_path(REGISTERED_ONLY, INVOICE), group_path(REGISTERED_ONLY))),
        Case("absent document type", "an order", Refusal("document-type-absent", "does not take"),
             who, ORDER, asks=(metadata_path(who, ORDER), group_path(who))),
        Case("absent process", "an invoice in the process of self-billing",
             Refusal("process-absent"), who, INVOICE, SELF_BILLING),
    ]  # fmt: skip


def _unusable(world: World) -> list[Case]:
    who = world.participant
    return [
        Case("endpoint past its time", "an invoice response", Refusal("endpoint-inactive"), who,
             INVOICE_RESPONSE, INVOICE_RESPONSE_PROCESS),
        Case("another transport", "a status message, by AS2", Refusal("endpoint-absent"), who,
             MESSAGE_LEVEL_STATUS, MESSAGE_LEVEL_STATUS_PROCESS),
        Case("redirect to a redirect", "a self-billed invoice, redirected twice",
             Refusal("invalid-metadata", "another redirect"), who,
             SELF_BILLING_INVOICE, SELF_BILLING),
        Case("redirect to nothing", "a self-billed credit note, redirected to what is not there",
             Refusal("document-type-absent", "leads to nothing"), who,
             SELF_BILLING_CREDIT_NOTE, SELF_BILLING),
        Case("SMP out of order", "the relay answers 503",
             Refusal("unavailable", "503", later=True), who, status=503),
        Case("SMP sends us elsewhere", "the relay answers 302, with the right address",
             Refusal("unavailable", "302", later=True), who, status=302,
             asks=(metadata_path(who, INVOICE),)),
        Case("type that phoss-smp calls malformed", "a type with a star inside",
             Refusal("malformed"), who, STRAY_STAR),
    ]  # fmt: skip


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())
