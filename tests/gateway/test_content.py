"""Received documents over HTTP: the exact bytes, from memory or from a file, or why not."""

import hashlib
import io
import zipfile
from contextlib import asynccontextmanager

from as4.compression import gzip_compress
from tests.support.api import an_invoice, ask, root_of, run_api
from tests.support.messages import UBL_INVOICE, a_business_envelope, a_sealed_message
from tests.support.reception import a_receiver

DOCUMENT = root_of(an_invoice(note="é &amp;\r\n <!-- > -->"))


@asynccontextmanager
async def received(database, folder, document, *, deliver=True):
    """An API that has received *document*; yields it with its client and the document's facts."""
    sealed = a_sealed_message(payload=gzip_compress(a_business_envelope(document)))
    async with a_receiver(database, folder) as receiver:
        await receiver.post(sealed)
        if deliver:
            await receiver.deliver()
    async with run_api(database, folder) as api, api.client() as client:
        (found,) = (await client.list_documents(direction="in")).documents
        assert found.message_id == sealed.message_id
        yield api, client, found


async def test_a_received_document_comes_back_byte_for_byte(database, tmp_path):
    async with received(database, tmp_path, DOCUMENT) as (_, client, found):
        assert await client.ubl(found.id) == DOCUMENT
        assert found.status == "delivered"
        assert found.sha256 == hashlib.sha256(DOCUMENT).hexdigest()
        assert (await client.list_documents()).documents == (found,)


async def test_a_large_received_document_comes_back_byte_for_byte(database, tmp_path):
    large = root_of(an_invoice(note="".join(f"{n:x}-" for n in range(600_000))))
    async with received(database, tmp_path, large) as (_, client, found):
        assert await client.ubl(found.id) == large


async def test_the_document_is_offered_as_a_file_that_is_not_guessed_at(database, tmp_path):
    async with received(database, tmp_path, DOCUMENT) as (api, _, found):
        _, headers, _ = await ask(api, "GET", f"/v1/documents/{found.id}/ubl")
        assert headers["Content-Type"] == "application/xml"
        assert headers["Content-Disposition"] == f'attachment; filename="{found.id}.xml"'
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_its_evidence_is_a_zip(database, tmp_path):
    async with received(database, tmp_path, DOCUMENT) as (_, client, found):
        archive = zipfile.ZipFile(io.BytesIO(await client.evidence(found.id)))
        assert archive.namelist()[:2] == ["README.txt", "message.http"]


async def test_a_document_that_is_not_unwrapped_yet_says_when_to_come_back(database, tmp_path):
    async with received(database, tmp_path, DOCUMENT, deliver=False) as (api, _, found):
        status, headers, problem = await ask(api, "GET", f"/v1/documents/{found.id}/ubl")
        assert (status, problem["code"], headers["Retry-After"]) == (409, "not-yet", "1")


async def test_a_broken_document_is_said_to_be_and_its_evidence_has_it(database, tmp_path):
    broken = f'<Invoice xmlns="{UBL_INVOICE}"><ID></Invoice>'.encode()
    async with received(database, tmp_path, broken) as (api, client, found):
        assert found.status == "broken"
        status, _, problem = await ask(api, "GET", f"/v1/documents/{found.id}/ubl")
        assert (status, problem["code"]) == (409, "document-broken")
        assert (await client.evidence(found.id))[:2] == b"PK"
