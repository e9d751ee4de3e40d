import pytest
from aiohttp import web

from as4.certificates import Revocation, load_certificate
from gateway.egress import Egress, EgressRules, tls_context
from gateway.exchange.discovery import (
    EgressGetter,
    address_rules,
    make_resolver,
    revocation_check,
)
from smp.address import SANDBOX, check_as4_address
from smp.client import ANSWER_BYTES_MAX
from smp.errors import BadSmpAddress, SmpUnavailable, UntrustedSigner
from tests.support.pki import NOW, leaf
from tests.support.web import serve_app

SIGNER = load_certificate(leaf("publisher").certificate_der)


async def get(url, *, rules):
    async with Egress(rules, tls=tls_context(), post_timeout_seconds=1) as egress:
        return await EgressGetter(egress).get(url)


async def test_answer_of_any_status_comes_back_and_its_path_is_sent_as_it_stands():
    asked = []

    async def handler(request):
        asked.append(request.raw_path)
        return web.Response(status=404, body=b"none")

    async with serve_app(handler) as url:
        answer = await get(url + "/a%3A%3Ab/%23%2F", rules=EgressRules(sandbox=True))
    assert (answer.status, answer.body) == (404, b"none")
    assert asked == ["/a%3A%3Ab/%23%2F"]


async def test_answer_over_the_limit_is_unavailable():
    async def handler(request):
        return web.Response(body=b"x" * (ANSWER_BYTES_MAX + 1))

    async with serve_app(handler) as url:
        with pytest.raises(SmpUnavailable):
            await get(url, rules=EgressRules(sandbox=True))


async def test_closed_port_is_unavailable():
    with pytest.raises(SmpUnavailable):
        await get("http://127.0.0.1:1/", rules=EgressRules(sandbox=True))


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://smp.example/", "https://10.0.0.1/"])
async def test_private_and_plain_addresses_are_refused_outside_the_sandbox(url):
    with pytest.raises(BadSmpAddress):
        await get(url, rules=EgressRules())


async def test_revoked_signer_is_not_trusted_and_an_unknown_one_not_yet():
    async def ask(certificate, now):
        assert (certificate, now) == (SIGNER, NOW)
        return answer

    check = revocation_check(ask)
    answer = Revocation.GOOD
    await check(SIGNER, NOW)
    answer = Revocation.REVOKED
    with pytest.raises(UntrustedSigner, match="PSM000001"):
        await check(SIGNER, NOW)
    answer = Revocation.UNKNOWN
    with pytest.raises(SmpUnavailable, match="PSM000001"):
        await check(SIGNER, NOW)


def test_rules_follow_the_stage_and_the_ports():
    assert address_rules(sandbox=True, as4_ports=[443]) == SANDBOX
    rules = address_rules(sandbox=False, as4_ports=[443, 8443])
    assert check_as4_address("https://ap.example:8443/", rules)
    with pytest.raises(ValueError, match="not https"):
        check_as4_address("http://ap.example/", rules)


def test_resolver_asks_the_servers_given():
    assert make_resolver([("127.0.0.1", 5353)])._nameservers == (("127.0.0.1", 5353),)
