"""The pure parts of webhooks: signatures, the schedule, names and messages of events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.client.signing import sign, signed_headers, verify, write_secret
from gateway.exchange import checking, timeline
from gateway.exchange.states import Status
from gateway.webhooks.events import EVENT_TYPES, event_id, event_type, read_event_id
from gateway.webhooks.schedule import PAUSES, next_attempt, read_retry_after

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = bytes(range(32))


@given(
    secret=st.binary(min_size=24, max_size=64),
    body=st.text(),
    at=st.integers(0, 2**32),
    number=st.integers(1, 2**31),
)
def test_signatures_are_those_of_another_implementation(secret, body, at, number):
    """[STANDARD-WEBHOOKS §signature-scheme]"""
    message_id = event_id(UUID(int=number), number)
    theirs = Webhook(write_secret(secret)).sign(
        message_id, datetime.fromtimestamp(at, UTC).replace(tzinfo=None), body
    )
    assert sign(secret, message_id, at, body.encode()) == theirs


def test_the_example_of_another_implementation_is_verified():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    then = datetime.fromtimestamp(1614265330, UTC)
    assert verify(secret, headers, body, now=then)
    assert not verify(secret, headers, body + b" ", now=then)


def altered(**changed):
    return signed_headers([SECRET], "evt_1", b"{}", now=NOW) | changed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        altered(**{"webhook-id": "evt_2"}),
        altered(**{"webhook-timestamp": str(int(NOW.timestamp()) + 1)}),
        altered(**{"webhook-timestamp": "soon"}),
        altered(**{"webhook-timestamp": "9" * 400}),
        altered(**{"webhook-signature": ""}),
        altered(**{"webhook-signature": "v1,é"}),
        altered(**{"webhook-signature": "v1,\udcff"}),
        altered(**{"webhook-id": "\udcff"}),
        altered(**{"webhook-timestamp": "\udcff"}),
    ],
)
def test_what_was_not_signed_so_is_not_genuine(headers):
    """[STANDARD-WEBHOOKS §verifying-webhook-authenticity]"""
    assert not verify(write_secret(SECRET), headers, b"{}", now=NOW)


@pytest.mark.parametrize(("minutes", "good"), [(0, True), (4, True), (-4, True), (6, False)])
def test_a_message_is_good_for_a_few_minutes(minutes, good):
    """[STANDARD-WEBHOOKS §verifying-webhook-authenticity]"""
    now = NOW + timedelta(minutes=minutes)
    assert verify(write_secret(SECRET), altered(), b"{}", now=now) == good


def test_one_of_several_signatures_is_enough():
    headers = signed_headers([bytes(32), SECRET], "evt_1", b"{}", now=NOW)
    assert verify(write_secret(SECRET), headers, b"{}", now=NOW)
    assert not verify("whsec_no Base64", headers, b"{}", now=NOW)
    assert not verify("whsec_é", headers, b"{}", now=NOW)


@pytest.mark.parametrize("spell", [str.title, str.upper, str.lower])
def test_names_of_headers_count_without_case(spell):
    """[STANDARD-WEBHOOKS §webhook-headers]"""
    headers = {spell(name): value for name, value in altered().items()}
    assert verify(write_secret(SECRET), headers, b"{}", now=NOW)


def test_attempts_follow_in_three_days():
    """[STANDARD-WEBHOOKS §deliverability-and-reliability]"""
    assert [each.total_seconds() for each in PAUSES] == [
        0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400
    ]  # fmt: skip


@given(attempts=st.integers(1, 9), chance=st.floats(0, 1))
def test_a_pause_is_spread_by_a_tenth(attempts, chance):
    pause = next_attempt(attempts, now=NOW, chance=chance) - NOW
    assert PAUSES[attempts] * 0.9 <= pause <= PAUSES[attempts] * 1.1


def test_after_the_last_attempt_there_is_none():
    assert next_attempt(len(PAUSES), now=NOW, chance=0.5) is None


def test_what_an_endpoint_asks_for_makes_a_pause_longer_and_never_shorter():
    def pause(attempts, **asked):
        return next_attempt(attempts, now=NOW, chance=0.5, asked=timedelta(**asked)) - NOW

    assert pause(1, seconds=60) == timedelta(seconds=60)
    assert pause(4, seconds=60) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-1", 0),
        ("1.5", 0),
        ("9" * 5000, 86_400),
        ("Sun, 22 Nov 2026 12:10:00 GMT", 600),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 9999 11:00:00 -2359", 86_400),
        ("whenever", 0),
    ],
)
def test_how_long_an_endpoint_asks_us_to_wait(text, seconds):
    """[RFC9110 §10.2.3]"""
    assert read_retry_after(text, now=NOW) == timedelta(seconds=seconds)


@given(number=st.integers(0, 2**128 - 1), seq=st.integers(1, 999_999_999))
def test_an_event_id_is_read_as_it_is_written(number, seq):
    assert read_event_id(event_id(UUID(int=number), seq)) == (UUID(int=number), seq)


@given(st.text() | st.from_regex(r"evt_[0-9a-fA-F{}-]{30,36}_[0-9]{1,12}", fullmatch=True))
def test_nothing_else_is_an_event_id(text):
    found = read_event_id(text)
    assert found is None or event_id(*found) == text


def test_every_step_of_a_document_is_a_type_of_event():
    names = {str(each) for each in Status} | {
        timeline.LOOKED_UP, timeline.SEALED, timeline.SEALED_ANEW, timeline.ENCRYPTION_RENEWED,
        timeline.SENDING, timeline.WILL_RETRY, timeline.RETRIED,
        checking._CHECKED, checking._NOT_CHECKED, "acknowledged",
    }  # fmt: skip
    documents = {name for name in EVENT_TYPES if name.startswith("document.")}
    assert {event_type(name) for name in names} == documents
