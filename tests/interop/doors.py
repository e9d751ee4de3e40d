"""The two doors into phase4 that the conformance suite is given: what it delivered, and sending.

    python -m tests.interop.doors inbox URL FOLDER MESSAGE-ID
    python -m tests.interop.doors send URL FROM FILE TO AS4-URL CERTIFICATE

The first prints the path of a file with the document for each time that the receiver at URL
delivered the message, the second lets the sender at URL send; conformance/README.md says what is
expected of both.
"""

import json
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from ubl.routing import read_routing
from ubl.sbdh import read_envelope

SECONDS_MAX = 110
RETRIES, RETRY_WAIT_MS = 3, 1000  # phase4 tries nothing again unless it is told to


def main(words: list[str]) -> int:
    door, *arguments = words
    if door == "inbox":
        return inbox(*arguments)
    if door == "send":
        return send(*arguments)
    raise SystemExit(f"there is no door {door!r}")


def inbox(url: str, folder: str, message_id: str) -> int:
    """Print a file with the document for each delivery of *message_id*."""
    for one in _ask(f"{url}/received"):
        if one["message_id"] == message_id:
            envelope = Path(one["file"]).read_bytes()
            found = read_envelope(envelope, whole=True)
            path = Path(folder) / f"{uuid.uuid4().hex}.xml"
            path.write_bytes(envelope[found.payload_offset : found.payload_end])
            print(path)
    return 0


def send(url: str, sender: str, file: str, receiver: str, as4_url: str, certificate: str) -> int:
    """Let phase4 send *file*; 0 when it says that this was a success, by its own judgement."""
    routing = read_routing(Path(file).read_bytes())
    facts = _ask(
        f"{url}/send",
        {
            "url": as4_url, "receiver_cert": certificate, "file": file, "from": sender,
            "to": receiver, "doctype": routing.document_type.value,
            "process": routing.process.value, "retries": RETRIES, "retry_wait_ms": RETRY_WAIT_MS,
        },
    )  # fmt: skip
    said = [facts["result"], *facts["ebms_error"], facts["detail"]]
    print(*filter(None, said), f"(attempts: {facts['attempts']})")
    return 0 if facts["result"] == "success" else 1


def _ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
