from datetime import UTC, datetime, timedelta

from gateway.clock import SystemClock


def test_now_is_aware_and_in_utc():
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_clock_can_start_at_another_instant_and_runs_on():
    capture = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    clock = SystemClock.starting_at(capture)
    first = clock.now()
    second = clock.now()
    assert timedelta(0) <= first - capture < timedelta(seconds=5)
    assert second >= first


def test_without_a_start_it_is_the_true_time():
    assert abs(SystemClock.starting_at(None).now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_uuids_are_of_version_7_variant_1_and_never_repeat():
    clock = SystemClock()
    made = [clock.uuid() for _ in range(1000)]
    assert {each.version for each in made} == {7}
    assert {each.variant for each in made} == {"specified in RFC 4122"}
    assert len(set(made)) == 1000


def test_a_later_uuid_sorts_after_an_earlier_one():
    early = SystemClock(timedelta(0)).uuid()
    late = SystemClock(timedelta(milliseconds=50)).uuid()
    assert early < late


def test_random_bytes_have_the_size_asked_for():
    assert [len(SystemClock().random(size)) for size in (0, 12, 32)] == [0, 12, 32]
    assert SystemClock().random(16) != SystemClock().random(16)


def test_a_message_id_has_its_host_and_no_angle_brackets():
    """[RFC5322 §3.6.4]"""
    left, _, right = SystemClock().message_id("ap.example").partition("@")
    assert right == "ap.example"
    assert len(left) == 36


def test_monotonic_never_goes_back():
    clock = SystemClock(timedelta(days=-1))
    assert clock.monotonic() <= clock.monotonic()
