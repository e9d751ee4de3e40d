"""What is written into a header is what is read from it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.envelope import build_messaging, find_message_id, parse_root
from as4.errors import InvalidHeader
from as4.pmode import PEPPOL
from as4.usermessage import (
    Service,
    build_user_message,
    check_payload_info,
    check_processing_mode,
    parse_timestamp,
    parse_user_message,
)
from tests.support.messages import C1, C4, a_sealed_message, a_user_message, swap
from ubl import xml

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Z")),
    min_size=1,
    max_size=40,
)
INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9))]),
)


def read_back(message, href="cid:x@y"):
    text = build_messaging(build_user_message(message, href), "m")
    return parse_user_message(xml.parse(text.encode()))


@settings(max_examples=60, deadline=None)
@given(
    message_id=WORDS,
    conversation_id=WORDS,
    action=WORDS,
    service=st.builds(Service, WORDS, WORDS),
    from_party=WORDS,
    timestamp=INSTANTS,
    href=WORDS.map("cid:{}".format),
)
def test_a_header_reads_back_as_it_was_written(
    *, message_id, conversation_id, action, service, from_party, timestamp, href
):
    message = a_user_message(
        message_id=message_id,
        conversation_id=conversation_id,
        action=action,
        service=service,
        from_party=from_party,
        timestamp=timestamp,
    )
    found = read_back(message, href)
    assert (found.message_id, found.conversation_id) == (message_id, conversation_id)
    assert (found.action, found.service) == (action, service)
    assert (found.from_party, found.to_party) == (from_party, message.to_party)
    assert abs(found.timestamp - timestamp) < timedelta(milliseconds=1)
    assert (found.original_sender, found.final_recipient) == (C1, C4)
    assert (found.href, found.compressed) == (href, True)
    check_processing_mode(found)
    check_payload_info(found)


def test_a_ping_is_told_by_service_and_action_together():
    test = Service(PEPPOL.test_service, None)
    assert read_back(a_user_message(service=test, action=PEPPOL.test_action)).is_ping
    assert not read_back(a_user_message(service=test)).is_ping
    assert not read_back(a_user_message(action=PEPPOL.test_action)).is_ping


def test_a_participant_that_cannot_be_used_is_none():
    text = build_messaging(build_user_message(a_user_message(), "cid:x"), "m")
    for hook in (swap("0208:0123456749", "x"), swap(' type="iso6523-actorid-upis"', "")):
        found = parse_user_message(xml.parse(hook(text).encode()))
        assert found.original_sender is None
        assert found.final_recipient == C4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-15T12:00:00Z", datetime(2026, 6, 15, 12, tzinfo=UTC)),
        ("2026-06-15T12:00:00.5Z", datetime(2026, 6, 15, 12, 0, 0, 500000, tzinfo=UTC)),
        ("2026-06-15T12:00:00+02:00", datetime(2026, 6, 15, 10, tzinfo=UTC)),
        ("2026-06-15T12:00:00", datetime(2026, 6, 15, 12, tzinfo=UTC)),
        ("2026-06-15T12:00:00.123456789Z", datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_as_an_instant_in_utc(text, expected):
    found = parse_timestamp(xml.parse(f"<t> {text} </t>".encode()))
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "2026-06-15", "2026-W25-1T12:00:00Z", "2026-06-15 12:00:00Z", "x" * 5000,
             "2026-06-15T25:00:00Z", "\u0662026-06-15T12:00:00Z", "2026-06-15T12:00Z"]
)  # fmt: skip
def test_what_is_no_date_and_time_is_refused(text):
    with pytest.raises(InvalidHeader) as caught:
        parse_timestamp(xml.parse(f"<t>{text}</t>".encode()))
    assert len(caught.value.detail) < 100


def test_a_message_id_is_found_in_whatever_can_be_read():
    soap = a_sealed_message().body
    soap = soap[soap.index(b"<?xml") : soap.index(b"</S12:Envelope>") + 15]
    assert find_message_id(parse_root(soap)) == a_user_message().message_id
    for change in (b"<eb:MessageId>", b"<eb:MessageId><!-- -->", b"<eb:MessageId>" + b"x" * 999):
        spoiled = soap.replace(b"<eb:MessageId>", change)
        found = find_message_id(parse_root(spoiled))
        assert found == (None if change != b"<eb:MessageId>" else a_user_message().message_id)
    assert find_message_id(xml.parse(b"<x/>")) is None
