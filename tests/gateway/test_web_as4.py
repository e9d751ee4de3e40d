"""POST /as4 as HTTP: what headers alone decide, how bodies are read, and large messages."""

import asyncio
import os
import threading
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from as4.compression import gzip_compress
from as4.signal import check_receipt
from as4.unpack import MessageReader
from as4.xmlenc import Redecryptor
from gateway.web import as4 as endpoint
from tests.support.messages import (
    INVOICE,
    UBL_INVOICE,
    a_business_envelope,
    a_sealed_message,
    a_user_message,
)
from tests.support.pki import RECEIVER
from tests.support.reception import LIMITS, MIB, a_receiver

SOAP = "application/soap+xml"


def a_large_message(size=3 * MIB, **changes):
    """A message of some *size* bytes on the wire; its payload does not compress."""
    note = os.urandom(size // 2).hex().encode()
    document = f'<Invoice xmlns="{UBL_INVOICE}">'.encode() + note + b"</Invoice>"
    payload = gzip_compress(a_business_envelope(document))
    return a_sealed_message(payload=payload, **changes)


async def until(holds):
    """Wait until *holds* says so."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - a folder has no event
            await asyncio.sleep(0.01)


async def talk(receiver, head, body=b"", *, end=b"\r\n\r\n"):
    """Send raw bytes and return what comes back up to the end of the head (or *end*)."""
    parts = urlsplit(receiver.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = "\r\n".join([*head, f"Host: {parts.netloc}", "", ""])
    writer.write(lines.encode() + body)
    try:
        async with asyncio.timeout(30):
            return await reader.readuntil(end)
    finally:
        writer.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_every_method_but_post_is_405(database, tmp_path, method):
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.send(b"", method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_length_over_the_bound_is_413_before_the_body_is_sent(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        length = LIMITS.message_bytes_max + 1
        head = ["POST /as4 HTTP/1.1", f"Content-Length: {length}", f"Content-Type: {SOAP}"]
        assert b" 413 " in await talk(receiver, head)
        expecting = [*head, "Expect: 100-continue"]
        assert (await talk(receiver, expecting)).startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_that_grows_too_large_is_413(database, tmp_path):
    async def endless():
        yield b"--b\r\nContent-Type: application/soap+xml\r\n\r\n<a/>\r\n--b\r\n\r\n"
        for _ in range(LIMITS.message_bytes_max // MIB + 2):
            yield bytes(MIB)

    async with a_receiver(database, tmp_path) as receiver:
        for media in ("multipart/related; boundary=b; type=" + f'"{SOAP}"', SOAP):
            answer = await receiver.send(endless(), {"Content-Type": media})
            assert answer.status in {413, 400}
        head = ["POST /as4 HTTP/1.1", "Transfer-Encoding: chunked", f"Content-Type: {SOAP}"]
        body = (b"100000\r\n" + bytes(MIB) + b"\r\n") * 2
        assert b" 413 " in await talk(receiver, head, body)
        assert receiver.files() == []


async def test_the_bound_holds_for_small_chunked_bodies_too(database, tmp_path):
    async def body():
        for _ in range(100):
            yield b" " * 1000

    async with a_receiver(
        database, tmp_path, limits=replace(LIMITS, message_bytes_max=64_000)
    ) as receiver:
        assert (await receiver.send(body(), {"Content-Type": SOAP})).status == 413


async def test_expect_100_continue_is_answered_when_the_headers_are_fine(database, tmp_path):
    """[RFC9110 §10.1.1]"""
    async with a_receiver(database, tmp_path) as receiver:
        head = [
            "POST /as4 HTTP/1.1",
            f"Content-Type: {SOAP}",
            "Content-Length: 4",
            "Expect: 100-continue",
        ]
        assert await talk(receiver, head) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": ""},
        {"Content-Type": "multipart/form-data; boundary=b"},
        {"Content-Type": f'{SOAP}; charset="utf-16"'},
        {"Content-Type": SOAP, "Content-Encoding": "gzip"},
    ],
)
async def test_a_foreign_media_type_or_coding_is_415(database, tmp_path, headers):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.send(b"\x1f\x8b", headers)).status == 415


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (SOAP, b""),
        (SOAP, b"no xml"),
        (SOAP, b"<a/>"),
        (SOAP, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ('multipart/related; boundary="b"; type="application/soap+xml"', b"no parts"),
        ('multipart/related; type="application/soap+xml"', b"no boundary"),
    ],
)
async def test_without_soap_to_read_it_is_400_and_nothing_of_ebms(database, tmp_path, media, body):
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.send(body, {"Content-Type": media})
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert b"Envelope" not in answer.body


async def test_an_offer_of_http_2_is_ignored(database, tmp_path):
    """[PEPPOL-AS4 §2.1]"""
    sealed = a_sealed_message()
    async with a_receiver(database, tmp_path) as receiver:
        head = [
            "POST /as4 HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
            f"Content-Type: {sealed.content_type}",
            f"Content-Length: {len(sealed.body)}",
        ]
        answer = await talk(receiver, head, sealed.body, end=b"</S12:Envelope>")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"eb:Receipt" in answer
        assert await receiver.count() == (1, 1)


async def test_a_body_that_breaks_off_leaves_nothing(database, tmp_path):
    sealed = a_large_message()
    async with a_receiver(database, tmp_path) as receiver:
        parts = urlsplit(receiver.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {sealed.content_type}\r\n"
        writer.write(f"{head}Content-Length: {len(sealed.body)}\r\n\r\n".encode())
        writer.write(sealed.body[: len(sealed.body) // 2])
        await writer.drain()
        await until(receiver.files)
        writer.transport.abort()
        await until(lambda: not receiver.files())
        assert await receiver.count() == (0, 0)


async def test_a_peer_that_falls_silent_is_408(database, tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint, "IDLE_SECONDS_MAX", 0.2)
    async with a_receiver(database, tmp_path) as receiver:
        head = ["POST /as4 HTTP/1.1", f"Content-Type: {SOAP}", "Content-Length: 100"]
        assert b" 408 " in await talk(receiver, head, b"only this")


async def test_too_many_bodies_at_a_time_are_sent_away(database, tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint, "BODIES_MAX", 1)
    async with a_receiver(database, tmp_path) as receiver:
        parts = urlsplit(receiver.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {SOAP}\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n".encode())
        await asyncio.sleep(0.3)
        assert (await receiver.post(a_sealed_message())).verdict == "503"
        writer.close()
        await asyncio.sleep(0.3)
        assert (await receiver.post(a_sealed_message())).verdict == "receipt"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_message_becomes_a_file_of_what_was_on_the_wire(database, tmp_path, chunked):
    sealed = a_large_message()
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(sealed, chunked=chunked)
        check_receipt(
            answer.signal, sealed.references, message_id=sealed.message_id, to_party=RECEIVER
        )
        [row] = await receiver.rows("SELECT wire, wire_file, wire_length FROM messages")
        [file] = receiver.files()
        assert row["wire"] is None
        assert file.endswith(row["wire_file"])
        assert (receiver.folder / file).read_bytes() == sealed.body
        assert row["wire_length"] == len(sealed.body)
        await receiver.deliver()
        [document] = await receiver.rows("SELECT status FROM documents")
        assert document["status"] == "delivered"


async def test_a_large_duplicate_leaves_no_second_file(database, tmp_path):
    sealed = a_large_message()
    async with a_receiver(database, tmp_path) as receiver:
        for _ in range(3):
            assert (await receiver.post(sealed)).verdict == "receipt"
        assert len(receiver.files()) == 1
        assert await receiver.count() == (1, 1)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"attachment": lambda data: data[:-1] + bytes([data[-1] ^ 1])}, "EBMS:0102"),
        ({"attachment": lambda data: data[:90_000] + b"!" + data[90_001:]}, "EBMS:0102"),
        ({"recipient": "third"}, "EBMS:0102"),
        ({"wire": lambda body: body[:-40]}, "EBMS:0007"),
        ({"signer": "expired"}, "EBMS:0101"),
    ],
)
async def test_a_bad_large_message_leaves_no_file(database, tmp_path, changes, verdict):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_large_message(**changes))).verdict == verdict
        assert receiver.files() == []
        assert await receiver.count() == (0, 0)


async def test_a_large_message_is_judged_before_its_attachment_is_read(database, tmp_path):
    sealed = a_large_message(signer="foreign")
    async with a_receiver(database, tmp_path) as receiver:
        head = [
            "POST /as4 HTTP/1.1",
            f"Content-Type: {sealed.content_type}",
            f"Content-Length: {len(sealed.body)}",
        ]
        start = sealed.body[: sealed.attachment_offset + 10]
        answer = await talk(receiver, head, start, end=b"</S12:Envelope>")
        assert b"EBMS:0101" in answer


async def test_no_plaintext_of_a_large_message_reaches_the_disk(database, tmp_path):
    marker = b"a sentence that everybody would recognise"
    document = INVOICE.replace(b"</ID>", marker + os.urandom(MIB).hex().encode() + b"</ID>")
    compression = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
    sealed = a_sealed_message(
        payload=a_business_envelope(document),
        messaging=lambda text: text.replace(compression, ""),
    )
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "receipt"
        assert all(marker not in (receiver.folder / f).read_bytes() for f in receiver.files())


async def test_other_messages_do_not_wait_for_a_large_one(database, tmp_path, monkeypatch):
    """Of a large one little is done in each turn of the event loop, and the rest in threads."""
    large = a_large_message(12 * MIB)
    small = a_sealed_message(
        a_user_message(message_id="2@blue.example"),
        payload=gzip_compress(a_business_envelope(instance_identifier="instance-2")),
    )
    turn, stop, loop_thread = 0, False, threading.get_ident()
    done_in_turn = Counter()

    def counted(feed):
        def count_and_feed(self, data):
            if threading.get_ident() == loop_thread:
                done_in_turn[turn] += len(data)
            return feed(self, data)

        return count_and_feed

    for each in (MessageReader, Redecryptor):
        monkeypatch.setattr(each, "feed", counted(each.feed))

    async def count_turns():
        nonlocal turn
        while not stop:
            turn += 1
            await asyncio.sleep(0)

    async with a_receiver(database, tmp_path) as receiver, asyncio.TaskGroup() as group:
        group.create_task(count_turns())
        posted = group.create_task(receiver.post(large))
        assert (await receiver.post(small)).verdict == "receipt"
        assert (await posted).verdict == "receipt"
        stop = True
    assert max(done_in_turn.values()) < MIB
