"""The light tree that rules run on, made once of a parsed document and shared by rule sets.

A node holds its children by name, because rules ask for them by name.  It knows its parent as a
number, not as an object, so that nothing in the tree is a cycle: memory comes back when the last
user lets go.  Nodes of one path (`/Invoice/InvoiceLine/Item`) are a group, so that a rule looks at
the paths of a document instead of at all its nodes.  Documents with the same paths have the same
`Layout`: what follows from the paths alone is worked out once for all of them.  [XPATH-DM §6]

Comments and processing instructions are no part of it but for where they part a text.
"""

import gc
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import Final

from lxml import etree

__all__ = ["Branch", "Layout", "Node", "Tree", "build_tree", "by_order"]

# LIMIT: layouts that are remembered; the invoices of one sender mostly share a few.
LAYOUTS_MAX: Final = 64
# LIMIT: paths of a layout that is remembered; invoices have some hundred.
LAYOUT_PATHS_MAX: Final = 1_000

_NONE: Final[dict[str, list["Node"]]] = {}
_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}

by_order = attrgetter("order")
"""The number of a node."""


class Node:
    """An element without elements: *tag* is its name as `{namespace}local`, *text* its value.

    *order* counts in document order; *up* is the number of its parent.
    """

    __slots__ = ("attributes", "kids", "order", "tag", "text", "up")

    tag: str
    up: int
    order: int
    attributes: Mapping[str, str]
    text: str
    kids: dict[str, list["Node"]]

    @property
    def children(self) -> Sequence["Node"]:
        """The elements within, in document order."""
        return ()

    def list_texts(self) -> list[str]:
        """Return the text nodes that are children of this one."""
        return [self.text] if self.text else []


class Branch(Node):
    """An element with more than text inside: *kids* has its children by name; or the document."""

    __slots__ = ("_children", "_text", "element")

    element: etree._Element
    _children: list[Node]
    _text: str

    @property
    def children(self) -> Sequence[Node]:
        """The elements within, in document order."""
        try:
            return self._children
        except AttributeError:
            found = [kid for same in self.kids.values() for kid in same]
            self._children = sorted(found, key=by_order)
            return self._children

    @property
    def text(self) -> str:  # type: ignore[override] # nobody sets it
        """All text within, worked out when it is first asked for."""
        try:
            return self._text
        except AttributeError:
            self._text = str(self.element.xpath("string()", smart_strings=False))
            return self._text

    def list_texts(self) -> list[str]:
        """Return the text nodes that are children of this one."""
        if not self.order:
            return []
        found = self.element.xpath("text()", smart_strings=False)
        return [str(text) for text in found]  # type: ignore[union-attr] # XPath gives a list here


class Layout:
    """The *paths* of a document, names from the root down, in the order in which each begins.

    *named* has for each name the numbers of the paths that end in it.
    """

    __slots__ = ("named", "paths")

    def __init__(self, paths: tuple[tuple[str, ...], ...]) -> None:
        self.paths = paths
        self.named: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            self.named.setdefault(path[-1], []).append(number)


class Tree:
    """A document: the document node is number 0, the root element number 1.

    *groups* has the nodes of each path of *layout*.
    """

    __slots__ = (
        "_carriers",
        "_carrying",
        "_elements",
        "_last",
        "_named",
        "groups",
        "layout",
        "nodes",
        "root",
        "top",
    )

    def __init__(
        self,
        nodes: list[Node],
        carrying: list[Node],
        groups: list[list[Node]],
        layout: Layout,
    ) -> None:
        self.nodes = nodes
        self._carrying = carrying
        self.top = nodes[0]
        self.root = nodes[1]
        self.groups = groups
        self.layout = layout
        self._elements: list[etree._Element] | None = None
        self._named: dict[str, Sequence[Node]] = {}
        self._carriers: dict[str, list[Node]] | None = None
        self._last: list[int] | None = None

    def list_named(self, tag: str) -> Sequence[Node]:
        """Return all elements named *tag*, in document order."""
        found = self._named.get(tag)
        if found is None:
            parts = [self.groups[number] for number in self.layout.named.get(tag, ())]
            several = [node for part in parts for node in part] if len(parts) > 1 else ()
            found = sorted(several, key=by_order) if several else parts[0] if parts else ()
            self._named[tag] = found
        return found

    def list_carriers(self, attribute: str) -> Sequence[Node]:
        """Return all elements that have *attribute*, in document order."""
        if self._carriers is None:
            carriers: dict[str, list[Node]] = {}
            for node in self._carrying:
                for name in node.attributes:
                    carriers.setdefault(name, []).append(node)
            self._carriers = carriers
        return self._carriers.get(attribute, ())

    def last_within(self, node: Node) -> int:
        """Return the number of the last descendant of *node*, or its own."""
        if self._last is None:
            last = list(range(len(self.nodes)))
            for below in reversed(self.nodes):
                if below.order and last[below.up] < last[below.order]:
                    last[below.up] = last[below.order]
            self._last = last
        return self._last[node.order]

    def name(self, node: Node) -> str:
        """Return the name of *node* as the document writes it, with its prefix."""
        if not node.order:
            return ""
        if self._elements is None:
            assert isinstance(self.top, Branch)
            self._elements = list(self.top.element.iter("*"))
        prefix = self._elements[node.order - 1].prefix
        local = node.tag.rpartition("}")[2]
        return f"{prefix}:{local}" if prefix else local

    def iterate_up(self, node: Node) -> Iterator[Node]:
        """Yield the ancestors of *node*, nearest first, the document node last."""
        while node.order:
            node = self.nodes[node.up]
            yield node

    def locate(self, node: Node) -> str:
        """Return the XPath of *node* in the form of the full path of ISO Schematron's skeleton.

        The document node is found as its root element, as there.  [SCHEMATRON §5.4.1]
        """
        if not node.order:
            node = self.root
        parts = []
        while node.order:
            above = self.nodes[node.up]
            before = bisect_left(above.kids[node.tag], node.order, key=by_order)
            parts.append(_write_step(node.tag, before + 1))
            node = above
        return "".join(reversed(parts))


def build_tree(root: etree._Element) -> Tree:
    """Return the tree of the document whose root element is *root*."""
    # The collector looks for cycles whenever many objects were made; there are none in here.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _build(root)
    finally:
        if collecting:
            gc.enable()


def _write_step(tag: str, position: int) -> str:
    namespace, _, local = tag.rpartition("}")
    if not namespace:
        return f"/{local}[{position}]"
    return f"/*:{local}[namespace-uri()='{namespace[1:]}'][{position}]"


# A path while a tree is built: its nodes, the paths below it by name, its number, its last name.
_Group = tuple[list[Node], dict[str, "_Group"], int, str]


def _build(root: etree._Element) -> Tree:  # noqa: PLR0912, PLR0915 - all for each element, at once
    parent = _make_branch(root)
    parent.tag, parent.up, parent.order, parent.attributes = "", -1, 0, _NO_ATTRIBUTES
    nodes: list[Node] = [parent]
    carrying: list[Node] = []
    groups: list[list[Node]] = []
    above: _Group = ([], {}, -1, "")
    # For each path the number of the path above it, and its last name.
    key: list[int | str] = []
    # One entry for each element whose children are being read.
    stack: list[tuple[Iterator[etree._Element], Branch, _Group]] = []
    siblings: Iterator[etree._Element] = iter((root,))
    while True:
        up, kids, inner = parent.order, parent.kids, above[1]
        for element in siblings:
            tag = element.tag
            if type(tag) is not str:
                continue
            group = inner.get(tag)
            if group is None:
                # One string for each name: layouts are kept, and names are compared at a glance.
                tag = intern(tag)
                inner[tag] = group = ([], {}, len(groups), tag)
                groups.append(group[0])
                key.append(above[2])
                key.append(tag)
            else:
                tag = group[3]
            branch = _make_branch(element) if len(element) else None
            if branch is None:
                node = Node()
                node.text = element.text or ""
                node.kids = _NONE
            else:
                node = branch
            node.tag = tag
            node.up = up
            node.order = len(nodes)
            nodes.append(node)
            group[0].append(node)
            if tag in kids:
                kids[tag].append(node)
            else:
                kids[tag] = [node]
            attributes = element.items()
            if attributes:
                node.attributes = dict(attributes)  # type: ignore[arg-type] # they are strings
                carrying.append(node)
            else:
                node.attributes = _NO_ATTRIBUTES
            if branch is not None:
                stack.append((siblings, parent, above))
                siblings, parent, above = iter(element), branch, group
                break
        else:
            if not stack:
                break
            siblings, parent, above = stack.pop()
    lay_out = _recall_layout if len(groups) <= LAYOUT_PATHS_MAX else _make_layout
    return Tree(nodes, carrying, groups, lay_out(tuple(key)))


def _make_branch(element: etree._Element) -> Branch:
    branch = Branch()
    branch.element = element
    branch.kids = {}
    return branch


def _make_layout(key: tuple[int | str, ...]) -> Layout:
    paths: list[tuple[str, ...]] = []
    for above, tag in zip(key[::2], key[1::2], strict=True):
        assert isinstance(above, int)
        assert isinstance(tag, str)
        paths.append((*paths[above], tag) if paths else (tag,))
    return Layout(tuple(paths))


_recall_layout = lru_cache(maxsize=LAYOUTS_MAX)(_make_layout)
