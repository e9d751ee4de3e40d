"""Showing in a process of its own: bounded, and its refusals come back as they were."""

import os
import time

import pytest

from gateway.errors import Fault, Kind
from gateway.rendering.documents import Source, make_html, make_pdf, take_attachment
from gateway.rendering.press import Press
from tests.support.showing import AT, PDF_FILE, a_bill, an_attachment, euro
from ubl.line import InvoiceLine, Item
from ubl.writer import write_document

DATA = write_document(a_bill())


@pytest.fixture
async def press():
    async with Press() as opened:
        yield opened


async def test_it_makes_what_the_function_makes(press):
    assert await press.run(make_html, DATA, "nl") == make_html(DATA, "nl")


async def test_a_refusal_comes_back(press):
    with pytest.raises(Fault, match="no attachment 5") as caught:
        await press.run(take_attachment, DATA, 5)
    assert (caught.value.kind, caught.value.code) == (Kind.NOT_FOUND, "attachment-not-found")


async def test_what_takes_too_long_ends_with_its_process_and_the_next_is_served():
    async with Press(seconds_max=0.5) as press:
        process = await press.run(os.getpid)
        with pytest.raises(Fault) as caught:
            await press.run(time.sleep, 60)
        assert (caught.value.kind, caught.value.code) == (Kind.TOO_LARGE, "too-large-to-show")
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        assert await press.run(os.getpid) != process


async def test_what_takes_too_much_memory_is_refused(press):
    with pytest.raises(Fault) as caught:
        await press.run(bytearray, 8 << 30)
    assert caught.value.code == "too-large-to-show"


async def test_the_process_knows_neither_network_nor_database(press):
    await press.run(make_pdf, DATA, "nl", AT)
    loaded = await press.run(eval, "set(__import__('sys').modules)")
    assert "typst" in loaded
    assert {"aiohttp", "asyncpg"} & loaded == set()


NOT_SHOWN = {
    "no XML": b"not xml",
    "DOCTYPE": b"<!DOCTYPE a><a/>",
    "another document": b"<a/>",
    "no date": DATA.replace(b"2026-11-20", b"2026-13-45"),
    "no number": DATA.replace(b">100.00<", b">NaN<"),
}


@pytest.mark.parametrize("data", NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_what_cannot_be_read_is_refused_with_its_place(data):
    for make in (make_html, lambda *given: make_pdf(*given, AT)):
        with pytest.raises(Fault, match=r"cannot be shown: .") as caught:
            make(data, "nl")
        assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "not-showable")


def test_what_nobody_could_read_is_refused():
    line = InvoiceLine(id="1", net=euro(1), item=Item(name="x"))
    for bill in (a_bill(lines=(line,) * 5_001), a_bill(notes=("x" * 1_000_001,))):
        with pytest.raises(Fault) as caught:
            make_html(write_document(bill), "nl")
        assert (caught.value.kind, caught.value.code) == (Kind.TOO_LARGE, "too-large-to-show")


def test_the_own_pdf_comes_first_and_either_can_be_asked_for():
    own = write_document(a_bill(supporting_documents=(an_attachment(PDF_FILE, "own.pdf"),)))
    first = make_pdf(own, "nl", AT)
    assert (first.content, first.name, first.source) == (PDF_FILE, "own.pdf", Source.OWN)
    ours = make_pdf(own, "nl", AT, Source.RENDERED)
    assert (ours.source, ours.own_pdf) == (Source.RENDERED, "own.pdf")
    with pytest.raises(Fault) as caught:
        make_pdf(DATA, "nl", AT, Source.OWN)
    assert caught.value.code == "no-own-pdf"


def test_without_typst_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    with pytest.raises(Fault, match=r"peppol-gateway\[pdf\]") as caught:
        make_pdf(DATA, "nl", AT)
    assert (caught.value.kind, caught.value.code) == (Kind.NOT_INSTALLED, "not-installed")
