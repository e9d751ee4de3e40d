"""Texts of one shape: their values, and nothing that is not plainly one."""

import pytest

from ubl.shape import PLAIN_CHARS_MAX, Shape

TEXT = '<a id="x1" ref="#x1"><b>one</b><b>100%</b><c>QUJD</c><d/></a>'
TEXTS = {"one": "one", "blob": "QUJD"}


def shape(text=TEXT, texts=TEXTS, attributes=None, **more):
    return Shape(text, texts, attributes or {"id": "x1"}, **more)


def test_values_are_read_and_written_by_name():
    other = TEXT.replace("one", "two").replace("x1", "y-22")
    found = shape().read(other)
    assert found == {"one": "two", "blob": "QUJD", "id": "y-22"}
    assert shape().fill(found) == other
    assert shape().read(TEXT) == {"one": "one", "blob": "QUJD", "id": "x1"}
    assert shape().complete


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("one", ""),
        ("one", " one"),
        ("one", "one "),
        ("one", "one two"),
        ("one", "one\ttwo"),
        ("one", "one\x7f"),
        ("one", "on&amp;e"),
        ("one", "one]]>"),
        ("one", "'one'"),
        ("one", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("one", "<!--one-->"),
        ("one", "<e/>one"),
        ("one", "o" * PLAIN_CHARS_MAX),
        ('"x1"', '"x2"'),
        ('"#x1"', '"#x2"'),
        ("x1", "x<1"),
        ("x1", "x\n1"),
        ("100%", "101%"),
        ("<d/>", "<d />"),
        ("<d/>", "<d"),
        ("</a>", "</a> "),
        ("</a>", ""),
        ("<d/></a>", ""),
        (TEXT, ""),
        (TEXT, "<"),
    ],
)
def test_what_is_not_plainly_of_the_shape_is_not_read(old, new):
    """[XML §2.4]"""
    assert old in TEXT
    assert shape().read(TEXT.replace(old, new)) is None


def test_what_may_be_of_any_length_is_left_to_the_caller():
    text = TEXT.replace("QUJD", "Q" * PLAIN_CHARS_MAX + "&")
    assert shape().read(text) is None
    found = shape(bulk=("blob",)).read(text)
    assert found is not None
    assert found["blob"].endswith("Q&")


def test_equal_values_must_stay_equal():
    both = shape('<a f="v"><b>one</b><c>one</c></a>', {"b": "one", "c": "one"}, {"f": "v"})
    assert both.firsts == {"b": "b", "c": "b", "f": "f"}
    assert both.read('<a f="w"><b>two</b><c>two</c></a>') == {"b": "two", "c": "two", "f": "w"}
    assert both.read('<a f="w"><b>two</b><c>one</c></a>') is None


def test_a_value_that_has_no_gap_makes_the_shape_incomplete():
    assert not shape(texts={"one": "three"}).complete


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("<d/>", "&#32;"),
        TEXT.replace("<d/>", "<!-- d -->"),
        TEXT.replace("<d/>", "<![CDATA[d]]>"),
        TEXT.replace("<d/>", "<?d?>"),
        TEXT.replace("<d/>", "<d e='f'/>"),
        TEXT.replace("<d/>", "\N{EURO SIGN}"),
    ],
)
def test_a_text_that_is_not_plain_has_no_shape(text):
    with pytest.raises(ValueError, match="plain"):
        shape(text)


def test_gaps_do_not_overlap():
    with pytest.raises(ValueError, match="overlaps"):
        shape('<a id="#x" ref="##x"/>', {}, {"id": "x", "uri": "#x"})


def test_an_xml_declaration_is_part_of_the_shape():
    text = f'<?xml version="1.0"?>{TEXT}'
    assert shape(text).read(text) is not None
    assert shape(text).read(TEXT) is None


@pytest.mark.parametrize(("texts", "attributes"), [({"a": ""}, {}), ({}, {"a": ""})])
def test_an_empty_value_is_in_no_shape(texts, attributes):
    with pytest.raises(ValueError, match="empty"):
        Shape('<a b=""></a>', texts, attributes)
