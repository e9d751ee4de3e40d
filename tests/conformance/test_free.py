"""What a specification leaves free is held against no target; other ways are remarked."""

from dataclasses import replace

import pytest
from lxml import etree

from conformance.cases import all_cases
from conformance.suite.documents import is_same
from conformance.suite.outcome import Outcome
from conformance.suite.runner import run_cases, select
from tests.conformance.test_bad_targets import serving
from tests.conformance.world import TESTER, TOOLS, a_target, keys, run
from tests.support.broken import Dials
from tests.support.broken_sender import SendDials


def written_anew(document):
    """*document* as another XML writer has it: a declaration, other quotes, tags that close."""
    root = etree.fromstring(document)
    text = etree.tostring(root, xml_declaration=False, encoding="us-ascii")
    return text.replace(b'"', b"'")


async def outcome(name, dials):
    [result] = (await run(select(all_cases(), [], [name]), dials)).results
    return result


async def test_a_document_delivered_in_other_bytes_is_the_same():
    dials = Dials(mangle=lambda document, _received: written_anew(document))
    result = await outcome("peppol.receive.unchanged", dials)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
    assert result.remarks == ["the document is the same, but its XML was written anew"]


@pytest.mark.parametrize("name", ["peppol.send.valid", "as4.send.gzip", "as4.send.recovers"])
async def test_a_document_sent_in_other_bytes_is_found(name):
    dials = Dials(sending=SendDials(document=written_anew))
    result = await outcome(name, dials)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")


def refusing_the_second():
    known = set()

    def change(soap, seen):
        again = seen.message_id in known
        known.add(seen.message_id)
        return (500, b"") if again else (200, soap)

    return Dials(receipt=change)


async def test_what_comes_twice_is_delivered_once_whatever_is_answered():
    result = await outcome("as4.duplicate.delivered-once", refusing_the_second())
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
    assert result.remarks == ["the second time came HTTP 500 without ebMS (the answer is empty)"]


async def break_down(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 500 Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize("name", ["get", "media-type", "empty", "garbage", "cut"])
async def test_what_is_no_message_may_be_refused_with_any_error_of_http(name):
    cases = select(all_cases(), [], [f"as4.http.{name}"])
    async with a_target() as good, serving(break_down) as url:
        target = replace(good, as4_url=url)
        done = await run_cases(cases, target, keys(), TESTER, TOOLS, only_harmless=True)
    [result] = done.results
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
    assert "4xx is what fits" in result.remarks[0]


@pytest.mark.parametrize(
    "other",
    [
        b"<a xmlns='urn:x'><b>1</b></a>",
        b"<a  xmlns = 'urn:x' ><!-- x --><b >1</b ></a >",
        b"<?xml version='1.0' encoding='UTF-8'?><a xmlns='urn:x'><b>&#49;</b></a>",
    ],
)
def test_the_same_document_in_other_bytes(other):
    assert is_same(b'<a xmlns="urn:x"><b>1</b></a>', other)


@pytest.mark.parametrize(
    "other",
    [
        b"<a xmlns='urn:x'><b>2</b></a>",
        b"<a xmlns='urn:x'><b>1</b><c/></a>",
        b"<a xmlns='urn:x'> <b>1</b></a>",
        b"<a xmlns='urn:y'><b>1</b></a>",
        b"<a xmlns='urn:x'><b>1</b>",
        b"",
    ],
)
def test_another_document(other):
    assert not is_same(b'<a xmlns="urn:x"><b>1</b></a>', other)


def test_what_is_no_xml_is_the_same_as_itself_alone():
    assert is_same(b"no XML", b"no XML")
    assert not is_same(b"no XML", b"nor this")
