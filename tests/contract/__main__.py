"""`make contract`: Schemathesis asks a real API what its description allows, and what it does not.

The run fails on an answer that the description lacks, and on an operation that never succeeded: of
that one nothing was learnt.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from uuid import UUID

from as4.compression import gzip_compress
from gateway.store.documents import list_documents
from gateway.store.dossiers import find_default_dossier
from gateway.store.keys import find_api_key
from gateway.store.pool import Database
from gateway.web.security import hash_api_key
from tests.support.api import SENDER, an_invoice, root_of, run_api
from tests.support.contract import operations
from tests.support.database import TestServer
from tests.support.messages import a_business_envelope, a_sealed_message
from tests.support.reception import a_receiver
from tests.support.world import Answering, World, fill, ping

REQUESTS_PER_MINUTE = 1_000_000
UNTOLD = "positive_data_acceptance"
"""The one check left out: that a document breaks no rule of Peppol is no matter of its shape."""
ITSELF = "GET /v1/openapi.json"
"""The description: Schemathesis begins with reading it, and does not ask for it again."""
PIECEMEAL = "POST /v1/documents/batch"
"""Answers 200 and says of each document what is wrong with it: one bad one refuses no other."""
SPARE = ("/v1/api-keys/{id}/rotate", "/v1/api-keys/{id}/revoke")
"""What ends a key."""
KNOWN_SHARE = 0.7
"""How many of the made-up addresses name what is there."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make contract", description=__doc__)
    parser.add_argument("--seconds", type=int, default=70)
    parser.add_argument("--examples", type=int, default=20, help="requests of each kind, at most")
    parser.add_argument("--seed", type=int, default=None, help="reproduces the dice of a run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    seed = random.randrange(1 << 30) if args.seed is None else args.seed
    with tempfile.TemporaryDirectory(prefix="peppol-contract-") as folder:
        facts = asyncio.run(try_contract(Path(folder), seed, args.seconds, args.examples))
    if args.json:
        print(json.dumps(facts), flush=True)
    else:
        for name, value in facts.items():
            print(f"{name:10} {value}")
    return 0 if facts["exit"] == 0 and not facts["unreached"] else 1


async def try_contract(folder: Path, seed: int, seconds: int, examples: int) -> dict:
    """Start an API with one of each thing on a database of its own, and let it be tried."""
    server = TestServer(folder / "server")
    await server._start()
    try:
        database = await Database.open(await server.create_database())
        try:
            given = {"finder": Answering(), "ping": ping}
            rate = REQUESTS_PER_MINUTE
            received = await receive_one(database, folder)
            async with run_api(database, folder, api_requests_per_minute=rate, **given) as api:
                world = World(api)
                await fill(world, leaving={"/v1/documents"}, received=received)
                await add_spares(world)
                write_config(folder / "schemathesis.toml", world)
                options = [f"--seed={seed}", f"--max-time={seconds}", f"--max-examples={examples}"]
                ended = await run_schemathesis(folder, world, options)
        finally:
            await database.close()
    finally:
        await server.postgres.stop()
    return judge(folder, ended) | {"seed": seed}


async def receive_one(database: Database, folder: Path) -> UUID:
    """Receive a document as from another access point; return its id."""
    envelope = a_business_envelope(root_of(an_invoice()))
    async with a_receiver(database, folder) as receiver:
        await receiver.post(a_sealed_message(payload=gzip_compress(envelope)))
        await receiver.deliver()
    dossier = await find_default_dossier(database, is_test=True)
    async with database.transaction(dossier) as tx:
        (found,) = await list_documents(tx, limit=2, before=None, direction="in", status=None)
    return found.id


async def add_spares(world: World) -> None:
    """Make the keys that may be rotated and revoked: without its own the run would be over."""
    async with world.api.client() as client:
        for address in SPARE:
            world.special[address] = (await client.create_api_key("spare", ["keys:read"])).id


def write_config(path: Path, world: World) -> None:
    """Name to Schemathesis what is there, so that not every made-up address leads to a 404."""
    lines = ["cache = { enabled = false }"]
    for number, (method, address, _) in enumerate(operations()):
        segment = address.split("/")[2] if address.count("/") > 1 else ""
        known = {
            "id": world.special.get(address, world.ids.get(segment)),
            "participant": SENDER,
            "code": "internal",
            "file": "try.js",
            "number": 1,
        }
        names = [name for name, value in known.items() if value and f"{{{name}}}" in address]
        if not names or method == "DELETE":
            continue
        for name in names:
            lines += [
                f"[dictionaries.{name}{number}]",
                f"values = [{json.dumps(known[name], default=str)}]",
            ]
        lines += ["[[operations]]", f'include-name = "{method} {address}"']
        for name in names:
            bound = f'{{ dictionary = "{name}{number}", probability = {KNOWN_SHARE} }}'
            lines.append(f'parameters."path.{name}" = {bound}')
    lines += ["[[operations]]", f'include-name = "{PIECEMEAL}"']
    lines.append("checks.negative_data_rejection.enabled = false")
    path.write_text("\n".join(lines) + "\n", "utf-8")


async def run_schemathesis(folder: Path, world: World, options: list[str]) -> int:
    """Run `st run` until its time is over; return its exit code."""
    api = world.api
    key = await find_api_key(api.services.db, hash_api_key(api.key))
    special = (one for address, one in world.special.items() if address not in SPARE)
    kept = [key.id, *world.ids.values(), *special]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        f"--config-file={folder / 'schemathesis.toml'}",
        "run",
        f"{api.url}/v1/openapi.json",
        f"--header=Authorization: Bearer {api.key}",
        f"--exclude-checks={UNTOLD}",
        "--continue-on-failure",
        "--generation-database=none",
        "--warnings=off",
        "--no-color",
        f"--report-json-path={folder / 'report.json'}",
        *options,
        stdout=sys.stderr,
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "PYTHONPATH": str(Path.cwd()),
            "KEPT": " ".join(map(str, kept)),
            "TALLY": str(folder / "tally.json"),
        },
    )
    return await process.wait()


def judge(folder: Path, ended: int) -> dict:
    """What was asked and found, from the reports of the run in *folder*."""
    report = json.loads((folder / "report.json").read_text("utf-8"))
    statuses = defaultdict(set)
    for answer in json.loads((folder / "tally.json").read_text("utf-8")):
        operation, _, status = answer.rpartition(" ")
        statuses[operation].add(int(status))
    named = [f"{method} {path}" for method, path, _ in operations()]
    wanted = [each for each in named if each != ITSELF]
    return {
        "exit": ended,
        "cases": report["test_cases"]["generated"],
        "failures": report["test_cases"]["unique_failures"],
        "operations": len(wanted),
        "unreached": [each for each in wanted if not any(s < 300 for s in statuses[each])],
    }


if __name__ == "__main__":
    sys.exit(main())
