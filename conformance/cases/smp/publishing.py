"""What a publisher answers: service groups, signed metadata, and refusals."""

from typing import Final
from urllib.parse import quote, urlsplit

from as4.certificates import FailedAuthentication, Use
from as4.certificates import load_certificate as load
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need
from conformance.suite.check import SignerCheck
from conformance.suite.outcome import Failed, NotApplicable
from conformance.suite.wire import Answer
from smp.address import SANDBOX
from smp.endpoint import AS4_PROFILE, Endpoint, choose_endpoint
from smp.errors import SmpError
from smp.metadata import (
    Redirect,
    ServiceGroup,
    ServiceMetadata,
    VerifiedMetadata,
    group_path,
    metadata_path,
    parse_service_group,
    verify_metadata,
)
from ubl.identifiers import DocumentTypeId

__all__ = ["CASES"]

CASES: Final = Cases()
_NEEDS: Final = (Need.SMP,)
_XML: Final = ("text/xml", "application/xml")
_FOUND: Final = 200
_ABSENT: Final = 404
GROUP_LINKS_MAX: Final = 10  # LIMIT: references of one service group that are followed.


async def _get(bench: Bench, path: str, label: str, status: int = _FOUND) -> Answer:
    """Return the answer at *path* of the SMP; raises Failed for another *status*."""
    url = (bench.target.smp_url or "").rstrip("/") + path
    answer = await bench.ask("GET", url, label, {"Accept": "application/xml, text/xml"})
    if answer.status != status:
        raise Failed(f"{label}: expected HTTP {status}, came {answer.words}")
    return answer


async def _metadata_answer(bench: Bench) -> Answer:
    target = bench.target
    return await _get(bench, metadata_path(target.participant, target.document_type), "metadata")


async def _verified(bench: Bench) -> VerifiedMetadata:
    """Return the target's metadata, its signature checked; raises Failed."""
    return _verify(bench, await _metadata_answer(bench))


def _verify(bench: Bench, answer: Answer) -> VerifiedMetadata:
    if bench.target.smp_trust is None:
        raise NotApplicable("nobody said who may sign metadata")
    check = SignerCheck(bench.target.smp_trust, Use.SMP)
    try:
        return verify_metadata(answer.body, check_signer=check, now=bench.tools.now())
    except SmpError as error:
        raise Failed(error.detail) from error


async def _information(bench: Bench) -> ServiceMetadata:
    """Return what the metadata says; NotApplicable where it leads to another publisher."""
    content = (await _verified(bench)).content
    if isinstance(content, Redirect):
        raise NotApplicable(f"the metadata redirects to {content.href}")
    return content


async def _endpoint(bench: Bench) -> Endpoint:
    """Return the endpoint that a sender would choose; raises Failed."""
    metadata = await _information(bench)
    try:
        return choose_endpoint(metadata, bench.target.process, rules=SANDBOX, now=bench.tools.now())
    except SmpError as error:
        raise Failed(error.detail) from error


async def _group(bench: Bench) -> ServiceGroup:
    answer = await _get(bench, group_path(bench.target.participant), "service group")
    try:
        return parse_service_group(answer.body)
    except SmpError as error:
        raise Failed(error.detail) from error


@CASES.case(
    "smp.metadata.signed",
    title="The metadata is signed by an SMP of the network",
    requirement="SignedServiceMetadata has one enveloped signature over all of it, RSA with "
    "SHA-256, of a certificate of the authority of publishers.",
    sources=("PEPPOL-SMP §6", "XMLDSIG §6.6.4"),
    needs=_NEEDS,
)
async def signed(bench: Bench) -> None:
    """The strict reader takes nothing else."""
    await _verified(bench)


@CASES.case(
    "smp.metadata.subject",
    title="The metadata is about the participant and document type that were asked for",
    requirement="Participant and document type of the answer are those of the address.",
    sources=("PEPPOL-SMP §5", "PEPPOL-ID §6"),
    needs=_NEEDS,
)
async def subject(bench: Bench) -> None:
    """Both identifiers agree."""
    content = await _information(bench)
    if content.participant != bench.target.participant:
        raise Failed(f"it is about {content.participant.uri}")
    if content.document_type != bench.target.document_type:
        raise Failed(f"it is about {content.document_type.uri}")


@CASES.case(
    "smp.metadata.endpoint",
    title="The metadata names an AS4 endpoint that is active",
    requirement="The process has an endpoint of the Peppol AS4 profile, active now, with an "
    "address and a certificate that can be read.",
    sources=("PEPPOL-SMP §5", "PEPPOL-AS4 §2.2"),
    needs=_NEEDS,
)
async def endpoint(bench: Bench) -> None:
    """A sender finds what it needs."""
    found = await _endpoint(bench)
    if found.transport_profile != AS4_PROFILE:
        raise Failed(f"the transport profile is {found.transport_profile}")


@CASES.case(
    "smp.metadata.address",
    title="The metadata names the address at which the access point listens",
    requirement="The address of the endpoint is that of the access point.",
    sources=("PEPPOL-SMP §5",),
    needs=_NEEDS,
)
async def address(bench: Bench) -> None:
    """What is published is what was tested."""
    found = await _endpoint(bench)
    if found.address != bench.target.as4_url:
        raise Failed(f"it is {found.address}, not {bench.target.as4_url}")


@CASES.case(
    "smp.metadata.certificate",
    title="The metadata names the certificate with which the access point signs",
    requirement="The certificate of the endpoint is that of the access point: it opens what is "
    "encrypted for it, and its seat signs the receipts.",
    sources=("PEPPOL-SMP §5", "PEPPOL-AS4 §2.4"),
    needs=_NEEDS,
)
async def certificate(bench: Bench) -> None:
    """The published certificate is good, and of the seat that was tested."""
    found = await _endpoint(bench)
    try:
        published = load(found.certificate)
        SignerCheck(bench.target.trust, Use.ENCRYPT)(published.der, bench.tools.now())
    except FailedAuthentication as error:
        raise Failed(error.detail) from error
    if published.subject_cn != bench.target.seat:
        raise Failed(f"it is of {published.subject_cn}, not {bench.target.seat}")


@CASES.case(
    "smp.metadata.media-type",
    title="The metadata is sent as XML",
    requirement="Answers have the media type text/xml or application/xml.",
    sources=("PEPPOL-SMP §5",),
    needs=_NEEDS,
)
async def media_type(bench: Bench) -> None:
    """As the header says."""
    answer = await _metadata_answer(bench)
    if answer.content_type not in _XML:
        raise Failed(f"it is sent as {answer.content_type}")


@CASES.case(
    "smp.metadata.repeated",
    title="The metadata is the same when it is asked for again",
    requirement="Two answers, one after the other, say the same, and both signatures hold.",
    sources=("PEPPOL-SMP §5",),
    needs=_NEEDS,
)
async def repeated(bench: Bench) -> None:
    """Asked twice."""
    first, second = await _verified(bench), await _verified(bench)
    if first.content != second.content:
        raise Failed("the second answer says something else than the first")


@CASES.case(
    "smp.metadata.escapes",
    title="Percent-encoding in small letters is understood",
    requirement="%3a and %3A are the same octet.",
    sources=("RFC3986 §2.1", "PEPPOL-SMP §5.2"),
    needs=_NEEDS,
)
async def escapes(bench: Bench) -> None:
    """The same address with small hexadecimal digits."""
    target = bench.target
    path = metadata_path(target.participant, target.document_type)
    for capital, small in (("%3A", "%3a"), ("%2F", "%2f"), ("%23", "%23")):
        path = path.replace(capital, small)
    _verify(bench, await _get(bench, path, "metadata, small escapes"))


@CASES.case(
    "smp.metadata.unknown-type",
    title="A document type that is not published is not found",
    requirement="Metadata of a document type that the participant does not take is answered with "
    "HTTP 404.",
    sources=("PEPPOL-SMP §5.2",),
    needs=_NEEDS,
)
async def unknown_type(bench: Bench) -> None:
    """A type that nobody takes."""
    target = bench.target
    kind = DocumentTypeId.parse(f"{target.document_type.uri}-nobody")
    await _get(bench, metadata_path(target.participant, kind), "another type", _ABSENT)


@CASES.case(
    "smp.metadata.type-case",
    title="Document types are told apart by case",
    requirement="Document type identifiers are case-sensitive: in small letters it is another one.",
    sources=("PEPPOL-ID §6",),
    needs=_NEEDS,
)
async def type_case(bench: Bench) -> None:
    """The type in small letters is nobody's."""
    target = bench.target
    group = quote(target.participant.uri, safe="")
    kind = quote(target.document_type.uri.lower(), safe="")
    await _get(bench, f"/{group}/services/{kind}", "the type in small letters", _ABSENT)


@CASES.case(
    "smp.metadata.unknown-participant",
    title="A participant that is not published is not found",
    requirement="A service group, and metadata, of an unknown participant is answered with HTTP "
    "404.",
    sources=("PEPPOL-SMP §5.2",),
    needs=_NEEDS,
)
async def unknown_participant(bench: Bench) -> None:
    """The stranger's group and metadata."""
    stranger, kind = bench.tester.stranger, bench.target.document_type
    await _get(bench, group_path(stranger), "a stranger's service group", _ABSENT)
    await _get(bench, metadata_path(stranger, kind), "a stranger's metadata", _ABSENT)


@CASES.case(
    "smp.group.participant",
    title="The service group is about the participant that was asked for",
    requirement="A ServiceGroup names the participant of its address, and refers to its metadata.",
    sources=("PEPPOL-SMP §5",),
    needs=_NEEDS,
)
async def group(bench: Bench) -> None:
    """The participant, and at least one reference."""
    found = await _group(bench)
    if found.participant != bench.target.participant:
        raise Failed(f"it is about {found.participant.uri}")
    if not found.hrefs:
        raise Failed("it refers to no metadata")


@CASES.case(
    "smp.group.links",
    title="The references of the service group lead to signed metadata",
    requirement="Each reference of a ServiceGroup is the address of metadata that is signed.",
    sources=("PEPPOL-SMP §5",),
    needs=_NEEDS,
)
async def links(bench: Bench) -> None:
    """Every reference is followed, up to a bound, but none to another server."""
    found = await _group(bench)
    own = urlsplit(bench.target.smp_url or "")[:2]
    here = [href for href in found.hrefs if urlsplit(href)[:2] == own]
    if len(here) < len(found.hrefs):
        bench.remarks.append(f"{len(found.hrefs) - len(here)} references lead to other servers")
    if not here:
        raise NotApplicable("all references lead to other servers, which are not asked")
    for href in here[:GROUP_LINKS_MAX]:
        answer = await bench.ask("GET", href, "a reference of the service group", {})
        if answer.status != _FOUND:
            raise Failed(f"{href}: {answer.words}")
        _verify(bench, answer)


@CASES.case(
    "smp.http.writing",
    title="Nobody writes to the SMP without being somebody",
    requirement="PUT and DELETE from a stranger are refused with HTTP 4xx, and change nothing.",
    sources=("RFC9110 §15.5",),
    needs=_NEEDS,
)
async def writing(bench: Bench) -> None:
    """The stranger's own group, so that nothing is lost where this goes wrong."""
    url = (bench.target.smp_url or "").rstrip("/") + group_path(bench.tester.stranger)
    for method in ("PUT", "DELETE"):
        answer = await bench.ask(
            method, url, f"{method} of a stranger", {"Content-Type": "text/xml"}
        )
        if not 400 <= answer.status <= 499:
            raise Failed(f"{method}: expected HTTP 4xx, came {answer.words}")


@CASES.case(
    "smp.http.bad-address",
    title="An address that means nothing is refused",
    requirement="A path that is no identifier is answered with HTTP 400 or 404.",
    sources=("PEPPOL-SMP §5.2", "RFC3986 §2.1"),
    needs=_NEEDS,
)
async def bad_address(bench: Bench) -> None:
    """No scheme, and bytes that are no UTF-8."""
    url = (bench.target.smp_url or "").rstrip("/")
    for path in ("/nothing", "/iso6523-actorid-upis%3A%3A%FF%FE", "/" + "x" * 5000):
        answer = await bench.ask("GET", url + path, path[:60], {})
        if answer.status not in (400, _ABSENT, 414):
            raise Failed(f"{path[:60]}: expected HTTP 400 or 404, came {answer.words}")
