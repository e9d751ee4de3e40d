"""The directory of the access point that breaks on a dial: its SMP, and its records in DNS."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from aiohttp import web

from smp.endpoint import AS4_PROFILE
from smp.metadata import (
    PublishedEndpoint,
    PublishedProcess,
    ServiceMetadata,
    build_metadata,
    build_service_group,
)
from smp.server import answer
from smp.signature import sign_enveloped
from tests.support.messages import C4, DOCUMENT_TYPE, PROCESS
from tests.support.pki import NOW, leaf


@dataclass(frozen=True)
class SmpDials:
    """What is broken of the SMP; by default nothing."""

    metadata: Callable = lambda content, _number: content
    finds: Callable = lambda participant, document_type: (participant, document_type)
    group: Callable = lambda group, _url: group
    signer: str = "publisher"
    after: Callable = lambda _request, response: response


@dataclass
class Publishing:
    """The SMP: it publishes C4 at *as4_url*."""

    dials: SmpDials = field(default_factory=SmpDials)
    url: str = ""
    as4_url: str = ""
    asked: int = 0

    def routes(self):
        return [web.route("*", "/smp/{path:(?s:.*)}", self.handle)]

    async def handle(self, request):
        try:
            response = await answer(request, self, prefix="/smp")
        except web.HTTPException as refusal:
            response = web.Response(status=refusal.status, text=refusal.reason)
        return self.dials.after(request, response)

    async def find_group(self, participant):
        asked, _ = self.dials.finds(participant, DOCUMENT_TYPE)
        if asked != C4:
            return None
        return self.dials.group(build_service_group(C4, [DOCUMENT_TYPE], self.url), self.url)

    async def find_metadata(self, participant, document_type):
        asked, kind = self.dials.finds(participant, document_type)
        if asked != C4 or kind != DOCUMENT_TYPE:
            return None
        self.asked += 1
        endpoint = PublishedEndpoint(
            transport_profile=AS4_PROFILE,
            address=self.as4_url,
            certificate=base64.b64encode(leaf("receiver").certificate_der).decode(),
            active_from=NOW - timedelta(days=1),
            active_until=NOW + timedelta(days=1),
        )
        content = ServiceMetadata(C4, DOCUMENT_TYPE, (PublishedProcess(PROCESS, (endpoint,)),))
        content = self.dials.metadata(content, self.asked)
        signer = leaf(self.dials.signer)
        return sign_enveloped(
            build_metadata(content), key=signer.key, certificate=signer.certificate
        )


def with_endpoint(**changes):
    """What changes the one endpoint of metadata."""

    def change(content, _number):
        [process] = content.processes
        [endpoint] = process.endpoints
        spoiled = replace(process, endpoints=(replace(endpoint, **changes),))
        return replace(content, processes=(spoiled,))

    return change


def changed(**given):
    """What changes the HTTP answer: its status, its media type, or its body."""

    def after(_request, response):
        body = given.get("body", lambda body: body)(response.body)
        return web.Response(
            status=given.get("status", response.status),
            body=body,
            content_type=given.get("content_type", response.content_type),
        )

    return after


def when(condition, status):
    """What answers with *status* when *condition* holds of the request."""

    def after(request, response):
        return web.Response(status=status) if condition(request) else response

    return after
