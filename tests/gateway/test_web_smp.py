"""Our SMP on the public listener: a real database behind it, the real client in front of it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import asyncpg
import pytest
import xmlsec
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree
from yarl import URL

from as4.certificates import KeyPair, load_key_pair
from as4.errors import UnusableMaterial
from gateway.store.participants import (
    Redirect,
    Service,
    delete_participant,
    put_participant,
    put_redirect,
)
from gateway.web.smp import PREFIX, KeyFiles, OwnEndpoint, StorePublisher, smp_routes
from smp.address import SANDBOX
from smp.client import SessionGetter, SmpClient
from smp.errors import DocumentTypeAbsent, ParticipantAbsent
from smp.metadata import group_path, metadata_path, parse_service_group, verify_metadata
from smp.sml import Naptr
from tests.support.metadata import PARTICIPANT, PINT_ANY, PINT_JP, ZONE, check_signer
from tests.support.pki import NOW, leaf
from tests.support.reception import FixedClock
from tests.support.store import a_dossier
from ubl.identifiers import BILLING, CREDIT_NOTE, INVOICE, SELF_BILLING, ParticipantId

PINT = Service(PINT_ANY, BILLING)
SERVICES = (Service(INVOICE, BILLING), Service(INVOICE, SELF_BILLING), PINT)
TO_SECOND = Redirect(CREDIT_NOTE, "https://second.example/x%3A%3Ay", "CN=PSM000002,C=BE")


class CountingKey:
    """A private key that counts its signatures."""

    def __init__(self, key):
        self.key = key
        self.signatures = 0

    def sign(self, *args, **rest):
        self.signatures += 1
        return self.key.sign(*args, **rest)


def a_pair(name):
    identity = leaf(name)
    return load_key_pair(identity.key_pem + identity.certificate_pem)


def counted(pair):
    return KeyPair(CountingKey(pair.key), pair.certificate)


class Publishing:
    """The public listener of one process, its keys, and the store behind it."""

    def __init__(self, database, url, dossier):
        self.database, self.url, self.dossier = database, url, dossier
        self.signing = counted(a_pair("publisher"))
        self.receiving = a_pair("receiver")

    @property
    def signatures(self):
        return self.signing.key.signatures

    async def put(self, *services, participant=PARTICIPANT):
        async with self.database.transaction(self.dossier) as tx:
            await put_participant(tx, participant, services, now=NOW)

    async def redirect(self, redirect):
        async with self.database.transaction(self.dossier) as tx:
            await put_redirect(tx, PARTICIPANT, redirect, now=NOW)

    async def delete(self):
        async with self.database.transaction(self.dossier) as tx:
            await delete_participant(tx, PARTICIPANT)

    async def get(self, path, method="GET"):
        target = URL(self.url + PREFIX + path, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, target) as response,
        ):
            return response.status, await response.read(), response.headers

    async def metadata(self, document_type=INVOICE, participant=PARTICIPANT):
        status, body, _ = await self.get(metadata_path(participant, document_type))
        assert status == 200
        return verify_metadata(body, check_signer=check_signer, now=NOW).content

    async def naptr(self, name):
        return [Naptr(1, 1, "U", "Meta:SMP", f"!.*!{self.url}{PREFIX}!")]

    async def look_up(self, document_type, *, now=NOW):
        async with aiohttp.ClientSession() as session:
            client = SmpClient(
                self, SessionGetter(session), zone=ZONE, check_signer=check_signer, rules=SANDBOX
            )
            return await client.lookup(PARTICIPANT, document_type, BILLING, now=now)


@asynccontextmanager
async def publishing(database, *services):
    dossier = await a_dossier(database)
    app = web.Application()
    server = TestServer(app)
    here = Publishing(database, "", dossier)
    publisher = StorePublisher(
        database,
        FixedClock(NOW),
        base_url="https://gateway.example/smp",
        signing=lambda: here.signing,
        endpoint=OwnEndpoint("https://gateway.example/as4", lambda: here.receiving),
    )
    app.add_routes(smp_routes(publisher))
    async with server:
        here.url = str(server.make_url("")).rstrip("/")
        if services:
            await here.put(*services)
        yield here


async def test_stored_services_are_published_as_signed_metadata(database):
    async with publishing(database, *SERVICES) as smp:
        metadata = await smp.metadata()
    assert metadata.participant == PARTICIPANT
    assert metadata.document_type == INVOICE
    assert {p.process for p in metadata.processes} == {BILLING, SELF_BILLING}
    [endpoint] = metadata.processes[0].endpoints
    certificate = smp.receiving.certificate
    assert endpoint.address == "https://gateway.example/as4"
    assert endpoint.transport_profile == "peppol-transport-as4-v2_0"
    assert (endpoint.active_from, endpoint.active_until) == (
        certificate.not_before,
        certificate.not_after,
    )


async def test_our_client_finds_what_we_publish(database):
    async with publishing(database, *SERVICES) as smp:
        found = await smp.look_up(INVOICE)
        assert found.endpoint.address == "https://gateway.example/as4"
        assert found.endpoint.certificate == smp.receiving.certificate.der
        assert (await smp.look_up(PINT_JP)).endpoint.published_document_type == PINT_ANY
        with pytest.raises(DocumentTypeAbsent):
            await smp.look_up(CREDIT_NOTE)
        await smp.delete()
        with pytest.raises(ParticipantAbsent):
            await smp.look_up(INVOICE)


async def test_another_implementation_agrees_with_what_was_served(database):
    async with publishing(database, *SERVICES) as smp:
        _, body, headers = await smp.get(metadata_path(PARTICIPANT, INVOICE))
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    context = xmlsec.SignatureContext()
    pem = leaf("publisher").certificate_pem
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    context.verify(etree.fromstring(body).find("{http://www.w3.org/2000/09/xmldsig#}Signature"))


async def test_group_lists_services_and_redirects_once_each(database):
    async with publishing(database, *SERVICES) as smp:
        await smp.redirect(TO_SECOND)
        _, body, headers = await smp.get(group_path(PARTICIPANT))
    group = parse_service_group(body)
    assert group.participant == PARTICIPANT
    assert list(group.hrefs) == [
        "https://gateway.example/smp" + metadata_path(PARTICIPANT, d)
        for d in sorted([CREDIT_NOTE, INVOICE, PINT_ANY], key=lambda d: d.uri)
    ]
    assert headers["Content-Type"] == "text/xml; charset=utf-8"


async def test_redirect_is_published_signed(database):
    async with publishing(database, *SERVICES) as smp:
        await smp.redirect(TO_SECOND)
        content = await smp.metadata(CREDIT_NOTE)
        assert (content.href, content.certificate_uid) == (
            TO_SECOND.href,
            TO_SECOND.certificate_uid,
        )


async def test_redirect_goes_before_a_service_of_ours(database):
    async with publishing(database, *SERVICES) as smp:
        await smp.redirect(replace(TO_SECOND, document_type=INVOICE))
        assert (await smp.metadata(INVOICE)).href == TO_SECOND.href


async def test_asking_again_signs_nothing(database):
    async with publishing(database, *SERVICES) as smp:
        answers = {(await smp.get(metadata_path(PARTICIPANT, INVOICE)))[1] for _ in range(5)}
        for _ in range(3):
            await smp.get(group_path(PARTICIPANT))
            await smp.get(metadata_path(PARTICIPANT, CREDIT_NOTE))
        assert len(answers) == 1
        assert smp.signatures == 1
        await smp.get(metadata_path(PARTICIPANT, PINT_ANY))
        assert smp.signatures == 2


async def test_change_is_published_at_the_next_request(database):
    async with publishing(database, Service(INVOICE, BILLING)) as smp:
        await smp.metadata()
        await smp.put(Service(INVOICE, SELF_BILLING))
        assert [p.process for p in (await smp.metadata()).processes] == [SELF_BILLING]
        await smp.put(Service(CREDIT_NOTE, BILLING))
        assert (await smp.get(metadata_path(PARTICIPANT, INVOICE)))[0] == 404
        await smp.delete()
        assert (await smp.get(metadata_path(PARTICIPANT, CREDIT_NOTE)))[0] == 404
        assert (await smp.get(group_path(PARTICIPANT)))[0] == 404


async def test_participant_removed_and_registered_again_is_signed_anew(database):
    async with publishing(database, Service(INVOICE, BILLING)) as smp:
        await smp.metadata()
        await smp.delete()
        await smp.put(Service(INVOICE, SELF_BILLING))
        assert [p.process for p in (await smp.metadata()).processes] == [SELF_BILLING]


async def test_new_signing_key_is_used_at_the_next_request(database):
    async with publishing(database, *SERVICES) as smp:
        await smp.metadata()
        smp.signing = counted(a_pair("publisher-second"))
        _, body, _ = await smp.get(metadata_path(PARTICIPANT, INVOICE))
        verified = verify_metadata(body, check_signer=check_signer, now=NOW)
        assert verified.signer.subject_cn == "PSM000002"


async def test_new_receiving_certificate_is_published_at_the_next_request(database):
    async with publishing(database, *SERVICES) as smp:
        await smp.metadata()
        smp.receiving = a_pair("receiver-renewed")
        assert (await smp.look_up(INVOICE)).endpoint.certificate == smp.receiving.certificate.der


async def test_participant_compares_without_case_and_document_type_with_it(database):
    async with publishing(database) as smp:
        await smp.put(Service(INVOICE, BILLING), participant=ParticipantId.parse("0088:AbC"))
        metadata = await smp.metadata(participant=ParticipantId.parse("0088:aBc"))
        assert metadata.participant.value == "0088:AbC"
        path = metadata_path(ParticipantId.parse("0088:abc"), INVOICE)
        assert (await smp.get(path.replace("Invoice", "invoice")))[0] == 404


async def test_star_is_literal(database):
    async with publishing(database, *SERVICES) as smp:
        assert (await smp.get(metadata_path(PARTICIPANT, PINT_JP)))[0] == 404
        assert (await smp.metadata(PINT_ANY)).document_type == PINT_ANY


async def test_malformed_identifiers_and_other_methods_are_refused(database):
    async with publishing(database, *SERVICES) as smp:
        assert (await smp.get("/nonsense"))[0] == 400
        status, _, headers = await smp.get(group_path(PARTICIPANT), "PUT")
        assert (status, headers["Allow"]) == (405, "GET,HEAD")
        assert (await smp.get(group_path(PARTICIPANT), "HEAD"))[:2] == (200, b"")
        assert (await smp.get(group_path(PARTICIPANT) + "/services/a%3A%3Ab%0Ac"))[0] == 400
    assert smp.signatures == 0


async def cancel_whoever_waits(other):
    async with asyncio.timeout(20):
        while not await other.fetchval(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity, pg_sleep(0.01)"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            continue


async def test_smp_answers_503_when_the_database_does_not_answer(database, dsn):
    other = await asyncpg.connect(dsn)
    async with publishing(database, *SERVICES) as smp:
        async with other.transaction(), asyncio.TaskGroup() as group:
            await other.execute("LOCK TABLE participants IN ACCESS EXCLUSIVE MODE")
            asking = group.create_task(smp.get(metadata_path(PARTICIPANT, INVOICE)))
            await cancel_whoever_waits(other)
        status, _, headers = asking.result()
        assert (status, headers["Retry-After"]) == (503, "5")
        assert await smp.metadata()
    await other.close()


def write(folder, name):
    identity = leaf(name)
    (folder / "key.pem").write_bytes(identity.key_pem)
    (folder / "cert.pem").write_bytes(identity.certificate_pem)


def a_key_folder(tmp_path):
    write(tmp_path, "publisher")
    return KeyFiles(tmp_path / "key.pem", tmp_path / "cert.pem")


def test_key_is_read_again_when_its_files_change(tmp_path):
    keys = a_key_folder(tmp_path)
    first = keys()
    assert keys() is first
    write(tmp_path, "publisher-second")
    assert keys().certificate.subject_cn == "PSM000002"


def test_old_key_stays_while_the_files_do_not_fit_together(tmp_path):
    keys = a_key_folder(tmp_path)
    second = leaf("publisher-second")
    (tmp_path / "key.pem").write_bytes(second.key_pem)
    assert keys().certificate.subject_cn == "PSM000001"
    (tmp_path / "cert.pem").unlink()
    assert keys().certificate.subject_cn == "PSM000001"
    (tmp_path / "cert.pem").write_bytes(second.certificate_pem)
    assert keys().certificate.subject_cn == "PSM000002"


def test_key_that_is_none_from_the_start_is_an_error(tmp_path):
    (tmp_path / "key.pem").write_text("none")
    with pytest.raises(UnusableMaterial):
        KeyFiles(tmp_path / "key.pem")
