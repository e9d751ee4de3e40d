"""A business envelope read whole and in pieces: the same header, and never two documents."""

import pytest

from as4.errors import Other
from gateway.exchange.envelope import EnvelopeScan, read_header
from tests.support.messages import INVOICE, a_business_envelope

USUAL = a_business_envelope()
TWICE = a_business_envelope(INVOICE * 2)
COMMENTED = USUAL.replace(b"</Invoice>", b"<!-- </Invoice> --></Invoice>")
SIZES = (1, 7, 1000, 1_000_000)


async def header_of(envelope, size):
    async def pieces():
        for start in range(0, len(envelope), size):
            yield envelope[start : start + size]

    return await read_header(pieces)


def scanned(envelope, size):
    scan = EnvelopeScan()
    for start in range(0, len(envelope), size):
        scan.feed(envelope[start : start + size])
    scan.close()
    return scan


@pytest.mark.parametrize("size", SIZES)
async def test_pieces_of_any_size_give_the_header_of_the_whole(size):
    assert COMMENTED != USUAL
    assert await header_of(USUAL, size) == await header_of(USUAL, len(USUAL))
    assert await header_of(COMMENTED, size) == await header_of(USUAL, len(USUAL))


@pytest.mark.parametrize("size", SIZES)
async def test_a_second_document_is_refused_however_it_is_cut(size):
    """[PEPPOL-BME §3]"""
    with pytest.raises(Other, match="second document"):
        await header_of(TWICE, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_usual_document_is_known_to_be_alone_without_reading_it(size):
    assert scanned(USUAL, size).certain
    assert not scanned(COMMENTED, size).certain
    assert not scanned(TWICE, size).certain
