"""Attackers that write by hand: heads, headers and bodies without end, or very slowly."""

import asyncio
import contextlib
import time

from tests.support.messages import NONCE, a_sealed_message

MIB = 1 << 20
ENDLESS = 1000 * MIB
FILLER = b"x" * 65536
HEAD = b"POST /as4 HTTP/1.1\r\nHost: x\r\n"
DELIMITER = f"------=_{NONCE}\r\n".encode()


def head(sealed, *more, content_type=None):
    lines = [f"Content-Type: {content_type or sealed.content_type}".encode(), *more]
    return HEAD + b"\r\n".join(lines) + b"\r\n\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def streams():
    """Return attacks as (first bytes, what is repeated, whether in chunks, status)."""
    sealed = a_sealed_message()
    chunked = head(sealed, b"Transfer-Encoding: chunked")
    soap = DELIMITER + b"Content-Type: application/soap+xml\r\n\r\n<a>"
    plain = "application/soap+xml"
    get = b"GET /as4 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return {
        "an HTTP header of 1 GB": (HEAD + b"X: ", FILLER, False, 400),
        "HTTP headers of 1 GB": (HEAD, b"X: yyyyyyyyyyyy\r\n" * 4000, False, 400),
        "a request line of 1 GB": (b"POST /", FILLER, False, 400),
        "a method of 1 GB": (b"", FILLER, False, 400),
        "trailers of 1 GB": (chunked + b"0\r\n", b"X: yyyyyyyyyyyy\r\n" * 4000, False, 400),
        "a MIME header of 1 GB": (chunked + chunk(DELIMITER + b"X: "), FILLER, True, 400),
        "MIME headers of 1 GB": (
            chunked + chunk(DELIMITER), b"X: yyyyyyyyyyyy\r\n" * 4000, True, 400,
        ),
        "a preamble of 1 GB": (chunked, FILLER, True, 400),
        "a SOAP part of 1 GB": (chunked + chunk(soap), FILLER, True, 413),
        "a SOAP message of 1 GB": (
            head(sealed, b"Transfer-Encoding: chunked", content_type=plain), FILLER, True, 413,
        ),
        "an attachment of 1 GB": (chunked + chunk(sealed.body[:-200]), FILLER, True, 413),
        "an epilogue of 1 GB": (chunked + chunk(sealed.body), FILLER, True, 413),
        "a length of 1 GB": (head(sealed, b"Content-Length: 1000000000"), FILLER, False, 413),
        "a length of 1 GB, if we want it": (
            head(sealed, b"Content-Length: 1000000000", b"Expect: 100-continue"), FILLER, False,
            413,
        ),
        "two lengths": (
            head(sealed, b"Content-Length: 5", b"Transfer-Encoding: chunked"), FILLER, True, 400,
        ),
        "a negative length": (head(sealed, b"Content-Length: -5"), FILLER, False, 400),
        "a gzipped body": (
            head(sealed, b"Content-Encoding: gzip", b"Transfer-Encoding: chunked"), FILLER, True,
            415,
        ),
        "a body for a GET": (get, FILLER, True, 405),
        "parts without end": (
            chunked + chunk(sealed.body[:-60]), b"\r\n" + DELIMITER + b"\r\nx" * 900, True, 200,
        ),
    }  # fmt: skip


async def pour(address, first, filler, framed):
    """Write *first* and then *filler* for ever; return the status, and how much was taken."""
    reader, writer = await asyncio.open_connection(*address)
    sent = len(first)
    piece = chunk(filler) if framed else filler
    answer = asyncio.ensure_future(reader.read(4096))
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(first)
        while sent < ENDLESS and not answer.done():
            writer.write(piece)
            sent += len(piece)
            async with asyncio.timeout(20):
                await writer.drain()
            await asyncio.sleep(0)
    status = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(20):
            status = await answer
    writer.close()
    return status[9:12].decode() or "closed", sent


async def flood(target, name, attack):
    """Pour *attack* over *target* and note how it ended; return how much was taken."""
    first, filler, framed, expected = attack
    started = time.perf_counter()
    status, sent = await pour(target.address, first, filler, framed)
    # A connection that is cut before its answer was read says as much.
    target.note(f"streams: {name}", f"{expected} or closed", status, started)
    return sent


@contextlib.asynccontextmanager
async def slow_clients(target, first, drop, count):
    """Hold *count* connections that sent *first* and then send *drop* every half second."""
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(*target.address)
        writer.write(first)
        writers.append(writer)

    async def dripping():
        while True:
            await asyncio.sleep(0.5)
            for writer in writers:
                if not writer.is_closing():
                    writer.write(drop)

    task = asyncio.ensure_future(dripping())
    try:
        yield writers
    finally:
        task.cancel()
        for writer in writers:
            writer.close()
