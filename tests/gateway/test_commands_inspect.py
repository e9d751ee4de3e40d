"""`gateway inspect`: files in, a verdict and an explanation out."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
    pkcs12,
)

from tests.support.command import run_command
from tests.support.messages import INVOICE, a_ping, a_sealed_message, swap
from tests.support.pki import NOW, RECEIVER, SENDER, leaf, pki

PHASE4 = "phase4-captured"
AS4 = "as4-captured"


@pytest.fixture
def desk(tmp_path):
    """A folder with the receiver's key, the authorities and captures of messages."""
    receiver = leaf("receiver")
    (tmp_path / "pair.pem").write_bytes(receiver.key_pem + receiver.certificate_pem)
    (tmp_path / "key.pem").write_bytes(receiver.key_pem)
    (tmp_path / "root.pem").write_bytes(pki().root.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(pki().ap_ca.certificate_pem)
    (tmp_path / "smp.pem").write_bytes(pki().smp_ca.certificate_pem)
    write(tmp_path / "message.http", a_sealed_message())
    return tmp_path


def write(path, sealed):
    head = f"POST /as4 HTTP/1.1\r\nContent-Type: {sealed.content_type}\r\n\r\n"
    path.write_bytes(head.encode() + sealed.body)
    return path


def trusting(desk, *names):
    return [word for name in names or ("root", "ca") for word in ("--trust", desk / f"{name}.pem")]


def test_a_good_message_is_explained_in_words(capsys, desk):
    key = ("--key", desk / "pair.pem")
    ended = run_command(capsys, "inspect", desk / "message.http", *key, *trusting(desk))
    assert (ended.code, ended.err) == (0, "")
    first, *rest = ended.out.splitlines()
    assert first == f"{desk}/message.http: user-message, good as far as it could be checked"
    words = "\n".join(rest)
    for expected in (
        "Messaging, digest good", "Body, digest good", "attachment, digest good",
        f"CN={SENDER}", "chain good", f"to               {RECEIVER}", "valid at",
        "0208:0987654394", "::Invoice##", "billing:01:1.0", "country_c1          BE",
        "not checked      revocation", "not checked      served", "not checked      duplicate",
    ):  # fmt: skip
        assert expected in words


def test_a_good_message_is_one_object_in_json(capsys, desk):
    ended = run_command(capsys, "inspect", desk / "message.http", "--json")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1
    assert ended.facts["file"] == f"{desk}/message.http"
    assert (ended.facts["verdict"], ended.facts["code"]) == ("good", None)
    assert ended.facts["signer"]["chain"] == "not checked"


def test_a_bad_message_says_so_and_ends_with_one(capsys, desk):
    write(desk / "bad.http", a_sealed_message(soap=swap("0208:0123456749", "0208:0123456750")))
    ended = run_command(capsys, "inspect", desk / "bad.http")
    assert ended.code == 1
    assert "BAD: EBMS:0101: the digest of Messaging is not the one" in ended.out.splitlines()[0]
    assert f"CN={SENDER}" in ended.out


def test_what_is_no_message_is_bad(capsys, desk):
    (desk / "noise").write_bytes(b"GIF89a")
    ended = run_command(capsys, "inspect", desk / "noise", "--json")
    assert ended.code == 1
    facts = ended.facts
    assert (facts["kind"], facts["http_status"], facts["code"]) == ("unreadable", 400, None)


def test_the_document_is_written(capsys, desk):
    out = desk / "invoice.xml"
    words = ("--key", desk / "pair.pem", "--payload", out, "--json")
    ended = run_command(capsys, "inspect", desk / "message.http", *words)
    assert (ended.code, ended.facts["written"]) == (0, str(out))
    assert out.read_bytes() == INVOICE


def test_where_nothing_could_be_opened_nothing_is_written(capsys, desk):
    write(desk / "other.http", a_sealed_message(recipient="third"))
    out = desk / "invoice.xml"
    words = ("--key", desk / "pair.pem", "--payload", out)
    ended = run_command(capsys, "inspect", desk / "other.http", *words)
    assert (ended.code, out.exists()) == (1, False)
    assert "is not written" in ended.err


@pytest.mark.parametrize("password", [None, "secret"])
def test_a_key_may_be_alone_or_in_pkcs12(capsys, desk, password):
    receiver = leaf("receiver")
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    bundle = pkcs12.serialize_key_and_certificates(
        b"x", receiver.key, receiver.certificate, None, lock
    )
    (desk / "pair.p12").write_bytes(bundle)
    words = ["--key", desk / "pair.p12", *(["--key-password", password] if password else [])]
    ended = run_command(capsys, "inspect", desk / "message.http", *words, "--json")
    alone = run_command(
        capsys, "inspect", desk / "message.http", "--key", desk / "key.pem", "--json"
    )
    assert ended.facts["payload"] == alone.facts["payload"]
    assert ended.facts["payload"]["document_bytes"] == len(INVOICE)


def test_the_authority_of_publishers_may_stand_among_the_trusted(capsys, desk):
    words = trusting(desk, "root", "ca", "smp")
    ended = run_command(capsys, "inspect", desk / "message.http", *words, "--json")
    assert (ended.code, ended.facts["signer"]["chain"]) == (0, "good")


def test_the_authority_of_publishers_vouches_for_no_message(capsys, desk):
    path = write(desk / "publisher.http", a_sealed_message(signer="publisher-as-ap"))
    words = trusting(desk, "root", "ca", "smp")
    ended = run_command(capsys, "inspect", path, *words, "--json")
    assert (ended.code, ended.facts["code"]) == (1, "EBMS:0101")
    assert ended.facts["signer"]["chain"] == "bad"


def test_the_root_alone_vouches_for_no_leaf(capsys, desk):
    words = trusting(desk, "root")
    ended = run_command(capsys, "inspect", desk / "message.http", *words, "--json")
    assert (ended.code, ended.facts["code"]) == (1, "EBMS:0101")
    assert ended.facts["signer"]["chain"] == "bad"


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (NOW.isoformat(), None),
        (NOW.replace(tzinfo=None).isoformat(), None),
        ((NOW + timedelta(days=100)).isoformat(), "EBMS:0003"),
        ((NOW - timedelta(hours=2)).isoformat(), "EBMS:0003"),
        ((NOW - timedelta(days=999)).isoformat(), "EBMS:0101"),
    ],
)
def test_a_message_is_judged_at_the_time_that_is_given(capsys, desk, time, code):
    ended = run_command(capsys, "inspect", desk / "message.http", "--at", time, "--json")
    assert ended.facts["code"] == code


BAD_USAGE = {
    "no such file": (["absent.http"], "absent.http cannot be read"),
    "a folder": (["."], "cannot be read"),
    "no time": (["message.http", "--at", "yesterday"], "--at 'yesterday' is no time"),
    "no key": (["message.http", "--key", "root.pem"], "--key root.pem"),
    "a key that is absent": (["message.http", "--key", "absent"], "absent cannot be read"),
    "no authority": (["message.http", "--trust", "key.pem"], "--trust"),
    "an authority without its root": (["message.http", "--trust", "ca.pem"], "a given root"),
    "a leaf as authority": (["message.http", "--trust", "pair.pem"], "not a certificate of an"),
    "a request that is none": (["message.http", "--request", "root.pem"], "--request root.pem"),
    "a request for a message": (["message.http", "--request", "message.http"], "for a receipt"),
    "a document without a key": (["message.http", "--payload", "x"], "needs --key"),
    "a document into nowhere": (
        ["message.http", "--key", "pair.pem", "--payload", "no/where"], "cannot be written"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_USAGE)
def test_bad_usage_ends_with_two_and_says_why(capsys, desk, monkeypatch, name):
    monkeypatch.chdir(desk)
    words, why = BAD_USAGE[name]
    ended = run_command(capsys, "inspect", *words)
    assert (ended.code, ended.out) == (2, "")
    assert why in ended.err


def test_a_ping_is_called_one(capsys, desk):
    path = write(desk / "ping.http", a_ping())
    ended = run_command(capsys, "inspect", path, "--key", desk / "pair.pem", *trusting(desk))
    assert ended.code == 0
    assert "user-message, a ping, good" in ended.out.splitlines()[0]


def test_what_a_stranger_wrote_commands_no_terminal(capsys, desk):
    hostile = swap("0c4a1d4e-0000-4000-8000-000000000001@", "\x9b2J\u202e@")
    path = write(desk / "hostile.http", a_sealed_message(messaging=hostile))
    ended = run_command(capsys, "inspect", path)
    assert ended.code == 0
    assert not {"\x9b", "\u202e"} & set(ended.out)
    assert json.loads(run_command(capsys, "inspect", path, "--json").out)["message_id"]


# --- what other implementations wrote -------------------------------------------------------


@pytest.mark.captured
@pytest.mark.parametrize(
    "name",
    ["dump-raw.as4out", "dataport1-mustunderstand.as4in", "governikus.as4in", "helger.as4in"],
)
def test_production_captures_are_good_as_far_as_they_can_be_checked(capsys, test_data, name):
    ended = run_command(capsys, "inspect", test_data / AS4 / name, "--json")
    facts = ended.facts
    assert (ended.code, facts["verdict"], facts["signature"]) == (0, "good", "good")
    assert facts["kind"] == ("user-message" if name.endswith("out") else "receipt")
    digests = {each["covers"]: each["digest"] for each in facts["references"]}
    assert (digests["Messaging"], digests["Body"]) == ("good", "good")
    assert digests.get("attachment", "not checked") == "not checked"
    assert facts["signer"]["chain"] == "not checked"
    assert facts["signer"]["valid_at"] is True


@pytest.mark.captured
@pytest.mark.parametrize(("stage", "chain"), [("_TEST", "good"), ("", "bad")])
def test_the_authorities_of_one_stage_vouch_for_that_stage(capsys, test_data, stage, chain):
    names = (f"Root{stage}", f"ACCESS_POINT{stage}", f"SERVICE_METADATA_PUBLISHER{stage}")
    files = [test_data / "pki" / f"PEPPOL_{name}_CA-G3.pem" for name in names]
    trust = [word for file in files for word in ("--trust", file)]
    ended = run_command(capsys, "inspect", test_data / AS4 / "dump-raw.as4out", *trust, "--json")
    assert (ended.facts["verdict"], ended.facts["signer"]["chain"]) == (chain, chain)


@pytest.mark.captured
def test_the_altered_production_receipt_is_bad_at_its_messaging_digest(capsys, test_data):
    ended = run_command(capsys, "inspect", test_data / AS4 / "dataport1.as4in")
    assert ended.code == 1
    assert "the digest of Messaging is not the one that was signed" in ended.out.splitlines()[0]
    assert "Messaging, digest bad" in ended.out
    assert "Body, digest good" in ended.out


REQUESTS = {
    "cert-bad-cn": "EBMS:0101",
    "cert-direct-root": "EBMS:0101",
    "cert-encipher-only": "EBMS:0101",
    "cert-expired": "EBMS:0101",
    "cert-no-key-usage": None,
    "cert-other-seat": "EBMS:0101",
    "cert-untrusted": "EBMS:0101",
    "creditnote": None,
    "duplicate-again": None,
    "duplicate-first": None,
    "invoice": None,
    "invoice-1mb": None,
    "mls": None,
    "mls-requested": None,
    "not-serviced": None,
    "ping": None,
    "tampered": "EBMS:0102",
}
"""The code that a correct receiver answers with; what takes a memory is good in itself."""


@pytest.fixture
def phase4(test_data, tmp_path):
    """Run `inspect` on an exchange with its keys and trust; and what the index says of it."""
    folder = test_data / PHASE4
    index = json.loads((folder / "index.json").read_text())["files"]
    own = b"".join((folder / f"pki/PBE000002.{kind}.pem").read_bytes() for kind in ("key", "cert"))
    (tmp_path / "own.pem").write_bytes(own)
    trust = [w for n in ("root", "inter") for w in ("--trust", folder / f"pki/{n}.cert.pem")]

    def run(capsys, case, kind, *words):
        name = f"messages/{case}.{kind}.http"
        [row] = [each for each in index if each["file"] == name]
        return run_command(capsys, "inspect", folder / name, *trust, *words, "--json"), row

    run.key = ("--key", tmp_path / "own.pem")
    run.index = index
    run.request = lambda case: ("--request", folder / f"messages/{case}.request.http")
    return run


@pytest.mark.captured
def test_no_captured_exchange_is_left_out(phase4):
    cases = {each["case"] for each in phase4.index if each["file"].startswith("messages/")}
    assert cases == set(REQUESTS)


@pytest.mark.captured
@pytest.mark.parametrize("case", REQUESTS)
def test_each_captured_request_gets_the_verdict_of_a_correct_receiver(phase4, capsys, case):
    ended, row = phase4(capsys, case, "request", *phase4.key)
    facts = ended.facts
    assert (facts["kind"], facts["code"]) == ("user-message", REQUESTS[case])
    assert ended.code == (0 if REQUESTS[case] is None else 1)
    assert row["expected_of_a_correct_receiver"].startswith(
        REQUESTS[case] or ("a", "r", "EBMS:0004")
    )
    assert facts["message_id"] == row["found"]["message_id"]
    assert facts["signer"]["common_name"] == row["found"]["signer"]
    if case != "tampered":
        assert facts["payload"]["envelope_sha256"] == row["found"]["payload_sha256"]
        assert {each["digest"] for each in facts["references"]} == {"good"}
    what = {each["what"] for each in facts["not_checked"]}
    assert ({"served", "duplicate"} <= what) == (case != "ping")
    assert bool(facts["warnings"]) == (case == "cert-no-key-usage")


@pytest.mark.captured
@pytest.mark.parametrize("case", REQUESTS)
def test_each_captured_answer_is_read_and_fits_its_request(phase4, capsys, case):
    ended, row = phase4(capsys, case, "response", *phase4.request(case))
    facts, verdict = ended.facts, row["phase4_verdict"]
    assert (ended.code, facts["verdict"], facts["problem"]) == (0, "good", None)
    assert facts["kind"] == ("receipt" if verdict == "receipt" else "error")
    assert (facts["signer"]["common_name"], facts["signer"]["chain"]) == ("PBE000002", "good")
    if verdict == "receipt":
        assert facts["ref_to_message_id"] == row["found"]["receipt_for"]
        uris = [each["uri"] for each in facts["acknowledges"]]
        assert uris == row["found"]["receipt_references"]
        assert {each["in_request"] for each in facts["acknowledges"]} == {"good"}
    else:
        assert facts["errors"][0]["code"] == verdict


@pytest.mark.captured
def test_a_captured_receipt_for_another_request_is_bad(phase4, capsys):
    ended, _ = phase4(capsys, "invoice", "response", *phase4.request("creditnote"))
    assert (ended.code, ended.facts["code"]) == (1, "EBMS:0302")


@pytest.mark.captured
@pytest.mark.parametrize("place", [b"Action>", b"DigestValue>", b"SignatureValue>"])
def test_a_captured_message_with_one_byte_flipped_is_bad(test_data, capsys, tmp_path, place):
    data = (test_data / PHASE4 / "messages/invoice.request.http").read_bytes()
    found = data.index(place) + 40  # in the text of the element, whatever its prefix
    (tmp_path / "flipped.http").write_bytes(
        data[:found] + bytes([data[found] ^ 1]) + data[found + 1 :]
    )
    ended = run_command(capsys, "inspect", tmp_path / "flipped.http", "--json")
    assert (ended.code, ended.facts["code"]) == (1, "EBMS:0101")
