"""No log line holds what documents say, private keys, or the API key.

Two gateways, at the most talkative level, pass good and bad messages; then everything they and
their databases wrote is searched.
"""

import asyncio
import contextlib
from datetime import UTC, datetime

import aiohttp
import asyncpg
import pytest

from as4 import pack
from as4.certificates import load_certificate
from as4.compression import gzip_compress
from gateway.errors import Fault
from gateway.sandbox.network import run_network
from gateway.sandbox.pki import issue_access_point, read_identity
from gateway.sandbox.stories import sample_invoice
from gateway.store.embedded import EmbeddedPostgres
from tests.support.corners import find_by_message
from tests.support.peer import Peer, post, tls_session
from ubl.routing import read_routing
from ubl.sbdh import build_envelope

pytestmark = pytest.mark.system

MARK = "Zwijgplicht-7f3a9"
"""Stands in every document, good or bad, and nowhere else."""
STRANGER = "api-key-of-a-stranger-5b1d"
NOTE = f"<cbc:Note>{MARK}</cbc:Note>".encode()


def marked_invoice():
    before, start, rest = sample_invoice().partition(b"<cbc:Note>")
    return before + start + MARK.encode() + rest[rest.index(b"</cbc:Note>") :]


def bad_documents():
    """What the API refuses, each with the mark where the refusal looks."""
    good = marked_invoice()
    mark = MARK.encode()
    return [
        good[:-20],
        good.replace(b"</cbc:Note>", b"</cbc:Nota>"),
        b"<!DOCTYPE " + mark + b">" + good[good.index(b"<Invoice") :],
        b"<" + mark + b"/>",
        mark,
        good.replace(b">2026-11-20</cbc:IssueDate>", b">" + mark + b"</cbc:IssueDate>"),
        good.replace(b">0987654394</cbc:EndpointID>", b">" + mark + b"%</cbc:EndpointID>"),
        good.replace(b'schemeID="0208">0987654394', b'schemeID="' + mark + b'">0987654394'),
    ]


def sealed_envelope(peer, envelope):
    """A message whose signature holds and whose content is *envelope*."""
    routing = read_routing(sample_invoice())
    return pack.seal(
        peer.message(routing, datetime.now(UTC)),
        envelope,
        signer=peer.key,
        recipient=load_certificate(peer.receiver.certificate_der),
        content_key=bytes(16),
        iv=bytes(12),
        nonce="0" * 32,
    )


def bad_messages(peer):
    """What red refuses: as bytes, in the envelope, around and behind it."""
    routing, mark = read_routing(sample_invoice()), MARK.encode()
    header = routing.header(
        instance_identifier="11111111-1111-4111-8111-111111111111",
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        country_c1="BE",
    )
    before, after = build_envelope(header)
    document = marked_invoice()
    cut = document[routing.root_offset :]
    contents = [
        NOTE,
        gzip_compress(NOTE),
        gzip_compress(b"<" + mark + b"/>"),
        gzip_compress(before + cut) + mark,
        gzip_compress(before.replace(b"BE</", mark + b"</") + cut + after),
        gzip_compress(before + b"<" + mark + b"/>" + after),
        # Refused by nobody at once: the job finds that it ends too early.
        gzip_compress(before + cut[:-40]),
    ]
    return [sealed_envelope(peer, content) for content in contents]


async def hand_in(network):
    """Good and bad documents to blue, with its key and with a stranger's."""
    async with network.blue.client() as blue, network.red.client() as red:
        sent = await blue.wait_for((await blue.send_document(marked_invoice())).id)
        assert sent.status == "delivered"
        received = await find_by_message(red, sent.message_id)
        assert MARK.encode() in await red.ubl(received.id)
        for document in bad_documents():
            with pytest.raises(Fault):
                await blue.send_document(document)
    headers = {"Authorization": f"Bearer {STRANGER}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{network.blue.api_url}/v1/documents"
        async with session.post(url, data=marked_invoice()) as response:
            assert response.status == 401


async def post_all(network):
    """Bad messages and bad requests to red."""
    identity = await asyncio.to_thread(
        issue_access_point, network.pki, "PBE000003", now=datetime.now(UTC)
    )
    peer = Peer.of(network.pki, identity, read_identity(network.red.folder, "as4"))
    async with tls_session(network.pki.tls_ca) as session:
        answers = [
            await post(session, network.red.as4_url, message) for message in bad_messages(peer)
        ]
        for content_type in ("text/plain", "application/soap+xml", "multipart/related"):
            headers = {"Content-Type": content_type}
            async with session.post(network.red.as4_url, data=NOTE, headers=headers) as response:
                await response.read()
    assert [b"EBMS:" in answer.body for answer in answers] == [True] * 6 + [False]
    return peer


async def upset(corner):
    """Let the database complain about rows that hold the mark."""
    connection = await asyncpg.connect(EmbeddedPostgres(corner.folder / "data").dsn)
    insert = "INSERT INTO dossiers (id, name, country, is_default, created_at)"
    values = f" SELECT id, '{MARK}', country, false, created_at FROM dossiers"
    for statement in (insert + values, f"UPDATE dossiers SET name = NULL WHERE name <> '{MARK}'"):
        with contextlib.suppress(asyncpg.PostgresError):
            await connection.execute(statement)
    await connection.close()


def secrets_of(corner):
    """The API key, and every line of every private key."""
    secrets = {corner.api_key(), STRANGER, "PRIVATE KEY"}
    for path in corner.folder.glob("*.key.pem"):
        secrets |= {line for line in path.read_text().splitlines() if len(line) == 64}
    assert len(secrets) > 50
    return secrets


async def test_no_log_line_holds_a_document_a_key_or_the_api_key(tmp_path):
    async with run_network(
        tmp_path / "net", now=datetime.now(UTC), extra={"log_level": "debug"}
    ) as network:
        await hand_in(network)
        peer = await post_all(network)
        for corner in network.corners():
            await upset(corner)
        secrets = {corner.role.name: secrets_of(corner) for corner in network.corners()}
        logs = [
            log
            for corner in network.corners()
            for log in (corner.log, EmbeddedPostgres(corner.folder / "data").log)
        ]
    texts = {log: log.read_text(errors="replace") for log in logs}
    assert all(peer.key.certificate.subject_cn in texts[log] for log in logs[2:3])
    assert all("ERROR" in text for log, text in texts.items() if log.name == "postgres.log")
    wanted = {MARK, *secrets["blue"], *secrets["red"]}
    told = [
        (log, line[:300])
        for log, text in texts.items()
        for line in text.splitlines()
        if any(secret in line for secret in wanted)
    ]
    assert told == []
