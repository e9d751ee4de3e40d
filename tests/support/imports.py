"""Files with many documents, and the job that works through them."""

import io
import json
import zipfile
from base64 import b64encode

from gateway.exchange.imports import Imports
from gateway.store.imports import Import, Place, find_import
from gateway.store.jobs import Job
from gateway.web.intakes import intake_of
from tests.support.api import an_invoice, ask
from tests.support.store import CLOCK, NOW

NDJSON = "application/x-ndjson"
ZIP = "application/zip"


def an_import(**changes) -> Import:
    """An import of three documents that waits."""
    given = {
        "id": CLOCK.uuid(),
        "dossier_id": CLOCK.uuid(),
        "media_type": NDJSON,
        "file": f"{CLOCK.uuid()}",
        "size_bytes": 30,
        "total": 3,
        "next": Place(0, 1),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Import(**given | changes)


def a_zip(entries, *, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of *entries*: bytes by name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return data.getvalue()


def ubl_line(number: str, **more) -> dict[str, object]:
    return {"ubl": b64encode(an_invoice(number=number)).decode(), **more}


def lines(*values) -> bytes:
    """NDJSON of *values*; bytes are lines as they are."""
    texts = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in values)
    return b"".join(text + b"\n" for text in texts)


async def upload(api, data, media_type=NDJSON, *, query="", key=None, **headers):
    """Hand in a file: status, headers, answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(
        api,
        "POST",
        f"/v1/imports{query}",
        key=key,
        data=data,
        headers={"Content-Type": media_type, **named},
    )


def importer(api) -> Imports:
    services = api.services
    return Imports(
        db=services.db,
        archive=services.archive,
        clock=services.clock,
        intake=intake_of(services),
    )


def payload(api, answer) -> dict[str, str]:
    return {"dossier": str(api.dossier), "import": answer["id"]}


async def work(api, answer, *, with_importer=None):
    """Run the import's jobs, one after the other, until it is done; return how it stands then."""
    done = with_importer or importer(api)
    while (await stands(api, answer)).status != "done":
        await done.work(payload(api, answer))
    return (await ask(api, "GET", f"/v1/imports/{answer['id']}"))[2]


async def stands(api, answer):
    async with api.services.db.transaction(api.dossier) as tx:
        return await find_import(tx, answer["id"])


async def results(api, answer, query=""):
    status, _, page = await ask(api, "GET", f"/v1/imports/{answer['id']}/results{query}")
    assert status == 200
    return page["results"]


JOB = Job.IMPORT_DOCUMENTS
