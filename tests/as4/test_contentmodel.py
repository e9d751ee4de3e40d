import pytest

from as4.contentmodel import Exact, Model, leaf_bytes, leaf_text
from as4.errors import InvalidHeader, PolicyNoncompliance
from ubl import xml

MODEL = Model(("a", 1, 1), ("b", 0, 2), ("c", 1, 3), error=PolicyNoncompliance)


def names(text, model=MODEL):
    return [[child.tag for child in children] for children in model.read(xml.parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"<x><a/><b/><c/></x>", [["a"], ["b"], ["c"]]),
        (b"<x><a/><c/></x>", [["a"], [], ["c"]]),
        (b"<x><a/><b/><b/><c/><c/><c/></x>", [["a"], ["b", "b"], ["c", "c", "c"]]),
        (b"<x> <!-- --><a/><?p?><c/>\n</x>", [["a"], [], ["c"]]),
    ],
)
def test_children_are_sorted_by_the_names_of_the_model(text, expected):
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"<x/>", "x has 0 a, not 1"),
        (b"<x><a/></x>", "x has 0 c, not 1 to 3"),
        (b"<x><c/><a/></x>", "a is out of place in x"),
        (b"<x><a/><a/><c/></x>", "x has 2 a, not 1"),
        (b"<x><a/><b/><b/><b/><c/></x>", "x has 3 b, not 0 to 2"),
        (b"<x><a/><c/><d/></x>", "d is out of place in x"),
        (b"<x><a/><c/><b/></x>", "b is out of place in x"),
        (b"<x xmlns:n='urn:n'><n:a/><c/></x>", "a is out of place in x"),
    ],
)
def test_a_child_too_many_too_few_or_out_of_place_is_refused(text, reason):
    with pytest.raises(PolicyNoncompliance) as caught:
        names(text)
    assert caught.value.detail == reason


def test_an_exact_model_gives_the_children_themselves():
    model = Exact("a", "b")
    assert [child.tag for child in model.read(xml.parse(b"<x><a/><!-- --><b/></x>"))] == ["a", "b"]
    for text in (b"<x><a/></x>", b"<x><b/><a/></x>", b"<x><a/><b/><b/></x>"):
        with pytest.raises(InvalidHeader):
            model.read(xml.parse(text))


def test_a_text_is_read_whole_and_without_the_white_space_around():
    assert leaf_text(xml.parse(b"<x>\n a b </x>")) == "a b"
    assert leaf_text(xml.parse(b"<x/>")) == ""


@pytest.mark.parametrize("inner", [b"<!-- -->", b"<?p?>", b"<y/>"])
def test_a_text_with_anything_inside_is_refused_not_cut_short(inner):
    with pytest.raises(InvalidHeader, match="more than text"):
        leaf_text(xml.parse(b"<x>PBE000001" + inner + b"2</x>"))


def test_base64_may_be_broken_into_lines():
    assert leaf_bytes(xml.parse(b"<x> QUJD\r\nREVG\n</x>")) == b"ABCDEF"


@pytest.mark.parametrize("text", ["QUJ", "QUJD*", "=QUJD", "QUJD\u00e9", "QUJ=", "QR=="])
def test_what_is_not_base64_is_refused(text):
    """Padding, alphabet and bits left over.  [RFC4648 §3.5] [RFC4648 §4]"""
    with pytest.raises(PolicyNoncompliance, match="not base64"):
        leaf_bytes(xml.parse(f"<x>{text}</x>".encode()), PolicyNoncompliance)
