from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.retry import (
    HTTP_REFUSALS_MAX,
    RULES,
    Deliver,
    Failed,
    GiveUp,
    Outcome,
    Phase,
    Reach,
    Refused,
    Retry,
    RetryRules,
    Uncertain,
    Waiting,
    What,
    decide,
    http_kind,
    signal_kind,
)
from gateway.exchange.timeline import Progress

ACCEPTED = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
RULE = RetryRules(first_seconds=60, max_seconds=3600, give_up_seconds=86_400)


def verdict(
    what, *before, since_sealed=None, after=timedelta(minutes=1), jitter=0.5, detail="", asked=0.0
):
    kinds = list(before)
    present = len(kinds) if since_sealed is None else since_sealed
    history = Progress(tuple(kinds), present).history(ACCEPTED)
    outcome = Outcome(what=what, detail=detail, asked_seconds=asked)
    return decide(outcome, history, RULE, now=ACCEPTED + after, jitter=jitter)


def test_every_kind_has_a_rule():
    assert set(What) == set(RULES)


def test_a_verified_receipt_delivers_whatever_went_before():
    assert verdict(What.RECEIPT) == Deliver()
    assert verdict(What.RECEIPT, What.BROKEN_OFF, What.ALREADY_THERE) == Deliver()
    assert verdict(What.RECEIPT, after=timedelta(days=9)) == Deliver()


@pytest.mark.parametrize(
    "what",
    [
        What.LOOKUP_DOWN,
        What.REVOCATION_UNKNOWN,
        What.NOT_CONNECTED,
        What.TLS_FAILED,
        What.BROKEN_OFF,
        What.INTERRUPTED,
        What.HTTP_BUSY,
        What.UNSIGNED_SIGNAL,
        What.SIGNED_TEMPORARY,
        What.NO_RECEIPT,
        What.BAD_RECEIPT,
    ],
)
def test_what_may_pass_is_tried_again(what):
    assert verdict(what) == Retry(60.0)


@pytest.mark.parametrize(
    "what",
    [
        What.NOT_REGISTERED,
        What.CERTIFICATE_REFUSED,
        What.ADDRESS_REFUSED,
        What.UNSENDABLE,
        What.OTHER_ACCESS_POINT,
    ],
)
def test_what_is_final_here_fails_unless_it_may_have_arrived(what):
    assert verdict(what) == Failed()
    assert verdict(what, What.NOT_CONNECTED) == Failed()
    assert verdict(what, What.BROKEN_OFF) == Waiting()


def test_a_signed_refusal_is_final():
    assert verdict(What.SIGNED_REFUSAL) == Refused()
    assert verdict(What.SIGNED_REFUSAL, What.BROKEN_OFF) == Refused()


def test_not_serviced_refreshes_the_lookup_once_and_is_then_final():
    assert verdict(What.NOT_SERVICED) == Retry(0.0, refresh=True)
    assert verdict(What.NOT_SERVICED, What.NOT_SERVICED) == Refused()
    assert verdict(What.NOT_SERVICED, What.NOT_SERVICED, since_sealed=0) == Refused()


@pytest.mark.parametrize("unknown", [k for k in What if RULES[k].reach is Reach.UNKNOWN])
def test_a_signed_0004_after_an_unknown_outcome_is_probably_delivered(unknown):
    assert verdict(What.ALREADY_THERE, unknown) == Uncertain()
    assert verdict(What.ALREADY_THERE, unknown, What.NOT_CONNECTED) == Uncertain()


def test_a_signed_0004_is_a_refusal_when_nothing_had_reached_the_peer():
    assert verdict(What.ALREADY_THERE) == Refused()
    assert verdict(What.ALREADY_THERE, What.NOT_CONNECTED, What.TLS_FAILED) == Refused()
    assert verdict(What.ALREADY_THERE, What.SIGNED_TEMPORARY) == Refused()


def test_an_unknown_outcome_of_an_earlier_message_says_nothing_about_this_one():
    assert verdict(What.ALREADY_THERE, What.BROKEN_OFF, since_sealed=0) == Refused()


def test_plain_http_refusals_are_tried_a_few_times():
    few = [What.HTTP_REFUSED] * (HTTP_REFUSALS_MAX - 1)
    assert isinstance(verdict(What.HTTP_REFUSED, *few[1:]), Retry)
    assert verdict(What.HTTP_REFUSED, *few) == GiveUp()


def test_it_gives_up_when_the_time_is_over_and_tries_once_more_just_then():
    day = timedelta(seconds=86_400)
    assert verdict(What.NOT_CONNECTED, after=day - timedelta(seconds=7)) == Retry(7.0)
    assert verdict(What.NOT_CONNECTED, after=day) == GiveUp()


def test_pauses_double_up_to_the_longest():
    pauses = [RULE.pause(failures, 0.5) for failures in range(1, 9)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert verdict(What.NOT_CONNECTED, What.TLS_FAILED, What.LOOKUP_DOWN) == Retry(240.0)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_stays_within_its_bounds(failures, jitter):
    assert 0.75 * 60 <= RULE.pause(failures, jitter) <= 3600


@given(
    st.sampled_from(list(What)),
    st.lists(st.sampled_from(list(What)), max_size=12),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_the_text_never_decides(what, before, one, other):
    assert verdict(what, *before, detail=one) == verdict(what, *before, detail=other)


@given(st.sampled_from(list(What)), st.lists(st.sampled_from(list(What)), max_size=12))
def test_a_transport_failure_is_never_the_receivers_rejection(what, before):
    if RULES[what].phase is not Phase.SIGNAL:
        assert verdict(what, *before) != Refused()


@given(st.sampled_from(list(What)), st.lists(st.sampled_from(list(What)), max_size=12))
def test_what_may_have_arrived_is_never_called_failed(what, before):
    if any(RULES[kind].reach is Reach.UNKNOWN for kind in before):
        assert verdict(what, *before) != Failed()


@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        ("EBMS:0004", "PEPPOL:NOT_SERVICED", What.NOT_SERVICED),
        ("EBMS:0004", " PEPPOL:NOT_SERVICED\n", What.NOT_SERVICED),
        ("EBMS:0004", None, What.ALREADY_THERE),
        ("EBMS:0004", "PEPPOL:NOT_SERVICED_EITHER", What.ALREADY_THERE),
        ("EBMS:4001", None, What.ALREADY_THERE),
        ("4001", None, What.ALREADY_THERE),
        ("EBMS:0005", None, What.SIGNED_TEMPORARY),
        ("EBMS:0202", None, What.SIGNED_TEMPORARY),
        ("EBMS:0101", None, What.SIGNED_REFUSAL),
        ("EBMS:0102", None, What.SIGNED_REFUSAL),
        ("EBMS:0103", "PEPPOL:NOT_SERVICED", What.SIGNED_REFUSAL),
        ("EBMS:0303", None, What.SIGNED_REFUSAL),
        ("EBMS:9999", None, What.SIGNED_REFUSAL),
    ],
)
def test_a_signed_error_is_judged_by_its_code(code, detail, kind):
    assert kind is signal_kind([(code, detail)], authenticated=True)
    assert What.UNSIGNED_SIGNAL is signal_kind([(code, detail)], authenticated=False)


def test_of_several_errors_the_most_final_counts():
    errors = [("EBMS:0202", None), ("EBMS:0303", None)]
    assert What.SIGNED_REFUSAL is signal_kind(errors, authenticated=True)


def test_a_signal_with_warnings_alone_is_no_receipt():
    assert What.NO_RECEIPT is signal_kind([], authenticated=True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, What.NO_RECEIPT),
        (204, What.NO_RECEIPT),
        (302, What.HTTP_REFUSED),
        (400, What.HTTP_REFUSED),
        (404, What.HTTP_REFUSED),
        (413, What.HTTP_REFUSED),
        (408, What.HTTP_BUSY),
        (429, What.HTTP_BUSY),
        (500, What.HTTP_BUSY),
        (503, What.HTTP_BUSY),
    ],
)
def test_an_answer_without_a_signal_is_judged_by_its_status(status, kind):
    assert kind is http_kind(status)


@pytest.mark.parametrize(
    ("asked", "jitter", "pause"),
    [
        (0, 0.5, 60),
        (1, 0.5, 60),
        (59, 0.0, 59),
        (120, 0.0, 120),
        (120, 0.5, 135),
        (3_000, 0.999, 3600),
        (86_400, 0.5, 3600),
        (1e9, 0.5, 3600),
    ],
)
def test_a_peer_may_ask_for_a_longer_pause_within_bounds(asked, jitter, pause):
    """[RFC9110 §10.2.3]"""
    assert verdict(What.HTTP_BUSY, asked=asked, jitter=jitter) == Retry(pytest.approx(pause))


def test_the_last_try_is_made_when_the_time_is_over_whatever_the_peer_asked():
    left = timedelta(seconds=100)
    late = timedelta(seconds=86_400) - left
    assert verdict(What.HTTP_BUSY, asked=3000.0, after=late) == Retry(left.total_seconds())


def test_what_is_final_stays_final_whatever_the_peer_asked():
    assert verdict(What.SIGNED_REFUSAL, asked=60.0) == Refused()
