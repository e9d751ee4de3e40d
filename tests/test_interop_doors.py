"""The doors into phase4 that the conformance suite is given, against a server that plays it."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.interop.doors import main
from tests.support.messages import C1, C4, FORGE, INVOICE
from tests.support.peer import an_invoice


@contextmanager
def playing(answers, asked):
    """Answer each path with its JSON in *answers*, and keep what was posted in *asked*."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def log_message(self, *_words):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_inbox_shows_the_document_of_each_delivery(tmp_path, capsys):
    (tmp_path / "stored.xml").write_bytes(FORGE.envelope())
    one = {"message_id": "there@x", "file": str(tmp_path / "stored.xml")}
    with playing({"/received": [one, {**one, "message_id": "other@x"}, one]}, []) as url:
        assert main(["inbox", url, str(tmp_path), "there@x"]) == 0
    paths = capsys.readouterr().out.splitlines()
    assert [Path(path).read_bytes() for path in paths] == [INVOICE, INVOICE]


@pytest.mark.parametrize(("result", "code"), [("success", 0), ("transport-error", 1)])
def test_sending_ends_with_what_phase4_says_itself(tmp_path, capsys, result, code):
    said = {"result": result, "ebms_error": ["EBMS:0101"], "detail": "", "attempts": 2}
    asked = []
    with playing({"/send": said}, asked) as url:
        file = tmp_path / "invoice.xml"
        file.write_bytes(an_invoice(number="I-1"))
        words = ["send", url, C4.value, str(file), C1.value, "http://127.0.0.1:2/as4", "x.pem"]
        assert main(words) == code
    assert capsys.readouterr().out == f"{result} EBMS:0101 (attempts: 2)\n"
    [wanted] = asked
    assert (wanted["from"], wanted["to"], wanted["url"]) == (
        C4.value, C1.value, "http://127.0.0.1:2/as4",
    )  # fmt: skip
    assert wanted["doctype"].startswith("urn:oasis:names:specification:ubl:schema:xsd:Invoice-2")


def test_there_is_no_other_door():
    with pytest.raises(SystemExit, match="no door 'window'"):
        main(["window"])
