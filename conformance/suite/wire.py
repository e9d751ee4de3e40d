"""One HTTP exchange with a target that may do anything, and its evidence.

Whatever the target does (hang, close, send garbage or gigabytes) ends in an `Answer` that says so.
What crossed the wire is kept as text of HTTP that `gateway inspect` reads.  [RFC9110 §6]
"""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from as4.client import TransportFailure, describe

__all__ = ["Answer", "Exchange", "ask", "dump_answer", "dump_request"]

ANSWER_BYTES_MAX: Final = (
    4 << 20
)  # LIMIT: the signed answer of an SMP is some 100 KB, a receipt 10.
EXCHANGE_SECONDS_MAX: Final = 30.0  # LIMIT: who has not answered by then never will.
BYTES_A_SECOND: Final = 256 << 10  # LIMIT: what a target is given more time for, at most.
HEADER_BYTES_MAX: Final = 64 << 10  # LIMIT: servers send some 500 bytes of it.


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP answer, or the *trouble* that there was instead of one.

    *is_late* says that the time was over before all of it was there.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: str = ""
    reason: str = ""
    is_late: bool = False

    @property
    def words(self) -> str:
        """What came back, for people."""
        if not self.status:
            return f"no answer: {self.trouble}"
        return f"HTTP {self.status} {self.content_type}, {len(self.body)} bytes"

    @property
    def content_type(self) -> str:
        """The media type of the body, in small letters and without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, as evidence: *label* says what was sent, *came* what came back.

    *note* says what is missing of it.
    """

    label: str
    came: str
    request: bytes
    answer: bytes
    note: str = ""


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    data: bytes | AsyncIterable[bytes] | None,
) -> Answer:
    """Send one request and return what came of it; never raises for what the target does.

    *url* is percent-encoded already and is sent as it stands; redirects are not followed.
    """
    size = len(data) if isinstance(data, bytes) else 0
    seconds = EXCHANGE_SECONDS_MAX + size / BYTES_A_SECOND
    try:
        async with session.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=data,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        ) as response:
            body, trouble, is_late = await _read(response)
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, body, trouble, response.reason or "", is_late)
    except (aiohttp.ClientError, OSError, ValueError, TransportFailure) as error:
        return Answer(trouble=describe(error), is_late=isinstance(error, TimeoutError))


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, str, bool]:
    """Return the body as far as it came, what is wrong with it, and whether the time was over."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                trouble = f"it has more than {ANSWER_BYTES_MAX} bytes"
                return bytes(body[:ANSWER_BYTES_MAX]), trouble, False
    except (aiohttp.ClientError, OSError) as error:
        return bytes(body), describe(error), isinstance(error, TimeoutError)
    return bytes(body), "", False


def dump_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request as it is kept as evidence."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = [f"{method} {path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode("utf-8", "replace") + body


def dump_answer(answer: Answer) -> bytes:
    """Return an answer as it is kept as evidence; nothing when there was none."""
    if not answer.status:
        return b""
    # The body is kept unzipped and in one piece, so what said otherwise would be wrong.
    gone = {"content-encoding", "transfer-encoding", "content-length"}
    head = [f"HTTP/1.1 {answer.status} {answer.reason}".rstrip()]
    head += [f"{name}: {value}" for name, value in answer.headers.items() if name not in gone]
    return "\r\n".join([*head, "", ""]).encode("utf-8", "replace") + answer.body
