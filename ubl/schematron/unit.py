"""What the parts of the compiler share while they write one module.

`Unit` is the module in the making, `Scope` what is known at one place of an expression.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ubl.schematron.code import Code, one, several
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.names import Constants, Namespaces
from ubl.schematron.syntax import Expression

# What takes no longer than to look up what is remembered.
_LOOKUP = re.compile(
    r"D\.tree\.list_(named|carriers)\([^()]*\)"
    r"|\(D\.memo\['i\d+'\] if 'i\d+' in D\.memo else i\d+\(D\)\)\.get\('[^'\\]*', NONE\)"
)

__all__ = ["Scope", "Signature", "Trie", "Unit"]


class Signature(NamedTuple):
    """A function of the rule file: its name in the source, its parameters' and result's types."""

    name: str
    parameters: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees: the context item, the variables, and where the context is from.

    *rooted* says that the context is the root element.  *patterned* numbers the set of variables
    of a pattern, so that equal expressions of two patterns are told apart.
    """

    context: Code | None = None
    variables: Mapping[str, Code] = field(default_factory=dict)
    local: frozenset[str] = frozenset()
    rooted: bool = False
    patterned: int = 0

    def within(self, context: Code) -> "Scope":
        """Return the scope of a predicate or step whose context item is *context*."""
        return replace(self, context=context, rooted=False)

    def bind(self, name: str, value: Code) -> "Scope":
        """Return the scope in which the local variable *name* is *value*."""
        return replace(self, variables={**self.variables, name: value}, local=self.local | {name})

    def require_context(self) -> Code:
        """Return the context item, or raise UnknownConstruct where there is none."""
        if self.context is None:
            raise UnknownConstruct("a path without a context item")
        return self.context


class Trie:
    """The paths below the root element that rules ask for, with a number for each."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}

    def add(self, tags: tuple[str, ...]) -> int:
        """Return the number of the path of *tags*."""
        return self._numbers.setdefault(tags, len(self._numbers))

    def write(self) -> str:
        """Return the source of the paths, as nested dictionaries of tag to (number, inner)."""
        # Nested without an end, which has no type.
        tree: dict[str, Any] = {}
        for tags, number in self._numbers.items():
            level = tree
            for tag in tags[:-1]:
                level = level.setdefault(tag, (-1, {}))[1]
            level[tags[-1]] = (number, level.get(tags[-1], (-1, {}))[1])
        return repr(tree)


class Unit(ABC):
    """One module in the making."""

    def __init__(self, namespaces: Namespaces) -> None:
        self.namespaces = namespaces
        self.constants = Constants()
        self.paths = Trie()
        self.functions: dict[str, Signature] = {}
        self.keys: dict[str, str] = {}
        self.definitions: list[str] = []
        self.remembering: set[tuple[Expression, int]] = set()
        self.repeated: Counter[Expression] = Counter()
        self._node_memos: dict[tuple[Expression, int], tuple[str, Code]] = {}
        self._sorters: dict[tuple[Expression, int], str] = {}
        self._indexes: dict[tuple[Expression, Expression, int], str] = {}
        self._memos: dict[tuple[Expression, int], Code] = {}
        self._fresh = 0
        self._numbered_memos = 0

    @abstractmethod
    def compile(self, expression: Expression, scope: Scope) -> Code:
        """Return the source of *expression*."""

    @abstractmethod
    def condition(self, expression: Expression, scope: Scope) -> str:
        """Return source that is true where the effective boolean value of *expression* is."""

    def fresh(self) -> str:
        """Return a name that no other variable has."""
        self._fresh += 1
        return f"x{self._fresh}"

    def tag(self, name: str) -> str:
        """Return the constant that holds the full name of *name*, such as `cbc:ID`."""
        full = self.namespaces.resolve(name)
        # The names of elements in a tree are interned, too: equal ones are the same string.
        return self.constants.add(name.replace(":", "_"), f"intern({full!r})")

    def remember(self, expression: Expression, scope: Scope) -> Code:
        """Return code that works *expression*, which needs no context, out once per document."""
        key = (expression, scope.patterned)
        if key not in self._memos:
            self._numbered_memos += 1
            name = f"m{self._numbered_memos}"
            bare = Scope(variables=scope.variables, patterned=scope.patterned)
            self.remembering.add(key)
            code = self.compile(expression, bare)
            self.remembering.discard(key)
            known = _LOOKUP.fullmatch(code.text)
            self._memos[key] = code if known else self.define_memo(name, code)
        return self._memos[key]

    def remember_for_nodes(self, expression: Expression, scope: Scope) -> Code:
        """Return code that works *expression* out once for each context node of a document."""
        key = (expression, scope.patterned)
        if key not in self._node_memos:
            bare = Scope(one("e", "element"), scope.variables, patterned=scope.patterned)
            code = self.compile(expression, bare)
            name = f"e{len(self._node_memos)}"
            self.definitions.append(
                f"def {name}(D, e):\n"
                f"    known = D.memo.setdefault({name!r}, {{}})\n"
                f"    if e.order not in known:\n"
                f"        known[e.order] = {code.text}\n"
                f"    return known[e.order]"
            )
            self._node_memos[key] = (name, code)
        name, code = self._node_memos[key]
        text = f"{name}(D, {scope.require_context().item})"
        if code.count == "several":
            return several(self.fresh(), text, code.kind)
        return Code(text, code.kind, code.count)

    def define_index(self, base: Expression, value: Expression, scope: Scope) -> str | None:
        """Define the index of the elements *base* by the strings *value*; return its source.

        None if *value* gives other things than strings.
        """
        key = (base, value, scope.patterned)
        if key not in self._indexes:
            bare = Scope(one("e", "element"), scope.variables, patterned=scope.patterned)
            found = self.compile(value, bare)
            if found.kind not in {"string", "element", "leaf", "untyped"}:
                return None
            nodes = self.compile(base, bare)
            name = f"i{len(self._indexes)}"
            self.definitions.append(
                f"def {name}(D):\n"
                f"    index = {{}}\n"
                f"    for e in {nodes.text}:\n"
                f"        for key in set({found.strings}):\n"
                f"            index.setdefault(key, []).append(e)\n"
                f"    D.memo[{name!r}] = index\n"
                f"    return index"
            )
            self._indexes[key] = f"(D.memo[{name!r}] if {name!r} in D.memo else {name}(D))"
        return self._indexes[key]

    def define_sorter(self, value: Expression, scope: Scope) -> str | None:
        """Define the function that sorts nodes by the strings *value* of each; return its name.

        None if *value* gives other things than strings.
        """
        key = (value, scope.patterned)
        if key not in self._sorters:
            found = self.compile(value, scope.within(one("n", "element")))
            if found.kind not in {"string", "element", "leaf", "untyped"}:
                return None
            name = f"s{len(self._sorters)}"
            words = f"set({found.strings})" if found.count == "several" else found.strings
            self.definitions.append(
                f"def {name}(nodes, D):\n"
                f"    sorted_ = {{}}\n"
                f"    for n in nodes:\n"
                f"        for word in {words}:\n"
                f"            sorted_.setdefault(word, []).append(n)\n"
                f"    return sorted_"
            )
            self._sorters[key] = name
        return self._sorters[key]

    def define_memo(self, name: str, code: Code) -> Code:
        """Define the function *name* that works *code* out once per document; return its value."""
        self.definitions.append(
            f"def {name}(D):\n    v = D.memo[{name!r}] = {code.text}\n    return v"
        )
        text = f"(D.memo[{name!r}] if {name!r} in D.memo else {name}(D))"
        if code.count == "several":
            item = self.fresh()
            return Code(item, code.kind, "several", (f"for {item} in {text}",))
        return one(text, code.kind) if code.count == "one" else Code(text, code.kind, code.count)
