"""The look-up of a participant as a dialogue, without a socket: questions out, answers in.

`find_metadata` yields a `DnsQuery` or an `HttpGet` at a time and is sent the answer; it returns the
verified metadata or raises the `SmpError` that says why there is none.  `smp.client` answers from
the network, tests from a list.  [PEPPOL-SMP §5] [PEPPOL-SML §3]
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from as4.certificates import Certificate
from smp.address import AddressRules, check_smp_address
from smp.errors import (
    BadRequestToSmp,
    BadSmpAddress,
    DocumentTypeAbsent,
    InvalidMetadata,
    ParticipantAbsent,
    SmpError,
    SmpUnavailable,
)
from smp.metadata import (
    Redirect,
    ServiceMetadata,
    VerifiedMetadata,
    group_path,
    metadata_path,
    verify_metadata,
)
from smp.signature import CheckSigner
from smp.sml import Naptr, choose_smp_url, dns_name
from smp.subject import is_subject
from ubl.identifiers import DocumentTypeId, ParticipantId

_OK: Final = 200
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """Ask for the NAPTR records of *name*; the answer is a sequence, empty when there are none."""

    name: str


@dataclass(frozen=True, slots=True)
class HttpGet:
    """Ask for *url*, which is percent-encoded already; the answer is an `HttpAnswer`."""

    url: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an SMP answered, content codings undone."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """Metadata as verified, with the bytes that prove it and everyone who signed on the way."""

    metadata: ServiceMetadata
    signed_metadata: bytes
    smp_url: str
    signers: tuple[Certificate, ...]


Question = DnsQuery | HttpGet
Answer = Sequence[Naptr] | HttpAnswer
Dialogue = Generator[Question, Answer, Published]


@dataclass(frozen=True, slots=True)
class Network:
    """What a look-up depends on besides its question; *zone* is the SML's DNS zone."""

    zone: str
    rules: AddressRules
    check_signer: CheckSigner


def find_metadata(
    receiver: ParticipantId, document_type: DocumentTypeId, network: Network, *, now: datetime
) -> Dialogue:
    """Find what *receiver* publishes for *document_type*, trying its wildcards when it has any."""
    records = yield DnsQuery(dns_name(receiver, network.zone))
    assert not isinstance(records, HttpAnswer)
    if not records:
        raise ParticipantAbsent(f"{receiver.uri} is not registered in {network.zone}")
    smp_url = choose_smp_url(records, receiver, network.rules)
    for candidate in document_type.candidates():
        url = smp_url + metadata_path(receiver, candidate)
        body = yield from _get(url)
        if body is not None:
            break
    else:
        raise (yield from _explain_absence(receiver, document_type, smp_url))
    verified = verify_metadata(body, check_signer=network.check_signer, now=now)
    signers = [verified.signer]
    if isinstance(verified.content, Redirect):
        body, verified = yield from _follow(verified.content, document_type, network, now=now)
        signers.append(verified.signer)
    metadata = verified.content
    assert isinstance(metadata, ServiceMetadata)
    _check_identifiers(metadata, receiver, candidate)
    return Published(metadata, body, smp_url, tuple(signers))


def _follow(
    redirect: Redirect, document_type: DocumentTypeId, network: Network, *, now: datetime
) -> Generator[Question, Answer, tuple[bytes, VerifiedMetadata]]:
    """Follow the one redirect allowed to the SMP whose signer it names.  [PEPPOL-SMP §5.3]"""
    try:
        url = check_smp_address(redirect.href, network.rules)
    except ValueError as exc:
        raise BadSmpAddress(f"the redirect's address {exc}") from exc
    body = yield from _get(url)
    if body is None:
        raise DocumentTypeAbsent(f"the redirect for {document_type.uri} leads to nothing: {url}")
    verified = verify_metadata(body, check_signer=network.check_signer, now=now)
    if not is_subject(redirect.certificate_uid, verified.signer.x509.subject):
        signer = verified.signer.subject
        raise InvalidMetadata(
            f"the redirect expects the signer {redirect.certificate_uid!r}, not {signer!r}"
        )
    if isinstance(verified.content, Redirect):
        raise InvalidMetadata("a redirect leads to another redirect")
    return body, verified


def _explain_absence(
    receiver: ParticipantId, document_type: DocumentTypeId, smp_url: str
) -> Generator[Question, Answer, SmpError]:
    """Tell an unknown participant from an unknown document type by the participant's group.

    The group is unsigned; whether it exists chooses between two permanent errors and nothing else.
    """
    if (yield from _get(smp_url + group_path(receiver))) is None:
        return ParticipantAbsent(f"{smp_url} does not know {receiver.uri}")
    return DocumentTypeAbsent(f"{receiver.uri} does not take {document_type.uri}")


def _get(url: str) -> Generator[Question, Answer, bytes | None]:
    """Return the body at *url*, or None when the SMP says there is none."""
    answer = yield HttpGet(url)
    assert isinstance(answer, HttpAnswer)
    if answer.status == _OK:
        return answer.body
    if answer.status == _NOT_FOUND:
        return None
    if answer.status == _BAD_REQUEST:
        raise BadRequestToSmp(f"the SMP calls the request malformed: {url}")
    raise SmpUnavailable(f"the SMP answers {answer.status} at {url}")


def _check_identifiers(
    metadata: ServiceMetadata, receiver: ParticipantId, document_type: DocumentTypeId
) -> None:
    """Refuse a genuine answer to another question.  [PEPPOL-SMP §5.4]"""
    if metadata.participant != receiver:
        raise InvalidMetadata(f"the answer is about {metadata.participant.uri}")
    if metadata.document_type != document_type:
        raise InvalidMetadata(f"the answer is about {metadata.document_type.uri}")
