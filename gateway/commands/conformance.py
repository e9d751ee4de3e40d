"""Test an access point, case by case, and report what it does with evidence.

`gateway conformance run` starts a sandbox of its own and tests that; `--sandbox FILE` tests the red
access point of a sandbox that runs (its sandbox.json); `--target URL` tests any other.  A target
that is not on this machine gets the harmless cases alone, unless --mine says that it is yours.
`gateway conformance list` shows every case.  conformance/README.md explains more.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.cases import all_cases
from conformance.suite.case import Case
from conformance.suite.foreign import Foreign, open_foreign
from conformance.suite.listener import CannotListen
from conformance.suite.outcome import Outcome
from conformance.suite.report import summarize, write_report
from conformance.suite.report.folder import UnwritableReport, check_folder
from conformance.suite.runner import Result, Run, run_cases, select
from conformance.suite.target import PATIENCE_SECONDS
from conformance.suite.tools import Tools
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_USAGE,
    Progress,
    add_json,
    complain,
    refuse,
    report,
)
from gateway.errors import Fault, Kind
from gateway.sandbox.description import describe, read_description
from gateway.sandbox.network import SandboxFailed, remove_network, run_network
from gateway.sandbox.proving import (
    SandboxTarget,
    invoice_between,
    machine_tools,
    make_tester,
    open_sandbox,
)
from ubl.identifiers import ParticipantId

_PASSWORD_BYTES_MAX = 1024  # LIMIT: a password has one line.
_NEEDED = ("certificate", "keys", "participant", "trust")
_PASSED_ON = (
    "certificate", "keys", "participant", "trust", "document", "smp", "smp_trust", "tls_ca", "dns",
    "zone", "inbox_command", "send_command", "listen", "patience",
)  # fmt: skip
SUMMARY = "test an access point, ours or another, and report case by case"


class _BadTarget(Exception):  # noqa: N818 - it says what is wrong
    """What was said of the target cannot be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `conformance run` and `conformance list`."""
    verbs = parser.add_subparsers(dest="what", required=True)
    run_verb = verbs.add_parser("run", help="run the cases and report")
    _add_target(run_verb)
    run_verb.add_argument("--report", type=Path, metavar="DIR", help="write the report here")
    run_verb.add_argument(
        "--mine", action="store_true", help="the target is yours: run what is not harmless, too"
    )
    list_verb = verbs.add_parser("list", help="show every case")
    for verb in (run_verb, list_verb):
        verb.add_argument("--suite", default="", metavar="NAMES", help="as4,peppol,security,smp")
        verb.add_argument(
            "--case", nargs="+", default=[], metavar="NAME", help="only these, or all below a name"
        )
        add_json(verb)


def _add_target(verb: argparse.ArgumentParser) -> None:
    """Declare what says which target is meant, and what is known of it."""
    verb.add_argument("--sandbox", type=Path, metavar="FILE", help="sandbox.json of a demo")
    files = {
        "--certificate": "the target's certificate, PEM or DER",
        "--keys": "folder of the tester's keys: sender.pem or .p12, expired.pem, ...",
        "--password-file": "password of the .p12 files in --keys",
        "--document": "document to send, from the tester to the target's participant",
        "--tls-ca": "authority of the target's https address, if no public one",
    }
    for name, help_text in files.items():
        verb.add_argument(name, type=Path, metavar="FILE", help=help_text)
    texts = {
        "--target": "AS4 address of the access point to test",
        "--participant": "participant that the target serves, as 0208:0123456749",
        "--tester": "participant that the tester plays (default: a made-up Belgian one)",
        "--smp": "address of the SMP that publishes the participant",
        "--dns": "HOST:PORT of a DNS server that knows the participant",
        "--zone": "SML zone in which it does",
        "--inbox-command": "prints a file name for each document that a MessageId brought",
        "--send-command": "sends FILE to PARTICIPANT at URL with CERTIFICATE; 0 if delivered",
    }
    for name, help_text in texts.items():
        verb.add_argument(name, metavar="TEXT", help=help_text)
    verb.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where the tester receives"
    )
    verb.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS",
        help="how long sending one document may take, retries included (%(default)g)",
    )  # fmt: skip
    for name in ("--trust", "--smp-trust"):
        who = "publishers of metadata" if name == "--smp-trust" else "access points"
        verb.add_argument(
            name, type=Path, metavar="FILE", action="append", default=[],
            help=f"root and issuing authority of {who}, each once",
        )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run or list the cases; return the exit code.  Raises Fault and Unavailable."""
    try:
        suites = [name.strip() for name in args.suite.split(",") if name.strip()]
        cases = select(all_cases(), suites, args.case)
    except ValueError as error:
        return refuse(args, Fault(Kind.INVALID, "unknown-case", str(error)), EXIT_USAGE)
    if args.what == "list":
        report(args, {"cases": [_listed(case) for case in cases]}, [_line(case) for case in cases])
        return EXIT_DONE
    try:
        if args.report is not None:
            check_folder(args.report)
        done = asyncio.run(_run(args, cases))
        return _report(args, done)
    except UnwritableReport as error:
        return refuse(args, Fault(Kind.INVALID, "report-unwritable", str(error)), EXIT_USAGE)
    except (_BadTarget, CannotListen) as error:
        return refuse(args, Fault(Kind.INVALID, "bad-target", str(error)), EXIT_USAGE)
    except SandboxFailed as error:
        return refuse(args, Fault(Kind.UNAVAILABLE, "sandbox-failed", str(error)))


async def _run(args: argparse.Namespace, cases: Sequence[Case]) -> Run:
    progress = Progress(args)

    def heard(result: Result) -> None:
        progress.say(f"{result.outcome.value:15} {result.case.id:45} {result.reason}")

    tools = machine_tools()
    async with _found(args, tools, progress) as found:
        return await run_cases(
            cases,
            found.target,
            found.keys,
            found.tester,
            tools,
            only_harmless=not (args.mine or found.target.is_loopback),
            heard=heard,
        )


@asynccontextmanager
async def _found(
    args: argparse.Namespace, tools: Tools, progress: Progress
) -> AsyncIterator[SandboxTarget]:
    """Yield what is to be tested, as the flags say."""
    if args.target is not None:
        async with _foreign(args, tools) as found:
            yield found
        return
    if args.sandbox is not None:
        async with open_sandbox(read_description(args.sandbox.parent), tools) as found:
            yield found
        return
    folder = await asyncio.to_thread(_new_folder)
    progress.say("starting a sandbox to test ...")
    try:
        async with run_network(folder, now=tools.now()) as network:
            facts = await asyncio.to_thread(describe, network)
            async with open_sandbox(facts, tools) as found:
                yield found
    finally:
        await asyncio.to_thread(remove_network, folder)


@asynccontextmanager
async def _foreign(args: argparse.Namespace, tools: Tools) -> AsyncIterator[SandboxTarget]:
    """Yield the access point at `--target`; raises _BadTarget."""
    missing = [name for name in _NEEDED if not getattr(args, name)]
    if missing:
        flags = ", ".join(f"--{name}" for name in missing)
        raise _BadTarget(f"--target needs {flags} as well")
    tester = make_tester(tools)
    async with AsyncExitStack() as stack:
        try:
            if args.tester is not None:
                tester = replace(tester, participant=ParticipantId.parse(args.tester))
            known = Foreign(
                url=args.target,
                password=_password(args.password_file),
                **{name: getattr(args, name) for name in _PASSED_ON},
            )
            opened = open_foreign(known, tester, invoice_between)
            target, keys = await stack.enter_async_context(opened)
        except ValueError as error:
            raise _BadTarget(str(error)) from error
        yield SandboxTarget(target, keys, tester)


def _password(path: Path | None) -> bytes | None:
    """Return the password in the file at *path*; raises ValueError."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(_PASSWORD_BYTES_MAX).strip()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="peppol-conformance-")).resolve()


def _report(args: argparse.Namespace, done: Run) -> int:
    """Write the report, say what it says in short, and return the exit code.

    A folder that cannot be written any more takes none of what was found along.
    """
    folder, code = args.report, EXIT_REFUSED if done.count(Outcome.FAILED) else EXIT_DONE
    summary = None
    if folder is not None:
        try:
            summary = write_report(done, folder)
        except UnwritableReport as error:
            complain(str(error))
            folder, code = None, EXIT_USAGE
    summary = summary or summarize(done, with_evidence=False)
    report(args, summary, lambda facts: _lines(facts, folder))
    return code


def _lines(summary: dict[str, Any], folder: Path | None) -> list[str]:
    failed = [case for case in summary["cases"] if case["outcome"] == Outcome.FAILED]
    lines = [f"failed  {case['id']}: {case['reason']}" for case in failed]
    counts = (f"{summary[outcome.value]} {outcome.value.replace('_', ' ')}" for outcome in Outcome)
    lines.append(f"{summary['target']['seat']} at {summary['target']['as4']}: {', '.join(counts)}")
    if folder is not None:
        lines.append(f"report  {folder / 'report.html'}")
    return lines


def _listed(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "suite": case.suite,
        "title": case.title,
        "requirement": case.requirement,
        "sources": [f"[{source}]" for source in case.sources],
        "assertions": list(case.assertions),
        "harmless": case.harmless,
    }


def _line(case: Case) -> str:
    return f"{case.id:45} {case.title}"
