"""A test message to a scripted access point: what is sent, and how each answer is told."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from as4.errors import NotServed
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from as4.unpack import MessageReader
from gateway.egress import Egress, EgressRules, tls_context
from gateway.errors import Fault, Kind
from gateway.exchange.ping import Pinger
from gateway.trust import KeyRing
from smp.errors import ParticipantAbsent, SmpUnavailable
from tests.support.messages import C4, NONCE, NOW, RECEIVER, SENDER, check_signer, key_pair
from tests.support.pki import leaf
from tests.support.reception import FixedClock, a_trust
from tests.support.sending import SOAP, Directory
from tests.support.web import serve_app


class Place:
    """Where the directory says that the participant receives."""

    url = ""
    certificate = leaf("receiver").certificate_der


@asynccontextmanager
async def a_pinger(folder, answer, *, where=None):
    """A pinger, and the messages that an access point got which answers by *answer*."""
    arrived = []

    async def handle(request):
        reader = MessageReader(request.headers["Content-Type"], keep=True)
        reader.feed(await request.read())
        reader.open_envelope(anchors_check=check_signer, now=NOW)
        arrived.append(reader.close())
        return answer(arrived[-1])

    place = Place()
    egress = Egress(EgressRules(sandbox=True), tls=tls_context(), post_timeout_seconds=5)
    async with egress, serve_app(handle) as url:
        place.url = f"{url}/as4"
        pinger = Pinger(
            seat_id=SENDER,
            host="blue.example",
            finder=Directory(where or place),
            trust=a_trust(folder, keys=KeyRing(key_pair("sender"))),
            poster=egress,
            clock=FixedClock(),
        )
        yield pinger, arrived


def soap(body):
    return web.Response(body=body, headers={"Content-Type": SOAP})


def a_receipt(received, signer="receiver"):
    key = key_pair(signer)
    return soap(build_receipt(received, message_id="r@red", now=NOW, signer=key, nonce=NONCE))


def an_error(received):
    error = NotServed().about(received.user_message.message_id)
    key = key_pair("receiver")
    return soap(build_error(error, message_id="e@red", now=NOW, signer=key, nonce=NONCE))


async def test_a_test_message_is_signed_addressed_and_receipted(tmp_path):
    async with a_pinger(tmp_path, a_receipt) as (pinger, arrived):
        told = await pinger.ping(C4)
        address = pinger.finder.where.url
    (received,) = arrived
    message = received.user_message
    assert message.is_ping
    assert (message.from_party, message.to_party) == (SENDER, RECEIVER)
    assert told["ok"] is True
    assert (told["participant"], told["access_point"]) == (C4.value, RECEIVER)
    assert (told["address"], told["message_id"]) == (address, message.message_id)
    assert told["message_id"].endswith("@blue.example")


async def test_every_test_message_is_looked_up_anew(tmp_path):
    async with a_pinger(tmp_path, a_receipt) as (pinger, _):
        await pinger.ping(C4)
        assert pinger.finder.refreshed == [True]


@pytest.mark.parametrize(
    ("answer", "outcome", "temporary"),
    [
        (an_error, "not-serviced", False),
        (lambda received: a_receipt(received, "third"), "bad-receipt", True),
        (lambda _: web.Response(status=503), "http-unavailable", True),
        (lambda _: web.Response(text="hello"), "no-receipt", True),
    ],
)
async def test_any_other_answer_is_told_by_its_kind(tmp_path, answer, outcome, temporary):
    async with a_pinger(tmp_path, answer) as (pinger, _):
        told = await pinger.ping(C4)
    assert (told["ok"], told["outcome"], told["temporary"]) == (False, outcome, temporary)
    assert told["detail"]


async def test_an_access_point_that_is_not_there_is_told(tmp_path):
    place = Place()
    place.url = "http://127.0.0.1:1/as4"
    async with a_pinger(tmp_path, a_receipt, where=place) as (pinger, _):
        told = await pinger.ping(C4)
    assert (told["ok"], told["outcome"], told["temporary"]) == (False, "not-connected", True)
    assert (told["phase"], "connection refused" in told["detail"]) == ("connect", True)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ParticipantAbsent("x"), Kind.NOT_FOUND, "participant-absent"),
        (SmpUnavailable("x"), Kind.UNAVAILABLE, "smp-unavailable"),
    ],
)
async def test_without_anywhere_to_send_it_is_refused(tmp_path, error, kind, code):
    async with a_pinger(tmp_path, a_receipt, where=error) as (pinger, arrived):
        with pytest.raises(Fault) as caught:
            await pinger.ping(C4)
    assert (caught.value.kind, caught.value.code, arrived) == (kind, code, [])
    assert caught.value.phase == "look-up"


async def test_an_access_point_whose_certificate_is_refused_gets_nothing(tmp_path):
    place = Place()
    place.url = "http://127.0.0.1:1/as4"
    place.certificate = leaf("expired").certificate_der
    async with a_pinger(tmp_path, a_receipt, where=place) as (pinger, _):
        with pytest.raises(Fault) as caught:
            await pinger.ping(C4)
    assert (caught.value.kind, caught.value.code) == (Kind.REFUSED_BY_PEER, "certificate-refused")
    assert caught.value.phase == "certificate"
