from datetime import UTC, datetime

import pytest
from aiohttp import web

from as4 import errors
from gateway.exchange.judgement import read_retry_after
from tests.support.sending import (
    error,
    hang_up,
    other_digests,
    plain,
    receipt,
)


class Duplicate(errors.Other):
    code = "EBMS:4001"


@pytest.mark.parametrize(
    "answer",
    [receipt(), receipt(status=500), receipt(status=400, zipped=True), receipt(zipped=True)],
    ids=["200", "500", "400-gzip", "gzip"],
)
async def test_a_receipt_counts_on_any_http_status_and_compressed(sender, receiver, answer):
    """[EBMS3 §6.1]"""
    receiver.script = [answer]
    assert (await sender.finish(await sender.accept())).status == "delivered"
    assert len(receiver.arrivals) == 1


def under(content_type, act):
    """Answer as *act* does, but call it *content_type*."""

    async def relabelled(ap, request, received):
        response = await act(ap, request, received)
        response.headers["Content-Type"] = content_type
        return response

    return relabelled


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/octet-stream"])
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_signals_are_read_under_any_content_type(sender, receiver, content_type, status):
    refusal = error(errors.FailedAuthentication, status=status, zipped=status == 400)
    receiver.script = [under(content_type, refusal)]
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "refused"
    detail = (await sender.last(ref)).detail
    assert (detail["code"], detail["authenticated"]) == ("EBMS:0101", True)
    receiver.script = [under(content_type, receipt(status=status))]
    assert (await sender.finish(await sender.accept())).status == "delivered"


async def test_an_unsigned_error_is_told_as_unauthenticated(sender, receiver):
    """[EBMS3 §6.4]"""
    receiver.script = [error(errors.FailedDecryption, signer=None, status=500)]
    ref = await sender.accept()
    await sender.run(ref)
    detail = (await sender.last(ref)).detail
    assert detail["detail"].startswith("unauthenticated, it is not signed: EBMS:0102")
    assert detail["authenticated"] is False
    assert (await sender.document(ref)).status == "sealed"


NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("\u0661\u0662", 0),
        ("9" * 400, 999_999_999),
        ("Mon, 15 Jun 2026 12:05:00 GMT", 300),
        ("Mon, 15 Jun 2026 12:05:00 -0000", 300),
        ("Mon, 15 Jun 2026 11:05:00 GMT", 0),
        ("Mon, 15 Jun 99999 11:05:00 GMT", 0),
        ("Mon, 15 Jun 2026 12:05:00 +9999999", 0),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(text, seconds):
    """[RFC9110 §10.2.3]"""
    assert read_retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "text", "least", "most"),
    [
        (503, "600", 600, 750),
        (429, "999999", 3600, 3600),
        (503, "1", 45, 75),
        (500, "", 45, 75),
        (200, "600", 600, 750),
    ],
)
async def test_a_peer_that_asks_for_a_pause_gets_it(sender, receiver, status, text, least, most):
    async def busy(ap, request, received):
        return web.Response(status=status, headers={"Retry-After": text} if text else {})

    receiver.script = [busy]
    ref = await sender.accept()
    assert least <= await sender.run(ref) <= most


@pytest.mark.parametrize(
    ("answer", "kind", "phase", "code"),
    [
        (hang_up(), "broken-off", "http", "transport-http"),
        (plain(200), "no-receipt", "receipt", "EBMS:0301"),
        (plain(204), "no-receipt", "receipt", "EBMS:0301"),
        (plain(500), "http-unavailable", "http", "http-500"),
        (plain(503), "http-unavailable", "http", "http-503"),
        (plain(429), "http-unavailable", "http", "http-429"),
        (plain(404), "http-refused", "http", "http-404"),
        (plain(302), "http-refused", "http", "http-302"),
        (plain(200, "<html/>", "text/html"), "no-receipt", "receipt", "EBMS:0301"),
        (plain(200, "<html/>", "text/xml"), "bad-receipt", "receipt", "EBMS:0302"),
        (plain(502, "<html/>", "text/xml"), "http-unavailable", "http", "http-502"),
        (receipt(signer="third"), "bad-receipt", "receipt", "EBMS:0302"),
        (receipt(signer="expired"), "bad-receipt", "receipt", "EBMS:0302"),
        (receipt(signer="foreign"), "bad-receipt", "receipt", "EBMS:0302"),
        (receipt(about="another@message"), "bad-receipt", "receipt", "EBMS:0302"),
        (other_digests(), "bad-receipt", "receipt", "EBMS:0302"),
        (
            receipt(spoil=lambda soap: soap.replace(b"DigestValue>", b"DigestValue>A", 1)),
            "bad-receipt",
            "receipt",
            "EBMS:0302",
        ),
        (error(errors.Other, signer=None), "unsigned-signal", "signal", "EBMS:0004"),
        (error(errors.NotServed, signer=None), "unsigned-signal", "signal", "EBMS:0004"),
        (error(errors.InvalidHeader, signer="third"), "unsigned-signal", "signal", "EBMS:0009"),
        (error(errors.Other, signer="expired"), "unsigned-signal", "signal", "EBMS:0004"),
        (error(errors.Other, about="another@message"), "unsigned-signal", "signal", "EBMS:0004"),
        (error(errors.DeliveryFailure), "temporary-refusal", "signal", "EBMS:0202"),
        (error(errors.ConnectionFailure, status=500), "temporary-refusal", "signal", "EBMS:0005"),
        (error(errors.FeatureNotSupported), "no-receipt", "receipt", "EBMS:0301"),
    ],
)  # fmt: skip
async def test_what_proves_nothing_is_followed_by_the_same_message(
    sender, receiver, answer, kind, phase, code
):
    """[EBBPSIG §3.2]"""
    receiver.script = [answer]
    ref = await sender.accept()

    document = await sender.finish(ref)

    assert document.status == "delivered"
    assert len(set(receiver.message_ids)) == 1
    assert receiver.arrivals[0].wire == receiver.arrivals[1].wire
    failed = next(event for event in await sender.events(ref) if event.name == "will_retry")
    assert (failed.detail["kind"], failed.detail["phase"]) == (kind, phase)
    assert failed.detail["code"] == code
    assert failed.detail["text"]
    first, second = await sender.attempts(ref)
    assert (first.outcome, first.phase) == (kind, phase)
    assert second.outcome == "receipt"


@pytest.mark.parametrize(
    "kind",
    [
        errors.FailedAuthentication,
        errors.PolicyNoncompliance,
        errors.DecompressionFailure,
        errors.InvalidHeader,
        errors.Other,
        Duplicate,
    ],
)
async def test_a_signed_refusal_ends_it(sender, receiver, kind):
    receiver.script = [error(kind, zipped=True, status=500)]
    ref = await sender.accept()
    document = await sender.finish(ref)
    last = await sender.last(ref)
    assert document.status == "refused"
    assert last.name == "refused"
    assert last.detail["code"] == kind.code
    assert last.detail["signed_by"] == "PBE000002"
    assert last.detail["may_have_arrived"] is False
    assert len(receiver.arrivals) == 1


@pytest.mark.parametrize("kind", [errors.Other, Duplicate])
@pytest.mark.parametrize("before", [hang_up(), plain(500), other_digests()])
async def test_after_an_unknown_outcome_a_signed_0004_means_probably_delivered(
    sender, receiver, kind, before
):
    receiver.script = [before, error(kind)]
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "uncertain"
    assert (await sender.last(ref)).detail["may_have_arrived"] is True
    assert len(receiver.arrivals) == 2
    assert await sender.run(ref) is None
    assert len(receiver.arrivals) == 2


async def test_not_serviced_refreshes_the_lookup_once_and_is_then_final(sender, receiver):
    receiver.script = [error(errors.NotServed), error(errors.NotServed)]
    ref = await sender.accept()
    assert await sender.run(ref) == 0
    assert await sender.run(ref) is None
    assert (await sender.document(ref)).status == "refused"
    assert sender.directory.refreshed == [False, True]


async def test_an_unsigned_0004_is_never_a_verdict(sender, receiver):
    receiver.script = [
        hang_up(),
        error(errors.Other, signer=None),
        error(errors.Other, signer=None),
    ]
    assert (await sender.finish(await sender.accept())).status == "delivered"


async def test_another_certificate_of_the_same_seat_may_sign_the_receipt(sender, receiver):
    receiver.script = [receipt(signer="receiver-renewed")]
    assert (await sender.finish(await sender.accept())).status == "delivered"
