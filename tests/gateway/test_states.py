import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.errors import Fault, Kind
from gateway.exchange.retry import (
    RULES,
    History,
    Outcome,
    Phase,
    RetryRules,
    What,
    decide,
)
from gateway.exchange.states import ALLOWED, FINAL, Status, check_move, move
from gateway.exchange.timeline import read_progress, status_after
from gateway.store import documents
from tests.support.store import NOW, a_document, a_dossier

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
        history = History.of(NOW, kinds, since_sealed=len(kinds))
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


async def test_a_move_is_made_once(database):
    dossier = await a_dossier(database)
    new = a_document()
    async with database.transaction(dossier) as tx:
        await documents.insert_document(tx, new)
        await move(tx, new.id, Status.ACCEPTED, Status.SEALED, now=NOW)
        with pytest.raises(Fault) as fault:
            await move(tx, new.id, Status.ACCEPTED, Status.SEALED, now=NOW)
    assert (fault.value.kind, fault.value.code) == (Kind.CONFLICT, "status-changed")


def test_nothing_else_changes_a_status():
    sources = Path(gateway.__file__).parent.rglob("*.py")
    callers = {
        path.relative_to(Path(gateway.__file__).parent).as_posix()
        for path in sources
        if re.search(r"\bmove_document\(", path.read_text())
    }
    assert callers == {"exchange/states.py", "store/documents.py"}


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
