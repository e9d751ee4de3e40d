"""Lists and a responder that openssl runs, asked over real sockets through our own egress."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from as4.certificates import Anchors, Revocation
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.sandbox.loopback import serve_application
from tests.support.certificates import der
from tests.support.openssl import OPENSSL, OpensslAuthority
from tests.support.reception import a_trust
from tests.support.web import free_port

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not here")


class ListHost:
    """Serves what openssl listed, or what is told."""

    def __init__(self):
        self.status, self.body, self.asked = 200, b"", 0

    async def answer(self, _):
        self.asked += 1
        return web.Response(status=self.status, body=self.body)


@asynccontextmanager
async def serving(host):
    application = web.Application()
    application.router.add_get("/ca.crl", host.answer)
    async with serve_application(application) as address:
        yield address + "/ca.crl"


@asynccontextmanager
async def a_network(tmp_path, *, sandbox=True):
    """An authority with its list's host and its responder's port, and what makes a Trust."""
    host, port = ListHost(), free_port()
    rules = EgressRules(sandbox=sandbox)
    async with (
        serving(host) as url,
        Egress(rules, tls=tls_context(), post_timeout_seconds=5) as egress,
    ):
        known = OpensslAuthority(tmp_path / "ca", crl_url=url, ocsp_url=f"http://127.0.0.1:{port}")
        anchors = Anchors.load(der(known.root), der(known.certificate))

        def trust(name):
            return a_trust(
                tmp_path / name,
                getter=egress.getter(Purpose.CRL),
                asker=egress.asker(Purpose.OCSP),
                known=anchors,
            )

        yield known, host, port, trust


async def told(trust, leaf, now):
    return await trust.revocation(trust.check_signer(der(leaf), now), now)


async def test_list_and_responder_of_openssl_say_the_same(tmp_path):
    async with a_network(tmp_path) as (authority, host, port, trust):
        good, revoked, unknown = (authority.issue(status) for status in ("V", "R", None))
        now = authority.now
        host.body = authority.crl()
        by_list = trust("list")
        assert await told(by_list, good, now) is Revocation.GOOD
        assert await told(by_list, revoked, now) is Revocation.REVOKED
        assert host.asked == 1
        host.status = 503
        nobody = trust("nobody")
        for leaf in (good, revoked):
            assert await told(nobody, leaf, now) is Revocation.UNKNOWN
        with authority.responding(port):
            by_answer = trust("answer")
            assert await told(by_answer, good, now) is Revocation.GOOD
            assert await told(by_answer, revoked, now) is Revocation.REVOKED
            assert await told(by_answer, unknown, now) is Revocation.UNKNOWN
        # Everybody is away again: what was said is remembered, also by the next process.
        for again in (by_answer, trust("answer")):
            assert await told(again, good, now) is Revocation.GOOD
            assert await told(again, revoked, now) is Revocation.REVOKED


async def test_outside_the_sandbox_this_machine_is_never_asked(tmp_path):
    async with a_network(tmp_path, sandbox=False) as (authority, host, port, trust):
        host.body = authority.crl()
        leaf = authority.issue("V")
        with authority.responding(port):
            assert await told(trust("strict"), leaf, authority.now) is Revocation.UNKNOWN
        assert host.asked == 0


async def test_an_endless_answer_of_the_lists_host_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.trust.revocation.CRL_BYTES_MAX", 100_000)
    async with a_network(tmp_path) as (authority, host, _, trust):
        host.body = b"0" * 1_000_000
        assert await told(trust("big"), authority.issue("V"), authority.now) is Revocation.UNKNOWN
        assert host.asked == 1
