"""The verbs that ask a running gateway: dossiers, keys, documents, events, participants."""

import base64
import json

import pytest

from gateway.store.documents import append_event, insert_document
from tests.support.api import SENDER, an_invoice, ask, post
from tests.support.command import run_beside
from tests.support.forms import a_form, as_json
from tests.support.imports import importer
from tests.support.showing import a_bill, an_attachment
from tests.support.store import NOW, a_document
from ubl.writer import write_document


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(api, capsys):
    """Run a verb against the API; its result as facts, or with `plain` as text."""

    async def run(*words, plain=False, key=None, code=0):
        path = api.services.settings.data_dir / "api-key"
        if key is not None:
            path = api.services.settings.data_dir / "other-key"
            path.write_text(key)
        access = ("--url", api.url, "--api-key-file", path)
        ended = await run_beside(capsys, *words, *access, *([] if plain else ["--json"]))
        assert ended.code == code, ended
        return ended.out if plain else ended.facts

    return run


async def test_dossiers_are_made_found_and_changed(run):
    made = await run("dossiers", "create", "Bakkerij", "--reference", "client-7")
    assert (made["name"], made["country"]) == ("Bakkerij", "BE")
    found = await run("dossiers", "list", "--reference", "client-7")
    assert found["dossiers"] == [made]
    await run("dossiers", "change", made["id"], "--name", "Bakkerij bv")
    assert (await run("dossiers", "show", made["id"]))["name"] == "Bakkerij bv"
    assert made["id"] in await run("dossiers", "list", "--limit", "1", plain=True)
    refused = await run("dossiers", "create", "x", "--reference", "client-7", code=1)
    assert refused["code"] == "reference-taken"


async def test_a_key_is_made_used_rotated_and_revoked(run):
    dossier = await run("dossiers", "create", "Bakkerij")
    made = await run(
        "keys", "create", "shop", "--scope", "documents:read", "--opens", dossier["id"]
    )
    assert made["dossiers"] == [dossier["id"]]
    assert await run("documents", "list", key=made["key"]) == {
        "documents": [], "has_more": False, "next_cursor": None,
    }  # fmt: skip
    denied = await run("dossiers", "list", key=made["key"], code=1)
    assert denied["code"] == "scope-missing"
    again = await run("keys", "rotate", made["id"], "--overlap", "0")
    over = await run("documents", "list", key=made["key"], code=1)
    assert over["code"] == "api-key-over"
    assert (await run("keys", "show", again["id"]))["last_used_at"] is None
    assert (await run("keys", "revoke", again["id"]))["revoked_at"] is not None
    listed = await run("keys", "list", plain=True)
    assert "revoked" in listed
    assert again["key"] not in listed


async def test_a_key_is_printed_once_where_it_is_made(run):
    printed = await run("keys", "create", "shop", "--scope", "*", plain=True)
    assert printed.splitlines()[0].startswith("gk_test_")


async def test_a_sent_document_is_followed_and_fetched(run, api, tmp_path):
    await run("participants", "register", SENDER)
    document = an_invoice()
    sent = (await post(api, document))[2]["id"]
    assert (await run("documents", "show", sent))["status"] == "accepted"
    assert "accepted" in await run("documents", "timeline", sent, plain=True)
    steps = (await run("documents", "timeline", sent))["events"]
    assert [each["seq"] for each in steps] == [1, 2]
    written = await run("documents", "fetch", sent, "ubl", "-o", tmp_path / "it.xml")
    assert written == {"file": str(tmp_path / "it.xml"), "size_bytes": len(document)}
    assert (await run("documents", "fetch", sent, "pdf"))["file"] == f"{sent}.pdf"
    assert (tmp_path / f"{sent}.pdf").read_bytes().startswith(b"%PDF")
    changed = await run("documents", "list", "--updated-after", "2020-01-01T00:00:00Z")
    assert [each["id"] for each in changed["documents"]] == [sent]


async def test_what_is_attached_is_fetched(run, api, tmp_path):
    bill = write_document(a_bill(supporting_documents=(an_attachment(content=b"dag;uren"),)))
    async with api.services.db.transaction(api.dossier) as tx:
        document = await insert_document(tx, a_document(content=bill))
    await run("documents", "attachment", document.id, 1, "-o", tmp_path / "it.csv")
    assert (tmp_path / "it.csv").read_bytes() == b"dag;uren"
    assert (await run("documents", "attachment", document.id, 1))["file"] == f"{document.id}.1"
    refused = await run("documents", "attachment", document.id, 2, code=1)
    assert refused["code"] == "attachment-not-found"


async def test_a_received_document_is_taken_from_the_inbox(run, api):
    document = a_document(direction="in", status="delivered", content=None)
    async with api.services.db.transaction(api.dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "received", {"text": "it came"}, now=NOW)
    assert str(document.id) in await run("documents", "inbox", plain=True)
    taken = await run("documents", "ack", document.id)
    assert taken["acknowledged_at"] is not None
    assert (await run("documents", "inbox"))["documents"] == []
    events = await run("events")
    assert [each["type"] for each in events["events"]] == [
        "document.received", "document.acknowledged",
    ]  # fmt: skip
    assert "it came" in await run("events", "--since", "2020-01-01", plain=True)


async def test_participants_are_registered_shown_and_removed(run):
    service = ("--service", "busdox-docid-qns::urn:x::Invoice##urn:y::2.1", "cenbii-procid-ubl::z")
    made = await run("participants", "register", SENDER, *service)
    assert len(made["services"]) == 1
    assert await run("participants", "list") == {
        "participants": [made],
        "has_more": False,
        "next_cursor": None,
    }
    assert SENDER in await run("participants", "show", SENDER, plain=True)
    assert await run("participants", "remove", SENDER) == {"ok": True}
    assert (await run("participants", "show", SENDER, code=1))["code"] == "participant-not-found"


async def test_what_is_asked_is_asked_in_the_dossier_that_is_named(run, api):
    dossier = await run("dossiers", "create", "Bakkerij")
    await run("participants", "register", SENDER, "--dossier", dossier["id"])
    assert (await run("participants", "list"))["participants"] == []
    _, _, found = await ask(api, "GET", "/v1/participants", headers={"Dossier": dossier["id"]})
    assert json.dumps(found).count(SENDER) == 1


async def test_a_file_of_documents_is_handed_in_and_its_results_are_shown(run, api, tmp_path):
    await run("participants", "register", SENDER)
    encoded = [base64.b64encode(an_invoice(number=str(n))).decode() for n in (1, 1)]
    lines = [json.dumps({"ubl": each}) for each in encoded]
    (tmp_path / "many.ndjson").write_text("\n".join(lines))
    started = await run("imports", "start", tmp_path / "many.ndjson")
    assert (started["status"], started["total"]) == ("waiting", 2)
    assert started["id"] in await run("imports", "list", plain=True)
    await importer(api).work({"dossier": str(api.dossier), "import": started["id"]})
    assert (await run("imports", "show", started["id"]))["status"] == "done"
    assert (await run("imports", "cancel", started["id"]))["status"] == "done"
    shown = await run("imports", "results", started["id"], plain=True)
    assert ["accepted" in line for line in shown.splitlines()] == [True, False]
    assert "duplicate-number" in shown
    refused = await run("imports", "results", started["id"], "--outcome", "refused")
    assert [each["position"] for each in refused["results"]] == [2]


async def test_a_document_is_checked_by_the_gateway_and_not_kept(run, tmp_path):
    file = tmp_path / "1.xml"
    file.write_bytes(an_invoice(number="1"))
    report = await run("documents", "validate", file)
    assert (report["valid"], report["engine"]) == (True, "native")
    assert (await run("documents", "validate", file, plain=True)).startswith("valid (")
    file.write_bytes(an_invoice().replace(b"<cbc:IssueDate>", b"<cbc:IssueDate>x"))
    said = await run("documents", "validate", file, "--lang", "nl", plain=True, code=1)
    assert said.startswith("NOT VALID (")
    assert "fatal" in said
    assert (await run("documents", "list"))["documents"] == []


async def test_a_batch_of_files_is_handed_in_and_each_is_answered(run, api, tmp_path):
    await run("participants", "register", SENDER)
    files = [tmp_path / name for name in ("1.xml", "2.json", "again.xml", "bad.json")]
    files[0].write_bytes(an_invoice(number="1"))
    files[1].write_bytes(as_json(a_form(number="2")))
    files[2].write_bytes(an_invoice(number="1", note="another"))
    files[3].write_text('{"number": 7}')
    asked = ("documents", "batch", *files, "--key", "k")
    handed = (await run(*asked, code=1))["results"]
    assert [each["file"] for each in handed] == [str(each) for each in files]
    assert [each["status"] for each in handed] == [202, 202, 409, 422]
    assert [each.get("problem", {}).get("code") for each in handed[2:]] == [
        "duplicate-number", "bad-form",
    ]  # fmt: skip
    again = await run(*asked, code=1, plain=True)
    assert again.splitlines()[0] == f"{files[0]}  accepted  {handed[0]['document']['id']}"
    assert "refused  duplicate-number" in again.splitlines()[2]
    assert len((await run("documents", "list"))["documents"]) == 2
    allowed = await run("documents", "batch", files[2], "--duplicate")
    assert allowed["results"][0]["status"] == 202


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "file-unreadable"), ("{", "not-json")],
)
async def test_a_batch_with_a_file_that_cannot_be_read_is_not_handed_in(run, tmp_path, text, code):
    await run("participants", "register", SENDER)
    good, bad = tmp_path / "good.xml", tmp_path / "bad.json"
    good.write_bytes(an_invoice())
    if text is not None:
        bad.write_text(text)
    refused = await run("documents", "batch", good, bad, code=1)
    assert refused["code"] == code
    assert str(bad) in refused["error"]
    assert (await run("documents", "list"))["documents"] == []


async def test_a_batch_of_more_than_a_hundred_files_is_refused(run, tmp_path):
    refused = await run("documents", "batch", *[tmp_path / "1.xml"] * 101, code=1)
    assert refused["code"] == "too-many-documents"


async def test_a_webhook_is_made_tested_rotated_and_deleted(run):
    printed = await run("webhooks", "create", "http://127.0.0.1:1/hooks", plain=True)
    assert printed.startswith("whsec_")
    [made] = (await run("webhooks", "list"))["webhook_endpoints"]
    assert made["url"] == "http://127.0.0.1:1/hooks"
    tested = await run("webhooks", "test", made["id"])
    assert tested["delivery"]["event_type"] == "webhook.test"
    log = await run("webhooks", "deliveries", made["id"], plain=True)
    assert "pending    0 attempts" in log
    assert "whsec_" in await run("webhooks", "rotate", made["id"], "--overlap", "60", plain=True)
    changed = await run(
        "webhooks", "change", made["id"], "--address", "http://127.0.0.1:1/other",
        "--event", "document.received", "--description", "ours",
    )  # fmt: skip
    assert (changed["url"], changed["event_types"], changed["description"]) == (
        "http://127.0.0.1:1/other", ["document.received"], "ours",
    )  # fmt: skip
    changed = await run("webhooks", "change", made["id"], "--all-events", "--no-description")
    assert (changed["event_types"], changed["description"]) == ([], None)
    assert not (await run("webhooks", "disable", made["id"]))["is_enabled"]
    assert (await run("webhooks", "enable", made["id"]))["is_enabled"]
    since = await run("webhooks", "replay", made["id"], "--since", "2026-01-01", plain=True)
    assert "come again" in since
    assert await run("webhooks", "delete", made["id"]) == {"ok": True}
    gone = await run("webhooks", "show", made["id"], code=1)
    assert gone["code"] == "webhook-endpoint-not-found"
