"""What Peppol's own test bed tries of an access point that receives, as far as it is known.

The names in brackets are those of its test cases.
"""

import base64
from typing import Final, NamedTuple

from as4.compression import gzip_compress
from conformance.cases.trying import refused, rows_refused
from conformance.forge import payload
from conformance.forge.recipes import Recipe, Table, spoiled
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need

__all__ = ["CASES"]

CASES: Final = Cases()
MIB: Final = 1 << 20
LARGE_BYTES: Final = 50 * MIB
COMMENT_BYTES: Final = 48 << 10


@CASES.case(
    "peppol.receive.valid",
    title="A valid document from a valid access point is received",
    requirement="AS4 message reception (TC2A.2B): a message with a business envelope, from an "
    "access point with a valid certificate, earns a receipt.",
    sources=("PEPPOL-AS4 §2.2", "PEPPOL-BME §4"),
)
async def valid(bench: Bench) -> None:
    """The plainest case of all."""
    await bench.accept(bench.forge().sealed())


@CASES.case(
    "peppol.receive.unchanged",
    title="A document is delivered as it was sent",
    requirement="The business document reaches its receiver unchanged: nothing is missing and "
    "nothing is added, be it blanks.",
    sources=("PEPPOL-BME §4", "EXC-C14N §2"),
    needs=(Need.INBOX,),
)
async def unchanged(bench: Bench) -> None:
    """The blanks of the document survive, with the one that XML knows as a reference alone."""
    forge = bench.forge()
    document = forge.document.replace(b">", b"><!-- 'a' \"comment\" -->\r\n\t &#13; ", 1)
    sealed = forge.sealed(payload=gzip_compress(forge.envelope(document)))
    await bench.accept(sealed)
    await bench.expect_delivered(sealed, document)


def _padded(document: bytes, size: int, chance: bytes) -> bytes:
    """Return *document* with *size* bytes of comments before its end, which do not compress."""
    end = document.rindex(b"</")
    slab = b"".join(
        b"<!--%b-->" % base64.b64encode(chance[start : start + COMMENT_BYTES])
        for start in range(0, len(chance), COMMENT_BYTES)
    )
    return document[:end] + slab * (size // len(slab) + 1) + document[end:]


@CASES.case(
    "peppol.receive.megabytes",
    title="A message of five megabytes is received",
    requirement="A document with attachments of some megabytes is received.",
    sources=("PEPPOL-AS4 §2.2",),
    harmless=False,
)
async def megabytes(bench: Bench) -> None:
    """Five megabytes that gzip makes nothing of."""
    forge = bench.forge()
    document = _padded(forge.document, 5 * MIB, bench.tools.random(MIB))
    await bench.accept(forge.sealed(payload=gzip_compress(forge.envelope(document))))


@CASES.case(
    "peppol.receive.large",
    title="A large message is received",
    requirement="Large AS4 message reception (TC2A.5B): a message of 50 megabytes is received.",
    sources=("PEPPOL-AS4 §2.2",),
    harmless=False,
    seconds_max=240,
)
async def large(bench: Bench) -> None:
    """Fifty megabytes that gzip makes nothing of."""
    forge = bench.forge()
    document = _padded(forge.document, LARGE_BYTES, bench.tools.random(MIB))
    await bench.accept(forge.sealed(payload=gzip_compress(forge.envelope(document))))


class _Rule(NamedTuple):
    """A rule, and what breaks it: one message, or a table of them."""

    name: str
    title: str
    requirement: str
    sources: tuple[str, ...]
    what: Recipe | Table
    code: str = ""
    detail: str = ""
    keys: tuple[str, ...] = ()


def _some(table: Table, *names: str) -> Table:
    return {name: table[name] for name in names}


def _one(table: Table, name: str) -> Recipe:
    return table[name][0]


_ENVELOPES, _ADDRESSES, _SERVED = payload.ENVELOPES, payload.ADDRESSES, payload.SERVED
_SERVED_BY: Final = ("PEPPOL-AS4 §2.3",)
_BME: Final = ("PEPPOL-BME §4", "SBDH §3")
_HEADER: Final = ("PEPPOL-AS4 §2.2",)
_PKI: Final = ("PEPPOL-PKI §2", "PEPPOL-AS4 §2.4")

_RULES: Final = (
    _Rule(
        "sbdh.no-payload",
        "An SBDH without a payload is refused",
        "A business envelope that holds a header and no document is refused.",
        _BME,
        _one(_ENVELOPES, "no payload"),
    ),
    _Rule(
        "sbdh.absent",
        "A payload without an SBDH is refused",
        "A document without its business envelope is refused.",
        _BME,
        _one(_ENVELOPES, "no envelope"),
    ),
    _Rule(
        "sbdh.nothing",
        "Neither SBDH nor payload is refused",
        "A message whose payload is empty is refused.",
        _BME,
        spoiled(payload=gzip_compress(b"")),
    ),
    _Rule(
        "sbdh.not-xml",
        "A payload that is no XML is refused",
        "What is attached is XML.",
        _BME,
        _one(_ENVELOPES, "no XML"),
    ),
    _Rule(
        "sbdh.malformed",
        "An SBDH that is not well-formed is refused",
        "A business header that is not well-formed is refused.",
        _BME,
        _one(_ENVELOPES, "broken before the payload"),
    ),
    _Rule(
        "sbdh.mandatory",
        "An SBDH without a mandatory scope is refused",
        "DOCUMENTID, PROCESSID and COUNTRY_C1 are there, once each.",
        _BME,
        _some(
            _ENVELOPES,
            "no scope of the process",
            "no scope of the document",
            "no country",
            "a malformed country",
            "a scope twice",
        ),
    ),
    _Rule(
        "sbdh.two-payloads",
        "An envelope with two documents is refused",
        "A business envelope holds exactly one document.",
        _BME,
        _some(_ENVELOPES, "two payloads", "two unlike payloads", "an empty payload and another"),
    ),
    _Rule(
        "sbdh.unlike-document",
        "An SBDH that describes another document is refused",
        "Standard, Type and TypeVersion of the header fit the document and its identifier.",
        _BME,
        _some(_ENVELOPES, "another Standard", "another Type", "another TypeVersion"),
    ),
    _Rule(
        "sbdh.wildcard",
        "A wildcard as document type of a message is refused",
        "DOCUMENTID names one document type; wildcards are for metadata.",
        ("PEPPOL-ID §6", "PEPPOL-BME §4"),
        _one(_ENVELOPES, "a wildcard as document"),
    ),
    _Rule(
        "header.participants-missing",
        "A header without its participants is refused",
        "originalSender and finalRecipient are there, with their type.",
        _HEADER,
        _some(
            _ADDRESSES,
            "no original sender",
            "an untyped original sender",
            "no final recipient",
        ),
    ),
    _Rule(
        "header.participants-unlike",
        "A header that names other participants than the SBDH is refused",
        "originalSender and finalRecipient are the sender and the receiver of the business header.",
        _HEADER,
        _some(_ADDRESSES, "another original sender", "another final recipient"),
    ),
    _Rule(
        "header.action-unlike",
        "Another document type in the header than in the SBDH is refused",
        "Action is the document type, Service the process, with its type.",
        _HEADER,
        _some(_ADDRESSES, "another action", "another service", "an untyped service"),
    ),
    _Rule(
        "addressee",
        "A message to another access point is refused",
        "The To party is the access point that receives.",
        _HEADER,
        _one(_ADDRESSES, "not for us"),
    ),
    _Rule(
        "not-served.participant",
        "A participant that is not served is refused as such",
        "A receiver that the access point does not serve is answered with EBMS:0004 and the "
        "ErrorDetail PEPPOL:NOT_SERVICED.",
        _SERVED_BY,
        _one(_SERVED, "an unknown participant"),
        "EBMS:0004",
        "PEPPOL:NOT_SERVICED",
    ),
    _Rule(
        "not-served.document-type",
        "A document type that is not taken is refused as such",
        "A document type that the receiver does not take is answered with EBMS:0004 and the "
        "ErrorDetail PEPPOL:NOT_SERVICED.",
        _SERVED_BY,
        _one(_SERVED, "a document type we do not take"),
        "EBMS:0004",
        "PEPPOL:NOT_SERVICED",
    ),
    _Rule(
        "not-served.process",
        "A process that is not taken is refused as such",
        "A process that the receiver does not take is answered with EBMS:0004 and the ErrorDetail "
        "PEPPOL:NOT_SERVICED.",
        _SERVED_BY,
        _one(_SERVED, "a process we do not take"),
        "EBMS:0004",
        "PEPPOL:NOT_SERVICED",
    ),
    _Rule(
        "certificate.expired",
        "An expired access point certificate is refused",
        "A message signed with a certificate that has expired is refused.",
        _PKI,
        spoiled(signer="expired"),
        keys=("expired",),
    ),
    _Rule(
        "certificate.not-yet-valid",
        "A certificate before its time is refused",
        "A message signed with a certificate that is not valid yet is refused.",
        _PKI,
        spoiled(signer="not-yet-valid"),
        keys=("not-yet-valid",),
    ),
    _Rule(
        "certificate.revoked",
        "A revoked access point certificate is refused",
        "A message signed with a certificate on its authority's revocation list is refused.",
        _PKI,
        spoiled(signer="revoked"),
        keys=("revoked",),
    ),
    _Rule(
        "certificate.foreign",
        "A certificate that is not of Peppol is refused",
        "A message signed with a certificate of another authority is refused.",
        _PKI,
        spoiled(signer="foreign"),
        keys=("foreign",),
    ),
    _Rule(
        "certificate.publisher",
        "A metadata publisher's certificate is refused for messages",
        "A message signed with a certificate of the authority of publishers is refused.",
        _PKI,
        spoiled(signer="publisher-as-ap"),
        keys=("publisher-as-ap",),
    ),
    _Rule(
        "certificate.direct-root",
        "A certificate straight from the root is refused",
        "Access point certificates come from the access point authority.",
        _PKI,
        spoiled(signer="direct-root"),
        keys=("direct-root",),
    ),
    _Rule(
        "certificate.key-usage",
        "A certificate that may not sign is refused",
        "A key usage that does not allow digitalSignature is heeded.",
        ("RFC5280 §4.2.1.3",),
        spoiled(signer="encipher-only"),
        keys=("encipher-only",),
    ),
    _Rule(
        "certificate.common-name",
        "A certificate whose common name is no seat id is refused",
        "The common name of an access point certificate is its seat id.",
        _PKI,
        spoiled(signer="bad-cn"),
        keys=("bad-cn",),
    ),
    _Rule(
        "certificate.another-seat",
        "A message signed by another access point than its From party is refused",
        "The From party is the common name of the certificate that signs.",
        ("PEPPOL-AS4 §2.2",),
        spoiled(signer="third"),
        keys=("third",),
    ),
)
for _rule in _RULES:
    CASES.case(
        f"peppol.{_rule.name}",
        title=_rule.title,
        requirement=_rule.requirement,
        sources=_rule.sources,
        keys=_rule.keys,
    )(
        rows_refused(_rule.what)
        if isinstance(_rule.what, dict)
        else refused(_rule.what, code=_rule.code, detail=_rule.detail)
    )
