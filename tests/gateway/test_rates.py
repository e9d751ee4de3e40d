"""Each dossier has its share of the gateway, and nobody can take another's."""

from uuid import uuid4

import pytest

from gateway.errors import Fault
from gateway.web import rates
from gateway.web.rates import BUCKETS_MAX, CALM, Rates
from tests.support.api import a_key, an_invoice, ask, post, run_api
from tests.support.store import a_dossier

US, THEM = uuid4(), uuid4()


class StandingClock:
    """A clock that tests move."""

    def __init__(self):
        self.seconds = 1000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock():
    return StandingClock()


def refusal_of(ask_for):
    with pytest.raises(Fault) as caught:
        ask_for()
    return caught.value


def test_a_bucket_empties_says_so_and_fills_again(clock):
    shares = Rates(60, clock)
    assert [shares.take(US).remaining for _ in range(60)] == list(range(59, -1, -1))
    fault = refusal_of(lambda: shares.take(US))
    assert (fault.code, fault.kind, fault.retry_after_seconds) == ("rate-limited", "too-many", 1.0)
    assert shares.take(THEM).remaining == 59
    clock.seconds += 1
    assert shares.take(US).remaining == 0
    clock.seconds += 3600
    assert shares.take(US).headers() == {
        "RateLimit-Policy": '"dossier";q=60;w=60',
        "RateLimit": '"dossier";r=59;t=1',
    }


def test_what_is_remembered_has_a_bound(clock, monkeypatch):
    monkeypatch.setattr(rates, "BUCKETS_MAX", 3)
    shares = Rates(60, clock)
    for _ in range(5):
        shares.take(uuid4())
    shares.take(US)
    assert len(shares._buckets) == 3
    assert BUCKETS_MAX >= 10_000


def test_who_floods_is_sent_after_the_others_and_is_forgiven(clock):
    shares = Rates(60, clock)
    places = [shares.priority(US) for _ in range(CALM * 8)]
    assert (places[0], places[CALM - 1], places[CALM], places[-1]) == (0, 0, -1, -3)
    assert shares.priority(THEM) == 0
    for _ in range(100_000):
        lowest = shares.priority(US)
    assert rates.PRIORITY_MIN <= lowest < -10
    clock.seconds += rates.WINDOW_SECONDS
    assert shares.priority(US) == 0


async def test_each_answer_says_what_is_left_and_429_when_nothing_is(database, tmp_path):
    """[RATELIMIT §3]"""
    async with run_api(database, tmp_path, api_requests_per_minute=60) as api:
        left = []
        for _ in range(60):
            status, headers, _ = await ask(api, "GET", "/v1/participants")
            left.append((status, headers["RateLimit"].partition(";t=")[0]))
        assert left[0] == (200, '"dossier";r=59')
        status, headers, problem = 200, {}, {}
        for _ in range(60):
            status, headers, problem = await ask(api, "GET", "/v1/participants")
            if status == 429:
                break
        assert (status, problem["code"]) == (429, "rate-limited")
        assert int(headers["Retry-After"]) >= 1
        assert headers["RateLimit-Policy"] == '"dossier";q=60;w=60'
        assert headers["RateLimit"].startswith('"dossier";r=0;t=')
        await a_key(database, "gk_test_other", await a_dossier(database))
        assert (await ask(api, "GET", "/v1/participants", key="gk_test_other"))[0] == 200
        assert (await ask(api, "GET", "/health/live", key=""))[0] == 200


async def test_documents_of_a_flood_wait_behind_those_of_others(api, client, database):
    await client.register_participant("0208:0123456749")
    for number in range(CALM + 2):
        status, _, _ = await post(api, an_invoice(number=str(number)))
        assert status == 202
    async with database.office() as otx:
        found = await otx.connection.fetch("SELECT priority FROM pgqueuer ORDER BY id")
    assert [row["priority"] for row in found] == [0] * CALM + [-1, -1]
