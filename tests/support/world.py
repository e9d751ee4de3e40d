"""An API with one of each thing in it, and every example of its description as a request."""

import json

from as4.certificates import load_certificate
from gateway.store.documents import insert_document
from gateway.store.messages import insert_sealed
from smp.client import Found
from smp.endpoint import AS4_PROFILE, Endpoint
from tests.support.api import SENDER, ask
from tests.support.contract import check_answer, document, operations
from tests.support.messages import a_sealed_message
from tests.support.pki import leaf
from tests.support.showing import a_bill, an_attachment
from tests.support.store import a_document, a_sealed_row, a_sealed_wire
from ubl.identifiers import BILLING, INVOICE
from ubl.writer import write_document

UNTRIED = {"application/zip"}
"""Media types of requests that have no example."""


class Answering:
    """A finder that knows one access point."""

    async def lookup(self, receiver, document_type, process, *, now, refresh=False):
        identity = leaf("receiver")
        endpoint = Endpoint(
            address="https://red.example/as4",
            certificate=identity.certificate_der,
            process=BILLING,
            published_document_type=INVOICE,
            transport_profile=AS4_PROFILE,
            active_from=now,
            active_until=None,
        )
        signer = load_certificate(identity.certificate_der)
        return Found(endpoint, b"<signed/>", "https://smp.example", (signer,))


async def ping(_participant):
    return example_of("POST", "/v1/ping/{participant}", "200")


def example_of(method, path, status):
    answer = document()["paths"][path][method.lower()]["responses"][status]
    return answer["content"]["application/json"]["example"]


def requests():
    """Every example of a request: method, path, media type, body."""
    return [
        (method, path, media, body["example"])
        for method, path, operation in operations()
        for media, body in operation.get("requestBody", {}).get("content", {}).items()
        if media not in UNTRIED
    ]


class World:
    """An API with one of each thing, and what was answered: (operation, media type)."""

    def __init__(self, api):
        self.api, self.answered = api, set()
        self.ids, self.special = {"dossiers": api.dossier}, {}

    async def send(self, method, path, query="", **given):
        """Ask, hold the answer against the description, and return its status and body."""
        segment = path.split("/")[2] if path.count("/") > 1 else ""
        address = path.format(
            id=self.special.get(path, self.ids.get(segment)),
            participant=SENDER,
            number=1,
            code="internal",
            file="try.js",
        )
        status, headers, body = await ask(self.api, method, address + query, **given)
        check_answer(method, address, status, headers, body)
        if status < 300:
            media = headers.get("Content-Type", "").partition(";")[0]
            self.answered.add((method, path, media))
        return status, body

    async def post(self, method, path, media, example):
        data = example if isinstance(example, str) else json.dumps(example)
        status, body = await self.send(
            method, path, data=data.encode(), headers={"Content-Type": media}
        )
        if path.count("/") == 2 and method == "POST" and isinstance(body, dict):
            self.ids.setdefault(path.split("/")[2], body.get("id"))
        return status, body


async def fill(world, *, leaving=(), received=None):
    """Make one of each thing by the examples, and documents of which all can be asked.

    The examples of the addresses *leaving* are left to others: a document is taken once.
    *received* is the id of a document that came; without it one is made, without its message.
    """
    await world.send("PUT", "/v1/participants/{participant}")
    for each in sorted(requests(), key=lambda each: each[1].count("/")):
        if each[1] not in leaving:
            await world.post(*each)
    invoice = next(each[3] for each in requests() if each[1] == "/v1/validate").encode()
    xml = {"Content-Type": "application/xml"}
    await world.send("POST", "/v1/validate", "?format=svrl", data=invoice, headers=xml)
    bill = write_document(a_bill(supporting_documents=(an_attachment(b"a;b\n1;2\n", "a.csv"),)))
    shown = a_document(content=bill)
    taken = a_document(direction="in", status="delivered", content=None)
    given_up, waiting = a_document(status="gave_up"), a_document(status="waiting")
    sent, sealed = a_document(), a_sealed_message()
    wire = a_sealed_wire(
        content_type=sealed.content_type,
        wire=sealed.body,
        wire_length=len(sealed.body),
        attachment_offset=sealed.attachment_offset,
        attachment_length=sealed.attachment_length,
    )
    async with world.api.services.db.transaction(world.api.dossier) as tx:
        await insert_document(tx, shown)
        if received is None:
            await insert_document(tx, taken)
        for each in (given_up, waiting, sent):
            await insert_document(tx, each)
        await insert_sealed(tx, [a_sealed_row(sent.id, body=wire)])
    world.ids.setdefault("documents", shown.id)
    for name in ("html", "pdf", "attachments/{number}"):
        world.special[f"/v1/documents/{{id}}/{name}"] = shown.id
    world.special["/v1/documents/{id}/ack"] = received or taken.id
    world.special["/v1/documents/{id}/retry"] = given_up.id
    world.special["/v1/documents/{id}/cancel"] = waiting.id
    world.special["/v1/documents/{id}/evidence"] = sent.id
