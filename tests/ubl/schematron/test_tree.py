"""The tree that rules run on."""

import pytest

from ubl.schematron import build_tree
from ubl.schematron.tree import LAYOUT_PATHS_MAX
from ubl.xml import parse

DOCUMENT = """<r xmlns="urn:r"><a x="1"><b>1</b> and <b>2</b></a><!-- c --><a><c/></a>
<p:a xmlns:p="urn:p" xmlns:q="urn:q" q:y="2"><b>3<?pi?>4</b></p:a></r>"""
R = "{urn:r}"


def a_tree(text=DOCUMENT):
    return build_tree(parse(text.encode()))


def test_nodes_are_numbered_in_document_order_and_know_their_parents():
    """[XPATH-DM §6]"""
    tree = a_tree()
    names = [node.tag.rpartition("}")[2] for node in tree.nodes]
    assert names == ["", "r", "a", "b", "b", "a", "c", "a", "b"]
    assert [node.order for node in tree.nodes] == list(range(9))
    assert [node.up for node in tree.nodes] == [-1, 0, 1, 2, 2, 1, 5, 1, 7]


def test_children_are_found_by_name_and_in_order():
    root = a_tree().root
    assert [child.order for child in root.children] == [2, 5, 7]
    assert [child.order for child in root.kids[f"{R}a"]] == [2, 5]


def test_the_text_of_an_element_is_all_text_within_but_comments():
    """[XPATH-DM §6] [XPATH2 §2.4.2]"""
    tree = a_tree()
    assert tree.root.text == "1 and 2\n34"
    assert [node.text for node in tree.list_named(f"{R}b")] == ["1", "2", "34"]
    assert tree.nodes[8].list_texts() == ["3", "4"]
    assert tree.nodes[2].list_texts() == [" and "]
    assert tree.nodes[6].list_texts() == []


def test_text_in_cdata_is_text():
    assert a_tree("<r><![CDATA[<a>]]>&amp;</r>").root.text == "<a>&"


def test_elements_of_a_name_are_found_in_document_order_wherever_they_are():
    tree = a_tree("<r><a><b/></a><b/><c><b/></c><a><b/></a></r>")
    assert [node.order for node in tree.list_named("b")] == [3, 4, 6, 8]
    assert tree.list_named("none") == ()


def test_documents_with_the_same_paths_have_one_layout():
    first, second = a_tree("<r><a/><b><c/></b></r>"), a_tree("<r><a/><b x='1'><c>2</c></b><a/></r>")
    assert first.layout is second.layout
    assert first.layout.paths == (("r",), ("r", "a"), ("r", "b"), ("r", "b", "c"))
    assert [[node.order for node in group] for group in second.groups] == [[1], [2, 5], [3], [4]]
    assert a_tree("<r><b><c/></b><a/></r>").layout is not first.layout


def test_a_layout_of_many_paths_is_not_kept():
    many = "<r>" + "".join(f"<a{number}/>" for number in range(LAYOUT_PATHS_MAX)) + "</r>"
    assert a_tree(many).layout is not a_tree(many).layout
    assert len(a_tree(many).layout.paths) == LAYOUT_PATHS_MAX + 1


def test_carriers_of_an_attribute_are_found():
    tree = a_tree()
    assert [node.order for node in tree.list_carriers("x")] == [2]
    assert [node.order for node in tree.list_carriers("{urn:q}y")] == [7]
    assert tree.list_carriers("y") == ()


def test_the_last_node_within_another_is_known():
    tree = a_tree()
    assert [tree.last_within(node) for node in tree.nodes] == [8, 8, 4, 3, 4, 6, 6, 8, 8]


def test_a_location_has_namespaces_and_positions():
    """[SCHEMATRON §5.4.1]"""
    tree = a_tree("<r><a/><x:a xmlns:x='urn:x'/><x:a xmlns:x='urn:x'/></r>")
    assert tree.locate(tree.nodes[2]) == "/r[1]/a[1]"
    assert tree.locate(tree.nodes[4]) == "/r[1]/*:a[namespace-uri()='urn:x'][2]"
    assert tree.locate(tree.top) == "/r[1]"


def test_a_name_is_as_the_document_writes_it():
    tree = a_tree()
    assert [tree.name(node) for node in tree.nodes] == [
        "",
        "r",
        "a",
        "b",
        "b",
        "a",
        "c",
        "p:a",
        "b",
    ]


def test_a_node_has_nothing_but_what_it_has():
    with pytest.raises(AttributeError):
        a_tree().root.colour  # noqa: B018 - it is the access that fails


def test_a_deep_document_is_built_without_recursion():
    tree = a_tree("<a>" * 200 + "1" + "</a>" * 200)
    assert len(tree.nodes) == 201
    assert tree.root.text == "1"
