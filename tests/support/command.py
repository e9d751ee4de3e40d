"""Commands for tests: run in this process, as the console script would."""

import asyncio
import json
from dataclasses import dataclass

from gateway.__main__ import main


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def facts(self):
        """The JSON object that is last on stdout."""
        return json.loads(self.out.splitlines()[-1])


def run_command(capsys, *words) -> Ended:
    """Run `gateway` with *words*."""
    capsys.readouterr()
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    return Ended(code, captured.out, captured.err)


async def run_beside(capsys, *words) -> Ended:
    """Run `gateway` with *words* in a thread, while the loop goes on serving it."""
    return await asyncio.to_thread(run_command, capsys, *words)
