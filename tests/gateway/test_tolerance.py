"""What peers may send and we accept, from the wire to the delivered document."""

import base64
from dataclasses import replace

import pytest

from as4.compression import gzip_compress
from tests.support.messages import INVOICE, NONCE, a_business_envelope, a_sealed_message, swap
from tests.support.reception import LIMITS, a_receiver

BOUNDARY = f"----=_{NONCE}"
EXTRA_TOKEN = '<wsse:BinarySecurityToken wsu:Id="x">AAAA</wsse:BinarySecurityToken><ds:Signature '


def encoded(encoding, change=lambda data: data):
    headers = (
        "Content-Type: application/octet-stream\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\nContent-ID: <att-{NONCE}@as4>"
    )
    return a_sealed_message(attachment=change, attachment_headers=headers)


def typed(content_type):
    return replace(a_sealed_message(), content_type=content_type)


TOLERATED = {
    "a preamble": lambda: a_sealed_message(wire=lambda body: b"for people\r\n" + body),
    "an epilogue": lambda: a_sealed_message(wire=lambda body: body + b"\r\nthe end"),
    "no start": a_sealed_message,
    "a start": lambda: typed(
        f'multipart/related; type="application/soap+xml"; boundary="{BOUNDARY}";'
        f' start="<soap-{NONCE}@as4>"'
    ),
    "an unquoted boundary": lambda: typed(
        f"multipart/related; boundary={BOUNDARY}; type=application/soap+xml"
    ),
    "other letter case": lambda: typed(
        f'Multipart/Related; TYPE="application/soap+xml"; Boundary="{BOUNDARY}"'
    ),
    "8bit": lambda: encoded("8bit"),
    "base64": lambda: encoded("base64", base64.encodebytes),
    "a token nobody refers to": lambda: a_sealed_message(soap=swap("<ds:Signature ", EXTRA_TOKEN)),
}


@pytest.mark.parametrize("name", TOLERATED)
@pytest.mark.parametrize("inline", [True, False])
async def test_what_peers_vary_is_accepted_and_delivered(database, tmp_path, name, inline):
    limits = LIMITS if inline else replace(LIMITS, inline_bytes_max=1024)
    async with a_receiver(database, tmp_path, limits=limits) as receiver:
        assert (await receiver.post(TOLERATED[name]())).verdict == "receipt"
        assert bool(receiver.files()) is not inline
        await receiver.deliver()
        async with database.transaction(receiver.dossier_id) as tx:
            row = await tx.connection.fetchrow("SELECT status, size_bytes FROM documents")
    assert tuple(row) == ("delivered", len(INVOICE))


async def test_a_payload_with_a_repeated_tag_inside_is_one_document(database, tmp_path):
    """The quick look cannot tell, so the envelope is read to its end."""
    document = INVOICE.replace(b"<ID>", b"<!-- </Invoice><Invoice> --><ID>")
    sealed = a_sealed_message(payload=gzip_compress(a_business_envelope(document)))
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "receipt"
