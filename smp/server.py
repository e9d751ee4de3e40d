"""The SMP over HTTP: hands out what a `Publisher` has ready.

`GET /{participant}` is the ServiceGroup, `GET /{participant}/services/{document type}` the signed
metadata.  [PEPPOL-SMP §5]
The path is cut at the slashes of its raw form and each segment decoded once, for identifiers carry
encoded slashes and hashes.  Nothing is matched by wildcard here: `*` is a character like any other.
Signing and storing are the publisher's business; the bytes it gives are sent as they are.
"""

import re
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from aiohttp import web

from ubl.errors import BadIdentifier
from ubl.identifiers import DocumentTypeId, ParticipantId

_METHODS: Final = ("GET", "HEAD")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# LIMIT: the longest path of two identifiers, every character encoded, is below 3,000.
_PATH_CHARACTERS_MAX: Final = 4000


class Publisher(Protocol):
    """Has the answers; None means that there is nothing of that name."""

    async def find_group(self, participant: ParticipantId) -> bytes | None:
        """Return the ServiceGroup of *participant*."""
        ...

    async def find_metadata(
        self, participant: ParticipantId, document_type: DocumentTypeId
    ) -> bytes | None:
        """Return the SignedServiceMetadata of exactly *document_type*."""
        ...


def routes(publisher: Publisher, *, prefix: str = "") -> list[web.RouteDef]:
    """Return the routes that answer for *publisher* below *prefix* (empty, or `/smp`)."""

    async def handle(request: web.Request) -> web.Response:
        return await answer(request, publisher, prefix=prefix)

    # With (?s), for the router looks at the decoded path, which may hold line ends.
    return [web.route("*", prefix + "/{path:(?s:.*)}", handle)]


async def answer(request: web.Request, publisher: Publisher, *, prefix: str = "") -> web.Response:
    """Return the response to one *request* below *prefix*."""
    if request.method not in _METHODS:
        raise web.HTTPMethodNotAllowed(request.method, _METHODS)
    try:
        segments = split_path(request.raw_path.removeprefix(prefix))
        body = await _find(segments, publisher)
    except (BadIdentifier, UnicodeDecodeError) as exc:
        return web.Response(status=400, text=f"Malformed request: {exc}\n")
    if body is None:
        return web.Response(status=404, text="Not found: nothing is published here.\n")
    return web.Response(body=body, content_type="text/xml", charset="utf-8")


def split_path(raw_path: str) -> list[str]:
    """Return the segments of *raw_path*, each decoded once.  [RFC3986 §2.4]

    Raises BadIdentifier or UnicodeDecodeError when they cannot be decoded.
    """
    path = raw_path.partition("?")[0]
    if len(path) > _PATH_CHARACTERS_MAX or _BAD_ESCAPE.search(path):
        raise BadIdentifier("the path is too long or badly percent-encoded")
    return [unquote_to_bytes(segment).decode() for segment in path.removeprefix("/").split("/")]


async def _find(segments: list[str], publisher: Publisher) -> bytes | None:
    match segments:
        case [participant]:
            return await publisher.find_group(_participant(participant))
        case [participant, "services", document_type]:
            return await publisher.find_metadata(
                _participant(participant), DocumentTypeId.parse(document_type)
            )
        case _:
            return None


def _participant(text: str) -> ParticipantId:
    """Read the identifier with its scheme: the short form is for people, not for paths."""
    if "::" not in text:
        raise BadIdentifier(f"{text!r} is not scheme::identifier")
    return ParticipantId.parse(text)
