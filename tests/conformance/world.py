"""A small world for the suite, in one process: an access point that breaks on a dial, its SMP, its
locator, and the keys to test it with.
"""

import contextlib
import os
import time
import uuid
from dataclasses import replace

from aiohttp import web

from as4.certificates import Anchors, load_certificate
from conformance.suite.bench import Tester
from conformance.suite.keys import NAMES, Keys
from conformance.suite.runner import run_cases
from conformance.suite.target import Target
from conformance.suite.tools import Tools
from gateway.sandbox.dns import Locator, serve_dns
from gateway.sandbox.loopback import serve_application
from tests.support.broken import Dials, Receiving
from tests.support.broken_sender import SendDials, Sender
from tests.support.broken_smp import Publishing, SmpDials
from tests.support.messages import C1, C4, DOCUMENT_TYPE, FORGE, INVOICE, PROCESS, key_pair
from tests.support.pki import NOW, leaf, pki
from ubl.identifiers import ParticipantId

ZONE = "participant.sml.sandbox.test"
BODY_BYTES_MAX = 200 << 20
TESTER = Tester(C1, ParticipantId.parse("0208:0777000187"), FORGE.stranger)
TOOLS = Tools(lambda: NOW, time.monotonic, lambda: str(uuid.uuid4()), os.urandom)


def trust():
    return Anchors.load(pki().root.certificate_pem, pki().ap_ca.certificate_pem)


def keys():
    pairs = {name: key_pair(name) for name in NAMES}
    return Keys(pairs, load_certificate(leaf("receiver").certificate_der))


@contextlib.asynccontextmanager
async def a_target(dials=None):
    """Run the access point with *dials*, and yield it as a target."""
    dials = dials or Dials()
    revoked = {leaf("revoked").certificate.serial_number}
    receiving = Receiving(key_pair, trust(), revoked, dials)
    publishing = Publishing(dials.smp or SmpDials())
    sender = Sender(turned(FORGE), trust(), revoked, dials.sending or SendDials())
    application = web.Application(client_max_size=BODY_BYTES_MAX)
    application.add_routes([*receiving.routes(), *publishing.routes()])
    locator = Locator(ZONE)
    async with serve_dns(locator), serve_application(application) as url:
        publishing.url, publishing.as4_url = f"{url}/smp", f"{url}/as4"
        register(locator, dials.dns, publishing.url)
        yield Target(
            as4_url=publishing.as4_url,
            certificate=load_certificate(leaf("receiver").certificate_der),
            trust=trust(),
            participant=C4,
            document_type=DOCUMENT_TYPE,
            process=PROCESS,
            document=INVOICE,
            outgoing=lambda number, _receiver: INVOICE.replace(
                b"<ID>1<", f"<ID>{number}<".encode()
            ),
            smp_url=publishing.url,
            smp_trust=Anchors.load(pki().root.certificate_pem, pki().smp_ca.certificate_pem),
            dns=locator.address,
            zone=ZONE,
            inbox=receiving,
            outbox=sender,
            publishing=sender,
            can_ping=True,
        )


def turned(forge):
    """*forge* for messages in the other direction."""
    return replace(
        forge,
        from_party=forge.to_party,
        to_party=forge.from_party,
        sender=forge.receiver,
        receiver=forge.sender,
    )


def register(locator, dial, url):
    """Put what *dial* says into the locator."""
    if dial != "forgets":
        locator.register(C4, f"{url}/elsewhere" if dial == "leads elsewhere" else url)
    if dial == "knows everybody":
        locator.register(TESTER.stranger, url)


async def run(cases, dials=None, **options):
    """Run *cases* against the access point with *dials*; return the results."""
    async with a_target(dials) as target:
        return await run_cases(
            cases, target, keys(), TESTER, TOOLS, **{"only_harmless": False, **options}
        )
