"""The smallest document that still shows a difference: what a person wants to read."""

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

Shows = Callable[[etree._Element], bool]


def shrink(root: etree._Element, shows: Shows) -> etree._Element:
    """Return *root* without every element, comment and attribute that is not needed.

    *shows* says of a tree whether it still shows what matters (and is still valid, if it was).
    """
    root = deepcopy(root)
    # What is needed at first may be needless once others are gone.
    while sum(_drop_node(root, node, shows) for node in _largest_first(root)):
        pass
    for element in root.iter(etree.Element):
        for name in list(element.attrib):
            _drop_attribute(root, element, name, shows)
    tidy = deepcopy(root)
    etree.indent(tidy)
    return tidy if shows(tidy) else root


def _largest_first(root: etree._Element) -> list[etree._Element]:
    nodes = [node for node in root.iter() if node is not root]
    return sorted(nodes, key=lambda node: -sum(1 for _ in node.iter()))


def _drop_node(root: etree._Element, node: etree._Element, shows: Shows) -> bool:
    """Take *node* out, with what follows it before the next; say whether that was possible."""
    if root not in node.iterancestors():
        return False
    parent = node.getparent()
    place = parent.index(node)
    parent.remove(node)
    if shows(root):
        return True
    parent.insert(place, node)
    return False


def _drop_attribute(root: etree._Element, element: etree._Element, name: str, shows: Shows) -> None:
    value = element.attrib.pop(name)
    if not shows(root):
        element.set(name, value)
