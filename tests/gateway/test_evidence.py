"""The ZIP of an exchange: exact bytes, who signed, and a text that explains them."""

import base64
import io
import json
import random
import re
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.compression import gzip_compress
from as4.signal import check_receipt, read_signal
from as4.unpack import MessageReader
from gateway.errors import Fault, Kind
from gateway.exchange.evidence import Exhibit, collect_exhibits, write_zip
from gateway.store.documents import find_document
from gateway.store.messages import find_message
from tests.support.command import run_command
from tests.support.messages import (
    NOW,
    RANDOM_KEY,
    RECEIVER,
    UBL_INVOICE,
    a_business_envelope,
    a_sealed_message,
    check_signer,
    find_key,
)
from tests.support.pki import leaf, pki
from tests.support.reception import LIMITS, a_receiver
from tests.support.sending import AccessPoint, a_sender, access_points, plain


async def zipped(exhibits):
    pieces = [piece async for piece in write_zip(exhibits, at=NOW)]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    return archive


async def evidence(db, archive, dossier_id, document_id):
    """The files of a document's evidence, by name, and its message as stored."""
    async with db.transaction(dossier_id) as tx:
        document = await find_document(tx, document_id)
        exhibits = await collect_exhibits(tx, archive, document)
        message = await find_message(tx, document_id)
    packed = await zipped(exhibits)
    return {name: packed.read(name) for name in packed.namelist()}, message


def parts(dump):
    """Start line, content type and body of an HTTP dump; its length must be right."""
    head, _, body = dump.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["Content-Length"]) == len(body)
    return start, headers["Content-Type"], body


def pem(name):
    return x509.load_der_x509_certificate(leaf(name).certificate_der).public_bytes(Encoding.PEM)


def check_explained(files):
    """Every file is named and explained in the README."""
    readme = files["README.txt"].decode()
    for name in files:
        if name != "README.txt":
            assert re.search(rf"^{re.escape(name)} +\w+", readme, re.MULTILINE), name
    assert "gateway inspect message.http" in readme
    assert "gateway inspect receipt.http --request message.http" in readme
    return readme


async def a_received_document(receiver, sealed):
    await receiver.post(sealed)
    await receiver.deliver()
    [row] = await receiver.rows("SELECT id FROM documents")
    return row["id"]


async def test_the_evidence_of_a_received_document(database, tmp_path):
    sealed = a_sealed_message()
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(sealed)
        await receiver.deliver()
        [row] = await receiver.rows("SELECT id FROM documents")
        files, _ = await evidence(database, receiver.archive, receiver.dossier_id, row["id"])
    assert set(files) == {
        "README.txt", "message.http", "receipt.http", "receipt-signer.pem", "signer.pem",
        "document.json",
    }  # fmt: skip
    start, content_type, body = parts(files["message.http"])
    assert start == "POST /as4 HTTP/1.1"
    assert (content_type, body) == (sealed.content_type, sealed.body)
    start, content_type, body = parts(files["receipt.http"])
    assert start == "HTTP/1.1 200 OK"
    assert content_type == "application/soap+xml; charset=UTF-8"
    assert body == answer.body
    assert files["signer.pem"] == pem("sender")
    assert files["receipt-signer.pem"] == pem("receiver")
    readme = check_explained(files)
    assert "There is no SMP answer: the sender looked the receiver up, not we." in readme
    assert sealed.message_id in readme


async def test_the_message_in_the_evidence_is_opened_with_the_receivers_key(database, tmp_path):
    envelope = a_business_envelope()
    sealed = a_sealed_message(payload=gzip_compress(envelope))
    async with a_receiver(database, tmp_path) as receiver:
        document_id = await a_received_document(receiver, sealed)
        files, _ = await evidence(database, receiver.archive, receiver.dossier_id, document_id)
    _, content_type, body = parts(files["message.http"])
    reader = MessageReader(content_type, keep=True)
    reader.feed(body)
    reader.open_envelope(anchors_check=check_signer, now=NOW)
    reader.open_attachment(find_key, RANDOM_KEY)
    assert reader.close().payload == sealed.payload


async def test_the_evidence_of_a_sent_document(database, tmp_path):
    point = AccessPoint()
    async with access_points(point), a_sender(database, tmp_path, point) as sender:
        ref = await sender.accept()
        assert (await sender.finish(ref)).status == "delivered"
        archive = sender.outbound.archive
        files, message = await evidence(database, archive, sender.dossier_id, ref.document_id)
    assert set(files) == {
        "README.txt", "message.http", "receipt.http", "receipt-signer.pem", "signer.pem",
        "smp-answer.xml", "document.json",
    }  # fmt: skip
    assert parts(files["message.http"])[2] == point.arrivals[0].wire
    assert files["signer.pem"] == pem("sender")
    assert files["receipt-signer.pem"] == pem("receiver")
    assert files["smp-answer.xml"] == b"<signed/>"
    receipt = read_signal(parts(files["receipt.http"])[2], check_signer=check_signer, now=NOW)
    references = point.arrivals[0].received.references
    check_receipt(receipt, references, message_id=message.message_id, to_party=RECEIVER)
    assert "https://smp.example" in check_explained(files)
    facts = json.loads(files["document.json"])
    assert facts["message_id"] == message.message_id
    assert facts["timeline"][-1]["name"] == "delivered"


async def test_a_large_message_is_read_from_its_file(database, tmp_path):
    document = f'<Invoice xmlns="{UBL_INVOICE}">%s</Invoice>'.encode()
    noise = base64.b64encode(random.Random(1).randbytes(2_000_000))
    envelope = a_business_envelope(document % noise)
    sealed = a_sealed_message(payload=gzip_compress(envelope))
    assert len(sealed.body) > LIMITS.inline_bytes_max
    async with a_receiver(database, tmp_path) as receiver:
        document_id = await a_received_document(receiver, sealed)
        assert receiver.archive.names()
        files, _ = await evidence(database, receiver.archive, receiver.dossier_id, document_id)
    assert parts(files["message.http"])[2] == sealed.body
    assert files["signer.pem"] == pem("sender")


async def test_without_a_receipt_the_evidence_says_so(database, tmp_path):
    point = AccessPoint(script=[plain(500)])
    async with access_points(point), a_sender(database, tmp_path, point) as sender:
        ref = await sender.accept()
        await sender.run(ref)
        archive = sender.outbound.archive
        files, _ = await evidence(database, archive, sender.dossier_id, ref.document_id)
    assert "receipt.http" not in files
    assert "There is no receipt" in check_explained(files)


async def test_without_a_look_up_the_evidence_says_so(database, tmp_path):
    point = AccessPoint()
    async with access_points(point), a_sender(database, tmp_path, None) as sender:
        certificate = base64.b64encode(point.certificate).decode()
        options = {"endpoint": point.url, "certificate": certificate}
        ref = await sender.accept(options=options)
        await sender.finish(ref)
        archive = sender.outbound.archive
        files, _ = await evidence(database, archive, sender.dossier_id, ref.document_id)
    assert "smp-answer.xml" not in files
    assert "the endpoint was given, not looked up" in check_explained(files)


async def test_inspect_finds_the_evidence_good_and_one_changed_byte_bad(database, tmp_path, capsys):
    point = AccessPoint()
    async with access_points(point), a_sender(database, tmp_path, point) as sender:
        ref = await sender.accept()
        await sender.finish(ref)
        archive = sender.outbound.archive
        files, _ = await evidence(database, archive, sender.dossier_id, ref.document_id)
    (tmp_path / "root.pem").write_bytes(pki().root.certificate_pem)
    (tmp_path / "ap-ca.pem").write_bytes(pki().ap_ca.certificate_pem)
    (tmp_path / "key.pem").write_bytes(leaf("receiver").key_pem)
    trust = ("--trust", tmp_path / "root.pem", "--trust", tmp_path / "ap-ca.pem")
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    message, receipt = tmp_path / "message.http", tmp_path / "receipt.http"
    for words in [(message,), (message, "--key", tmp_path / "key.pem"),
                  (receipt, "--request", message)]:  # fmt: skip
        ended = run_command(capsys, "inspect", *words, *trust)
        assert ended.code == 0, ended.out
    for path in (message, receipt):
        head, _, body = path.read_bytes().partition(b"</eb:MessageId>")
        path.write_bytes(head[:-1] + b"X</eb:MessageId>" + body)
        assert run_command(capsys, "inspect", path, *trust).code == 1


async def test_before_there_is_a_message_there_is_no_evidence(database, tmp_path):
    async with a_sender(database, tmp_path, None) as sender:
        ref = await sender.accept()
        with pytest.raises(Fault) as caught:
            await evidence(database, sender.outbound.archive, sender.dossier_id, ref.document_id)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "no-message-yet")


async def test_nothing_decrypted_and_no_key_is_in_the_evidence(database, tmp_path):
    secret = f'<Invoice xmlns="{UBL_INVOICE}">SECRET</Invoice>'.encode()
    sealed = a_sealed_message(payload=gzip_compress(a_business_envelope(secret)))
    async with a_receiver(database, tmp_path) as receiver:
        document_id = await a_received_document(receiver, sealed)
        files, message = await evidence(
            database, receiver.archive, receiver.dossier_id, document_id
        )
    for name, data in files.items():
        assert b"SECRET" not in data, name
        assert message.content_key not in data, name
        assert message.content_key.hex().encode() not in data, name
        assert b"PRIVATE KEY" not in data, name


async def some(pieces):
    for piece in pieces:
        yield piece


async def test_a_zip_is_the_same_for_the_same_evidence():
    async def made():
        exhibits = [Exhibit("a.txt", "text", some([b"a", b"b"]))]
        return b"".join([piece async for piece in write_zip(exhibits, at=NOW)])

    assert await made() == await made()


async def test_a_zip_is_dated_and_what_is_encrypted_is_stored_as_it_is():
    at = datetime(2026, 6, 15, 12, 30, 8, tzinfo=UTC)
    exhibits = [
        Exhibit("a.txt", "text", some([b"a" * 1000])),
        Exhibit("b.bin", "bytes", some([b"b" * 1000]), packed=False),
        Exhibit("empty", "nothing", some([])),
    ]
    pieces = [piece async for piece in write_zip(exhibits, at=at)]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    text, stored, empty = archive.infolist()
    assert text.compress_size < 100
    assert stored.compress_type == zipfile.ZIP_STORED
    assert (stored.file_size, empty.file_size) == (1000, 0)
    assert text.date_time == (2026, 6, 15, 12, 30, 8)


async def test_a_zip_of_a_large_message_needs_little_memory():
    async def large():
        for _ in range(1000):
            yield bytes(100_000)

    tracemalloc.start()
    try:
        size = 0
        async for piece in write_zip(
            [Exhibit("message.http", "large", large(), packed=False)], at=NOW
        ):
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 100_000_000
    assert peak < 4_000_000
