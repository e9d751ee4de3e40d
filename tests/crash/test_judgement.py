"""The judge of the crash run notices each way in which a promise can be broken."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from gateway.client import Document, FeedEvent
from gateway.client.bulkmodel import Import, ImportResult
from gateway.client.webhookmodel import WebhookMessage
from gateway.sandbox.hooks import Received
from tests.crash.__main__ import is_whole
from tests.crash.book import ROUTES, Book, Taken
from tests.crash.judgement import Shown, Verdict, judge

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
ALONE, IMPORTED, ARRIVED, ARRIVED_TOO, IMPORT, ENDPOINT, DOSSIER, KEY, CAME = map(UUID, (
    f"00000000-0000-7000-8000-{number:012}" for number in range(1, 10)
))  # fmt: skip
TEST = "evt_test_1"


def a_document(document_id, number, **changed):
    given = {
        "id": document_id,
        "direction": "out",
        "status": "delivered",
        "sender": "0208:1",
        "receiver": "0208:2",
        "document_type": "invoice",
        "process": "billing",
        "created_at": NOW,
        "updated_at": NOW,
        "number": number,
        "sha256": f"digest of {number}",
    }
    return Document(**given | changed)


def an_event(document_id, seq, name):
    return FeedEvent(
        id=f"evt_{document_id.hex}_{seq}",
        type=f"document.{name}",
        at=NOW,
        document_id=document_id,
        seq=seq,
        detail={},
    )


def a_webhook(event, **changed):
    data = {"document_id": str(event.document_id), "seq": event.seq}
    message = WebhookMessage(type=event.type, timestamp=NOW, data=data)
    given = {
        "id": event.id,
        "message": message,
        "is_genuine": True,
        "headers": {},
        "body": msgspec.json.encode(message),
    }
    return Received(**given | changed)


def a_test():
    message = WebhookMessage(type="webhook.test", timestamp=NOW, data={"endpoint_id": ""})
    return Received(TEST, message, is_genuine=True, headers={}, body=b"")


def an_import(**changed):
    given = {
        "id": IMPORT,
        "status": "done",
        "media_type": "application/x-ndjson",
        "size_bytes": 1,
        "total": 1,
        "accepted": 1,
        "refused": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Import(**given | changed)


@dataclass
class Scene:
    """A company that was promised one of each thing, and all of it was kept."""

    book: Book = field(default_factory=Book)
    here: Shown = field(default_factory=Shown)
    there: Shown = field(default_factory=Shown)
    taken: Book = field(default_factory=Book)
    came: list[Received] = field(default_factory=list)

    def __post_init__(self):
        self.book.documents = {ALONE: "A"}
        self.book.digests = {"A": "digest of A"}
        self.book.imports = {IMPORT: ("I",)}
        self.book.endpoints = {ENDPOINT}
        self.book.dossiers = {DOSSIER}
        self.book.keys = {KEY}
        self.book.tests = {TEST}
        self.book.taken = {CAME: Taken("C", "digest of C")}
        self.here.sent = {ALONE: a_document(ALONE, "A"), IMPORTED: a_document(IMPORTED, "I")}
        came = a_document(CAME, "C", direction="in", sender="0208:2", acknowledged_at=NOW)
        self.here.received = {CAME: came}
        result = ImportResult(position=1, status=202, document_id=IMPORTED)
        self.here.imports = {IMPORT: (an_import(), (result,))}
        self.here.endpoints = {ENDPOINT}
        self.here.dossiers = {DOSSIER}
        self.here.keys = {KEY}
        names = enumerate(("accepted", "checked", "delivered"), start=1)
        self.here.events = [an_event(ALONE, seq, name) for seq, name in names]
        self.book.polled = list(self.here.events)
        self.there.received = {
            ARRIVED: a_document(ARRIVED, "A", direction="in"),
            ARRIVED_TOO: a_document(ARRIVED_TOO, "I", direction="in"),
        }
        self.taken.taken = {
            ARRIVED: Taken("A", "digest of A"),
            ARRIVED_TOO: Taken("I", "digest of I"),
        }
        self.came = [*map(a_webhook, self.here.events), a_test()]

    def judge(self) -> Verdict:
        return judge(self.book, self.here, self.there, self.taken, self.came)


def other(document, **changed):
    return msgspec.structs.replace(document, **changed)


def lose_document(scene):
    del scene.here.sent[ALONE]


def lose_on_the_way(scene):
    del scene.there.received[ARRIVED]


def leave_unfinished(scene):
    scene.here.sent[ALONE] = other(scene.here.sent[ALONE], status="sending")


def exchange(scene):
    scene.there.received[ARRIVED] = other(scene.there.received[ARRIVED], sha256="another")


def exchange_in_the_inbox(scene):
    scene.taken.taken[ARRIVED] = Taken("A", "another")


def leave_import(scene):
    scene.here.imports[IMPORT] = (an_import(status="running", accepted=0), ())


def lose_imported(scene):
    del scene.here.sent[IMPORTED]


def lose_endpoint(scene):
    scene.here.endpoints.clear()


def lose_dossier(scene):
    scene.here.dossiers.clear()


def lose_key(scene):
    scene.here.keys.clear()


def lose_acknowledgement(scene):
    scene.here.received[CAME] = other(scene.here.received[CAME], acknowledged_at=None)


def lose_from_inbox(scene):
    scene.book.taken.clear()


def show_again(scene):
    scene.here.inbox.add(CAME)


def take_again(scene):
    scene.book.reappeared.append("C is in the inbox although acknowledged")


def lose_from_feed(scene):
    del scene.book.polled[1]


def lose_step(scene):
    del scene.here.events[1]


def lose_webhook(scene):
    del scene.came[1]


def lose_test(scene):
    scene.came.pop()


@pytest.mark.parametrize(
    "lose",
    [
        lose_document, lose_on_the_way, leave_unfinished, exchange, exchange_in_the_inbox,
        leave_import, lose_imported, lose_endpoint, lose_dossier, lose_key, lose_acknowledgement,
        lose_from_inbox, show_again, take_again, lose_from_feed, lose_step, lose_webhook, lose_test,
    ],
)  # fmt: skip
def test_what_is_lost_is_noticed(lose):
    scene = Scene()
    assert scene.judge().wrong() == []
    lose(scene)
    verdict = scene.judge()
    assert len(verdict.lost) == 1
    assert verdict.wrong() == verdict.lost


def double_sent(scene):
    scene.here.sent[CAME] = a_document(CAME, "A")


def double_received(scene):
    scene.there.received[CAME] = a_document(CAME, "A", direction="in")


def double_event(scene):
    scene.book.polled.append(scene.book.polled[0])


@pytest.mark.parametrize("double", [double_sent, double_received, double_event])
def test_what_is_doubled_is_noticed(double):
    scene = Scene()
    double(scene)
    verdict = scene.judge()
    assert len(verdict.doubled) == 1
    assert verdict.wrong() == verdict.doubled


def test_a_webhook_that_came_again_is_counted_and_not_wrong():
    scene = Scene()
    scene.came.append(copy.copy(scene.came[0]))
    verdict = scene.judge()
    assert verdict.wrong() == []
    assert (verdict.wanted, verdict.arrived, verdict.again) == (4, 4, 1)


@pytest.mark.parametrize("changed", [{"id": "evt_other"}, {"body": b"{}"}, {"is_genuine": False}])
def test_a_webhook_that_came_again_as_another_is_noticed(changed):
    scene = Scene()
    scene.came.append(a_webhook(scene.here.events[0], **changed))
    verdict = scene.judge()
    assert len(verdict.unstable) == 1
    assert verdict.wrong() == verdict.unstable


def test_a_webhook_about_another_step_than_its_id_says_is_noticed():
    scene = Scene()
    first, second = scene.here.events[:2]
    scene.came[0] = a_webhook(first, message=a_webhook(second).message)
    assert len(scene.judge().unstable) == 1


def test_answers_that_changed_or_were_refusals_are_wrong():
    scene = Scene()
    scene.book.changed.append("A")
    scene.book.refused.append("B")
    assert scene.judge().wrong() == ["A", "B"]


def the_facts(**changed):
    given = {
        "lost": 0,
        "doubled": 0,
        "orphans": 0,
        "refused": 0,
        "changed": 0,
        "answered": dict.fromkeys(ROUTES, 1),
        "webhooks": {"wanted": 9, "arrived": 9, "doubled": 2, "unstable": 0},
    }
    return given | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"lost": 1},
        {"doubled": 1},
        {"orphans": 1},
        {"refused": 1},
        {"changed": 1},
        {"answered": dict.fromkeys(ROUTES[1:], 1)},
        {"webhooks": {"wanted": 9, "arrived": 8, "doubled": 0, "unstable": 0}},
        {"webhooks": {"wanted": 9, "arrived": 9, "doubled": 0, "unstable": 1}},
        {"webhooks": {"wanted": 0, "arrived": 0, "doubled": 0, "unstable": 0}},
    ],
)
def test_a_run_with_anything_wrong_or_untried_fails(changed):
    assert is_whole(the_facts())
    assert not is_whole(the_facts(**changed))
