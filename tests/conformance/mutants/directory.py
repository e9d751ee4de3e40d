"""Access points whose metadata, or whose records, have a fault."""

from datetime import timedelta

from tests.conformance.mutants.mutant import Mutant, publishes
from tests.support.broken import Dials
from tests.support.broken_smp import changed, when, with_endpoint
from tests.support.messages import C4, DOCUMENT_TYPE
from tests.support.pki import NOW, leaf
from ubl.identifiers import ParticipantId

OTHER = ParticipantId.parse("0208:0428759497")
NO_ENDPOINT = "they look at the endpoint that a sender would choose, and there is none"


def _about_another(content, _number):
    return content.__class__(OTHER, content.document_type, content.processes)


def _changing(content, number):
    return with_endpoint(active_until=NOW + timedelta(days=number))(content, number)


def _alike(kind):
    """The document type of which *kind* is a longer form."""
    return DOCUMENT_TYPE if kind.uri.startswith(DOCUMENT_TYPE.uri) else kind


def _in_any_case(kind):
    return DOCUMENT_TYPE if kind.uri.lower() == DOCUMENT_TYPE.uri.lower() else kind


DIRECTORY = {
    "smp.dns.record": Mutant(
        "is not registered", Dials(dns="forgets"), "there is no record to follow"
    ),
    "smp.dns.address": Mutant("is registered elsewhere", Dials(dns="leads elsewhere")),
    "smp.dns.unknown": Mutant("has records for everybody", Dials(dns="knows everybody")),
    "smp.metadata.signed": publishes(
        "signs as an access point", signer="sender",
        why="nothing of metadata is read whose signature does not hold",
    ),
    "smp.metadata.subject": publishes(
        "answers with another participant's metadata", metadata=_about_another
    ),
    "smp.metadata.endpoint": publishes(
        "publishes an endpoint that is over",
        metadata=with_endpoint(active_until=NOW.replace(year=2020)), why=NO_ENDPOINT,
    ),
    "smp.metadata.address": publishes(
        "publishes another address", metadata=with_endpoint(address="http://127.0.0.1:1/as4")
    ),
    "smp.metadata.certificate": publishes(
        "publishes another seat's certificate",
        metadata=with_endpoint(certificate=leaf("third").certificate_pem.decode()),
    ),
    "smp.metadata.media-type": publishes(
        "calls metadata text", after=changed(content_type="text/plain")
    ),
    "smp.metadata.repeated": publishes("publishes something else each time", metadata=_changing),
    "smp.metadata.escapes": publishes(
        "knows capital escapes alone", after=when(lambda request: "%3a" in request.raw_path, 404)
    ),
    "smp.metadata.unknown-type": publishes(
        "answers for types that begin like its own",
        finds=lambda who, kind: (who, _alike(kind)),
    ),
    "smp.metadata.type-case": publishes(
        "knows no case of document types", finds=lambda who, kind: (who, _in_any_case(kind))
    ),
    "smp.metadata.unknown-participant": publishes(
        "answers for any participant", finds=lambda _who, kind: (C4, kind)
    ),
    "smp.group.participant": publishes(
        "names another participant",
        group=lambda group, _url: group.replace(C4.value.encode(), OTHER.value.encode()),
    ),
    "smp.group.links": publishes(
        "refers to nothing",
        group=lambda group, url: group.replace(url.encode(), f"{url}/x".encode()),
    ),
    "smp.http.writing": publishes(
        "lets anybody write", after=when(lambda request: request.method == "PUT", 200)
    ),
    "smp.http.bad-address": publishes(
        "breaks at a bad address", after=when(lambda request: len(request.raw_path) > 3000, 500)
    ),
}  # fmt: skip
