"""Posting a message to real servers on this machine, most of them broken in some way."""

import asyncio
import gzip
import ssl
import zlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from as4 import client
from as4.client import HttpAnswer, TransportFailure, post_message
from gateway.sandbox.pki import issue_tls, make_pki

SOAP_TYPE = "application/soap+xml; charset=UTF-8"
RECEIPT = b"<S12:Envelope>" + b"<eb:Receipt/>" * 500 + b"</S12:Envelope>"
MESSAGE = b"--b1\r\n" + bytes(range(256)) * 50


class Exchange:
    """One server for one test: what it answers is a list of pieces, what it got is kept."""

    def __init__(self, *pieces, then="close"):
        self.pieces = pieces
        self.then = then
        self.requests = []
        self.url = ""

    async def handle(self, reader, writer):
        try:
            self.requests.append(await read_request(reader))
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
            if self.then == "wait":
                await reader.read()
            if self.then == "repeat":
                while True:
                    writer.write(self.pieces[-1])
                    await writer.drain()
            if self.then == "drip":
                while True:
                    writer.write(b"1\r\nx\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader):
    """Return the header lines and the body of a request, unchunked."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    names = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:]}
    if "content-length" in names:
        return head, await reader.readexactly(int(names["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return head, body


@asynccontextmanager
async def served(exchange, **options):
    server = await asyncio.start_server(exchange.handle, "127.0.0.1", 0, **options)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if "ssl" in options else "http"
    exchange.url = f"{scheme}://127.0.0.1:{port}/as4"
    try:
        yield exchange
    finally:
        server.close()


def answer(body=b"", status="200 OK", **headers):
    """Return the bytes of an HTTP answer; its length is given unless *headers* says otherwise."""
    headers = {"Content-Type": SOAP_TYPE, "Content-Length": len(body), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value != ""]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def chunked(*chunks, **headers):
    head = answer(b"", Content_Length="", **{"Content-Length": ""}, **headers)
    head = head.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    return [head, *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks), b"0\r\n\r\n"]


async def post(url, body=MESSAGE, *, timeout_seconds=5.0, answer_bytes_max=1 << 20, **session):
    async with aiohttp.ClientSession(**session) as http:
        return await post_message(
            http,
            url,
            'multipart/related; boundary="b1"',
            body,
            timeout_seconds=timeout_seconds,
            answer_bytes_max=answer_bytes_max,
        )


async def post_to(exchange, body=MESSAGE, **arguments):
    async with served(exchange):
        return await post(exchange.url, body, **arguments)


async def failure(exchange, **arguments):
    with pytest.raises(TransportFailure) as caught:
        await post_to(exchange, **arguments)
    return caught.value.phase, caught.value.sent


async def test_a_message_arrives_byte_for_byte_and_its_answer_comes_back():
    exchange = Exchange(answer(RECEIPT))
    assert await post_to(exchange) == HttpAnswer(200, SOAP_TYPE, RECEIPT)
    ((head, body),) = exchange.requests
    assert body == MESSAGE
    assert head[0] == "POST /as4 HTTP/1.1"
    assert 'Content-Type: multipart/related; boundary="b1"' in head
    assert f"Content-Length: {len(MESSAGE)}" in head
    assert "Accept-Encoding: gzip" in head


async def test_a_stream_is_sent_chunked():
    async def pieces():
        for start in range(0, len(MESSAGE), 1000):
            yield MESSAGE[start : start + 1000]

    exchange = Exchange(answer(RECEIPT))
    assert (await post_to(exchange, pieces())).body == RECEIPT
    ((head, body),) = exchange.requests
    assert body == MESSAGE
    assert "Transfer-Encoding: chunked" in head


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "400 Bad Request", "500 Oops"])
@pytest.mark.parametrize("content_type", [SOAP_TYPE, "text/html", "text/plain; charset=x", ""])
async def test_the_body_comes_back_on_any_status_coding_and_type(status, content_type):
    zipped, named = gzip.compress(RECEIPT), {"Content-Type": content_type}
    head, *rest = chunked(zipped[:50], zipped[50:], Content_Encoding="gzip", **named)
    head = head.replace(b"200 OK", status.encode())
    for pieces in ([answer(RECEIPT, status, **named)], [head, *rest]):
        result = await post_to(Exchange(*pieces))
        assert result == HttpAnswer(int(status[:3]), content_type, RECEIPT)


async def test_the_pause_that_a_peer_asks_for_comes_back():
    """[RFC9110 §10.2.3]"""
    result = await post_to(Exchange(answer(b"", "503 Busy", Retry_After="120")))
    assert result.retry_after == "120"


async def test_an_answer_without_body_or_type_is_empty():
    result = await post_to(Exchange(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert result == HttpAnswer(204, "", b"")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
async def test_a_zipped_and_chunked_answer_is_undone(encoding):
    """[RFC9110 §8.4]"""
    zipped = gzip.compress(RECEIPT)
    pieces = chunked(zipped[:9], zipped[9:40], zipped[40:], Content_Encoding=encoding)
    assert (await post_to(Exchange(*pieces))).body == RECEIPT


async def test_a_zipped_answer_of_known_length_is_undone():
    zipped = answer(gzip.compress(RECEIPT), Content_Encoding="gzip")
    assert (await post_to(Exchange(zipped))).body == RECEIPT


async def test_an_empty_answer_may_call_itself_zipped():
    assert (await post_to(Exchange(answer(b"", Content_Encoding="gzip")))).body == b""


async def test_the_sessions_own_unzipping_changes_nothing():
    exchange = Exchange(*chunked(gzip.compress(RECEIPT), Content_Encoding="gzip"))
    assert (await post_to(exchange, auto_decompress=True)).body == RECEIPT
    assert (await post_to(exchange, auto_decompress=False)).body == RECEIPT


async def test_a_redirect_is_the_answer_and_is_not_followed():
    target = Exchange(answer(RECEIPT))
    async with served(target):
        moved = Exchange(answer(b"moved", "307 Temporary Redirect", Location=target.url))
        result = await post_to(moved)
    assert (result.status, result.body) == (307, b"moved")
    assert target.requests == []


async def test_the_address_is_not_encoded_again():
    exchange = Exchange(answer(RECEIPT))
    async with served(exchange):
        await post(exchange.url + "/a%2Fb?c=%20")
    assert exchange.requests[0][0][0] == "POST /as4/a%2Fb?c=%20 HTTP/1.1"


# What breaks, and how far it got.


async def test_nobody_listens():
    exchange = Exchange()
    async with served(exchange):
        pass
    with pytest.raises(TransportFailure) as caught:
        await post(exchange.url)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)
    assert str(caught.value).startswith("connect: 127.0.0.1:")
    assert caught.value.detail.endswith("cannot be reached: connection refused")


class NoNames(aiohttp.abc.AbstractResolver):
    async def resolve(self, host, port=0, family=0):
        raise OSError(f"no address for {host}")

    async def close(self):
        pass


async def test_a_name_that_does_not_resolve():
    connector = aiohttp.TCPConnector(resolver=NoNames())
    with pytest.raises(TransportFailure) as caught:
        await post("https://ap.example/as4", connector=connector)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


@pytest.mark.parametrize("url", ["", "http://", "no address", "http://[::1", "ftp://ap.example/"])
async def test_what_is_no_address(url):
    with pytest.raises(TransportFailure) as caught:
        await post(url)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [answer(RECEIPT)[:20]],
        [answer(RECEIPT)[:-1]],
        chunked(RECEIPT)[:-1],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
        [answer(RECEIPT, Content_Encoding="br")],
        [answer(zlib.compress(RECEIPT), Content_Encoding="deflate")],
        [answer(gzip.compress(RECEIPT), Content_Encoding="gzip, gzip")],
        [answer(gzip.compress(RECEIPT)[:-1], Content_Encoding="gzip")],
        [answer(gzip.compress(RECEIPT) + b"x", Content_Encoding="gzip")],
        [answer(RECEIPT, Content_Encoding="gzip")],
    ],
)
async def test_a_broken_answer_leaves_the_outcome_open(pieces):
    assert await failure(Exchange(*pieces)) == ("http", True)


async def test_a_server_that_hangs_up_half_way_through_the_request():
    async def rude(reader, writer):
        await reader.readexactly(1000)
        writer.transport.abort()

    exchange = Exchange()
    exchange.handle = rude
    assert await failure(exchange, body=bytes(8 << 20)) == ("http", True)


async def test_a_stream_of_ours_that_breaks():
    async def pieces():
        yield MESSAGE
        raise OSError("the disk is gone")

    exchange = Exchange(answer(RECEIPT))
    async with served(exchange):
        with pytest.raises(TransportFailure) as caught:
            await post(exchange.url, pieces())
    assert (caught.value.phase, caught.value.sent) == ("http", True)
    assert exchange.requests == []


@pytest.mark.parametrize(
    ("pieces", "then"),
    [([], "wait"), ([answer(RECEIPT)[:-1]], "wait"), (chunked()[:1], "drip")],
)
async def test_an_answer_that_takes_too_long(pieces, then):
    exchange = Exchange(*pieces, then=then)
    assert await failure(exchange, timeout_seconds=0.3) == ("timeout", True)


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_an_endless_answer_is_cut_off(encoding):
    chunk = b"x" * 50_000
    if encoding:
        chunk = gzip.compress(bytes(64 << 20))
    pieces = chunked(chunk, Content_Encoding=encoding)[:-1]
    assert await failure(Exchange(*pieces, then="repeat")) == ("http", True)


@pytest.mark.parametrize(
    ("piece", "phase"),
    [
        (b"X-Filler: " + b"x" * 4000 + b"\r\n", "http"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "timeout"),
    ],
)
async def test_an_endless_head_is_cut_off(piece, phase):
    first = b"HTTP/1.1 200 OK\r\n" if phase == "http" else piece
    exchange = Exchange(first, piece, then="repeat")
    assert await failure(exchange, timeout_seconds=1.0) == (phase, True)


async def test_the_size_of_an_answer_is_exact():
    assert (await post_to(Exchange(answer(RECEIPT)), answer_bytes_max=len(RECEIPT))).body
    too_small = {"answer_bytes_max": len(RECEIPT) - 1}
    assert await failure(Exchange(answer(RECEIPT)), **too_small) == ("http", True)
    zipped = answer(gzip.compress(RECEIPT), Content_Encoding="gzip")
    assert await failure(Exchange(zipped), **too_small) == ("http", True)


# TLS.


@pytest.fixture(scope="module")
def authorities():
    """Authorities whose certificates are valid today, since TLS asks the clock of the machine."""
    return make_pki(now=datetime.now(UTC), revocation_url=None)


def server_context(authorities, tmp_path):
    identity = issue_tls(authorities, ["127.0.0.1"], now=datetime.now(UTC))
    (tmp_path / "tls.pem").write_bytes(identity.key_pem + identity.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    return context


def trusting(authority):
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    return aiohttp.TCPConnector(ssl=context)


async def test_a_message_travels_over_tls(authorities, tmp_path):
    exchange = Exchange(answer(RECEIPT))
    async with served(exchange, ssl=server_context(authorities, tmp_path)):
        result = await post(exchange.url, connector=trusting(authorities.tls_ca))
    assert result.body == RECEIPT
    assert exchange.requests[0][1] == MESSAGE


async def test_a_server_that_is_not_trusted_gets_nothing(authorities, tmp_path):
    exchange = Exchange(answer(RECEIPT))
    async with served(exchange, ssl=server_context(authorities, tmp_path)):
        with pytest.raises(TransportFailure) as caught:
            await post(exchange.url, connector=trusting(authorities.root))
    assert (caught.value.phase, caught.value.sent) == ("tls", False)
    assert exchange.requests == []


async def test_a_server_that_speaks_no_tls_gets_nothing():
    async def plain(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    exchange = Exchange()
    exchange.handle = plain
    async with served(exchange):
        with pytest.raises(TransportFailure) as caught:
            await post(exchange.url.replace("http", "https"))
    assert (caught.value.phase, caught.value.sent) == ("tls", False)


async def test_a_handshake_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS_MAX", 0.2)

    async def silent(reader, writer):
        await reader.read(1)
        await reader.read()
        writer.close()

    exchange = Exchange()
    exchange.handle = silent
    async with served(exchange):
        with pytest.raises(TransportFailure) as caught:
            await post(exchange.url.replace("http", "https"))
    assert (caught.value.phase, caught.value.sent) == ("timeout", False)


def test_a_message_is_never_shown_as_text():
    with pytest.raises(TypeError, match="not text"):
        client._Watched(MESSAGE).decode()
