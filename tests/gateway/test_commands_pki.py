"""`gateway pki` about our own keys, as an operator runs it."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from gateway.sandbox.pki import (
    issue_access_point,
    issue_publisher,
    issue_tls,
    make_pki,
    read_identity,
    save_pki,
    write_identity,
)
from gateway.sandbox.revocation import RevocationLists, serve_lists
from gateway.settings import Settings
from gateway.trust.inventory import expiring
from tests.support.command import run_beside, run_command
from tests.support.gateways import write_settings
from tests.support.handshakes import certify

TODAY = datetime.now(UTC)


def installation(folder, *, revocation_url=None, days=700, host="127.0.0.1", **changed):
    """Settings, keys and authorities of a gateway of today; return the PKI and the settings."""
    pki = make_pki(now=TODAY, revocation_url=revocation_url)
    write_settings(folder)
    save_pki(pki, folder)
    write_identity(issue_access_point(pki, "PBE000001", now=TODAY, days=days), folder, "as4")
    write_identity(issue_publisher(pki, "PSM000001", now=TODAY, days=days), folder, "smp")
    certificate, key = write_identity(issue_tls(pki, [host], now=TODAY, days=days), folder, "tls")
    text = "".join(
        line
        for line in (folder / "gateway.toml").read_text().splitlines(keepends=True)
        if not line.startswith(("clock_at", *changed))
    )
    changed |= {
        "public_tls_certificate_file": str(certificate),
        "public_tls_key_file": str(key),
        "revocation_stale_grace_seconds": 0,
    }
    text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in changed.items())
    config = folder / "gateway.toml"
    config.write_text(text)
    return pki, config


def status(capsys, config, *flags):
    return run_command(capsys, "pki", "status", "--config", config, "--json", *flags)


def rows(ended):
    return {row["role"]: row for row in ended.facts["certificates"]}


def test_a_status_names_each_certificate_and_its_use(tmp_path, capsys):
    _, config = installation(tmp_path)
    ended = status(capsys, config)
    assert (ended.code, ended.err, ended.facts["ok"]) == (0, "", True)
    found = rows(ended)
    assert list(found) == ["current", "smp", "tls"]
    assert found["current"]["subject"] == "CN=PBE000001,OU=PEPPOL SANDBOX AP,O=Sandbox,C=BE"
    assert found["current"]["stage"] == "sandbox"
    assert found["current"]["days_left"] == 699
    assert "Access Point CA" in found["current"]["issuer"]
    assert "Publisher CA" in found["smp"]["issuer"]
    assert all(row["used_for"] and row["serial"] for row in found.values())
    assert ended.facts["warnings"] == []
    assert "unknown" in ended.facts["published"]
    readable = run_command(capsys, "pki", "status", "--config", config)
    assert "699 days left" in readable.out


def test_a_status_warns_before_a_certificate_expires(tmp_path, capsys):
    _, config = installation(tmp_path, days=29)
    ended = status(capsys, config)
    assert ended.code == 0
    for role in ("current", "smp", "tls"):
        assert any(t.startswith(f"{role}: it expires in 28 days") for t in ended.facts["warnings"])
    settings = Settings.load({}, {}, config)
    said = expiring(settings, TODAY)
    assert [text.split()[0] for text in said] == ["current", "smp", "tls"]
    assert expiring(settings, TODAY - timedelta(days=2)) == []
    assert all("has expired" in text for text in expiring(settings, TODAY + timedelta(days=40)))


def test_a_status_says_what_peers_would_refuse(tmp_path, capsys):
    pki, config = installation(tmp_path, host="other.example", seat_id="PBE000002")
    past = TODAY - timedelta(days=400)
    write_identity(issue_publisher(pki, "PSM000001", now=past, days=300), tmp_path, "smp")
    ended = status(capsys, config)
    assert (ended.code, ended.facts["ok"]) == (1, False)
    found = rows(ended)
    assert "seat_id is PBE000002" in found["current"]["problem"]
    assert "expired" in found["smp"]["problem"]
    assert "does not name 127.0.0.1" in found["tls"]["problem"]
    (tmp_path / "tls.cert.pem").write_text("nothing")
    (tmp_path / "as4.key.pem").unlink()
    found = rows(status(capsys, config))
    assert found["current"]["problem"]
    assert found["tls"]["problem"]


async def test_a_status_knows_of_a_revocation_what_was_kept_or_what_it_asks(tmp_path, capsys):
    lists = RevocationLists()
    async with serve_lists(lists):
        pki, config = installation(tmp_path, revocation_url=lists.url)
        words = ("pki", "status", "--config", config, "--json")
        ended = await run_beside(capsys, *words)
        assert rows(ended)["current"]["revocation"] == "unknown"
        assert "current: whether it was revoked is not known" in ended.facts["warnings"]

        lists.publish(pki, now=TODAY)
        ended = await run_beside(capsys, *words, "--online")
        assert {r["revocation"] for r in rows(ended).values()} == {"good", None}

        lists.revoke(pki, "ap-ca", read_identity(tmp_path, "as4"), now=TODAY)
        shutil.rmtree(tmp_path / "data")
        ended = await run_beside(capsys, *words, "--online")
        assert (ended.code, rows(ended)["current"]["problem"]) == (1, "it was revoked")
    # What was asked is kept: now nobody answers.
    ended = await run_beside(capsys, *words)
    assert rows(ended)["current"]["revocation"] == "revoked"
    assert rows(ended)["smp"]["revocation"] == "good"


@pytest.mark.parametrize("verb", ["request", "install", "rotate"])
def test_what_cannot_be_done_says_so(tmp_path, capsys, verb):
    _, config = installation(tmp_path)
    words = {"install": [tmp_path / "absent.pem"]}.get(verb, [])
    if verb == "request":
        assert run_command(capsys, "pki", verb, "--config", config).code == 0
    ended = run_command(capsys, "pki", verb, *words, "--config", config, "--json")
    assert (ended.code, ended.facts["ok"]) == (1, False)
    assert (
        ended.facts["code"]
        == {
            "request": "request-under-way",
            "install": "no-such-file",
            "rotate": "nothing-installed",
        }[verb]
    )


def test_a_roll_over_from_the_request_to_the_status_after_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gateway.commands.ownkeys.LOOK_SECONDS", 0.2)
    pki, config = installation(tmp_path)
    on = ("--config", config, "--json")
    first = rows(status(capsys, config))["current"]["serial"]

    made = run_command(capsys, "pki", "request", *on)
    assert status(capsys, config).facts["requested"] == made.facts["request"]
    issued = certify(made.facts["request"], tmp_path, pki)
    plan = run_command(capsys, "pki", "rotate", "--plan", *on)
    assert plan.facts["steps"][0]["what"] == "gateway pki install FILE"
    installed = run_command(capsys, "pki", "install", issued, *on)
    assert installed.code == 0
    found = rows(status(capsys, config))
    assert (found["current"]["serial"], found["next"]["serial"]) == (
        first,
        installed.facts["serial"],
    )
    plan = run_command(capsys, "pki", "rotate", "--plan", *on)
    assert plan.facts["steps"][0]["what"] == "gateway pki rotate"
    assert (
        "The new key must be in use by"
        in run_command(capsys, "pki", "rotate", "--plan", "--config", config).out
    )

    rotated = run_command(capsys, "pki", "rotate", *on)
    assert rotated.code == 0
    ended = status(capsys, config)
    found = rows(ended)
    assert list(found) == ["current", "previous", "smp", "tls"]
    assert found["current"]["serial"] == installed.facts["serial"]
    assert found["previous"]["serial"] == first
    assert found["previous"]["file"] == rotated.facts["previous_file"]
    assert datetime.fromisoformat(found["previous"]["may_go_at"]) > TODAY + timedelta(days=13)
    assert ended.facts["warnings"] == []
