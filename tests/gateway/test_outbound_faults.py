import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from as4.certificates import Anchors, load_certificate
from as4.client import TransportFailure
from gateway.errors import Unavailable
from gateway.sandbox import pki as sandbox_pki
from smp.errors import SmpUnavailable
from tests.support.faults import (
    Fault,
    FaultyDatabase,
    FaultyFinder,
    FaultyPoster,
    Killed,
    every_failure,
)
from tests.support.peer import an_invoice
from tests.support.pki import NOW, RECEIVER
from tests.support.reception import Lists, a_trust
from tests.support.sending import AccessPoint, a_sender, access_points, hang_up, receipt

SMALL = 1 << 16


def with_fault(outbound, fault):
    return replace(
        outbound,
        db=FaultyDatabase(outbound.db, fault),
        finder=FaultyFinder(outbound.finder, fault),
        poster=FaultyPoster(outbound.poster, fault),
    )


def killed(where):
    return Killed(where)


def down(where):
    """What each port raises when the world behind it is down."""
    if where == "lookup":
        return SmpUnavailable("down")
    if where == "post":
        return TransportFailure("connect", "down", sent=False)
    if where == "answer":
        return TransportFailure("http", "the answer got lost", sent=True)
    return Unavailable("the database is down", 1.0)


async def check_delivered_once(sender, receiver, ref):
    """Whatever broke: one identity, one document, one receipt, and every attempt has an end."""
    document = await sender.finish(ref)
    (message,) = await sender.messages(ref)
    attempts = await sender.attempts(ref)
    names = await sender.names(ref)
    assert document.status == "delivered"
    assert set(receiver.message_ids) == {message.message_id}
    assert {arrival.wire for arrival in receiver.arrivals} == {receiver.arrivals[0].wire}
    assert message.receipt is not None
    assert all(attempt.outcome for attempt in attempts)
    assert names.count("delivered") == names.count("sealed") == 1
    assert names.count("sending") == len(attempts)


@pytest.mark.parametrize("broken", [killed, down])
@pytest.mark.parametrize("inline_bytes_max", [1 << 20, 1 << 12], ids=["in-memory", "in-files"])
async def test_whatever_fails_it_is_delivered_once_under_one_identity(
    database, tmp_path, receiver, broken, inline_bytes_max
):
    async with a_sender(database, tmp_path, receiver, inline_bytes_max=inline_bytes_max) as sender:

        async def scenario(fault):
            receiver.arrivals.clear()
            ref = await sender.accept(an_invoice(number=f"2026-{fault.nth}"))
            faulty = with_fault(sender.outbound, fault)
            with suppress(Killed):
                await sender.run(ref, faulty)
            await check_delivered_once(sender, receiver, ref)

        assert await every_failure(scenario, broken) > 10


async def test_a_crash_in_the_second_attempt_changes_nothing(database, tmp_path, receiver):
    async with a_sender(database, tmp_path, receiver) as sender:

        async def scenario(fault):
            receiver.arrivals.clear()
            receiver.script = [hang_up()]
            ref = await sender.accept(an_invoice(number=f"2026-{fault.nth}"))
            await sender.run(ref)
            with suppress(Killed):
                await sender.run(ref, with_fault(sender.outbound, fault))
            await check_delivered_once(sender, receiver, ref)

        assert await every_failure(scenario, killed) > 10


async def test_a_crash_while_sending_is_an_attempt_of_unknown_outcome(database, tmp_path, receiver):
    async with a_sender(database, tmp_path, receiver) as sender:
        ref = await sender.accept()
        dies = FaultyPoster(sender.outbound.poster, Fault(nth=2, broken=killed))
        with pytest.raises(Killed):
            await sender.run(ref, replace(sender.outbound, poster=dies))
        assert (await sender.document(ref)).status == "sending"
        assert (await sender.attempts(ref))[0].outcome is None
        assert (await sender.finish(ref)).status == "delivered"
        first, second = await sender.attempts(ref)
    assert (first.outcome, second.outcome) == ("interrupted", "receipt")


@pytest.mark.parametrize("where", ["post", "answer"])
async def test_an_error_of_ours_ends_the_attempt_and_it_goes_on(
    database, tmp_path, receiver, where
):
    said = "what the document says"

    def broken(here):
        return ValueError(said) if here == where else None

    async with a_sender(database, tmp_path, receiver) as sender:
        ref = await sender.accept()
        poster = FaultyPoster(
            sender.outbound.poster, Fault(nth=1 + (where == "answer"), broken=broken)
        )
        assert await sender.run(ref, replace(sender.outbound, poster=poster)) > 0
        last = await sender.last(ref)
        assert (last.name, last.detail["code"]) == ("will_retry", "internal-error")
        assert said not in str(last.detail)
        assert (await sender.finish(ref)).status == "delivered"
        first, second = await sender.attempts(ref)
    assert (first.outcome, second.outcome) == ("interrupted", "receipt")


async def test_what_breaks_each_time_comes_to_an_end(database, tmp_path, receiver):
    class Broken:
        def check(self, url):
            pass

        async def post(self, url, content_type, body):
            raise KeyError(url)

    async with a_sender(database, tmp_path, receiver, poster=Broken()) as sender:
        ref = await sender.accept()
        assert (await sender.finish(ref, runs_max=60)).status in ("gave_up", "waiting")
        assert all(each.outcome == "interrupted" for each in await sender.attempts(ref))


async def test_a_name_that_cannot_be_asked_for_is_refused(database, tmp_path):
    async with a_sender(database, tmp_path, AccessPoint(url="https://a..b/as4")) as sender:
        ref = await sender.accept()
        assert (await sender.finish(ref)).status == "failed"
        assert (await sender.last(ref)).detail["code"] == "address-refused"


async def test_two_workers_never_send_one_document_at_once(database, tmp_path, receiver):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(ap, request, received):
        entered.set()
        await leave.wait()
        return await receipt()(ap, request, received)

    receiver.script = [slow]
    async with (
        a_sender(database, tmp_path / "one", receiver) as one,
        a_sender(database, tmp_path / "other", receiver) as other,
    ):
        ref = await one.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(one.run(ref))
            await entered.wait()
            assert await other.run(ref) > 0
            assert await one.run(ref) > 0
            leave.set()
        assert len(receiver.arrivals) == 1
        assert (await other.finish(ref)).status == "delivered"


class Revocable:
    """A PKI whose certificates name revocation lists, and what those lists say."""

    def __init__(self):
        self.pki = sandbox_pki.make_pki(now=NOW, revocation_url="http://lists.test")
        self.identity = sandbox_pki.issue_access_point(self.pki, RECEIVER, now=NOW)
        self.lists = Lists()
        self.publish()

    def publish(self, *revoked):
        for stem in ("root", "ap-ca"):
            authority = self.pki.authorities()[stem]
            serials = [each.certificate.serial_number for each in revoked]
            crl = sandbox_pki.build_crl(authority, serials, now=NOW)
            self.lists.bodies[f"http://lists.test/{stem}.crl"] = crl

    def trust(self, folder, *, keys):
        known = Anchors.load(self.pki.root.certificate_pem, self.pki.ap_ca.certificate_pem)
        return a_trust(folder, getter=self.lists, known=known, keys=keys)


class RevocableAccessPoint(AccessPoint):
    identity = None

    @property
    def certificate(self):
        return self.identity.certificate_der


async def run_against(database, tmp_path, revocable):
    point = RevocableAccessPoint()
    point.identity = revocable.identity
    point.keys[revocable.identity.certificate_der] = revocable.identity.key
    async with (
        access_points(point),
        a_sender(database, tmp_path, point, trust=revocable.trust) as sender,
    ):
        ref = await sender.accept()
        pause = await sender.run(ref)
        return pause, await sender.document(ref), await sender.last(ref), point


async def test_a_revoked_certificate_fails_it(database, tmp_path):
    revocable = Revocable()
    revocable.publish(revocable.identity)
    pause, document, last, point = await run_against(database, tmp_path, revocable)
    assert (pause, document.status) == (None, "failed")
    assert (last.detail["phase"], last.detail["code"]) == ("certificate", "certificate-revoked")
    assert point.arrivals == []


async def test_without_a_revocation_list_it_is_tried_again(database, tmp_path):
    revocable = Revocable()
    revocable.lists.bodies.clear()
    pause, document, last, point = await run_against(database, tmp_path, revocable)
    assert pause > 0
    assert document.status == "accepted"
    assert last.detail["kind"] == "revocation-unknown"
    assert point.arrivals == []


async def test_a_receipt_signed_by_a_revoked_certificate_proves_nothing(database, tmp_path):
    revocable = Revocable()
    other = sandbox_pki.issue_access_point(revocable.pki, RECEIVER, now=NOW)
    revocable.publish(other)
    assert load_certificate(other.certificate_der).subject_cn == RECEIVER
    point = RevocableAccessPoint()
    point.identity = revocable.identity
    point.keys[revocable.identity.certificate_der] = revocable.identity.key
    point.script = [receipt(signer=other)]
    async with (
        access_points(point),
        a_sender(database, tmp_path, point, trust=revocable.trust) as sender,
    ):
        ref = await sender.accept()
        assert await sender.run(ref) > 0
        last = await sender.last(ref)
    assert (last.detail["kind"], last.detail["code"]) == ("bad-receipt", "EBMS:0302")
    assert "the certificate of PBE000002 was revoked" in last.detail["detail"]
    assert "nobody says" not in last.detail["detail"]
