"""`gateway inspect` and messages of the second suite: keys and authorities of either kind."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.certificates import an_authority, key, pem
from tests.support.command import run_command
from tests.support.curves import PEPPOL_NEXT, anchors, pair, seal

ENDPOINT = "which a Peppol access point refuses in any case"


@pytest.fixture
def desk(tmp_path):
    """A folder with the receiver's key, the authorities and a message."""
    receiver = pair("receiver")
    secret = receiver.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "pair.pem").write_bytes(secret + pem(receiver.certificate.x509))
    (tmp_path / "key.pem").write_bytes(secret)
    known = (*anchors().roots, *anchors().issuers)
    (tmp_path / "trust.pem").write_bytes(b"".join(map(pem, known)))
    sealed = seal(pmode=PEPPOL_NEXT)
    head = f"POST /as4 HTTP/1.1\r\nContent-Type: {sealed.content_type}\r\n\r\n"
    (tmp_path / "message.http").write_bytes(head.encode() + sealed.body)
    return tmp_path


@pytest.mark.parametrize("name", ["pair.pem", "key.pem"])
def test_a_message_of_the_second_suite_is_opened_and_refused(capsys, desk, name):
    given = ("--key", desk / name, "--trust", desk / "trust.pem", "--json")
    ended = run_command(capsys, "inspect", desk / "message.http", *given)
    assert ended.code == 1
    facts = ended.facts
    assert (facts["verdict"], facts["code"]) == ("bad", "EBMS:0103")
    assert (facts["signature"], facts["signer"]["chain"]) == ("good", "good")
    assert facts["payload"]["agrees"] == "good"
    assert any(ENDPOINT in warning for warning in facts["warnings"])


def test_what_is_of_neither_kind_is_refused_in_the_words_of_the_first(capsys, desk):
    weak = an_authority("A root", public_key=key(bits=1024), signed_with=key(bits=1024))
    (desk / "weak.pem").write_bytes(pem(weak))
    ended = run_command(capsys, "inspect", desk / "message.http", "--trust", desk / "weak.pem")
    assert ended.code == 2
    assert "has no RSA key of an acceptable size" in ended.err
    ended = run_command(capsys, "inspect", desk / "message.http", "--key", desk / "trust.pem")
    assert ended.code == 2
    assert "the key cannot be read" in ended.err


@pytest.mark.captured
def test_the_captured_message_of_another_implementation_is_opened(capsys, test_data, tmp_path):
    folder = test_data / "phase4-captured"
    names = [folder / f"pki/ed-party-b-enc.{kind}.pem" for kind in ("key", "cert")]
    (tmp_path / "key.pem").write_bytes(b"".join(name.read_bytes() for name in names))
    message = folder / "edelivery2/user-message.request.http"
    trust = folder / "pki/ed-root.cert.pem"
    given = ("--key", tmp_path / "key.pem", "--trust", trust, "--json")
    facts = run_command(capsys, "inspect", message, *given).facts
    assert facts["signature"] == "good"
    assert {each["digest"] for each in facts["references"]} == {"good"}
    assert facts["payload"]["envelope_bytes"] == 9228
    assert facts["encrypted_for"] == "ed-party-b"
