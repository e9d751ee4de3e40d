"""The console script: verbs, help, streams and exit codes."""

import json
import subprocess
import sys

import pytest

from gateway import __main__ as script
from gateway import __version__, commands
from gateway.commands.options import Progress, print_json
from tests.support.command import run_command


@pytest.fixture
def verb(monkeypatch, tmp_path):
    """A verb called `probe` that does what the test says."""

    def make(body):
        folder = tmp_path / "verbs"
        folder.mkdir(exist_ok=True)
        (folder / "probe.py").write_text(body)
        monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(folder)])
        sys.modules.pop("gateway.commands.probe", None)

    yield make
    sys.modules.pop("gateway.commands.probe", None)


RAISING = """
from gateway.errors import *
from gateway.settings import BadSettings
from gateway.store.errors import StoreError
SUMMARY = "probe"
def add_arguments(parser):
    parser.add_argument("--json", action="store_true")
def run(args):
    raise {}
"""


def test_help_names_every_verb_with_one_line(capsys):
    ended = run_command(capsys, "--help")
    assert ended.code == 0
    listed = {line.split()[0]: line for line in ended.out.splitlines() if line.startswith("  ")}
    for verb in ("serve", "demo", "send", "lookup", "ping", "pki", "db", "config"):
        assert len(listed[verb].split()) > 2
    assert "options" not in listed


def test_without_a_verb_there_is_help_and_bad_usage(capsys):
    ended = run_command(capsys)
    assert (ended.code, "Verbs:" in ended.out) == (2, True)


def test_an_unknown_verb_is_bad_usage(capsys):
    ended = run_command(capsys, "sned")
    assert ended.code == 2
    assert "no verb 'sned'" in ended.err


def test_the_version_is_told(capsys):
    assert run_command(capsys, "--version").out.strip() == __version__


@pytest.mark.parametrize(
    "verb", ["config", "db", "demo", "inspect", "lookup", "ping", "pki", "send", "serve", "worker"]
)
def test_every_verb_explains_itself(capsys, verb):
    ended = run_command(capsys, verb, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"usage: gateway {verb}")


def test_an_unknown_flag_is_bad_usage(capsys):
    assert run_command(capsys, "config", "show", "--colour").code == 2


def test_only_the_chosen_verb_is_imported():
    code = (
        "import sys; from gateway.__main__ import main; main(['config', 'keys']);"
        "print([m for m in ('asyncpg', 'aiohttp', 'cryptography', 'rich')"
        " if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        ("Fault(Kind.NOT_FOUND, 'some-code', 'nothing there')", 1, "some-code"),
        ("Fault(Kind.UNAVAILABLE, 'some-code', 'later')", 3, "some-code"),
        ("Unavailable('the world is down')", 3, "unavailable"),
        ("Unavailable('ask again', 1.0, code='some-code')", 3, "some-code"),
        ("BadSettings(['one', 'two'])", 2, "bad-settings"),
        ("StoreError('synchronous_commit is off')", 1, "database-unusable"),
    ],
)
def test_a_refusal_is_told_on_stderr_and_as_json(capsys, verb, error, code, word):
    verb(RAISING.format(error))
    plain = run_command(capsys, "probe")
    assert (plain.code, plain.out) == (code, "")
    assert plain.err
    ended = run_command(capsys, "probe", "--json")
    assert ended.code == code
    assert (ended.facts["ok"], ended.facts["code"]) == (False, word)


def test_findings_are_told_with_place_and_fix(capsys, verb):
    problem = "Problem(rule='r', message='m', location='l', hint='h')"
    verb(RAISING.format(f"Fault(Kind.INVALID, 'c', 'd', errors=[{problem}])"))
    ended = run_command(capsys, "probe", "--json")
    assert ended.err.splitlines() == ["d", "  l: m (h)"]
    assert ended.facts["errors"] == [
        {"rule": "r", "severity": "error", "location": "l", "message": "m", "term": "", "hint": "h"}
    ]


def test_ctrl_c_and_a_closed_pipe_have_codes_of_their_own(capsys, verb):
    verb(RAISING.format("KeyboardInterrupt"))
    assert run_command(capsys, "probe").code == 130
    verb(RAISING.format("BrokenPipeError"))
    assert run_command(capsys, "probe").code == 141


def test_json_is_one_object_on_one_line(capsys):
    print_json({"text": "a\nb é", "path": script.__name__})
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert json.loads(out)["text"] == "a\nb é"


def test_progress_is_silent_in_a_pipe_and_on_stderr_on_a_terminal(capsys, monkeypatch):
    Progress(None).say("working")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    Progress(None).say("working [1/2]")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "working [1/2]\n")
