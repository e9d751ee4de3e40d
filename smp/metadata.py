"""ServiceGroup and SignedServiceMetadata: the two answers of an SMP, read and built.

Only the second is signed, and only what its signature covers is returned: `verify_metadata` reads
every value from the tree that the signature check itself hands back.  A ServiceGroup is a hint.
The signature lives in `smp.signature`; whom to trust is the caller's business.
[PEPPOL-SMP §5]
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import quote

from lxml import etree

from as4.certificates import Certificate
from smp.errors import InvalidMetadata
from smp.signature import CheckSigner, verify_enveloped
from ubl.errors import BadIdentifier, MalformedXml
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId
from ubl.xml import parse

SMP: Final = "http://busdox.org/serviceMetadata/publishing/1.0/"
IDS: Final = "http://busdox.org/transport/identifiers/1.0/"
WSA: Final = "http://www.w3.org/2005/08/addressing"

_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
# LIMIT: the largest real answers list a few dozen endpoints.
ENDPOINTS_MAX: Final = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PublishedEndpoint:
    """One endpoint as published; nothing in it has been judged yet."""

    transport_profile: str
    address: str
    certificate: str
    active_from: datetime | None = None
    active_until: datetime | None = None
    description: str = ""
    contact_url: str = ""


@dataclass(frozen=True, slots=True)
class PublishedProcess:
    """One process and its endpoints, in the order published."""

    process: ProcessId
    endpoints: tuple[PublishedEndpoint, ...]


@dataclass(frozen=True, slots=True)
class ServiceMetadata:
    """Where one participant takes one document type."""

    participant: ParticipantId
    document_type: DocumentTypeId
    processes: tuple[PublishedProcess, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another SMP answers; its signer's subject must be *certificate_uid*."""

    href: str
    certificate_uid: str


@dataclass(frozen=True, slots=True)
class ServiceGroup:
    """What a participant says it takes; unsigned, so never a reason to send anywhere."""

    participant: ParticipantId
    hrefs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedMetadata:
    """What a signature covered, and who signed it."""

    content: ServiceMetadata | Redirect
    signer: Certificate


def group_path(participant: ParticipantId) -> str:
    """Return the path of *participant*'s ServiceGroup, percent-encoded once.  [PEPPOL-SMP §5.2]"""
    return "/" + quote(participant.uri, safe="")


def metadata_path(participant: ParticipantId, document_type: DocumentTypeId) -> str:
    """Return the path of one SignedServiceMetadata, each segment percent-encoded once."""
    return f"{group_path(participant)}/services/{quote(document_type.uri, safe='')}"


def verify_metadata(data: bytes, *, check_signer: CheckSigner, now: datetime) -> VerifiedMetadata:
    """Return what *data*, a SignedServiceMetadata, says under a valid signature.

    Raises InvalidMetadata (UntrustedSigner when *check_signer* refuses the certificate).
    """
    signed, signer = verify_enveloped(
        _parse(data, "SignedServiceMetadata"), check_signer=check_signer, now=now
    )
    # What follows reads the canonical bytes that were digested, without the signature.
    metadata = _only(signed, _smp("ServiceMetadata"), among_all=True)
    content = _only(metadata, None, among_all=True)
    if content.tag == _smp("Redirect"):
        return VerifiedMetadata(_read_redirect(content), signer)
    if content.tag == _smp("ServiceInformation"):
        return VerifiedMetadata(_read_information(content), signer)
    raise InvalidMetadata(f"ServiceMetadata holds {content.tag}")


def parse_service_group(data: bytes) -> ServiceGroup:
    """Return the ServiceGroup in *data*, else raise InvalidMetadata."""
    root = _parse(data, "ServiceGroup")
    hrefs = [
        str(reference.get("href", ""))
        for reference in root.iterfind(
            f"{_smp('ServiceMetadataReferenceCollection')}/{_smp('ServiceMetadataReference')}"
        )
    ]
    return ServiceGroup(_read_participant(root), tuple(hrefs))


def build_service_group(
    participant: ParticipantId, document_types: Iterable[DocumentTypeId], base_url: str
) -> bytes:
    """Return the ServiceGroup of *participant*, whose references lie under *base_url*."""
    root = etree.Element(_smp("ServiceGroup"), nsmap={"smp": SMP, "ids": IDS})
    _add(root, _ids("ParticipantIdentifier"), participant.value, scheme=participant.scheme)
    collection = etree.SubElement(root, _smp("ServiceMetadataReferenceCollection"))
    for document_type in document_types:
        href = base_url.rstrip("/") + metadata_path(participant, document_type)
        etree.SubElement(collection, _smp("ServiceMetadataReference"), href=href)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def build_metadata(content: ServiceMetadata | Redirect) -> etree._Element:
    """Return the SignedServiceMetadata element for *content*, not signed yet."""
    root = etree.Element(_smp("SignedServiceMetadata"), nsmap={"smp": SMP, "ids": IDS, "wsa": WSA})
    metadata = etree.SubElement(root, _smp("ServiceMetadata"))
    if isinstance(content, Redirect):
        redirect = etree.SubElement(metadata, _smp("Redirect"), href=content.href)
        _add(redirect, _smp("CertificateUID"), content.certificate_uid)
        return root
    information = etree.SubElement(metadata, _smp("ServiceInformation"))
    participant, document_type = content.participant, content.document_type
    _add(information, _ids("ParticipantIdentifier"), participant.value, scheme=participant.scheme)
    _add(information, _ids("DocumentIdentifier"), document_type.value, scheme=document_type.scheme)
    processes = etree.SubElement(information, _smp("ProcessList"))
    for published in content.processes:
        element = etree.SubElement(processes, _smp("Process"))
        process = published.process
        _add(element, _ids("ProcessIdentifier"), process.value, scheme=process.scheme)
        endpoints = etree.SubElement(element, _smp("ServiceEndpointList"))
        for endpoint in published.endpoints:
            _add_endpoint(endpoints, endpoint)
    return root


def _add_endpoint(parent: etree._Element, endpoint: PublishedEndpoint) -> None:
    """Append *endpoint* with its children in the order of the schema.  [PEPPOL-SMP §5.4]"""
    element = etree.SubElement(
        parent, _smp("Endpoint"), transportProfile=endpoint.transport_profile
    )
    reference = etree.SubElement(element, f"{{{WSA}}}EndpointReference")
    _add(reference, f"{{{WSA}}}Address", endpoint.address)
    _add(element, _smp("RequireBusinessLevelSignature"), "false")
    if endpoint.active_from is not None:
        _add(element, _smp("ServiceActivationDate"), _instant_text(endpoint.active_from))
    if endpoint.active_until is not None:
        _add(element, _smp("ServiceExpirationDate"), _instant_text(endpoint.active_until))
    _add(element, _smp("Certificate"), endpoint.certificate)
    _add(element, _smp("ServiceDescription"), endpoint.description)
    _add(element, _smp("TechnicalContactUrl"), endpoint.contact_url)


def _add(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, name, attrib=attributes).text = text


def _instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _parse(data: bytes, name: str) -> etree._Element:
    try:
        root = parse(data)
    except MalformedXml as exc:
        raise InvalidMetadata(f"the SMP's answer is no acceptable XML: {exc}") from exc
    if root.tag != _smp(name):
        raise InvalidMetadata(f"the SMP's answer is {root.tag}, not {name}")
    return root


def _read_information(information: etree._Element) -> ServiceMetadata:
    scheme, value = _identifier(information, "DocumentIdentifier")
    processes = _only(information, _smp("ProcessList")).findall(_smp("Process"))
    metadata = ServiceMetadata(
        _read_participant(information),
        _well_formed(DocumentTypeId, scheme, value),
        tuple(_read_process(process) for process in processes),
    )
    if sum(len(process.endpoints) for process in metadata.processes) > ENDPOINTS_MAX:
        raise InvalidMetadata(f"more than {ENDPOINTS_MAX} endpoints")
    return metadata


def _read_process(element: etree._Element) -> PublishedProcess:
    process = _well_formed(ProcessId, *_identifier(element, "ProcessIdentifier"))
    endpoints = _only(element, _smp("ServiceEndpointList")).findall(_smp("Endpoint"))
    return PublishedProcess(process, tuple(_read_endpoint(endpoint) for endpoint in endpoints))


def _read_endpoint(element: etree._Element) -> PublishedEndpoint:
    reference = _only(element, f"{{{WSA}}}EndpointReference")
    return PublishedEndpoint(
        transport_profile=element.get("transportProfile", ""),
        address=_text(_only(reference, f"{{{WSA}}}Address")),
        certificate=_text(_only(element, _smp("Certificate"))),
        active_from=_instant(element, "ServiceActivationDate"),
        active_until=_instant(element, "ServiceExpirationDate"),
        description=_optional_text(element, "ServiceDescription"),
        contact_url=_optional_text(element, "TechnicalContactUrl"),
    )


def _read_redirect(element: etree._Element) -> Redirect:
    href = element.get("href")
    if not href:
        raise InvalidMetadata("a redirect without an address")
    return Redirect(href.strip(), _text(_only(element, _smp("CertificateUID"))))


def _read_participant(parent: etree._Element) -> ParticipantId:
    return _well_formed(ParticipantId, *_identifier(parent, "ParticipantIdentifier"))


def _well_formed(make: Callable[[str, str], T], scheme: str, value: str) -> T:
    try:
        return make(scheme, value)
    except BadIdentifier as exc:
        raise InvalidMetadata(f"a malformed identifier: {exc}") from exc


def _identifier(parent: etree._Element, name: str) -> tuple[str, str]:
    element = _only(parent, _ids(name))
    return element.get("scheme", ""), _text(element)


def _instant(parent: etree._Element, name: str) -> datetime | None:
    """Read an xs:dateTime; one without a time zone is taken as UTC."""
    text = _optional_text(parent, name)
    if not text:
        return None
    try:
        if not _DATE_TIME.fullmatch(text):
            raise ValueError("not an xs:dateTime")  # noqa: TRY301 - one message for both causes
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidMetadata(f"{name} is no date and time: {text!r}") from exc
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _optional_text(parent: etree._Element, name: str) -> str:
    return "" if parent.find(_smp(name)) is None else _text(_only(parent, _smp(name)))


def _text(element: etree._Element) -> str:
    """Return the stripped text; anything but text inside could hide part of it."""
    if len(element):
        raise InvalidMetadata(f"{element.tag} holds more than text")
    return (element.text or "").strip()


def _only(parent: etree._Element, name: str | None, *, among_all: bool = False) -> etree._Element:
    """Return the one child called *name*; with *among_all* there may be no other child at all."""
    children: Sequence[etree._Element] = parent.findall(name) if name else list(parent)
    if len(children) != 1 or (among_all and len(parent) != 1):
        raise InvalidMetadata(f"{parent.tag} needs exactly one {name or 'child'}")
    return children[0]


def _smp(name: str) -> str:
    return f"{{{SMP}}}{name}"


def _ids(name: str) -> str:
    return f"{{{IDS}}}{name}"
