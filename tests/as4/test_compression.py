"""Gzip payloads: deterministic out, bounded in."""

import gzip
import random
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.compression import (
    HEADER_BYTES_MAX,
    PIECE_BYTES_MAX,
    RATIO_FREE_BYTES,
    RATIO_MAX,
    Deflater,
    Inflater,
    gzip_compress,
    inflate,
)
from as4.errors import DecompressionFailure

DOCUMENT = b"<Invoice>" + b"<cac:InvoiceLine><cbc:ID>1</cbc:ID></cac:InvoiceLine>" * 300
NOISE = random.Random(1).randbytes(100_000)


def inflate_in_cuts(data, step, **caps):
    inflater = Inflater(**caps)
    pieces = []
    for start in range(0, len(data), step):
        pieces += inflater.feed(data[start : start + step])
    inflater.close()
    return pieces


def refusal(data, **caps):
    with pytest.raises(DecompressionFailure) as caught:
        inflate_in_cuts(data, 10_000, **caps)
    assert caught.value.code == "EBMS:0303"
    return caught.value.detail


def test_equal_documents_compress_to_equal_bytes_without_a_time_stamp():
    assert gzip_compress(DOCUMENT) == gzip_compress(DOCUMENT)
    assert gzip_compress(DOCUMENT)[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@pytest.mark.parametrize("document", [b"", b"x", DOCUMENT, NOISE])
def test_another_implementation_reads_what_we_compress(document):
    assert gzip.decompress(gzip_compress(document)) == document


@pytest.mark.parametrize("document", [b"", b"x", DOCUMENT, NOISE])
def test_a_stream_compresses_to_the_same_document(document):
    deflater = Deflater()
    pieces = [deflater.feed(document[i : i + 1000]) for i in range(0, len(document), 1000)]
    stream = b"".join([*pieces, deflater.close()])
    assert gzip.decompress(stream) == document
    assert stream[4:8] == bytes(4)


@settings(max_examples=60, deadline=None)
@given(document=st.binary(max_size=3000), step=st.integers(1, 500), level=st.integers(0, 9))
def test_any_cut_inflates_to_the_document(document, step, level):
    assert b"".join(inflate_in_cuts(gzip.compress(document, level), step)) == document


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES_MAX - 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1])
def test_sizes_around_a_piece(size):
    assert inflate(gzip.compress(bytes(size))) == bytes(size)
    assert inflate(gzip.compress(NOISE[:size], 0)) == NOISE[:size]


def test_optional_fields_of_the_gzip_header_are_skipped():
    raw = zlib.compressobj(wbits=-15)
    deflated = raw.compress(DOCUMENT) + raw.flush()
    trailer = zlib.crc32(DOCUMENT).to_bytes(4, "little") + len(DOCUMENT).to_bytes(4, "little")
    header = b"\x1f\x8b\x08\x1c\x01\x02\x03\x04\x00\x03" + b"\x03\x00abc" + b"n.xml\0" + b"why\0"
    assert inflate(header + deflated + trailer) == DOCUMENT


@pytest.mark.parametrize("cut", [0, 1, 9, 10, 30, -9, -8, -4, -1])
def test_truncated_data_is_refused(cut):
    assert refusal(gzip_compress(DOCUMENT)[:cut]) == "the gzip data is truncated"


@pytest.mark.parametrize("tail", [b"\0", b"x" * 20_000, gzip_compress(b"second member")])
@pytest.mark.parametrize("step", [1, 7, 10_000, 1 << 20])
def test_bytes_behind_the_member_are_refused(tail, step):
    with pytest.raises(DecompressionFailure, match="behind the gzip member"):
        inflate_in_cuts(gzip_compress(DOCUMENT) + tail, step)


def test_an_empty_piece_behind_the_member_is_nothing():
    inflater = Inflater()
    assert b"".join(inflater.feed(gzip_compress(DOCUMENT))) == DOCUMENT
    assert list(inflater.feed(b"")) == []
    inflater.close()


@pytest.mark.parametrize("data", [DOCUMENT, b"PK\3\4" + NOISE, zlib.compress(DOCUMENT)])
def test_what_is_no_gzip_data_is_refused(data):
    assert "the gzip data is corrupt" in refusal(data)


@pytest.mark.parametrize("place", [-1, -4, -5, -8])
def test_a_wrong_checksum_or_length_is_refused(place):
    data = bytearray(gzip_compress(DOCUMENT))
    data[place] ^= 1
    assert "the gzip data is corrupt" in refusal(bytes(data))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(min_size=1, max_size=300), place=st.integers(0, 299))
def test_damage_is_refused_or_harmless(data, place):
    damaged = bytearray(gzip.compress(DOCUMENT))
    damaged[place % len(damaged)] = data[0]
    with suppress(DecompressionFailure):
        assert inflate(bytes(damaged)) == DOCUMENT


def test_the_limit_is_exact():
    assert inflate(gzip_compress(DOCUMENT), len(DOCUMENT)) == DOCUMENT
    with pytest.raises(DecompressionFailure, match="larger than"):
        inflate(gzip_compress(DOCUMENT), len(DOCUMENT) - 1)


def test_filler_is_refused_beyond_the_free_size():
    fits = gzip.compress(bytes(RATIO_FREE_BYTES), 9)
    assert len(fits) * RATIO_MAX < RATIO_FREE_BYTES
    assert sum(len(piece) for piece in Inflater().feed(fits)) == RATIO_FREE_BYTES
    detail = refusal(gzip.compress(bytes(RATIO_FREE_BYTES + 1), 9))
    assert detail == f"the payload inflates more than {RATIO_MAX} times"


def test_a_large_document_of_identical_lines_is_not_filler():
    line = random.Random(3).randbytes(100)
    document = gzip.compress(line * (RATIO_FREE_BYTES // 50), 6)
    assert sum(len(piece) for piece in Inflater().feed(document)) == 100 * (RATIO_FREE_BYTES // 50)


def test_a_bomb_is_never_inflated_as_a_whole():
    bomb = gzip.compress(bytes(64 << 20), 9)
    pieces = Inflater(limit=8 << 20).feed(bomb)
    tracemalloc.start()
    with pytest.raises(DecompressionFailure, match="larger than"):
        sum(map(len, pieces))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_no_piece_is_larger_than_promised():
    assert {len(piece) for piece in Inflater().feed(gzip.compress(bytes(4 << 20)))} == {
        PIECE_BYTES_MAX
    }


def test_inflating_keeps_no_output():
    stream = gzip.compress(NOISE * 100, 1)
    tracemalloc.start()
    total = sum(len(piece) for piece in Inflater().feed(stream))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == len(NOISE) * 100
    assert peak < 2 << 20


EXTRA, NAMED, COMMENTED = b"\x02\0ab", b"name\0", b"comment\0"
HEADERS = {
    "none": (0, b""),
    "a name and a comment": (24, NAMED + COMMENTED),
    "an extra field and a name": (12, EXTRA + NAMED),
    "all but the checksum": (28, EXTRA + NAMED + COMMENTED),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("step", [1, 3, 11, 1000])
def test_a_header_is_read_wherever_it_is_cut(name, step):
    flags, fields = HEADERS[name]
    member = b"\x1f\x8b\x08" + bytes([flags, 0, 0, 0, 0, 0, 255]) + fields
    member += gzip_compress(DOCUMENT)[10:]
    assert gzip.decompress(member) == DOCUMENT
    assert b"".join(inflate_in_cuts(member, step)) == DOCUMENT


@pytest.mark.parametrize("step", [1, 1000, 100_000])
def test_a_header_is_bounded(step):
    endless = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"x" * (HEADER_BYTES_MAX + 1) + b"\0"
    with pytest.raises(DecompressionFailure, match="header"):
        inflate_in_cuts(endless + gzip_compress(DOCUMENT)[10:], step)


@pytest.mark.parametrize("flag", [0x20, 0x40, 0x80])
def test_a_reserved_flag_is_refused(flag):
    member = bytearray(gzip_compress(DOCUMENT))
    member[3] |= flag
    assert "reserved" in refusal(bytes(member))
