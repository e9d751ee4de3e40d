"""Participants that visit the sandbox: registered, published, found, refused; and its commands."""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager

import aiohttp
import dns.message
import pytest

from as4.certificates import Revocation, load_certificate, parse_crl, revocation_of
from gateway.sandbox import visitors as visiting
from gateway.sandbox.dns import Locator
from gateway.sandbox.revocation import RevocationLists, serve_lists
from gateway.sandbox.truststores import write_truststores
from gateway.sandbox.visitors import Visitor, Visitors, VisitorService, serve_visitors
from smp.metadata import parse_service_group, verify_metadata
from smp.sml import dns_name
from tests.support.command import run_beside, run_command
from tests.support.pki import NOW, leaf, pki
from ubl.identifiers import BILLING, INVOICE, ParticipantId

ZONE = "sml.test"
ACME, OTHER = ParticipantId.parse("0208:0111111124"), ParticipantId.parse("0208:0987654394")
ENDPOINT = "http://127.0.0.1:8190/as4"
PEM = leaf("receiver").certificate_pem.decode()


@pytest.fixture
async def sandbox(tmp_path):
    """What a visitor sees of a sandbox: its control address, SMP, DNS and lists."""
    locator, lists = Locator(ZONE), RevocationLists()
    visitors = Visitors(
        pki=pki(), publisher=leaf("publisher"), locator=locator, lists=lists, now=lambda: NOW
    )
    async with serve_lists(lists), serve_visitors(visitors):
        lists.publish(pki(), now=NOW)
        described = {"version": 1, "control": visitors.url, "red": {"as4": ENDPOINT}}
        (tmp_path / "sandbox.json").write_text(json.dumps(described))
        (tmp_path / "peer.pem").write_text(PEM)
        yield _Sandbox(tmp_path, visitors, locator, lists)


class _Sandbox:
    def __init__(self, folder, visitors, locator, lists):
        self.folder, self.visitors, self.locator, self.lists = folder, visitors, locator, lists

    def knows(self, participant):
        query = dns.message.make_query(dns_name(participant, ZONE), "NAPTR")
        answer = dns.message.from_wire(self.locator.answer(query.to_wire())).answer
        return bool(answer) and self.visitors.smp_url in answer[0].to_text()

    @asynccontextmanager
    async def ask(self, method, path, **words):
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.visitors.url + path, **words) as response,
        ):
            yield response


def command(capsys, sandbox, *words):
    return run_beside(capsys, "sandbox", *words, "--folder", sandbox.folder, "--json")


async def test_a_registered_participant_is_found_with_the_certificate_of_its_access_point(
    sandbox, capsys
):
    ended = await command(
        capsys, sandbox, "register", ACME.value,
        "--endpoint", ENDPOINT, "--certificate", sandbox.folder / "peer.pem",
    )  # fmt: skip
    assert ended.code == 0
    assert ended.facts == {"participant": ACME.value, "smp": sandbox.visitors.smp_url}
    assert sandbox.knows(ACME)
    group = await fetch(sandbox, "/smp/iso6523-actorid-upis%3A%3A0208%3A0111111124")
    hrefs = parse_service_group(group).hrefs
    assert len(hrefs) == 2
    signed = await fetch(sandbox, hrefs[0].removeprefix(sandbox.visitors.url))

    def check(der, _now):
        assert der == leaf("publisher").certificate_der
        return load_certificate(der)

    content = verify_metadata(signed, check_signer=check, now=NOW).content
    assert (content.participant, content.document_type) == (ACME, INVOICE)
    [process] = content.processes
    assert process.process == BILLING
    assert [each.address for each in process.endpoints] == [ENDPOINT]
    assert "".join(process.endpoints[0].certificate.split()) in "".join(PEM.split())


async def test_an_unregistered_participant_is_unknown_again(sandbox, capsys):
    sandbox.visitors.register(Visitor(ACME.value, ENDPOINT, PEM))
    assert (await command(capsys, sandbox, "unregister", ACME.value)).code == 0
    assert not sandbox.knows(ACME)
    async with sandbox.ask("GET", "/smp/iso6523-actorid-upis%3A%3A0208%3A0111111124") as response:
        assert response.status == 404
    again = await command(capsys, sandbox, "unregister", ACME.value)
    assert (again.code, again.facts["code"]) == (1, "not-registered")


async def test_only_what_was_named_is_published(sandbox, capsys):
    services = ["--document-type", INVOICE.uri, "--process", BILLING.uri]
    ended = await command(
        capsys, sandbox, "register", ACME.value, "--endpoint", ENDPOINT,
        "--certificate", sandbox.folder / "peer.pem", *services,
    )  # fmt: skip
    assert ended.code == 0
    group = await fetch(sandbox, "/smp/iso6523-actorid-upis%3A%3A0208%3A0111111124")
    assert len(parse_service_group(group).hrefs) == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"participant": "nobody"}, "nobody"),
        ({"endpoint": "127.0.0.1:8190/as4"}, "no address"),
        ({"certificate": "none"}, "PEM"),
        ({"services": [{"document_type": "x", "process": BILLING.uri}]}, "x"),
        ({"surplus": 1}, "surplus"),
    ],
)
async def test_what_cannot_be_published_is_refused_and_said(sandbox, changed, says):
    wanted = {"participant": ACME.value, "endpoint": ENDPOINT, "certificate": PEM, **changed}
    async with sandbox.ask("POST", "/participants", json=wanted) as response:
        assert response.status == 422
        assert says in (await response.json())["error"]
    assert not sandbox.knows(ACME)


async def test_a_page_in_a_browser_registers_nobody(sandbox):
    """A form can post text/plain to loopback without asking; application/json it cannot."""
    wanted = json.dumps({"participant": ACME.value, "endpoint": ENDPOINT, "certificate": PEM})
    headers = {"Content-Type": "text/plain"}
    async with sandbox.ask("POST", "/participants", data=wanted, headers=headers) as response:
        assert response.status == 422
    assert not sandbox.knows(ACME)


def test_visitors_are_bounded_and_a_known_one_may_change(sandbox, monkeypatch):
    monkeypatch.setattr(visiting, "PARTICIPANTS_MAX", 1)
    sandbox.visitors.register(Visitor(ACME.value, ENDPOINT, PEM))
    service = VisitorService(INVOICE.uri, BILLING.uri)
    sandbox.visitors.register(Visitor(ACME.value, ENDPOINT, PEM, (service,)))
    with pytest.raises(ValueError, match="at most"):
        sandbox.visitors.register(Visitor(OTHER.value, ENDPOINT, PEM))
    assert not sandbox.knows(OTHER)


async def test_a_revoked_certificate_is_on_the_list_of_its_authority(sandbox, capsys):
    assert (await listed(sandbox)) is Revocation.GOOD
    ended = await command(capsys, sandbox, "revoke", sandbox.folder / "peer.pem")
    assert ended.facts == {"revoked_by": "ap-ca"}
    assert (await listed(sandbox)) is Revocation.REVOKED


async def test_a_certificate_of_another_sandbox_cannot_be_revoked(sandbox, capsys):
    (sandbox.folder / "other.pem").write_bytes(leaf("foreign").certificate_pem)
    ended = await command(capsys, sandbox, "revoke", sandbox.folder / "other.pem")
    assert ended.code == 1
    assert "not issued by this sandbox" in ended.err


async def listed(sandbox):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{sandbox.lists.url}/ap-ca.crl") as response,
    ):
        crl = parse_crl(await response.read(), pki().ap_ca.certificate, NOW)
    return revocation_of(load_certificate(leaf("receiver").certificate_der), crl, NOW)


async def fetch(sandbox, path):
    async with sandbox.ask("GET", "/" + path.lstrip("/")) as response:
        assert response.status == 200
        return await response.read()


async def test_show_prints_one_value_for_scripts_or_says_which_there_are(sandbox, capsys):
    one = await run_beside(capsys, "sandbox", "show", "red.as4", "--folder", sandbox.folder)
    assert (one.code, one.out) == (0, f"{ENDPOINT}\n")
    everything = await run_beside(capsys, "sandbox", "show", "--folder", sandbox.folder)
    assert f"red.as4 {' ' * 17}{ENDPOINT}" in everything.out
    none = await run_beside(capsys, "sandbox", "show", "red.as3", "--folder", sandbox.folder)
    assert (none.code, none.err) == (1, "red.as3: no as3; there is as4\n")


def test_a_folder_without_a_running_sandbox_is_said(tmp_path, capsys):
    ended = run_command(capsys, "sandbox", "show", "--folder", tmp_path)
    assert (ended.code, ended.err) == (
        1, f"no sandbox runs in {tmp_path}: start `gateway demo --folder {tmp_path}`\n",
    )  # fmt: skip


def test_a_sandbox_that_is_gone_is_worth_another_try(tmp_path, capsys):
    (tmp_path / "sandbox.json").write_text('{"control": "http://127.0.0.1:1"}')
    (tmp_path / "peer.pem").write_text(PEM)
    ended = run_command(capsys, "sandbox", "revoke", tmp_path / "peer.pem", "--folder", tmp_path)
    assert (ended.code, "does not answer" in ended.err) == (3, True)


if shutil.which("keytool"):  # not skipped: a run that needs no Java is whole without it

    async def test_java_reads_the_trust_stores_as_trusted(tmp_path):
        stores = write_truststores(pki(), tmp_path)
        for name, entries in {"ap": 2, "smp": 2, "tls": 1}.items():
            process = await asyncio.create_subprocess_exec(
                "keytool", "-list", "-keystore", stores[name], "-storepass", "sandbox",
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await process.communicate()
            assert out.count(b"trustedCertEntry") == entries
