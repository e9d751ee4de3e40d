"""What storing a received message costs: CPU of PostgreSQL and of this process, per message.

Run it by hand: `python -m tests.bench.receive_batch [--batch 6] [--messages 6000]`.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from uuid import UUID

import asyncpg
import psutil

from gateway.store.embedded import EmbeddedPostgres
from gateway.store.messages import Outcome, receive_batch
from gateway.store.migrate import upgrade
from gateway.store.pool import Database
from tests.support.store import a_dossier, an_inbound_row

WIRE_BYTES = 13_000
RECEIPT_BYTES = 6_000


def rows_for(dossier: UUID, count: int):
    # Half of a small message is text, the other half is ciphertext.
    text = b"<wsse:BinarySecurityToken>" * (RECEIPT_BYTES // 26)
    return [
        an_inbound_row(
            dossier,
            wire=text + os.urandom(WIRE_BYTES - len(text)),
            wire_length=WIRE_BYTES,
            receipt=text[: RECEIPT_BYTES // 2] + os.urandom(RECEIPT_BYTES // 2).hex().encode(),
        )
        for _ in range(count)
    ]


def cpu_of_server(pid: int) -> float:
    """User and system seconds of the server and all its processes, ended ones included."""
    server = psutil.Process(pid)
    times = [server.cpu_times(), *(child.cpu_times() for child in server.children())]
    mine = sum(one.user + one.system for one in times)
    return mine + times[0].children_user + times[0].children_system


async def measure(batch: int, messages: int, writers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder))
        dsn = await postgres.start()
        await upgrade(dsn)
        if altered := os.environ.get("BENCH_SQL"):
            connection = await asyncpg.connect(dsn)
            await connection.execute(altered)
            await connection.close()
        database = await Database.open(dsn)
        dossier = await a_dossier(database)
        rows = rows_for(dossier, messages)
        batches = iter([rows[n : n + batch] for n in range(0, messages, batch)])

        async def write() -> None:
            for one in batches:
                async with database.exchange_statements() as xtx:
                    outcomes = await receive_batch(xtx, one)
                assert set(outcomes) == {Outcome.STORED}

        server = cpu_of_server(postgres.postmaster())
        own, started = time.process_time(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(writers):
                group.create_task(write())
        seconds = time.perf_counter() - started
        own = time.process_time() - own
        server = cpu_of_server(postgres.postmaster()) - server
        await database.close()
        await postgres.stop()
    per = 1000 / messages
    print(
        f"batch {batch}, {writers} writers: PostgreSQL {server * per:.3f} ms,"
        f" asyncpg {own * per:.3f} ms, wall {seconds * per:.3f} ms per message"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--writers", type=int, default=2)
    options = parser.parse_args()
    asyncio.run(measure(options.batch, options.messages, options.writers))


if __name__ == "__main__":
    main()
