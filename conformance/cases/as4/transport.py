"""What HTTP and MIME leave free, and what they forbid."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from as4.mimeheaders import SOAP
from conformance.forge.messages import NONCE, Sealed
from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Try
from conformance.suite.outcome import Failed
from conformance.suite.wire import Answer

__all__ = ["CASES"]

CASES: Final = Cases()
_BOUNDARY = f"----=_{NONCE}"


def _still_received(change: Callable[[Sealed], Sealed]) -> Try:
    """Return the try of a good message in another wrapping."""

    async def run(bench: Bench) -> None:
        await bench.accept(change(bench.forge().sealed()))

    return run


def _base64(sealed: Sealed) -> Sealed:
    """Return *sealed* with its attachment in base64, as its part then says."""
    start, end = sealed.attachment_offset, sealed.attachment_offset + sealed.attachment_length
    head, binary = sealed.body[:start], b"Content-Transfer-Encoding: binary"
    at = head.rindex(binary)
    head = head[:at] + b"Content-Transfer-Encoding: base64" + head[at + len(binary) :]
    encoded = base64.encodebytes(sealed.body[start:end]).replace(b"\n", b"\r\n")
    return replace(sealed, body=head + encoded + sealed.body[end:])


_FREE: Final[dict[str, tuple[str, str, str, Callable[[Sealed], Sealed]]]] = {
    "preamble-epilogue": (
        "Text before the first and after the last part is passed over",
        "A preamble and an epilogue of a multipart body are ignored.",
        "MIME §5.1.1",
        lambda s: replace(s, body=b"preamble\r\n" + s.body + b"epilogue\r\n"),
    ),
    "start": (
        "A start parameter that names the first part is understood",
        "The parameter start of multipart/related may name the root part.",
        "RFC2387 §3.2",
        lambda s: replace(s, content_type=f'{s.content_type}; start="<soap-{NONCE}@as4>"'),
    ),
    "parameter-order": (
        "The parameters of the media type come in any order",
        "Parameters of a media type have no order, and their names no case.",
        "RFC9110 §8.3.1",
        lambda s: replace(
            s, content_type=f'Multipart/Related; BOUNDARY="{_BOUNDARY}"; Type="{SOAP}"'
        ),
    ),
    "base64": (
        "An attachment in base64 is received",
        "A part may have the transfer encoding base64.",
        "MIME §6.8",
        _base64,
    ),
    "header-folding": (
        "A part's header in lower case and over two lines is understood",
        "Names of header fields have no case, and a field may be folded.",
        "RFC5322 §2.2.3",
        lambda s: replace(
            s,
            body=s.body.replace(b"Content-ID: <att", b"content-id:\r\n <att"),
        ),
    ),
}
for _name, (_title, _requirement, _source, _change) in _FREE.items():
    CASES.case(f"as4.mime.{_name}", title=_title, requirement=_requirement, sources=(_source,))(
        _still_received(_change)
    )


def _expect_no_success(bench: Bench, answer: Answer) -> None:
    """Raise Failed when *answer* has a status of success, or is none.

    Which error it is, the specification leaves open.  [RFC9110 §15]
    """
    if answer.status < 400:
        raise Failed(f"expected an error, came {answer.words}")
    if answer.status >= 500:
        bench.remarks.append(
            f"HTTP {answer.status} blames the server, so that a sender would try again; 4xx is "
            "what fits"
        )


async def _post_broken(bench: Bench, sealed: Sealed, label: str) -> None:
    """Post what is no message: it must be refused, by an ebMS error or by HTTP."""
    reply = await bench.post(sealed, label)
    if not reply.is_refusal:
        _expect_no_success(bench, reply.answer)
    await bench.expect_nothing_delivered(sealed)


async def _ask(bench: Bench, method: str, kind: str, body: bytes) -> None:
    headers = {"Content-Type": kind} if kind else {}
    url = bench.target.as4_url
    label = f"{method} of {kind or 'nothing'}"
    _expect_no_success(bench, await bench.ask(method, url, label, headers, body))


@CASES.case(
    "as4.http.get",
    title="GET is refused",
    requirement="Messages are posted; another method is answered with an error of HTTP.",
    sources=("RFC9110 §15.5.6", "PEPPOL-AS4 §2.2"),
)
async def get(bench: Bench) -> None:
    """Nothing is there to be got."""
    await _ask(bench, "GET", "", b"")


@CASES.case(
    "as4.http.media-type",
    title="Another media type is refused",
    requirement="What is neither multipart/related nor SOAP is answered with an error of HTTP.",
    sources=("RFC9110 §15.5.16",),
)
async def media_type(bench: Bench) -> None:
    """A form is no message."""
    await _ask(bench, "POST", "application/x-www-form-urlencoded", b"a=1")


@CASES.case(
    "as4.http.empty",
    title="An empty body is refused",
    requirement="A message without any bytes is answered with an ebMS error or one of HTTP.",
    sources=("RFC9110 §15.5.1",),
)
async def empty(bench: Bench) -> None:
    """The media type alone makes no message."""
    sealed = replace(bench.forge().sealed(), body=b"")
    await _post_broken(bench, sealed, "empty body")


@CASES.case(
    "as4.http.garbage",
    title="Garbage is refused",
    requirement="A body that is no MIME structure is answered with an ebMS error or one of HTTP.",
    sources=("RFC9110 §15.5.1", "EBMS3 §6.7.1"),
)
async def garbage(bench: Bench) -> None:
    """Random bytes under a good media type."""
    sealed = replace(bench.forge().sealed(), body=bench.tools.random(4096))
    await _post_broken(bench, sealed, "random bytes")


@CASES.case(
    "as4.http.cut",
    title="A message cut in the middle is refused",
    requirement="A body that ends before its last boundary is answered with an ebMS error or one "
    "of HTTP.",
    sources=("MIME §5.1.1", "EBMS3 §6.7.1"),
)
async def cut(bench: Bench) -> None:
    """Half of a good message."""
    whole = bench.forge().sealed()
    half = replace(whole, body=whole.body[: whole.attachment_offset + 100])
    await _post_broken(bench, half, "half a message")
