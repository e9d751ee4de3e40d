"""Two ways to know of a revocation: the list first, the responder where the list is silent."""

import asyncio
import logging
from datetime import timedelta

import pytest
from cryptography import x509

from as4.certificates import Revocation, load_certificate
from gateway.trust import trust as trust_module
from gateway.trust.responders import ANSWERS_MAX, RETRY_AFTER, Responders
from tests.support.books import LIST, RESPONDER, Books, a_crl, a_leaf, a_list, told, trust_of
from tests.support.certificates import DAY, a_certificate, an_authority, der
from tests.support.pki import NOW
from tests.support.reception import FixedClock
from tests.support.responder import GOOD, HOUR, REVOKED, UNKNOWN, a_responder, an_answer


async def test_with_a_list_in_its_time_no_responder_is_asked(tmp_path):
    leaf = a_leaf()
    books = Books(listed=a_list(), status=REVOKED)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.GOOD
    await trust.refresh_due(NOW + HOUR / 2)
    assert books.questions == []


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (GOOD, Revocation.GOOD),
        (REVOKED, Revocation.REVOKED),
        (UNKNOWN, Revocation.UNKNOWN),
        (b"<html>sorry</html>", Revocation.UNKNOWN),
    ],
)
@pytest.mark.parametrize("crl", [None, LIST])
async def test_without_a_list_the_responder_is_asked(tmp_path, status, says, crl):
    leaf = a_leaf(crl=crl)
    books = Books(status=status)
    books.add(leaf)
    assert await told(trust_of(tmp_path, books), leaf) is says
    assert books.questions == [RESPONDER]


async def test_while_both_are_away_nobody_is_revoked(tmp_path):
    leaf = a_leaf()
    books = Books()
    books.up = False
    assert await told(trust_of(tmp_path, books), leaf) is Revocation.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>404</html>",
        a_crl(5, issuer="A root"),
        a_crl(5, this_update=NOW + DAY, next_update=NOW + 2 * DAY),
        a_list(5)[:-1] + b"\0",
    ],
)
async def test_whatever_the_lists_host_says_nobody_is_revoked_by_it(tmp_path, body):
    leaf = a_leaf()
    books = Books(listed=body)
    books.up = False
    assert await told(trust_of(tmp_path, books), leaf) is Revocation.UNKNOWN


async def test_an_answer_is_remembered_until_its_next_update(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(next_update=NOW + DAY)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    certificate = trust.check_signer(der(leaf), NOW)
    assert trust.cached_revocation(certificate, NOW) is None
    assert await told(trust, leaf) is Revocation.GOOD
    books.up = False
    for later in (timedelta(0), 23 * HOUR, 24 * HOUR):
        assert trust.cached_revocation(certificate, NOW + later) is Revocation.GOOD
    assert len(books.questions) == 1


async def test_past_its_next_update_an_answer_counts_for_the_grace(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(next_update=NOW + HOUR)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    await told(trust, leaf)
    books.up = False
    assert await told(trust, leaf, NOW + 20 * HOUR) is Revocation.GOOD
    assert await told(trust, leaf, NOW + DAY + 2 * HOUR) is Revocation.UNKNOWN


async def test_what_a_responder_revoked_stays_so_while_it_is_away(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(status=REVOKED, next_update=NOW + HOUR)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    await told(trust, leaf)
    books.up = False
    assert await told(trust, leaf, NOW + 9 * DAY) is Revocation.REVOKED


async def test_an_old_answer_that_is_replayed_is_not_taken(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(this_update=NOW - 2 * DAY, next_update=NOW - DAY)
    books.add(leaf)
    assert await told(trust_of(tmp_path, books), leaf) is Revocation.UNKNOWN


async def test_an_older_answer_does_not_replace_a_newer_one(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(status=REVOKED)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.REVOKED
    books.status, books.answers = GOOD, {"this_update": NOW - 2 * HOUR}
    await trust.refresh_due(NOW + 2 * HOUR)
    assert len(books.questions) == 2
    assert await told(trust, leaf, NOW + 2 * HOUR) is Revocation.REVOKED


async def test_when_the_list_grows_old_the_responder_is_asked_in_the_background(tmp_path):
    leaf = a_leaf()
    books = Books(listed=a_list(at=NOW - HOUR, days=1), status=REVOKED)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.GOOD
    books.bodies.clear()
    late = NOW + DAY + HOUR
    certificate = trust.check_signer(der(leaf), late)
    # The list is past its next update but within the grace: it counts, and nothing waits.
    assert trust.cached_revocation(certificate, late) is Revocation.GOOD
    assert books.questions == []
    books.answers = {"this_update": late, "next_update": late + HOUR}
    await trust.refresh_due(late)
    assert books.questions == [RESPONDER]
    assert trust.cached_revocation(certificate, late) is Revocation.REVOKED


async def test_a_newer_list_takes_back_what_a_responder_said(tmp_path):
    leaf = a_leaf()
    books = Books(status=REVOKED, this_update=NOW - HOUR)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.REVOKED
    books.bodies[LIST] = a_list(at=NOW - 2 * HOUR)
    await trust.refresh_due(NOW + HOUR)
    assert await told(trust, leaf, NOW + HOUR) is Revocation.REVOKED
    books.bodies[LIST] = a_list(at=NOW)
    await trust.refresh_due(NOW + 2 * HOUR)
    assert await told(trust, leaf, NOW + 2 * HOUR) is Revocation.GOOD


async def test_a_responder_whose_certificate_was_revoked_is_not_believed(tmp_path):
    """[RFC6960 §4.2.2.2.1]"""
    leaf, responder = a_leaf(), a_responder(end=NOW + 30 * DAY)
    books = Books(listed=a_list(responder.serial_number), responder=responder)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.GOOD
    books.bodies.clear()
    books.answers |= {"next_update": NOW + 9 * DAY}
    late = NOW + 3 * DAY
    assert await told(trust, leaf, late) is Revocation.UNKNOWN
    assert books.questions == [RESPONDER]


async def test_what_the_list_revoked_no_responder_takes_back(tmp_path):
    leaf = a_leaf()
    books = Books(listed=a_list(leaf.serial_number), next_update=NOW + 9 * DAY)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    for now in (NOW, NOW + 3 * DAY):
        await trust.refresh_due(now)
        assert await told(trust, leaf, now) is Revocation.REVOKED


async def test_answers_survive_a_restart_and_are_judged_again(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books()
    books.add(leaf)
    await told(trust_of(tmp_path, books), leaf)
    books.up = False
    later = NOW + 5 * HOUR
    assert await told(trust_of(tmp_path, books), leaf, later) is Revocation.GOOD
    assert len(books.questions) == 1
    for kept in (tmp_path / "ocsp").iterdir():
        kept.write_bytes(an_answer(a_leaf()))
    assert await told(trust_of(tmp_path, books), leaf, later) is Revocation.UNKNOWN


async def test_no_damaged_answer_on_disk_stops_anything(tmp_path, caplog):
    leaf = a_leaf(crl=None)
    books = Books()
    books.add(leaf)
    await told(trust_of(tmp_path, books), leaf)
    for kept in (tmp_path / "ocsp").iterdir():
        kept.write_bytes(b"\0" * 100_000)
    with caplog.at_level(logging.WARNING):
        assert await told(trust_of(tmp_path, books), leaf) is Revocation.GOOD
    assert "kept OCSP answer not usable" in caplog.messages


async def test_a_disk_that_takes_nothing_does_not_stop_the_mail(tmp_path):
    leaf = a_leaf()
    books = Books(listed=a_list())
    books.add(leaf, bare := a_leaf(crl=None))
    (tmp_path / "crl").write_text("in the way")
    (tmp_path / "ocsp").write_text("in the way")
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.GOOD
    assert await told(trust, bare) is Revocation.GOOD


async def test_a_question_is_put_once_for_all_who_ask(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books()
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(told(trust, leaf))
    assert books.questions == [RESPONDER]


async def test_a_responder_that_is_away_is_left_alone_for_a_while(tmp_path):
    leaves = [a_leaf(crl=None) for _ in range(3)]
    books = Books()
    books.add(*leaves)
    books.up = False
    trust = trust_of(tmp_path, books)
    for leaf in leaves:
        assert await told(trust, leaf) is Revocation.UNKNOWN
    assert len(books.questions) == 1
    books.up = True
    later = NOW + RETRY_AFTER
    for leaf in leaves:
        assert await told(trust, leaf, later) is Revocation.GOOD


async def test_a_certificate_the_responder_does_not_know_is_asked_for_again(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(status=UNKNOWN)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    for _ in range(2):
        assert await told(trust, leaf) is Revocation.UNKNOWN
    assert len(books.questions) == 1
    books.status = GOOD
    assert await told(trust, leaf, NOW + RETRY_AFTER) is Revocation.GOOD


async def test_the_second_responder_of_a_certificate_is_asked_when_the_first_is_no_use(tmp_path):
    leaf = a_leaf(crl=None, responders=["http://one.test", "http://two.test", "http://three.test"])
    books = Books(status=b"no answer")
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    assert await told(trust, leaf) is Revocation.UNKNOWN
    assert books.questions == ["http://one.test", "http://two.test"]


async def test_of_many_lists_in_a_certificate_few_are_asked_for(tmp_path):
    names = [x509.UniformResourceIdentifier(f"http://{n}.test/ca.crl") for n in range(9)]
    points = x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
    leaf = a_certificate(extensions=[(points, False)])
    books = Books()
    assert await told(trust_of(tmp_path, books), leaf) is Revocation.UNKNOWN
    assert len(books.asked) == trust_module.URLS_MAX


async def test_answers_are_renewed_in_the_background_every_hour_and_before_they_end(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books(this_update=NOW, next_update=NOW + HOUR)
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    await told(trust, leaf)
    for passed, asked in ((0.8, 1), (0.95, 2), (0.96, 2)):
        await trust.refresh_due(NOW + passed * HOUR)
        assert len(books.questions) == asked
        books.answers = {"this_update": NOW + HOUR / 2, "next_update": NOW + 9 * DAY}
    await trust.refresh_due(NOW + 1.9 * HOUR)
    assert len(books.questions) == 2
    await trust.refresh_due(NOW + 2 * HOUR)
    assert len(books.questions) == 3


async def test_a_slow_responder_does_not_keep_the_lists_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(trust_module, "REFRESH_TICK_SECONDS", 0.05)
    leaf = a_leaf(crl=None)
    books = Books(listed=a_list())
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    trust.check_signer(der(leaf), NOW)
    never = asyncio.Event()

    async def hanging(*_, **__):
        await never.wait()

    monkeypatch.setattr(books, "ask", hanging)
    async with asyncio.timeout(30):
        await trust.refresh_due(NOW)
        await trust.refresh_due(NOW)


async def test_the_background_task_asks_about_remembered_certificates(tmp_path):
    leaf = a_leaf(crl=None)
    books = Books()
    books.add(leaf)
    trust = trust_of(tmp_path, books)
    trust.check_signer(der(leaf), NOW)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(trust.run(FixedClock(), stop))
        await books.asked_first.wait()
        stop.set()
    assert books.questions == [RESPONDER]
    assert trust.cached_revocation(load_certificate(der(leaf)), NOW) is Revocation.GOOD


async def test_the_number_of_answers_is_bounded(tmp_path, monkeypatch):
    assert ANSWERS_MAX == 2048
    monkeypatch.setattr("gateway.trust.responders.ANSWERS_MAX", 3)
    leaves = [a_leaf(crl=None) for _ in range(5)]
    books = Books()
    books.add(*leaves)
    responders = Responders(asker=books, folder=tmp_path)
    for leaf in leaves:
        await responders.get(load_certificate(der(leaf)), an_authority(), NOW)
    assert len(responders._entries) == 3
    assert len(list(tmp_path.iterdir())) == 3
