import base64

import pytest

from gateway.egress import Egress, EgressRules, tls_context
from smp.errors import DocumentTypeAbsent, ParticipantAbsent, SmpUnavailable
from tests.support.sending import AccessPoint, a_sender, hang_up


@pytest.mark.parametrize("absent", [ParticipantAbsent, DocumentTypeAbsent])
async def test_a_receiver_that_is_not_registered_fails_it(sender, receiver, absent):
    sender.directory.where = absent("no such receiver")
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "failed"
    last = await sender.last(ref)
    assert (last.detail["phase"], last.detail["code"]) == ("look-up", absent.code)
    assert sender.directory.refreshed == [False, True]
    assert await sender.messages(ref) == []


async def test_a_receiver_gone_after_an_unknown_outcome_waits_for_a_person(sender, receiver):
    receiver.script = [hang_up()]
    ref = await sender.accept()
    await sender.run(ref)
    sender.directory.where = ParticipantAbsent("gone")
    assert (await sender.finish(ref)).status == "waiting"


async def test_a_lookup_that_is_down_is_tried_again(sender, receiver):
    sender.directory.where = SmpUnavailable("no answer")
    ref = await sender.accept()
    assert 0 < await sender.run(ref) <= 75
    assert (await sender.document(ref)).status == "accepted"
    sender.directory.where = receiver
    assert (await sender.finish(ref)).status == "delivered"


@pytest.mark.parametrize(
    "name", ["expired", "not-yet-valid", "foreign", "bad-cn", "sign-only", "direct-root"]
)
async def test_a_certificate_that_may_not_be_encrypted_for_fails_it(sender, receiver, name):
    sender.directory.where = AccessPoint(name, url=receiver.url)
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "failed"
    last = await sender.last(ref)
    assert (last.detail["phase"], last.detail["code"]) == ("certificate", "certificate-refused")
    assert receiver.arrivals == []


async def test_a_fixed_endpoint_needs_no_lookup(sender, receiver):
    sender.directory.where = AssertionError("nobody looks anything up")
    certificate = base64.b64encode(receiver.certificate).decode()
    options = {"endpoint": receiver.url, "certificate": certificate}
    ref = await sender.accept(options=options)
    assert (await sender.finish(ref)).status == "delivered"
    assert sender.directory.refreshed == []


async def test_production_refuses_a_fixed_endpoint(database, tmp_path, receiver):
    certificate = base64.b64encode(receiver.certificate).decode()
    options = {"endpoint": receiver.url, "certificate": certificate}
    async with a_sender(database, tmp_path, receiver, fixed_endpoints=False) as sender:
        ref = await sender.accept(options=options)
        assert (await sender.finish(ref)).status == "failed"
        assert (await sender.last(ref)).detail["code"] == "fixed-endpoint-refused"
    assert receiver.arrivals == []


async def test_an_address_that_we_do_not_connect_to_fails_it(database, tmp_path, receiver):
    strict = Egress(EgressRules(), tls=tls_context(), post_timeout_seconds=5)
    async with strict, a_sender(database, tmp_path, receiver, poster=strict) as sender:
        ref = await sender.accept()
        assert (await sender.finish(ref)).status == "failed"
        assert (await sender.last(ref)).detail["code"] == "address-refused"
        assert await sender.messages(ref) == []
    assert receiver.arrivals == []
