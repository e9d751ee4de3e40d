"""Whom we trust: remembered certificates, revocation lists from network and disk, our keys."""

import asyncio
from datetime import timedelta

import pytest

from as4.certificates import Anchors, Revocation, load_certificate
from as4.errors import FailedAuthentication
from gateway.sandbox.pki import build_crl, issue_access_point, make_pki, write_identity
from gateway.settings import BadSettings, Settings
from gateway.trust import (
    KeyRing,
    check_own_certificate,
    load_ap_anchors,
    load_key_ring,
    load_smp_anchors,
)
from gateway.trust import trust as trust_module
from gateway.trust.revocation import LISTS_MAX, RETRY_AFTER, RevocationLists
from tests.support.messages import key_pair
from tests.support.pki import NOW, leaf, pki
from tests.support.reception import FixedClock, Lists, a_trust

URL = "http://crl.example"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def listed():
    """Authorities whose certificates name revocation lists, and a leaf."""
    known = make_pki(now=NOW - 30 * DAY, revocation_url=URL)
    return known, issue_access_point(known, "PBE000001", now=NOW)


def lists_of(known, *, revoked=(), revoked_ca=(), days=7, now=NOW):
    return Lists(
        {
            f"{URL}/ap-ca.crl": build_crl(known.ap_ca, revoked, now=now, days=days),
            f"{URL}/root.crl": build_crl(known.root, revoked_ca, now=now, days=days),
        }
    )


def trust_of(listed, folder, getter, **changes):
    known = Anchors.load(listed[0].root.certificate_pem, listed[0].ap_ca.certificate_pem)
    return a_trust(folder, getter=getter, known=known, **changes)


def certificate_of(listed):
    return load_certificate(listed[1].certificate_der)


async def test_a_listed_certificate_is_revoked_and_another_is_good(listed, tmp_path):
    serial = listed[1].certificate.serial_number
    good = trust_of(listed, tmp_path / "a", lists_of(listed[0], revoked=[serial + 1]))
    bad = trust_of(listed, tmp_path / "b", lists_of(listed[0], revoked=[serial]))
    assert await good.revocation(certificate_of(listed), NOW) is Revocation.GOOD
    assert await bad.revocation(certificate_of(listed), NOW) is Revocation.REVOKED


async def test_a_revoked_authority_revokes_what_it_issued(listed, tmp_path):
    """[RFC5280 §6.3]"""
    serial = listed[0].ap_ca.certificate.serial_number
    trust = trust_of(listed, tmp_path, lists_of(listed[0], revoked_ca=[serial]))
    assert await trust.revocation(certificate_of(listed), NOW) is Revocation.REVOKED


async def test_without_a_list_the_answer_is_unknown(listed, tmp_path):
    for missing in ("ap-ca", "root"):
        getter = lists_of(listed[0])
        del getter.bodies[f"{URL}/{missing}.crl"]
        trust = trust_of(listed, tmp_path / missing, getter)
        assert await trust.revocation(certificate_of(listed), NOW) is Revocation.UNKNOWN


async def test_a_list_is_fetched_once_for_all_who_ask(listed, tmp_path):
    getter = lists_of(listed[0])
    trust = trust_of(listed, tmp_path, getter)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(trust.revocation(certificate_of(listed), NOW))
    assert sorted(getter.asked) == [f"{URL}/ap-ca.crl", f"{URL}/root.crl"]


async def test_a_failed_fetch_is_not_repeated_at_once_but_later(listed, tmp_path):
    getter = Lists()
    trust = trust_of(listed, tmp_path, getter)
    for _ in range(3):
        assert await trust.revocation(certificate_of(listed), NOW) is Revocation.UNKNOWN
    assert len(getter.asked) == 2
    getter.bodies = lists_of(listed[0]).bodies
    later = NOW + RETRY_AFTER + timedelta(seconds=1)
    assert await trust.revocation(certificate_of(listed), later) is Revocation.GOOD


async def test_with_fresh_lists_in_memory_nothing_waits(listed, tmp_path):
    getter = lists_of(listed[0])
    trust = trust_of(listed, tmp_path, getter)
    assert trust.cached_revocation(certificate_of(listed), NOW) is None
    await trust.revocation(certificate_of(listed), NOW)
    getter.bodies.clear()
    assert trust.cached_revocation(certificate_of(listed), NOW) is Revocation.GOOD


async def test_a_list_counts_past_its_next_update_until_the_grace_ends(listed, tmp_path):
    getter = lists_of(listed[0], days=1)
    trust = trust_of(listed, tmp_path, getter)
    await trust.revocation(certificate_of(listed), NOW)
    getter.bodies.clear()
    ask = trust.revocation
    assert await ask(certificate_of(listed), NOW + 2 * DAY) is Revocation.GOOD
    assert await ask(certificate_of(listed), NOW + 2 * DAY + HOUR) is Revocation.UNKNOWN


async def test_what_was_revoked_stays_so_however_old_the_list(listed, tmp_path):
    serial = listed[1].certificate.serial_number
    getter = lists_of(listed[0], revoked=[serial], days=1)
    trust = trust_of(listed, tmp_path, getter)
    await trust.revocation(certificate_of(listed), NOW)
    getter.bodies.clear()
    assert await trust.revocation(certificate_of(listed), NOW + 9 * DAY) is Revocation.REVOKED


async def test_lists_survive_a_restart_on_disk(listed, tmp_path):
    first = trust_of(listed, tmp_path, lists_of(listed[0]))
    await first.revocation(certificate_of(listed), NOW)
    away = Lists()
    second = trust_of(listed, tmp_path, away)
    assert await second.revocation(certificate_of(listed), NOW) is Revocation.GOOD
    assert away.asked == []


async def test_a_damaged_list_on_disk_is_fetched_again(listed, tmp_path):
    await trust_of(listed, tmp_path, lists_of(listed[0])).revocation(certificate_of(listed), NOW)
    for kept in (tmp_path / "crl").iterdir():
        kept.write_bytes(b"\0" + kept.read_bytes()[1:])
    getter = lists_of(listed[0])
    trust = trust_of(listed, tmp_path, getter)
    assert await trust.revocation(certificate_of(listed), NOW) is Revocation.GOOD
    assert len(getter.asked) == 2


async def test_a_list_somebody_else_signed_is_not_believed(listed, tmp_path):
    stranger = make_pki(now=NOW - DAY, revocation_url=URL)
    trust = trust_of(listed, tmp_path, lists_of(stranger))
    assert await trust.revocation(certificate_of(listed), NOW) is Revocation.UNKNOWN


async def test_a_good_answer_is_forgotten_as_soon_as_a_list_changes(listed, tmp_path):
    getter = lists_of(listed[0], days=0)
    trust = trust_of(listed, tmp_path, getter)
    certificate = certificate_of(listed)
    assert await trust.revocation(certificate, NOW) is Revocation.GOOD
    assert trust.cached_revocation(certificate, NOW) is Revocation.GOOD
    getter.bodies = lists_of(listed[0], revoked=[certificate.serial]).bodies
    await trust._lists.refresh_due(NOW)
    assert trust.cached_revocation(certificate, NOW) is Revocation.REVOKED


async def test_a_good_answer_is_asked_again_before_its_list_has_grown_too_old(listed, tmp_path):
    trust = trust_of(listed, tmp_path, lists_of(listed[0], days=1))
    certificate = certificate_of(listed)
    end = NOW + DAY + trust._lists.stale_grace
    assert await trust.revocation(certificate, end) is Revocation.GOOD
    assert trust.cached_revocation(certificate, end + timedelta(seconds=10)) is None


async def test_an_older_list_does_not_replace_a_newer_one(listed, tmp_path):
    serial = listed[1].certificate.serial_number
    getter = lists_of(listed[0], revoked=[serial])
    lists = RevocationLists(getter=getter, folder=tmp_path, stale_grace=DAY)
    issuer = listed[0].ap_ca.certificate
    newer = await lists.get(f"{URL}/ap-ca.crl", issuer, NOW)
    getter.bodies = lists_of(listed[0], now=NOW - DAY).bodies
    await lists.refresh_due(NOW + 2 * HOUR)
    assert len(getter.asked) == 2
    assert lists.find(f"{URL}/ap-ca.crl", issuer) is newer


async def test_lists_are_refreshed_every_hour_and_near_their_end(listed, tmp_path):
    issuer = listed[0].ap_ca.certificate
    url = f"{URL}/ap-ca.crl"
    for days, early, due in [(7, 0.9 * HOUR, 1.1 * HOUR), (0, timedelta(0), timedelta(0))]:
        getter = lists_of(listed[0], days=days)
        lists = RevocationLists(getter=getter, folder=tmp_path / str(days), stale_grace=DAY)
        await lists.get(url, issuer, NOW)
        before = len(getter.asked)
        await lists.refresh_due(NOW + early)
        if early:
            assert len(getter.asked) == before
        await lists.refresh_due(NOW + due)
        assert len(getter.asked) > before


async def test_the_number_of_lists_is_bounded(listed, tmp_path):
    lists = RevocationLists(getter=Lists(), folder=tmp_path, stale_grace=DAY)
    for number in range(LISTS_MAX + 5):
        await lists.get(f"{URL}/{number}.crl", listed[0].root.certificate, NOW)
    assert len(lists._entries) == LISTS_MAX


async def test_the_background_task_fetches_authorities_lists_and_stops(listed, tmp_path):
    getter = lists_of(listed[0])
    trust = trust_of(listed, tmp_path, getter)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(trust.run(FixedClock(), stop))
        await getter.first.wait()
        stop.set()
    assert getter.asked == [f"{URL}/root.crl"]


def test_a_checked_certificate_is_remembered_until_the_first_of_its_chain_expires(
    tmp_path, monkeypatch
):
    checks = []
    real = trust_module.check_certificate

    def counted(der, **arguments):
        checks.append(der)
        return real(der, **arguments)

    monkeypatch.setattr(trust_module, "check_certificate", counted)
    trust = a_trust(tmp_path)
    der = leaf("sender").certificate_der
    assert trust.check_signer(der, NOW) is trust.check_signer(der, NOW + HOUR / 2)
    assert len(checks) == 1
    trust.check_signer(der, NOW + 2 * HOUR)
    assert len(checks) == 2
    with pytest.raises(FailedAuthentication, match="expired"):
        trust.check_signer(der, leaf("sender").certificate.not_valid_after_utc + HOUR)


def test_a_refused_certificate_is_not_remembered(tmp_path):
    trust = a_trust(tmp_path)
    for name in ("expired", "foreign", "bad-cn", "direct-root", "encipher-only", "publisher-as-ap"):
        with pytest.raises(FailedAuthentication):
            trust.check_signer(leaf(name).certificate_der, NOW)
    assert trust._known == {}


def test_the_number_of_remembered_certificates_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(trust_module, "CERTIFICATES_MAX", 2)
    trust = a_trust(tmp_path)
    for name in ("sender", "receiver", "third"):
        trust.check_signer(leaf(name).certificate_der, NOW)
    assert len(trust._known) == 2


def test_use_decides_which_key_usage_is_needed(tmp_path):
    trust = a_trust(tmp_path)
    trust.check_recipient(leaf("encipher-only").certificate_der, NOW)
    with pytest.raises(FailedAuthentication, match="keyEncipherment"):
        trust.check_recipient(leaf("sign-only").certificate_der, NOW)


def test_a_publisher_is_judged_by_the_publishers_authority(tmp_path):
    known = Anchors.load(pki().root.certificate_pem, pki().smp_ca.certificate_pem)
    trust = a_trust(tmp_path, known=known)
    der = leaf("publisher").certificate_der
    assert trust.check_publisher(der, NOW).subject_cn == "PSM000001"
    with pytest.raises(FailedAuthentication):
        trust.check_publisher(leaf("sender").certificate_der, NOW)


async def test_a_certificate_nobody_can_revoke_is_a_setting(tmp_path):
    strict = a_trust(tmp_path, accept=False)
    der = leaf("sender").certificate_der
    with pytest.raises(FailedAuthentication, match="names no address"):
        strict.check_signer(der, NOW)
    assert await strict.revocation(load_certificate(der), NOW) is Revocation.UNKNOWN
    lenient = a_trust(tmp_path, accept=True)
    assert await lenient.revocation(lenient.check_signer(der, NOW), NOW) is Revocation.GOOD


def test_the_key_ring_opens_with_current_and_retired_keys_and_nothing_else():
    ring = KeyRing(key_pair("receiver-renewed"), [key_pair("receiver")])
    assert ring.find_key(leaf("receiver").certificate_der) is key_pair("receiver").key
    renewed = leaf("receiver-renewed").certificate_der
    assert ring.find_key(renewed) is key_pair("receiver-renewed").key
    assert ring.find_key(leaf("third").certificate_der) is None


def test_for_a_foreign_certificate_the_ring_lends_a_key_that_opens_nothing():
    ring = KeyRing(key_pair("receiver"))
    decoy = ring.opening_key(leaf("third").certificate_der)
    assert decoy.key_size == key_pair("receiver").key.key_size
    assert decoy.public_key() != key_pair("receiver").key.public_key()
    assert ring.opening_key(leaf("receiver").certificate_der) is key_pair("receiver").key


def test_a_ring_that_takes_over_other_keys_lends_what_was_prepared_for_them():
    ring, other = KeyRing(key_pair("receiver")), KeyRing(key_pair("receiver-renewed"))
    ring.prepare()
    other.prepare()
    lent = other.opening_key(leaf("third").certificate_der)
    ring.take_over(other)
    assert ring.opening_key(leaf("third").certificate_der) is lent


def settings_with(folder, **changes):
    files = {name: folder / f"{name}.pem" for name in ("root", "ap_ca", "smp_ca")}
    for name, file in files.items():
        file.write_bytes(getattr(pki(), name).certificate_pem)
    certificate, key = write_identity(leaf("receiver"), folder, "as4")
    values = {
        "stage": "sandbox",
        "seat_id": "PBE000002",
        "as4_key_file": str(key),
        "as4_certificate_file": str(certificate),
        "trust_root_files": str(files["root"]),
        "trust_ap_ca_files": str(files["ap_ca"]),
        "trust_smp_ca_files": str(files["smp_ca"]),
    }
    return Settings.load({**values, **changes}, {})


def test_anchors_and_keys_come_from_the_files_of_the_settings(tmp_path):
    settings = settings_with(tmp_path)
    anchors, ring = load_ap_anchors(settings), load_key_ring(settings)
    assert ring.signing.certificate.subject_cn == "PBE000002"
    assert anchors.issuers == (pki().ap_ca.certificate,)
    assert load_smp_anchors(settings).issuers == (pki().smp_ca.certificate,)
    check_own_certificate(settings, anchors, ring, NOW)


def test_pkcs12_and_retired_keys_are_read(tmp_path):
    bundle, retired = tmp_path / "as4.p12", tmp_path / "old.pem"
    bundle.write_bytes(leaf("receiver-renewed").pkcs12("secret"))
    retired.write_bytes(leaf("receiver").key_pem + leaf("receiver").certificate_pem)
    settings = settings_with(
        tmp_path,
        as4_key_file=None,
        as4_certificate_file=None,
        as4_pkcs12_file=str(bundle),
        as4_key_password="secret",
        previous_key_files=str(retired),
    )
    ring = load_key_ring(settings)
    assert ring.signing.certificate.der == leaf("receiver-renewed").certificate_der
    assert ring.find_key(leaf("receiver").certificate_der) is not None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seat_id": "PBE000009"}, "seat_id is PBE000009"),
        ({"stage": "test"}, "stage is test"),
        ({"stage": "production"}, "stage is production"),
        ({"trust_ap_ca_files": "smp"}, "is the authority of another role"),
    ],
)
def test_a_certificate_that_does_not_fit_the_settings_stops_the_start(tmp_path, changes, says):
    if changes.get("trust_ap_ca_files"):
        changes = {"trust_ap_ca_files": str(tmp_path / "smp_ca.pem")}
    settings = settings_with(tmp_path, **changes)
    with pytest.raises(BadSettings, match=says):
        check_own_certificate(settings, load_ap_anchors(settings), load_key_ring(settings), NOW)


@pytest.mark.parametrize("name", ["as4_key_file", "trust_root_files"])
def test_a_file_that_cannot_be_used_is_named(tmp_path, name):
    missing = tmp_path / "nothing.pem"
    settings = settings_with(tmp_path, **{name: str(missing)})
    load = load_key_ring if name == "as4_key_file" else load_ap_anchors
    with pytest.raises(BadSettings, match=r"nothing\.pem"):
        load(settings)
