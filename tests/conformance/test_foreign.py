"""A target of any make, made of addresses, files and two commands."""

import asyncio
import os
import re
import shlex
import signal
import sys
from dataclasses import replace

import pytest

from conformance.cases import all_cases
from conformance.suite import commands
from conformance.suite.commands import CommandInbox, CommandOutbox
from conformance.suite.foreign import Foreign, open_foreign
from conformance.suite.outcome import Failed, NotApplicable, Outcome
from conformance.suite.runner import run_cases, select
from tests.conformance.world import TESTER, TOOLS, a_target
from tests.support.messages import C4, INVOICE
from tests.support.pki import leaf, pki

PYTHON = shlex.quote(sys.executable)


def make(_seller, _buyer, number):
    return INVOICE.replace(b"<ID>1<", f"<ID>{number}<".encode())


@pytest.fixture
def known(tmp_path):
    """What an operator writes down: files of keys and certificates."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("sender", "expired"):
        identity = leaf(name)
        (keys / f"{name}.pem").write_bytes(identity.key_pem + identity.certificate_pem)
    (keys / "third.p12").write_bytes(leaf("third").pkcs12("secret"))
    files = {"root": pki().root, "ap-ca": pki().ap_ca, "red": leaf("receiver")}
    for name, identity in files.items():
        (tmp_path / f"{name}.pem").write_bytes(identity.certificate_pem)
    return Foreign(
        url="http://127.0.0.1:1/as4",
        certificate=tmp_path / "red.pem",
        keys=keys,
        participant=C4.value,
        trust=[tmp_path / "root.pem", tmp_path / "ap-ca.pem"],
        password=b"secret",
    )


async def outcomes(known, names):
    cases = select(all_cases(), [], names)
    async with a_target() as good:
        opened = open_foreign(replace(known, url=good.as4_url), TESTER, make)
        async with opened as (target, keys):
            done = await run_cases(cases, target, keys, TESTER, TOOLS, only_harmless=True)
    return {result.case.id: (result.outcome, result.reason) for result in done.results}


async def test_what_was_given_is_tried_and_what_was_not_says_so(known):
    names = ["as4.receipt", "peppol.certificate", "as4.send.gzip", "smp.dns.record"]
    found = await outcomes(known, names)
    assert found["as4.receipt.non-repudiation"] == (Outcome.PASSED, "")
    assert found["peppol.certificate.expired"] == (Outcome.PASSED, "")
    assert found["peppol.certificate.another-seat"] == (Outcome.PASSED, "")
    for name in ("peppol.certificate.revoked", "as4.send.gzip", "smp.dns.record"):
        outcome, reason = found[name]
        assert outcome is Outcome.NOT_APPLICABLE
        assert reason


async def test_the_inbox_command_prints_a_file_for_each_delivery(tmp_path):
    (tmp_path / "one.xml").write_bytes(b"<x/>")
    script = tmp_path / "inbox.py"
    script.write_text(
        f"import sys\nif sys.argv[1] == 'there@x': print({str(tmp_path / 'one.xml')!r})"
    )
    inbox = CommandInbox(f"{PYTHON} {shlex.quote(str(script))}")
    assert await inbox.find("there@x") == [b"<x/>"]
    assert await inbox.find("nothing@x") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("import sys; print('no database'); sys.exit(3)", "ended with 3: no database"),
        ("print('/nothing/there.xml')", "/nothing/there.xml, which cannot be read"),
        ("print('/x\\n' * 30)", "names 30 deliveries"),
        ("print('x' * 300 + '\\0')", "which cannot be read"),
    ],
)
async def test_an_inbox_command_that_does_not_do_its_work_says_so(words, said):
    inbox = CommandInbox(f"{PYTHON} -c {shlex.quote(words)}")
    with pytest.raises(Failed, match=re.escape(said)):
        await inbox.find("there@x")


@pytest.mark.parametrize("command", ["/nothing/there", "'"])
async def test_a_command_that_cannot_be_started_says_so(command):
    with pytest.raises(Failed, match="cannot be started"):
        await CommandInbox(command).find("there@x")


async def test_a_command_that_never_ends_or_prints_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(commands, "OUTPUT_BYTES_MAX", 1000)
    endless = f"{PYTHON} -c \"while True: print('x' * 100)\""
    code, output = await commands._run(endless, seconds=0.5)
    assert (code, output) == (-1, "it did not end within 0.5 seconds")


async def test_a_command_is_ended_though_what_it_started_holds_its_output(tmp_path):
    kept = tmp_path / "pid"
    script = tmp_path / "leaves.py"
    script.write_text(
        "import pathlib, subprocess, sys, time\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\n"
        f"pathlib.Path({str(kept)!r}).write_text(str(left.pid))\n"
        "time.sleep(600)\n"
    )
    command = f"{PYTHON} {shlex.quote(str(script))}"
    try:
        async with asyncio.timeout(30):
            code, _ = await commands._run(command, seconds=2)
    finally:
        os.kill(int(kept.read_text()), signal.SIGKILL)
    assert code == -1


async def test_the_send_command_ends_with_what_became_of_the_document(tmp_path):
    script = tmp_path / "send.py"
    script.write_text("import sys\nprint('EBMS:0301', sys.argv[2:4])\nsys.exit(1)")
    outbox = CommandOutbox(f"{PYTHON} {shlex.quote(str(script))}", tmp_path)
    await outbox.publish(C4, "http://127.0.0.1:2/as4", leaf("sender").certificate_pem)
    name = await outbox.send(b"<x/>", C4)
    assert (await outbox.ending(name)).delivered is None
    await outbox.wait(name)
    ending = await outbox.ending(name)
    assert ending.delivered is False
    assert ending.words == f"EBMS:0301 ['{C4.value}', 'http://127.0.0.1:2/as4']"
    await outbox.close()


async def test_nobody_is_sent_to_who_was_not_published(tmp_path):
    outbox = CommandOutbox(PYTHON, tmp_path)
    await outbox.publish(C4, "http://127.0.0.1:2/as4", leaf("sender").certificate_pem)
    await outbox.withdraw(C4)
    with pytest.raises(NotApplicable):
        await outbox.send(b"<x/>", C4)


async def test_keys_without_a_sender_are_refused(known, tmp_path):
    (known.keys / "sender.pem").unlink()
    with pytest.raises(ValueError, match=r"holds no sender\.pem"):
        await outcomes(known, ["as4.receipt"])
