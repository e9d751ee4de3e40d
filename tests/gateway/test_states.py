import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.exchange.retry import (
    RULES,
    Outcome,
    Phase,
    RetryRules,
    What,
    decide,
)
from gateway.exchange.states import ALLOWED, FINAL, Status, check_move
from gateway.exchange.timeline import Progress, read_progress, status_after
from tests.support.store import NOW

BEFORE_SENDING = {Phase.DOCUMENT, Phase.LOOKUP, Phase.CERTIFICATE}
IN_SENDING = [kind for kind in What if RULES[kind].phase not in BEFORE_SENDING]
RULE = RetryRules(first_seconds=1, max_seconds=2, give_up_seconds=60)


def test_every_status_is_in_the_table():
    assert set(ALLOWED) == set(Status)


def test_final_statuses_are_where_nothing_happens_by_itself():
    assert {"delivered", "refused", "failed", "uncertain", "gave_up", "broken"} == FINAL


@pytest.mark.parametrize("current", list(Status))
def test_a_move_outside_the_table_is_refused(current):
    for to in Status:
        if to in ALLOWED[current]:
            check_move(current, to)
        else:
            with pytest.raises(ValueError, match=f"from {current} to {to}"):
                check_move(current, to)


@given(st.lists(st.tuples(st.sampled_from(list(What)), st.floats(0, 100)), max_size=15))
def test_whatever_happens_no_path_of_sending_leaves_the_table(happenings):
    status, kinds = Status.ACCEPTED, []
    for what, seconds in happenings:
        if status in FINAL or status is Status.WAITING:
            break
        if what in IN_SENDING:
            for to in (Status.SEALED, Status.SENDING):
                if not (status is Status.SEALED and to is Status.SEALED):
                    check_move(status, to)
                    status = to
        history = Progress(tuple(kinds), len(kinds)).history(NOW)
        verdict = decide(
            Outcome(what=what, detail=""),
            history,
            RULE,
            now=NOW.fromtimestamp(NOW.timestamp() + seconds, NOW.tzinfo),
            jitter=0.5,
        )
        kinds.append(what)
        to = status_after(verdict) or (Status.SEALED if status is Status.SENDING else status)
        if to is not status:
            check_move(status, to)
        status = to


def sources_with(pattern):
    folder = Path(gateway.__file__).parent
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(pattern, path.read_text())
    }


def test_a_status_is_changed_where_the_move_was_checked_and_nowhere_else():
    assert sources_with(r"UPDATE documents\b") == {
        "store/documents.py",  # a timeline grows
        "store/feed.py",  # a received document is acknowledged
        "store/deliveries.py",
        "store/sendings.py",
    }
    assert sources_with(r"\b(Move|Finished)\(") == {
        "exchange/decisions.py",
        "exchange/delivery.py",
        "exchange/outbound.py",
    }
    assert sources_with(r"\bcheck_move\(") == {
        "exchange/states.py",
        "exchange/decisions.py",
        "exchange/delivery.py",
        "exchange/outbound.py",
    }


class _Event:
    def __init__(self, name, **detail):
        self.name = name
        self.detail = detail


def test_the_timeline_adds_up_to_what_happened_to_the_present_message():
    events = [
        _Event("accepted"),
        _Event("will_retry", kind="look-up-unavailable"),
        _Event("sealed"),
        _Event("sending"),
        _Event("will_retry", kind="not-serviced"),
        _Event("sealed_anew"),
        _Event("encryption_renewed"),
        _Event("will_retry", kind="broken-off"),
    ]
    progress = read_progress(events)
    assert progress.kinds == (What.LOOKUP_DOWN, What.NOT_SERVICED, What.BROKEN_OFF)
    assert progress.since_sealed == 1
    assert progress.history(NOW).unknown
    assert not progress.refresh
    assert read_progress(events[:5]).refresh
    assert not read_progress(events[:6]).history(NOW).unknown
