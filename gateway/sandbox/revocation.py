"""The sandbox's revocation lists and its OCSP responder, where its certificates say they are.

Each authority signs its own list and its own answers.  [RFC5280 §5] [RFC6960 §4.2]
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import unquote_to_bytes

from aiohttp import web
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.sandbox.loopback import serve_application
from gateway.sandbox.pki import CRL_DAYS, Identity, SandboxPki, build_crl

REQUEST_BYTES_MAX = 4096  # LIMIT: a question about one certificate has some 100 bytes.


class RevocationLists:
    """What each authority says of its certificates, as a list and as answers; `revoke` adds one."""

    def __init__(self) -> None:
        self.url = ""
        self._lists: dict[str, bytes] = {}
        self._revoked: dict[str, list[int]] = {}
        self._authorities: dict[str, Identity] = {}
        self._since: datetime | None = None

    def publish(self, pki: SandboxPki, *, now: datetime) -> None:
        """Sign and serve a list for each authority of *pki*, and answer for it."""
        self._authorities, self._since = pki.authorities(), now
        for stem, authority in self._authorities.items():
            self._lists[stem] = build_crl(authority, self._revoked.get(stem, ()), now=now)

    def revoke(self, pki: SandboxPki, stem: str, identity: Identity, *, now: datetime) -> None:
        """Put *identity* on the list of the authority called *stem* and sign it anew."""
        self.revoke_serial(pki, stem, identity.certificate.serial_number, now=now)

    def revoke_serial(self, pki: SandboxPki, stem: str, serial: int, *, now: datetime) -> None:
        """Put the certificate of this *serial* on the list of the authority called *stem*."""
        self._revoked.setdefault(stem, []).append(serial)
        self.publish(pki, now=now)

    async def answer(self, request: web.Request) -> web.Response:
        """Serve `/NAME.crl`."""
        found = self._lists.get(request.match_info["stem"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found, content_type="application/pkix-crl")

    async def answer_posted(self, request: web.Request) -> web.Response:
        """Serve the question in the body of a POST to `/ocsp`.  [RFC6960 §A.1]"""
        return self._respond(await request.read())

    async def answer_get(self, request: web.Request) -> web.Response:
        """Serve the question in the path of a GET of `/ocsp/QUESTION`, in base64."""
        path = request.raw_path.partition("/ocsp/")[2]
        try:
            question = base64.b64decode(unquote_to_bytes(path), validate=True)
        except binascii.Error:
            question = b""
        return self._respond(question)

    def _respond(self, question: bytes) -> web.Response:
        body = self._signed_answer(question).public_bytes(Encoding.DER)
        return web.Response(body=body, content_type="application/ocsp-response")

    def _signed_answer(self, question: bytes) -> ocsp.OCSPResponse:
        status = ocsp.OCSPResponseStatus
        try:
            asked = ocsp.load_der_ocsp_request(question)
            digest = asked.hash_algorithm
        except (ValueError, UnsupportedAlgorithm):
            return ocsp.OCSPResponseBuilder.build_unsuccessful(status.MALFORMED_REQUEST)
        for stem, authority in self._authorities.items():
            if asked.issuer_key_hash == _key_hash(authority, digest):
                return self._about(asked, stem, authority)
        return ocsp.OCSPResponseBuilder.build_unsuccessful(status.UNAUTHORIZED)

    def _about(self, asked: ocsp.OCSPRequest, stem: str, authority: Identity) -> ocsp.OCSPResponse:
        """Return what *authority* says; like its list it knows the revoked alone."""
        since = self._since
        assert since is not None
        is_revoked = asked.serial_number in self._revoked.get(stem, ())
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=asked.serial_number,
                algorithm=asked.hash_algorithm,
                cert_status=ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=since - timedelta(hours=1),
                next_update=since + timedelta(days=CRL_DAYS),
                revocation_time=since if is_revoked else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, authority.certificate)
        )
        for extension in asked.extensions:
            # The nonce, where there is one, goes back as it came.  [RFC6960 §4.4.1]
            builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(authority.key, hashes.SHA256())


@asynccontextmanager
async def serve_lists(lists: RevocationLists) -> AsyncIterator[None]:
    """Serve *lists* over http on a free port of 127.0.0.1, whose address it writes into `url`."""
    application = web.Application(client_max_size=REQUEST_BYTES_MAX)
    application.router.add_get("/{stem}.crl", lists.answer)
    application.router.add_post("/ocsp", lists.answer_posted)
    application.router.add_get("/ocsp/{question:.+}", lists.answer_get)
    async with serve_application(application) as lists.url:
        yield


def _key_hash(authority: Identity, digest: hashes.HashAlgorithm) -> bytes:
    """Return how a question names *authority*'s key with *digest*.  [RFC6960 §4.1.1]"""
    certificate = authority.certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, digest)
    return builder.build().issuer_key_hash
