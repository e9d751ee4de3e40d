"""`gateway demo` as a stranger runs it: what it prints, what one may try, what it leaves behind."""

import asyncio
import os
import shlex
import signal
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil
import pytest

from as4.certificates import Anchors, load_key_pair
from gateway.sandbox.description import read_description
from gateway.sandbox.pki import issue_access_point, load_pki, read_identity
from gateway.store.embedded import EmbeddedPostgres
from tests.support import awkwardness
from tests.support.command import run_command
from tests.support.corners import family_of, run_program
from tests.support.peer import Peer, post, tls_session

pytestmark = pytest.mark.system

READY_SECONDS_MAX = 90


@dataclass
class Demo:
    """A demo that stays up: its process, the folder it works in, what it has said."""

    process: asyncio.subprocess.Process
    temporary: Path
    said: list[str] = field(default_factory=list)

    @property
    def folder(self):
        """The sandbox's own folder, the one thing it makes among temporary files."""
        (found,) = self.temporary.iterdir()
        return found

    async def listen(self, until):
        async with asyncio.timeout(READY_SECONDS_MAX):
            while until not in "".join(self.said[-1:]):
                line = await self.process.stdout.readline()
                assert line, "\n".join(self.said)
                self.said.append(line.decode().rstrip())

    def offers(self):
        """The commands it says one may try, as words."""
        text = "\n".join(self.said).replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines()]
        return [shlex.split(line)[1:] for line in lines if line.startswith("gateway ")]

    async def interrupt(self, number=signal.SIGINT):
        """Press Ctrl-C, or send another signal, and return the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()


def complaints_of(temporary):
    """Where the demo's stderr goes: beside its temporary files."""
    return temporary.with_name("stderr")


@asynccontextmanager
async def a_demo(temporary, *flags):
    """`gateway demo`, with its temporary files in *temporary*."""
    temporary.mkdir(parents=True)
    complaints = await asyncio.to_thread(complaints_of(temporary).open, "wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "demo", *flags, stderr=complaints,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)}, start_new_session=True,
    )  # fmt: skip
    try:
        yield Demo(process, temporary)
    finally:
        complaints.close()
        if process.returncode is None:
            for each in family_of(process.pid):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            await process.wait()


async def test_once_tells_the_story_as_one_json_object(tmp_path):
    (tmp_path / "t").mkdir()
    environ = {"TMPDIR": str(tmp_path / "t")}
    ended = await run_program("demo", "--once", "--json", environ=environ)
    assert (ended.code, ended.err) == (0, "")
    facts = ended.facts
    assert facts["story"] == "message"
    assert facts["ok"] is facts["delivered"] is facts["receipt_verified"] is True
    assert facts["document_id"]
    assert "@" in facts["message_id"]
    assert len(facts["steps"]) >= 5
    assert all(step["name"] and step["ms"] >= 0 for step in facts["steps"])
    assert sum(step["ms"] for step in facts["steps"]) / 1000 <= facts["seconds"] < 10
    assert list((tmp_path / "t").iterdir()) == []


async def test_a_software_house_s_first_day_is_told_with_http_calls_alone(tmp_path):
    ended = await run_program(
        "demo", "--once", "--json", "--story", "integration", environ={"TMPDIR": str(tmp_path)}
    )
    assert ended.code == 0, ended
    assert (ended.facts["story"], ended.facts["ok"]) == ("integration", True)
    assert len(ended.facts["steps"]) >= 15
    assert ended.facts["seconds"] > 0
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_story_is_refused_and_names_those_there_are(capsys):
    ended = run_command(capsys, "demo", "--once", "--story", "none")
    assert ended.code == 2
    assert "message" in ended.err


async def test_a_sandbox_that_does_not_start_says_why_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "t").mkdir()
    environ = {"TMPDIR": str(tmp_path / "t"), "GATEWAY_SEAT_ID": "PBE000777"}
    ended = await run_program("demo", "--once", "--json", environ=environ)
    assert (ended.code, ended.facts["ok"]) == (1, False)
    assert "did not start" in ended.err
    assert "PBE000777" in ended.err
    assert "Traceback" not in ended.err
    assert list((tmp_path / "t").iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "mine").write_text("precious")
    ended = run_command(capsys, "demo", "--once", "--folder", tmp_path)
    assert (ended.code, [path.name for path in tmp_path.iterdir()]) == (2, ["mine"])


async def test_it_stays_up_for_what_it_offers_and_ctrl_c_leaves_nothing_behind(tmp_path):
    # So deep that the databases' sockets cannot lie beside their data.
    deep = tmp_path / ("d" * 60) / "temporary"
    async with a_demo(deep) as demo:
        await demo.listen("gateway pki issue")
        family = family_of(demo.process.pid)
        servers = [EmbeddedPostgres(demo.folder / name / "data") for name in ("blue", "red")]
        assert all(each.socket_folder.exists() for each in servers)
        folders = [each.socket_folder for each in servers]
        assert all(each.postmaster() in {one.pid for one in family} for each in servers)
        for words in demo.offers():
            if words[0] != "pki":
                ended = await run_program(*words)
                assert (ended.code, ended.err) == (0, ""), (words, ended)
        issued = next(words for words in demo.offers() if words[0] == "pki")
        await check_a_peer_of_ones_own(demo, issued, tmp_path)

        assert await demo.interrupt() == 0

        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []
        assert list(deep.iterdir()) == []
        assert [folder for folder in folders if folder.exists()] == []
        assert complaints_of(deep).read_text() == ""


async def test_a_demo_that_is_killed_takes_its_gateways_and_databases_along(tmp_path):
    async with a_demo(tmp_path / "t") as demo:
        await demo.listen("docs/SANDBOX.md")
        family = family_of(demo.process.pid)
        servers = [EmbeddedPostgres(demo.folder / name / "data") for name in ("blue", "red")]
        assert {each.postmaster() for each in servers} <= {each.pid for each in family}

        assert await demo.interrupt(signal.SIGKILL) == -signal.SIGKILL

        _, alive = psutil.wait_procs(family, timeout=60)
        for each in alive:
            each.kill()
        assert alive == []


async def test_plain_http_is_offered_to_those_who_have_no_tls_and_described(tmp_path):
    async with a_demo(tmp_path / "t", "--plain-http") as demo:
        await demo.listen("docs/SANDBOX.md")
        described = read_description(demo.folder)
        for name in ("blue", "red"):
            assert described[name]["as4"].startswith("http://127.0.0.1:")
            assert any(f"AS4 {described[name]['as4']} " in line for line in demo.said)
        pki = load_pki(demo.folder / "pki")
        peer = issue_access_point(pki, "PBE000009", now=datetime.now(UTC))
        sender = Peer.of(pki, peer, read_identity(demo.folder / "red", "as4"))
        sealed = sender.seal("PLAIN").message
        async with aiohttp.ClientSession() as session:
            answer = await post(session, described["red"]["as4"], sealed)
        assert sender.check(sealed, answer).ref_to_message_id == sealed.message_id
        folder = demo.folder
        assert await demo.interrupt() == 0
        assert not folder.exists()


async def check_a_peer_of_ones_own(demo, words, folder):
    """A certificate that `pki issue` makes, as PEM or PKCS#12, is one red accepts messages of."""
    out = folder / "peer"
    ended = await run_program(*words[: words.index("--out")], "--out", out, "--json")
    assert ended.code == 0
    certificate, key, bundle = files_of(ended)
    pki = load_pki(demo.folder / "pki")
    trust = Anchors.load(pki.root.certificate_der, pki.ap_ca.certificate_der)
    red = read_identity(demo.folder / "red", "as4")
    url = next(line.split()[1] for line in demo.said[demo_line(demo, "  red ") :] if "AS4 " in line)
    async with tls_session(pki.tls_ca) as session:
        pairs = {
            "PEM": load_key_pair(key + certificate, None),
            "P12": load_key_pair(bundle, b"sandbox"),
        }
        for form, pair in pairs.items():
            peer = Peer(pair, red, trust, awkwardness.run_seed())
            sealed = peer.seal(f"PEER-{form}")
            answer = await post(session, url, sealed.message)
            assert peer.check(sealed.message, answer).ref_to_message_id == sealed.message.message_id


def files_of(issued):
    """What `pki issue` wrote: certificate, key and PKCS#12; others may read the first alone."""
    paths = [Path(issued.facts[name]) for name in ("certificate", "key", "pkcs12")]
    assert [path.stat().st_mode & 0o077 for path in paths[1:]] == [0, 0]
    return [path.read_bytes() for path in paths]


def demo_line(demo, start):
    return next(i for i, line in enumerate(demo.said) if line.startswith(start))


@pytest.mark.parametrize(
    ("flags", "number", "code"),
    [((), signal.SIGHUP, 0), (("--once", "--json"), signal.SIGINT, 1)],
    ids=["its terminal is closed", "ctrl-c"],
)
async def test_an_end_while_it_starts_leaves_nothing_behind(tmp_path, flags, number, code):
    """A story that was not told is no success; a demo that one ends is."""
    async with a_demo(tmp_path / "t", *flags) as demo:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not list((tmp_path / "t").glob("*/blue/data/postgres/data*")):  # noqa: ASYNC110 - another process's files
                await asyncio.sleep(0.02)
        family = family_of(demo.process.pid)
        assert await demo.interrupt(number) == code
        _, alive = psutil.wait_procs(family, timeout=30)
        assert (alive, list((tmp_path / "t").iterdir())) == ([], [])
        assert complaints_of(tmp_path / "t").read_text() == ""


def test_keys_of_ones_own_are_made_once_and_issue_only_seats(tmp_path, capsys):
    made = run_command(capsys, "pki", "init", tmp_path / "pki", "--json")
    assert made.code == 0
    assert set(made.facts["certificates"]) == {"root", "ap-ca", "smp-ca", "tls-ca"}
    assert {path.name for path in (tmp_path / "pki").glob("*.cert.pem")} == {
        "root.cert.pem", "ap-ca.cert.pem", "smp-ca.cert.pem", "tls-ca.cert.pem",
    }  # fmt: skip
    assert (run_command(capsys, "pki", "init", tmp_path / "pki")).code == 2
    words = ("--pki", tmp_path / "pki", "--out", tmp_path, "--json")
    issued = run_command(capsys, "pki", "issue", "PBE000009", *words, "--password", "other")
    assert (issued.code, issued.facts["seat_id"]) == (0, "PBE000009")
    pair = load_key_pair(files_of(issued)[2], b"other")
    assert pair.certificate.subject_cn == "PBE000009"
    assert (run_command(capsys, "pki", "issue", "ap.example", *words)).code == 2
    nowhere = ("--pki", tmp_path / "nowhere")
    assert (run_command(capsys, "pki", "issue", "PBE000009", *nowhere)).code == 2
