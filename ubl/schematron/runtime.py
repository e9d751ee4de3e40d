"""All that generated modules import, and the steps along the axes of a tree.  [XPATH2 §3.2.1]"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from sys import intern
from typing import Any, Final, Self

from ubl.schematron.engine import ERRORS, Lazy, RuleSet, State, fits
from ubl.schematron.errors import EvaluationError
from ubl.schematron.functions import (
    Words,
    absolute,
    castable,
    code_points,
    convert,
    distinct,
    from_code_points,
    greatest,
    integers,
    join,
    local_name,
    matches,
    normalize,
    number,
    replace,
    substring,
    substring_after,
    substring_before,
    tokenize,
    translate,
)
from ubl.schematron.operators import (
    arithmetic,
    compare_any,
    compare_booleans,
    compare_numbers,
    compare_one,
    compare_plain,
    negate,
    round_half_up,
    sum_of,
    sum_of_decimals,
    union,
)
from ubl.schematron.optional import (
    absolute_number,
    add,
    divide,
    is_equal,
    is_greater,
    is_less,
    is_not_greater,
    is_not_less,
    is_other,
    item_at,
    multiply,
    needed,
    only,
    remain,
    round_cents,
    round_number,
    subtract,
)
from ubl.schematron.tree import Node, by_order
from ubl.schematron.values import (
    NODES,
    Item,
    Leaf,
    Untyped,
    as_boolean,
    as_date,
    as_decimal,
    as_double,
    as_integer,
    as_string,
    atom,
    atom_or_none,
    decimal_of,
    one_text,
    read_decimal,
    read_double,
    text_of,
    truth,
)

__all__ = [
    "BLANKS",
    "ERRORS",
    "NONE",
    "Decimal",
    "Lazy",
    "Leaf",
    "List",
    "RuleSet",
    "State",
    "Untyped",
    "Words",
    "absolute",
    "absolute_number",
    "add",
    "arithmetic",
    "as_boolean",
    "as_date",
    "as_decimal",
    "as_double",
    "as_integer",
    "as_number",
    "as_string",
    "atom",
    "atom_or_none",
    "cast_node",
    "cast_only",
    "castable",
    "code_points",
    "compare_any",
    "compare_booleans",
    "compare_numbers",
    "compare_one",
    "compare_plain",
    "convert",
    "decimal_of",
    "differs",
    "distinct",
    "divide",
    "exactly_one",
    "fits",
    "from_code_points",
    "greatest",
    "has",
    "integers",
    "intern",
    "is_equal",
    "is_greater",
    "is_less",
    "is_not_greater",
    "is_not_less",
    "is_other",
    "item_at",
    "join",
    "list_ancestor",
    "list_ancestor_or_self",
    "list_attributes",
    "list_descendant",
    "list_descendant_or_self",
    "list_following_sibling",
    "list_preceding",
    "list_preceding_sibling",
    "local_name",
    "look_up",
    "matches",
    "multiply",
    "needed",
    "negate",
    "normalize",
    "number",
    "one_text",
    "only",
    "only_elements",
    "only_node",
    "parent",
    "pick",
    "read_decimal",
    "read_double",
    "remain",
    "replace",
    "round_cents",
    "round_half_up",
    "round_number",
    "some",
    "substring",
    "substring_after",
    "substring_before",
    "subtract",
    "sum_of",
    "sum_of_decimals",
    "text_of",
    "tokenize",
    "translate",
    "truth",
    "union",
]

BLANKS: Final = " \t\r\n"
NONE: Final[tuple[Node, ...]] = ()


class List(tuple[str, ...]):  # noqa: SLOT001 - a tuple has no slots for more
    """A list of codes: in the order of the rules, and found at once."""

    words: frozenset[str]

    def __new__(cls, words: Sequence[str]) -> Self:
        """Return the list of *words*."""
        self = super().__new__(cls, words)
        self.words = frozenset(words)
        return self

    def __contains__(self, word: object) -> bool:
        return word in self.words


def some(value: Any) -> tuple[Any, ...]:
    """Return the sequence of *value*, which is empty for None."""
    return () if value is None else (value,)


def has(node: Node, *tags: str) -> bool:
    """Say whether *node* has a child with the first of *tags* that has one with the next."""
    level: Sequence[Node] = (node,)
    *outer, last = tags
    for tag in outer:
        level = [child for above in level for child in above.kids.get(tag, NONE)]
    for above in level:  # noqa: SIM110 - a generator costs more than this loop
        if last in above.kids:
            return True
    return False


def list_attributes(node: Node, local: str) -> list[str]:
    """Return the values of the attributes of *node* that are named *local* in any namespace."""
    return [text for name, text in node.attributes.items() if name.rpartition("}")[2] == local]


def only_node(nodes: Sequence[Node]) -> Node | None:
    """Return the only one of *nodes*, or None without one."""
    if len(nodes) > 1:
        raise EvaluationError("XPTY0004", "there is more than one where one is expected")
    return nodes[0] if nodes else None


def only_elements(items: Sequence[Item]) -> list[Node]:
    """Return the elements of *items*, which must be nodes."""
    if not all(isinstance(item, NODES) for item in items):
        raise EvaluationError("XPTY0019", "a step leads from a node alone")
    return [item for item in items if isinstance(item, Node)]


def differs(texts: Sequence[str], text: str) -> bool:
    """Say whether any of *texts* is another than *text*."""
    return any(found != text for found in texts)


def pick(items: Sequence[Any], position: Sequence[Item]) -> Sequence[Any]:
    """Return the item of *items* at *position*, which counts from 1, or none."""
    at = atom_or_none(position)
    if at is None or isinstance(at, str):
        return ()
    double = as_double(at)
    whole = int(double) if 0 < double <= len(items) else 0
    return items[whole - 1 : whole] if whole and whole == double else ()


def exactly_one(items: Sequence[Item]) -> Item:
    """Return the only item of *items*."""
    found = atom_or_none(items)
    if found is None:
        raise EvaluationError("XPTY0004", "a value is missing")
    return found


def cast_only(items: Sequence[Item], cast: Callable[[Item], Any]) -> Any:
    """Return the only item of *items*, cast; None without one."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationError("XPTY0004", "a sequence of several values is not cast")
    return cast(items[0])


def cast_node(nodes: Sequence[Node], cast: Callable[[Item], Any]) -> Any:
    """Return the text of the only one of *nodes*, cast; None without one."""
    if not nodes:
        return None
    if len(nodes) > 1:
        raise EvaluationError("XPTY0004", "a sequence of several values is not cast")
    return cast(nodes[0].text)


def as_number(items: Sequence[Item]) -> float:
    """Return *items* as an argument of the type xs:double."""
    found = atom_or_none(items)
    if found is None or (isinstance(found, str) and not isinstance(found, Untyped)):
        raise EvaluationError("XPTY0004", "a number is needed")
    return as_double(found)


def look_up(nodes: Mapping[str, list[Node]], values: Sequence[Item]) -> list[Node]:
    """Return the nodes that a key gives for *values*."""
    return union([node for value in values for node in nodes.get(as_string(atom(value)), NONE)])


def list_descendant(state: State, node: Node, tag: str | None = None) -> Sequence[Node]:
    """Return the elements below *node*, all or those named *tag*."""
    if tag is None:
        return state.nodes[node.order + 1 : state.tree.last_within(node) + 1]
    named = state.tree.list_named(tag)
    if not node.order:
        return named
    begin = bisect_right(named, node.order, key=by_order)
    end = bisect_right(named, state.tree.last_within(node), key=by_order)
    return named[begin:end]


def list_descendant_or_self(state: State, node: Node) -> Sequence[Node]:
    """Return *node* and the elements below it."""
    return [node, *list_descendant(state, node)]


def parent(state: State, node: Node | None) -> Node | None:
    """Return what is above *node*, None above the document and where there is no node."""
    return state.nodes[node.up] if node is not None and node.order else None


def list_ancestor(state: State, node: Node) -> Sequence[Node]:
    """Return what is above *node*, the document node first."""
    found = []
    while node.order:
        node = state.nodes[node.up]
        found.append(node)
    found.reverse()
    return found


def list_ancestor_or_self(state: State, node: Node) -> Sequence[Node]:
    """Return *node* and what is above, the document node first."""
    return [*list_ancestor(state, node), node]


def list_preceding(state: State, node: Node, tag: str) -> Sequence[Node]:
    """Return the elements named *tag* that end before *node* begins."""
    named = state.tree.list_named(tag)
    before = named[: bisect_left(named, node.order, key=by_order)]
    return [found for found in before if state.tree.last_within(found) < node.order]


def list_preceding_sibling(state: State, node: Node) -> Sequence[Node]:
    """Return the siblings before *node*."""
    siblings = state.nodes[node.up].children if node.order else ()
    return siblings[: bisect_left(siblings, node.order, key=by_order)]


def list_following_sibling(state: State, node: Node) -> Sequence[Node]:
    """Return the siblings behind *node*."""
    siblings = state.nodes[node.up].children if node.order else ()
    return siblings[bisect_right(siblings, node.order, key=by_order) :]
