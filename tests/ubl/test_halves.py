"""Half a character in JSON is found where it stands, whatever stands around it."""

import json

import pytest

from ubl.halves import find_half

HALF = "a\ud800b"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (HALF, ""),
        ({"a": [{"b": "x"}, {"b": HALF}]}, "/a/1/b"),
        ({"a": {HALF: 1}}, "/a"),
        ({"a/b~c": HALF}, "/a~1b~0c"),
        ({HALF: 1}, ""),
        ({"a": "x\udfff", "b": 1}, "/a"),
        ({"a": ["\U0001f600", "x", 1, None, True]}, None),
        (1.5, None),
    ],
)
def test_the_place_of_half_a_character_is_found(value, place):
    """[RFC6901 §3] [RFC6901 §4] [RFC8259 §8.2]"""
    assert find_half(json.dumps(value).encode()) == place


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b'["' + b"x" * 2_000_000 + b'"]'])
def test_what_is_no_json_or_too_long_has_no_place(data):
    assert find_half(data) is None
