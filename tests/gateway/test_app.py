import asyncio
import gc
import os
import socket

import asyncpg
import pytest

from as4.errors import FailedAuthentication
from gateway.app import (
    Listeners,
    bind,
    build_outbound,
    check_settings,
    make_clock,
    open_parts,
    prepare,
    run_gateway,
    run_worker,
)
from gateway.egress import AddressRefused
from gateway.sandbox.pki import write_identity
from gateway.settings import BadSettings, Settings, Stage
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.keys import find_api_key
from gateway.store.pool import Database
from gateway.trust import KeyRing
from gateway.web.security import hash_api_key
from tests.support.gateways import write_settings
from tests.support.pki import NOW, leaf

PUBLIC = {"stage": "test", "clock_at": None, "public_url": "https://ap.example"}


def settings_of(folder, **changed):
    return Settings.load({}, {}, write_settings(folder, **changed))


def refusal(folder, **changed):
    with pytest.raises(BadSettings) as refused:
        check_settings(settings_of(folder, **changed))
    return str(refused.value)


def test_good_settings_pass(tmp_path):
    check_settings(settings_of(tmp_path))
    assert not (tmp_path / "data").exists()


def test_a_certificate_of_another_seat_is_refused(tmp_path):
    assert "seat_id is PBE000009" in refusal(tmp_path, seat_id="PBE000009")


@pytest.mark.parametrize("stage", ["test", "production"])
def test_a_certificate_of_another_stage_is_refused(tmp_path, stage):
    url = "https://ap.example"
    assert f"stage is {stage}" in refusal(tmp_path, stage=stage, clock_at=None, public_url=url)


@pytest.mark.parametrize("identity", ["expired", "not-yet-valid", "foreign", "bad-cn", "sign-only"])
def test_a_certificate_that_peers_would_refuse_is_refused(tmp_path, identity):
    assert refusal(tmp_path, identity=identity)


def test_an_smp_certificate_of_the_access_point_authority_is_refused(tmp_path):
    write_settings(tmp_path)
    certificate, key = write_identity(leaf("third"), tmp_path, "other")
    said = refusal(tmp_path, smp_certificate_file=str(certificate), smp_key_file=str(key))
    assert "our SMP certificate would be refused" in said


def test_an_smp_key_of_another_certificate_is_refused(tmp_path):
    write_settings(tmp_path)
    _, key = write_identity(leaf("publisher-second"), tmp_path, "other")
    assert "smp_key_file" in refusal(tmp_path, smp_key_file=str(key))


def test_without_an_smp_key_nothing_is_published(tmp_path):
    check_settings(settings_of(tmp_path, smp_key_file=None, smp_certificate_file=None))


@pytest.mark.parametrize("missing", ["seat_id", "country", "public_url", "sml_zone"])
def test_what_a_gateway_cannot_do_without_is_named(tmp_path, missing):
    assert f"{missing} is not set" in refusal(tmp_path, **{missing: None})


def test_outside_the_sandbox_peers_never_speak_to_us_without_tls(tmp_path, monkeypatch):
    """[PEPPOL-AS4 §2.2.2]"""
    # The certificates of the test PKI belong to no stage; that check has tests of its own.
    monkeypatch.setattr("gateway.app.startup.check_own_certificate", lambda *_: None)
    monkeypatch.setattr("gateway.app.startup._check_publisher", lambda *_: None)
    open_to_all = {**PUBLIC, "public_listen": "0.0.0.0:8443"}
    assert "public_tls_certificate_file" in refusal(tmp_path, **open_to_all)
    check_settings(settings_of(tmp_path, **PUBLIC, public_listen="127.0.0.1:8443"))
    files = {
        "public_tls_certificate_file": str(tmp_path / "as4.cert.pem"),
        "public_tls_key_file": str(tmp_path / "as4.key.pem"),
    }
    check_settings(settings_of(tmp_path, **open_to_all, **files))


async def test_preparing_begins_an_era_where_another_cluster_wrote(tmp_path, dsn):
    settings, eras = settings_of(tmp_path), []
    connection = await asyncpg.connect(dsn)
    for cluster in (None, None, "another"):
        if cluster is not None:
            await connection.execute("UPDATE feed_era SET cluster = $1", cluster)
        await prepare(settings, dsn, make_clock(settings))
        eras.append(await connection.fetchval("SELECT era FROM feed_era"))
    await connection.close()
    assert eras == [1, 1, 2]


async def test_preparing_twice_changes_nothing(tmp_path, dsn):
    settings = settings_of(tmp_path)
    await prepare(settings, dsn, make_clock(settings))
    key = (tmp_path / "data" / "api-key").read_text()
    await prepare(settings, dsn, make_clock(settings))
    assert (tmp_path / "data" / "api-key").read_text() == key
    db = await Database.open(dsn)
    try:
        dossier = await ensure_default_dossier(
            db, dossier_id=make_clock(settings).uuid(), name="other", country="NL", now=NOW
        )
        found = await find_api_key(db, hash_api_key(key.strip()))
        assert found is not None
    finally:
        await db.close()
    assert (dossier.name, dossier.country) == ("default", "BE")


async def test_files_that_a_crash_left_are_gone_after_a_start(tmp_path, dsn):
    settings = settings_of(tmp_path)
    archive = Archive(tmp_path / "data" / "archive")
    spool = archive.open_spool("0123456789abcdef")
    spool.write(b"kept, but no row names it")
    name = await spool.keep()
    (file,) = (tmp_path / "data" / "archive").rglob(name)
    os.utime(file, (0, 0))
    await prepare(settings, dsn, make_clock(settings))
    assert archive.names() == []


async def test_the_clock_of_a_sandbox_starts_where_the_settings_say(tmp_path):
    clock = make_clock(settings_of(tmp_path))
    assert 0 <= (clock.now() - NOW).total_seconds() < 60


async def test_only_the_sandbox_speaks_http_to_private_addresses(tmp_path, dsn):
    sandbox = settings_of(tmp_path)
    async with open_parts(sandbox, dsn, make_clock(sandbox)) as parts:
        parts.egress.check("http://127.0.0.1:9/as4")
    for stage in ("test", "production"):
        settings = settings_of(
            tmp_path, stage=stage, clock_at=None, public_url="https://ap.example"
        )
        async with open_parts(settings, dsn, make_clock(settings)) as parts:
            for url in ("http://ap.example/as4", "https://127.0.0.1/as4", "https://ap.example:8/"):
                with pytest.raises(AddressRefused):
                    parts.egress.check(url)
            parts.egress.check("https://ap.example/as4")


async def test_another_as4_port_comes_from_the_settings(tmp_path, dsn):
    settings = settings_of(tmp_path, **PUBLIC, as4_ports=[443, 8443])
    async with open_parts(settings, dsn, make_clock(settings)) as parts:
        parts.egress.check("https://ap.example:8443/as4")


async def test_only_production_refuses_a_fixed_endpoint(tmp_path, dsn):
    url = "https://ap.example"
    for stage, allowed in (("test", True), ("production", False)):
        settings = settings_of(tmp_path, stage=stage, clock_at=None, public_url=url)
        async with open_parts(settings, dsn, make_clock(settings)) as parts:
            assert build_outbound(parts).fixed_endpoints is allowed


@pytest.mark.parametrize(("stage", "accepts"), [("sandbox", True), ("test", False)])
async def test_a_publisher_nobody_can_revoke_counts_in_the_sandbox_alone(
    tmp_path, dsn, stage, accepts
):
    changed = {} if stage == Stage.SANDBOX else PUBLIC
    settings = settings_of(tmp_path, **changed)
    async with open_parts(settings, dsn, make_clock(settings)) as parts:
        check_signer = parts.finder._network.check_signer
        if accepts:
            assert check_signer(leaf("publisher").certificate_der, NOW).subject_cn == "PSM000001"
        else:
            with pytest.raises(FailedAuthentication, match="revocation"):
                check_signer(leaf("publisher").certificate_der, NOW)
        with pytest.raises(FailedAuthentication):
            check_signer(leaf("sender").certificate_der, NOW)


async def test_message_identifiers_end_in_our_public_host(tmp_path, dsn):
    settings = settings_of(tmp_path, public_url="http://blue.example:8080")
    async with open_parts(settings, dsn, make_clock(settings)) as parts:
        assert build_outbound(parts).preparation.host == "blue.example"


@pytest.fixture
def collector():
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


async def run_until_ready(run):
    stop, frozen = asyncio.Event(), []

    def on_ready():
        frozen.append(gc.get_freeze_count())
        stop.set()

    await run(stop, on_ready)
    return frozen


@pytest.mark.usefixtures("collector")
async def test_the_collector_passes_over_what_a_ready_gateway_is_made_of(tmp_path, dsn):
    settings = settings_of(tmp_path)
    await prepare(settings, dsn, make_clock(settings))
    with bind("127.0.0.1:0", shared=False) as public, bind("127.0.0.1:0", shared=False) as api:
        listeners = Listeners(public, api)
        (frozen,) = await run_until_ready(
            lambda stop, ready: run_gateway(settings, dsn, listeners, stop, ready)
        )
    assert frozen > 10_000


@pytest.mark.usefixtures("collector")
async def test_the_collector_passes_over_what_a_ready_worker_is_made_of(tmp_path, dsn):
    settings = settings_of(tmp_path)
    await prepare(settings, dsn, make_clock(settings))
    (frozen,) = await run_until_ready(lambda stop, ready: run_worker(settings, dsn, stop, ready))
    assert frozen > 10_000


def test_a_port_that_is_taken_is_a_bad_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for shared in (False, True):
            with pytest.raises(BadSettings, match="cannot listen"):
                bind(address, shared=shared)


def test_processes_share_a_port_only_when_they_mean_to():
    with bind("127.0.0.1:0", shared=True) as one:
        address = f"127.0.0.1:{one.getsockname()[1]}"
        with bind(address, shared=True) as other:
            assert other.getsockname() == one.getsockname()
        one.listen()
        with pytest.raises(BadSettings):
            bind(address, shared=False)


async def test_no_message_waits_for_the_key_that_stands_in(tmp_path, dsn, monkeypatch):
    steps, settings = [], settings_of(tmp_path)
    monkeypatch.setattr(KeyRing, "prepare", lambda _ring: steps.append("prepared"))
    await prepare(settings, dsn, make_clock(settings))
    stop = asyncio.Event()

    def on_ready():
        steps.append("ready")
        stop.set()

    with bind("127.0.0.1:0", shared=False) as public, bind("127.0.0.1:0", shared=False) as api:
        await run_gateway(settings, dsn, Listeners(public, api), stop, on_ready)
    assert steps == ["prepared", "ready"]
