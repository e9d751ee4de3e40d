"""The sandbox's OCSP responder, asked by us and by openssl."""

import base64
import subprocess
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Revocation, build_ocsp_request, load_certificate, parse_ocsp
from as4.errors import UnusableMaterial
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.sandbox.pki import issue_access_point, make_pki
from gateway.sandbox.revocation import RevocationLists, serve_lists
from gateway.trust import Responders
from tests.support.openssl import OPENSSL, instant
from tests.support.pki import NOW, leaf, pki

NONCE = bytes(range(16))


def read(data, identity=None, nonce=None):
    certificate = (identity or leaf("sender")).certificate
    return parse_ocsp(data, certificate, pki().ap_ca.certificate, NOW, nonce).status


async def post(session, url, question):
    async with session.post(f"{url}/ocsp", data=question) as response:
        assert response.content_type == "application/ocsp-response"
        return await response.read()


async def test_a_question_is_answered_by_post_and_by_get():
    """[RFC6960 §A.1] [RFC6960 §4.2] [RFC6960 §4.4.1]"""
    lists = RevocationLists()
    question = build_ocsp_request(leaf("sender").certificate, pki().ap_ca.certificate, NONCE)
    async with serve_lists(lists), aiohttp.ClientSession() as session:
        lists.publish(pki(), now=NOW)
        assert read(await post(session, lists.url, question), nonce=NONCE) is Revocation.GOOD
        lists.revoke(pki(), "ap-ca", leaf("sender"), now=NOW)
        assert read(await post(session, lists.url, question), nonce=NONCE) is Revocation.REVOKED
        path = quote(base64.b64encode(question).decode(), safe="")
        async with session.get(f"{lists.url}/ocsp/{path}") as response:
            assert read(await response.read(), nonce=NONCE) is Revocation.REVOKED


async def test_what_is_no_question_or_about_strangers_gets_no_answer():
    lists = RevocationLists()
    other = make_pki(now=NOW, revocation_url=None)
    stranger = issue_access_point(other, "PBE000001", now=NOW)
    async with serve_lists(lists), aiohttp.ClientSession() as session:
        lists.publish(pki(), now=NOW)
        with pytest.raises(UnusableMaterial, match="malformed_request"):
            read(await post(session, lists.url, b"what?"))
        question = build_ocsp_request(stranger.certificate, other.ap_ca.certificate)
        with pytest.raises(UnusableMaterial, match="unauthorized"):
            read(await post(session, lists.url, question))
        async with session.get(f"{lists.url}/ocsp/%00") as response:
            with pytest.raises(UnusableMaterial, match="malformed_request"):
                read(await response.read())


async def test_a_gateway_of_the_sandbox_asks_where_its_certificates_say(tmp_path):
    lists = RevocationLists()
    rules = EgressRules(sandbox=True)
    async with (
        serve_lists(lists),
        Egress(rules, tls=tls_context(), post_timeout_seconds=5) as egress,
    ):
        known = make_pki(now=NOW, revocation_url=lists.url)
        good, bad = (issue_access_point(known, "PBE000001", now=NOW) for _ in range(2))
        lists.publish(known, now=NOW)
        lists.revoke(known, "ap-ca", bad, now=NOW)
        responders = Responders(asker=egress.asker(Purpose.OCSP), folder=tmp_path)
        for identity, says in ((good, Revocation.GOOD), (bad, Revocation.REVOKED)):
            certificate = load_certificate(identity.certificate_der)
            answer = await responders.get(certificate, known.ap_ca.certificate, NOW)
            assert answer is not None
            assert answer.status is says


@pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not here")
async def test_openssl_believes_the_answers(tmp_path):
    now, lists = instant(), RevocationLists()
    known = make_pki(now=now, revocation_url=None)
    good, bad = (issue_access_point(known, "PBE000001", now=now) for _ in range(2))
    lists.publish(known, now=now)
    lists.revoke(known, "ap-ca", bad, now=now)
    (tmp_path / "root.pem").write_bytes(known.root.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(known.ap_ca.certificate_pem)
    for identity, says in ((good, "leaf.pem: good"), (bad, "leaf.pem: revoked")):
        (tmp_path / "leaf.pem").write_bytes(identity.certificate_pem)
        question = tmp_path / "question.der"
        named = ["-issuer", "ca.pem", "-cert", "leaf.pem"]
        run(tmp_path, *named, "-no_nonce", "-reqout", question.name)
        answer = lists._signed_answer(question.read_bytes())
        (tmp_path / "answer.der").write_bytes(answer.public_bytes(Encoding.DER))
        checked = run(tmp_path, *named, "-reqin", question.name, "-respin", "answer.der",
                      "-CAfile", "root.pem", "-verify_other", "ca.pem")  # fmt: skip
        assert says in checked
        assert "Response verify OK" in checked


def run(folder, *arguments):
    done = subprocess.run(
        [OPENSSL, "ocsp", *arguments], cwd=folder, capture_output=True, check=False, timeout=30
    )
    return done.stdout.decode() + done.stderr.decode()
