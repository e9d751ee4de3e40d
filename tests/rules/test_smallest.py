"""Shrinking: what is left shows what mattered, and nothing else."""

from tests.rules.smallest import shrink
from ubl.xml import parse


def shrunk(text, shows):
    root = parse(text)
    before = root.tag, len(root)
    small = shrink(root, shows)
    assert (root.tag, len(root)) == before
    return small


def test_only_what_is_needed_is_left():
    text = b"<a><b x='1' y='2'><c>1</c></b><b><c>2</c><!-- 3 --></b><d/></a>"
    small = shrunk(text, lambda root: bool(root.xpath("b[@x]/c")))
    assert [node.tag for node in small.iter()] == ["a", "b", "c"]
    assert dict(small[0].attrib) == {"x": "1"}


def test_of_what_is_alike_the_last_are_left():
    text = b"<a><b/><c/><d/></a>"
    small = shrunk(text, lambda root: len(root) >= 2)
    assert [node.tag for node in small] == ["c", "d"]


def test_a_comment_that_matters_stays():
    small = shrunk(b"<a><b>1<!-- x -->2</b></a>", lambda root: bool(root.xpath("b/comment()")))
    assert small.xpath("count(b/comment())") == 1
