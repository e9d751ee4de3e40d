"""How `gateway conformance run` ends: 0 when nothing failed, 1 when something did, 2 unreported."""

import json
import shutil
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conformance.suite import wire
from gateway.__main__ import main
from tests.support.messages import C4
from tests.support.pki import leaf, pki


@pytest.fixture
def flags(tmp_path):
    """Flags of a target, all but its address."""
    files = {"root": pki().root, "ap-ca": pki().ap_ca, "red": leaf("receiver")}
    for name, identity in files.items():
        (tmp_path / f"{name}.pem").write_bytes(identity.certificate_pem)
    sender = leaf("sender")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "sender.pem").write_bytes(sender.key_pem + sender.certificate_pem)
    return [
        "conformance", "run", "--json", "--participant", C4.value,
        "--certificate", str(tmp_path / "red.pem"), "--keys", str(tmp_path / "keys"),
        "--trust", str(tmp_path / "root.pem"), "--trust", str(tmp_path / "ap-ca.pem"),
    ]  # fmt: skip


@contextmanager
def serving(do):
    """Serve HTTP on loopback, with *do* called for each request; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self):
            self.rfile.readline()
            do()
            self.wfile.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/as4"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_target_that_hangs_ends_the_command_with_1(capsys, flags, monkeypatch):
    monkeypatch.setattr(wire, "EXCHANGE_SECONDS_MAX", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/as4"
        assert main([*flags, "--target", url, "--case", "as4.http.get", "as4.http.empty"]) == 1
    cases = told(capsys)["cases"]
    assert [case["outcome"] for case in cases] == ["failed", "failed"]
    assert all("no complete answer in time" in case["reason"] for case in cases)


def test_a_target_that_does_right_ends_the_command_with_0(capsys, flags, tmp_path):
    report = tmp_path / "report"
    with serving(lambda: None) as url:
        given = ["--target", url, "--case", "as4.http.get", "--report", str(report)]
        assert main([*flags, *given]) == 0
    assert told(capsys)["passed"] == 1
    assert json.loads((report / "report.json").read_text())["passed"] == 1


def test_what_does_not_apply_ends_the_command_with_0(capsys, flags):
    assert main([*flags, "--target", "http://127.0.0.1:1/as4", "--case", "as4.two-way"]) == 0
    assert told(capsys)["not_applicable"] == 3


def test_a_folder_that_is_lost_during_the_run_takes_no_result_along(capsys, flags, tmp_path):
    report = tmp_path / "report"

    def lose():
        shutil.rmtree(report)
        report.write_text("a file")

    with serving(lose) as url:
        given = ["--target", url, "--case", "as4.http.get", "--report", str(report)]
        assert main([*flags, *given]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["passed"] == 1
    assert f"{report} cannot be written" in err
