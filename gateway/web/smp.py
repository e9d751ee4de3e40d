"""Our SMP on the public listener: what the store holds, signed once and handed out many times.

Whether something changed is asked of the database for each request, which is cheap; the signature
is made once for each version and kept.  So a change, and a new key, reach every process at the
next request, and nobody can make us sign by asking often.  [PEPPOL-SMP §5]
"""

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from as4.certificates import KeyPair, load_key_pair
from as4.errors import UnusableMaterial
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.store.participants import Publication, find_publication
from gateway.store.pool import Database
from smp.cache import Cache
from smp.endpoint import AS4_PROFILE
from smp.metadata import (
    PublishedEndpoint,
    PublishedProcess,
    Redirect,
    ServiceMetadata,
    build_metadata,
    build_service_group,
)
from smp.server import answer
from smp.signature import sign_enveloped
from ubl.identifiers import DocumentTypeId, ParticipantId

__all__ = ["PREFIX", "KeyFiles", "OwnEndpoint", "StorePublisher", "smp_routes"]

PREFIX = "/smp"
ANSWERS_MAX = 4096  # LIMIT: signed answers in memory, some 6 KB each ...
ANSWERS_BYTES_MAX = 16 << 20  # LIMIT: ... and their bytes together.
KEEP_SECONDS = 24 * 3600.0  # LIMIT: an answer nobody asked for in a day is not kept.

log = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class OwnEndpoint:
    """Where our participants receive; *keys* gives the pair that is in use at the moment."""

    address: str
    keys: Callable[[], KeyPair]
    contact_url: str = ""


class KeyFiles:
    """The pair that signs what we publish, read again when its files change.

    Replacing two files takes two steps: while they do not fit together the old pair stays.
    To make one raises OSError or UnusableMaterial when there is no pair to begin with.
    """

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._stamp: _Stamp | None = self._look()
        self._pair = self._read()

    def __call__(self) -> KeyPair:
        """Return the pair in the files as they are now, or the last one that could be read."""
        try:
            stamp = self._look()
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._pair = self._read()
            except (OSError, UnusableMaterial) as exc:
                log.warning("the key of the SMP cannot be read again; the old one stays: %s", exc)
        return self._pair

    def _look(self) -> _Stamp:
        stats = [file.stat() for file in self._files]
        return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)

    def _read(self) -> KeyPair:
        return load_key_pair(b"\n".join(file.read_bytes() for file in self._files))


class StorePublisher:
    """Publishes the participants in *db*: unsigned groups, and signed metadata from a cache."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        base_url: str,
        signing: Callable[[], KeyPair],
        endpoint: OwnEndpoint,
    ) -> None:
        self._db = db
        self._clock = clock
        self._base_url = base_url
        self._signing = signing
        self._endpoint = endpoint
        self._answers: Cache[_Key, bytes] = Cache(
            entries_max=ANSWERS_MAX, weight_max=ANSWERS_BYTES_MAX
        )

    async def find_group(self, participant: ParticipantId) -> bytes | None:
        """Return the ServiceGroup of *participant*, or None when it is not ours."""
        publication = await self._find(participant)
        if publication is None:
            return None
        types = {entry.document_type for entry in publication.services + publication.redirects}
        ordered = sorted(types, key=lambda document_type: document_type.uri)
        return build_service_group(publication.participant, ordered, self._base_url)

    async def find_metadata(
        self, participant: ParticipantId, document_type: DocumentTypeId
    ) -> bytes | None:
        """Return the signed metadata of exactly *document_type*, or None when there is none."""
        publication = await self._find(participant)
        if publication is None:
            return None
        signing, receiving = self._signing(), self._endpoint.keys()
        key = _Key(
            participant=publication.participant,
            document_type=document_type,
            version=publication.version,
            signer=signing.certificate.fingerprint,
            receiver=receiving.certificate.fingerprint,
        )
        now = self._clock.now()
        signed = self._answers.find(key, now=now)
        if signed is not None:
            return signed
        content = self._content(publication, document_type, receiving)
        if content is None:
            return None
        certificate = signing.certificate.x509
        signed = sign_enveloped(build_metadata(content), key=signing.key, certificate=certificate)
        self._answers.keep(key, signed, now=now, seconds=KEEP_SECONDS, weight=len(signed))
        return signed

    async def _find(self, participant: ParticipantId) -> Publication | None:
        async with self._db.exchange() as xtx:
            return await find_publication(xtx, participant.key)

    def _content(
        self, publication: Publication, document_type: DocumentTypeId, receiving: KeyPair
    ) -> ServiceMetadata | Redirect | None:
        """Return what to say of *document_type*: a redirect goes before services of our own."""
        for redirect in publication.redirects:
            if redirect.document_type == document_type:
                return Redirect(redirect.href, redirect.certificate_uid)
        endpoint = self._published(receiving)
        processes = tuple(
            PublishedProcess(service.process, (endpoint,))
            for service in publication.services
            if service.document_type == document_type
        )
        if not processes:
            return None
        return ServiceMetadata(publication.participant, document_type, processes)

    def _published(self, receiving: KeyPair) -> PublishedEndpoint:
        """Return our endpoint, which is of use for as long as its certificate is valid."""
        certificate = receiving.certificate
        return PublishedEndpoint(
            transport_profile=AS4_PROFILE,
            address=self._endpoint.address,
            certificate=base64.b64encode(certificate.der).decode(),
            active_from=certificate.not_before,
            active_until=certificate.not_after,
            description=f"Access point {certificate.subject_cn}",
            contact_url=self._endpoint.contact_url,
        )


@dataclass(frozen=True, slots=True)
class _Key:
    """What a signed answer depends on; the version is another after each change."""

    participant: ParticipantId
    document_type: DocumentTypeId
    version: int
    signer: bytes
    receiver: bytes


def smp_routes(publisher: StorePublisher) -> list[web.RouteDef]:
    """Return the routes of our SMP; while the database is away they answer 503."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await answer(request, publisher, prefix=PREFIX)
        except Unavailable as exc:
            log.warning("the SMP cannot answer: %s", exc.detail)
            return web.Response(status=503, headers={"Retry-After": "5"})

    # With (?s), for the router looks at the decoded path, which may hold line ends.
    return [web.route("*", PREFIX + "/{path:(?s:.*)}", handle)]
