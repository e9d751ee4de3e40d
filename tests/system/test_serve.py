import asyncio
import os
import signal
import socket
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from gateway.store.embedded import EmbeddedPostgres
from tests.support.gateways import outcome, running, start, until, write_settings
from tests.support.peer import an_invoice

pytestmark = pytest.mark.system
MIB = 1 << 20


def nobody_listens(url):
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) != 0


async def test_it_starts_its_own_database_serves_and_leaves_nothing_behind(tmp_path):
    config = write_settings(tmp_path)
    async with running(config) as gateway:
        assert gateway.ready["event"] == "ready"
        assert gateway.ready["seat_id"] == "PBE000001"
        assert await gateway.get("/health/ready", key=False) == 200
        assert await gateway.get("/v1/documents") == 200
        assert await gateway.get("/v1/documents", key=False) == 401
        assert EmbeddedPostgres(tmp_path / "data").postmaster() is not None
        family = gateway.family()

        assert await gateway.end() == 0

    assert EmbeddedPostgres(tmp_path / "data").postmaster() is None
    assert not [each for each in family if each.is_running()]
    assert nobody_listens(gateway.ready["public"])
    assert nobody_listens(gateway.ready["api"])


async def test_an_idle_gateway_is_small(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    async with running(config) as gateway:
        await asyncio.sleep(1)
        assert psutil.Process(gateway.pid).memory_info().rss <= 96 * MIB
        assert psutil.Process(gateway.pid).children() == []


async def test_ctrl_c_ends_it_in_order_too(tmp_path, dsn):
    async with running(write_settings(tmp_path, database_url=dsn)) as gateway:
        assert await gateway.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seat_id": "PBE000009"}, "seat_id is PBE000009, but the AP certificate is PBE000001's"),
        ({"stage": "test", "clock_at": None, "public_url": "https://ap.example"}, "stage is test"),
        (
            {"stage": "production", "clock_at": None, "public_url": "https://ap.example"},
            "stage is production",
        ),
        ({"country": None}, "country is not set"),
        ({"smp_key_file": None}, "go together"),
        ({"trust_ap_ca_files": ["/nowhere"]}, "/nowhere"),
    ],
)
async def test_it_does_not_start_with_settings_that_disagree(tmp_path, changed, words):
    code, said = await outcome(write_settings(tmp_path, **changed))
    assert code == 2
    assert words in said
    assert not (tmp_path / "data").exists()


async def test_it_does_not_start_with_an_expired_certificate(tmp_path):
    code, said = await outcome(write_settings(tmp_path, identity="expired"))
    assert code == 2
    assert "our AP certificate would be refused" in said


async def test_it_does_not_start_on_a_port_that_is_taken(tmp_path, dsn):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = write_settings(tmp_path, database_url=dsn, api_listen=f"127.0.0.1:{port}")
        for processes in ("1", "2"):
            code, said = await outcome(config, "--processes", processes)
            assert code == 2
            assert f"cannot listen on 127.0.0.1:{port}" in said


async def test_it_does_not_start_on_a_database_that_could_lose_commits(tmp_path, dsn):
    connection = await asyncpg.connect(dsn)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    code, said = await outcome(write_settings(tmp_path, database_url=dsn))
    assert code == 1
    assert "synchronous_commit" in said


async def test_a_request_under_way_is_finished_before_the_end(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    async with running(config) as gateway:
        assert await gateway.get("/v1/documents") == 200
        body = an_invoice(number="2026-1")
        parts = urlsplit(gateway.ready["api"])
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        key = (tmp_path / "data" / "api-key").read_text().strip()
        head = (
            f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body[:100])
        await writer.drain()
        await asyncio.sleep(0.2)
        gateway.process.terminate()
        await until(lambda: nobody_listens(gateway.ready["api"]))
        writer.write(body[100:])
        status = await reader.readline()
        writer.close()
        assert await gateway.process.wait() == 0
    # The participant is not registered, so the answer is a refusal; but it is an answer.
    assert status.split()[1] in (b"202", b"422")


async def test_several_processes_share_the_ports_and_one_that_dies_is_replaced(tmp_path):
    config = write_settings(tmp_path)
    async with running(config, "--processes", "2") as gateway:
        first = {child.pid for child in gateway.children()}
        assert len(first) == 2
        assert gateway.ready["processes"] == 2
        victim = first.pop()

        os.kill(victim, signal.SIGKILL)
        await until(lambda: len({c.pid for c in gateway.children()} - {victim}) == 2)

        for _ in range(6):
            assert await gateway.get("/health/ready", key=False) == 200
        port = urlsplit(gateway.ready["api"]).port
        code, said = await outcome(config, "--processes", "2", "--api-listen", f"127.0.0.1:{port}")
        assert (code, f"cannot listen on 127.0.0.1:{port}" in said) == (2, True)
        family = gateway.family()
        assert await gateway.end() == 0
    assert not [each for each in family if each.is_running()]
    assert EmbeddedPostgres(tmp_path / "data").postmaster() is None


async def test_children_do_not_outlive_their_supervisor(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    async with running(config, "--processes", "2") as gateway:
        children = gateway.children()
        gateway.process.kill()
        await gateway.process.wait()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=30)
        assert alive == []


async def test_a_gateway_that_cannot_stay_up_gives_up(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    async with running(config, "--processes", "2") as gateway:
        for _ in range(6):
            before = {child.pid for child in gateway.children()}
            if not before:
                break  # it gave up a death earlier: one came by itself
            os.kill(min(before), signal.SIGKILL)
            await until(
                lambda seen=before: (
                    gateway.process.returncode is not None
                    or not {c.pid for c in gateway.children()} <= seen
                )
            )
        async with asyncio.timeout(60):
            assert await gateway.process.wait() == 1


async def test_a_worker_runs_beside_a_gateway_without_one(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    async with (
        running(config, "--worker", "false") as gateway,
        running(config, verb="worker") as worker,
    ):
        assert worker.ready["event"] == "ready"
        assert await worker.end() == 0
        assert await gateway.end() == 0


async def test_a_database_that_is_away_is_a_temporary_failure(tmp_path):
    config = write_settings(tmp_path, database_url="postgresql://gateway@127.0.0.1:1/none")
    process = await start(config)
    assert await process.wait_ready() is None
    assert await process.process.wait() == 3
