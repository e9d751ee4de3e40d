"""What the API of an access point shows, and to whom: invariants 8, 16, 22 and 23.

All of it was asked in `tests.simulation.shown`; what is said under a key is compared as it is
answered (`tests.simulation.callers`).
"""

import json
from functools import lru_cache

from gateway.exchange.states import Status
from gateway.rendering.documents import make_html
from tests.support.showing import read_page, seen, words_of_pdf

ACCEPTED, NOT_FOUND = 202, 404
_HARMLESS = {Status.REFUSED, Status.FAILED, Status.GAVE_UP}
_ENDED = {"done", "cancelled"}
_TYPES = {
    "document": "application/json",
    "timeline": "application/json",
    "problem": "application/problem+json",
    "page": "text/html",
    "pdf": "application/pdf",
}


def check_8(ledger):
    """Whoever asks sees his dossier, all of it and nothing else."""
    shown = ledger.world.shown
    for at, nth, table, found, foreign, there in shown.tables:
        if foreign or found != there:
            yield f"{at}: dossier {nth} sees {found} of {there} rows of {table}, {foreign} foreign"
    for at, nth, table, found, there in shown.lists:
        if found != there:
            yield f"{at}: dossier {nth} is shown {sorted(found)} of {table}, not {sorted(there)}"
    for at, nth, path, status, code in shown.strangers:
        if status != NOT_FOUND:
            yield f"{at}: dossier {nth} asks for {path}, and is answered {status} {code}"


def check_16(ledger):
    """What a document says is text wherever it is shown."""
    for page in ledger.world.shown.pages:
        status, headers = page.answer.status, page.answer.headers
        if page.kind == "problem" and status == ACCEPTED:
            yield f"{page.document_id} was delivered, and is accepted again"
            continue
        if page.kind != "problem" and status != 200:
            yield f"{page.document_id} has no {page.kind}: {status} {page.answer.code}"
            continue
        if headers.get_content_type() != _TYPES[page.kind]:
            yield f"{page.document_id} is a {page.kind} of type {headers.get_content_type()}"
        for said in _LOOKS[page.kind](page):
            yield f"{page.document_id} as {page.kind}: {said}"


def check_22(ledger):
    """Each entry of a file ended as one document or one refusal, and the counts say so."""
    for import_id, found in ledger.world.shown.imports.items():
        told = ledger.world.asking.cancelled.get(import_id)
        yield from (f"{import_id}: {said}" for said in _check_import(found, told))


def check_23(ledger):
    """What was answered 2xx is there; what was said again was compared when it was answered."""
    for promise, answer in ledger.world.shown.kept:
        promised = json.loads(promise.body)["id"]
        if answer.status != 200 or answer.json["id"] != promised:
            yield f"{promise.call.path} promised {promised}, and it is {answer.status}"


def _look_at_json(page):
    if page.armed.text not in "\n".join(_texts(page.answer.json)):
        yield "its text is not there"


def _look_at_problem(page):
    if page.answer.code == "duplicate-number":  # its sender may be another's by now
        yield from _look_at_json(page)


def _look_at_page(page):
    found = read_page(page.answer.body.decode())
    tags, words = _plain_page(page.plain)
    if found.tags != tags:
        yield f"it has other tags: {sorted(set(found.tags) - set(tags))[:3]}"
    if " ".join(found.words).replace(page.armed.text, "word") != words:
        yield "it has other words"
    if "script" in page.answer.headers["Content-Security-Policy"]:
        yield "its policy allows scripts"


def _look_at_pdf(page):
    if seen(page.armed.text) not in words_of_pdf(page.answer.body):
        yield "its text is not there"


_LOOKS = {
    "document": _look_at_json,
    "timeline": _look_at_json,
    "problem": _look_at_problem,
    "page": _look_at_page,
    "pdf": _look_at_pdf,
}


@lru_cache(64)
def _plain_page(data):
    """Return the tags and words of the page that shows *data*."""
    page = read_page(make_html(data, "nl", "attachments").decode())
    return page.tags, " ".join(page.words)


def _texts(value):
    """Yield every text in the JSON *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _check_import(found, told):
    """Yield what is wrong with the import *found*; *told*: after how many it was cancelled."""
    bulk, row, said, results, documents = found
    if row is None or row["status"] not in _ENDED or not row["is_over"]:
        yield f"it was taken, and stands as {row and dict(row)}"
        return
    counts = row["status"], row["total"], row["accepted"], row["refused"]
    if counts != tuple(said[name] for name in ("status", "total", "accepted", "refused")):
        yield f"it is said to be {said}, and is {dict(row)}"
    accepted = [each for each in results if "document_id" in each]
    if (row["accepted"], row["refused"]) != (len(accepted), len(results) - len(accepted)):
        yield f"{dict(row)} has {len(accepted)} documents among {len(results)} results"
    if [each["position"] for each in results] != list(range(1, len(results) + 1)):
        yield f"its results are {[each['position'] for each in results]}"
    yield from _check_end(bulk, row, results, told)
    for entry, result in zip(bulk.entries, results, strict=False):
        yield from _check_entry(entry, result, documents)
    named = {each["document_id"] for each in accepted}
    for each in documents:
        if str(each["id"]) not in named:
            yield f"{each['id']} ({each['number']}) came out of it, and it does not say so"


def _check_end(bulk, row, results, told):
    """An import that nobody ended is done whole; one that was ended stopped there."""
    if row["status"] == "done" and len(results) != len(bulk.entries):
        yield f"it is done, with {len(results)} of {len(bulk.entries)}"
    if told is not None and (row["status"] != "cancelled" or len(results) > told + 1):
        yield f"it was cancelled after {told}, and has {len(results)}, as {row['status']}"


def _check_entry(entry, result, documents):
    """One entry is one document, or the refusal that it deserves."""
    if "document_id" not in result:
        if result["problem"]["code"] != entry.refusal:
            yield f"{entry.name} was refused as {result['problem']['code']}"
        return
    holders = [each for each in documents if each["number"] == entry.invoice.number]
    if str(result["document_id"]) not in {str(each["id"]) for each in holders}:
        yield f"{entry.name} became {result['document_id']}, which is not there"
    elsewhere = [each for each in holders if str(each["id"]) != result["document_id"]]
    is_free = all(each["status"] in _HARMLESS for each in elsewhere)
    if entry.refusal and not (entry.refusal == "duplicate-number" and is_free):
        yield f"{entry.name} was accepted, and is {entry.refusal}"
