"""Writes source for paths: steps, axes, predicates.  [XPATH2 §3.2]

Steps become clauses of one comprehension.  From the root element a path of plain names is only
looked up among the paths that the document has.
"""

from ubl.schematron import syntax
from ubl.schematron.code import NUMERIC, Code, one, optional, several
from ubl.schematron.dependence import CONTEXT, depends_on
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.syntax import Expression
from ubl.schematron.unit import Scope, Unit

__all__ = ["compile_path", "write_existence", "write_name_test"]

# Behind these an element may stand before or above the one it was reached from.
_SCATTERING = frozenset(
    {
        "ancestor",
        "ancestor-or-self",
        "descendant",
        "descendant-or-self",
        "following-sibling",
        "parent",
        "preceding",
        "preceding-sibling",
    }
)
# Behind these an element may stand within another.
_NESTING = frozenset(
    {"ancestor", "ancestor-or-self", "descendant", "descendant-or-self", "preceding"}
)
# On these a position counts from the far end, or within each parent.
_UNCOUNTED = frozenset(
    {"ancestor", "ancestor-or-self", "descendant", "preceding", "preceding-sibling"}
)


_PARENT = syntax.Step("parent", "node()", ())
_ANY_CHILD = syntax.Path(syntax.Context(), (syntax.Step("child", "*", ()),))


def compile_path(unit: Unit, path: syntax.Path, scope: Scope, *, ordered: bool = True) -> Code:
    """Return the source of *path*; not *ordered*, elements may come twice and in any order."""
    current, steps = _start(unit, path, scope)
    scattered = False
    for step in steps:
        alone = current.count != "several" and current.kind == "element"
        current = _advance(unit, current, step, scope)
        axis = step.axis if isinstance(step, syntax.Step) else "descendant"
        # From one element, each axis leads to elements in their order.
        scattered = scattered or (axis in _SCATTERING and not alone) or axis in _NESTING
        many = current.kind == "element" and current.count == "several" and not alone
        if many and scattered and (ordered or axis in _SCATTERING):
            current = several(unit.fresh(), f"union({current.text})", "element")
    return current


def _start(
    unit: Unit, path: syntax.Path, scope: Scope
) -> tuple[Code, tuple[syntax.Step | syntax.ExpressionStep, ...]]:
    """Return where *path* begins, and the steps from there."""
    first = path.steps[0]
    if isinstance(first, syntax.ExpressionStep) and path.start == syntax.Context():
        begin = _filter(unit, unit.compile(first.expression, scope), first.predicates, scope)
        return begin, path.steps[1:]
    if scope.rooted and path.start == syntax.Context():
        return _start_at_root(unit, path, scope)
    attribute = _find_attribute_anywhere(path)
    if attribute is not None:
        return _take_carriers(unit, attribute, scope), path.steps[2:]
    indexed = _start_at_index(unit, path, scope) if path.start == syntax.Root() else None
    if indexed is not None:
        return indexed
    begin = one("D.top", "element") if path.start == syntax.Root() else scope.require_context()
    return begin, path.steps


def _start_at_root(
    unit: Unit, path: syntax.Path, scope: Scope
) -> tuple[Code, tuple[syntax.Step | syntax.ExpressionStep, ...]]:
    """Return all nodes of the names that *path* begins with, and the steps from there.

    Of a name with predicates, a position would count from each element above; truth does not.
    """
    names: list[str] = []
    predicates: tuple[Expression, ...] = ()
    for step in path.steps:
        if predicates or not isinstance(step, syntax.Step) or not _is_plain(step):
            break
        node = one("n", "element")
        if any(_is_position(unit, predicate, scope, node) for predicate in step.predicates):
            break
        names.append(step.test)
        predicates = step.predicates
    if not names:
        return scope.require_context(), path.steps
    number = unit.paths.add(tuple(unit.namespaces.resolve(name) for name in names))
    found = several(unit.fresh(), f"Q.get({number}, NONE)", "element")
    return _filter(unit, found, predicates, scope), path.steps[len(names) :]


def _is_plain(step: syntax.Step) -> bool:
    """Say whether *step* leads to children of one name."""
    return step.axis == "child" and "*" not in step.test and "(" not in step.test


def _start_at_index(
    unit: Unit, path: syntax.Path, scope: Scope
) -> tuple[Code, tuple[syntax.Step | syntax.ExpressionStep, ...]] | None:
    """Return the first elements of *path* that are picked by a string, and the steps from there.

    `//a[b = 'x']`, `//a[b = 'y']` and more of the kind share one pass over all `a`.
    """
    for at, step in reversed(list(enumerate(path.steps))):
        if not isinstance(step, syntax.Step) or step.axis not in {"child", "descendant"}:
            continue
        match step.predicates[:1]:
            case (syntax.Comparison("=", value, syntax.Literal(str(word)), general=True),):
                pass
            case _:
                continue
        base = syntax.Path(path.start, (*path.steps[:at], syntax.Step(step.axis, step.test, ())))
        if (depends_on(base) | depends_on(value)) & scope.local or CONTEXT in depends_on(base):
            continue
        index = unit.define_index(base, value, scope)
        if index is None:
            continue
        found = several(unit.fresh(), f"{index}.get({word!r}, NONE)", "element")
        return _filter(unit, found, step.predicates[1:], scope), path.steps[at + 1 :]
    return None


def write_existence(unit: Unit, path: syntax.Path, scope: Scope) -> str | None:
    """Return the shortest source that is true where *path* finds something, or None."""
    names = _list_plain_names(path)
    context = scope.context
    if path == _ANY_CHILD and context is not None and context.kind == "element":
        return f"{context.item}.kids"
    if names is None or context is None or context.kind != "element" or context.count != "one":
        return _write_named_anywhere(unit, path)
    if scope.rooted:
        number = unit.paths.add(tuple(unit.namespaces.resolve(name) for name in names))
        return f"({number} in Q)"
    tags = [unit.tag(name) for name in names]
    if len(tags) == 1:
        return f"({tags[0]} in {context.item}.kids)"
    return f"has({context.item}, {', '.join(tags)})"


def write_name_test(unit: Unit, test: str, node: str) -> str | None:
    """Return source that says whether the element *node* passes *test*; None if all do."""
    if test in {"*", "node()"}:
        return None
    if test.startswith("*:"):
        return f"(local_name({node}) == {test[2:]!r})"
    if test.endswith(":*"):
        return f"{node}.tag.startswith({unit.namespaces.resolve_all(test[:-2])!r})"
    if test.endswith("()"):
        raise UnknownConstruct(f"the test {test} in this place")
    return f"{node}.tag == {unit.tag(test)}"


def _list_plain_names(path: syntax.Path) -> list[str] | None:
    if path.start != syntax.Context():
        return None
    names = []
    for step in path.steps:
        if not isinstance(step, syntax.Step) or not _is_plain(step) or step.predicates:
            return None
        names.append(step.test)
    return names


def _write_named_anywhere(unit: Unit, path: syntax.Path) -> str | None:
    """Return source for `//name` and `//@name`, which need not build a list."""
    first, *rest = path.steps
    if path.start != syntax.Root() or not isinstance(first, syntax.Step) or "*" in first.test:
        return None
    if first.axis == "descendant" and not rest and not first.predicates and "(" not in first.test:
        return f"D.tree.list_named({unit.tag(first.test)})"
    attribute = _find_attribute_anywhere(path)
    if attribute is not None and len(path.steps) == 2 and not attribute.predicates:
        return f"D.tree.list_carriers({unit.namespaces.resolve(attribute.test)!r})"
    return None


def _find_attribute_anywhere(path: syntax.Path) -> syntax.Step | None:
    """Return the second step of `//@name`."""
    if path.start != syntax.Root() or len(path.steps) < 2:
        return None
    first, second = path.steps[:2]
    if first != syntax.Step("descendant-or-self", "node()", ()):
        return None
    if not isinstance(second, syntax.Step) or second.axis != "attribute" or "*" in second.test:
        return None
    return None if "(" in second.test else second


def _take_carriers(unit: Unit, attribute: syntax.Step, scope: Scope) -> Code:
    name = repr(unit.namespaces.resolve(attribute.test))
    node = unit.fresh()
    clauses = (f"for {node} in D.tree.list_carriers({name})",)
    if any(isinstance(predicate, syntax.Literal) for predicate in attribute.predicates):
        raise UnknownConstruct("a position among attributes")
    found = Code(f"{node}.attributes[{name}]", "leaf", "several", clauses)
    return _filter(unit, found, attribute.predicates, scope)


def _advance(
    unit: Unit, current: Code, step: syntax.Step | syntax.ExpressionStep, scope: Scope
) -> Code:
    if isinstance(step, syntax.ExpressionStep):
        return _spread(unit, current, step.expression, step.predicates, scope)
    if current.kind == "any":
        # What it is shows when it is there; a step from anything but a node is an error then.
        current = several(unit.fresh(), f"only_elements({current.items})", "element")
    if current.kind != "element":
        if step.axis == "self" and step.test == "node()":
            return current
        raise UnknownConstruct(f"a step {step.axis}::{step.test} from what is no element")
    if current.count == "one" and current.item.isidentifier():
        return _walk(unit, current.item, step, scope)
    if current.count == "one" and current.item == "D.top":
        return _walk(unit, "D.top", step, scope)
    if current.count != "several" and step == _PARENT:
        return optional(f"parent(D, {current.item})", "element")
    around = _loop(unit, current)
    inner = _walk(unit, around.item, step, scope)
    return _nest(unit, around, inner)


def _spread(
    unit: Unit,
    current: Code,
    expression: Expression,
    predicates: tuple[Expression, ...],
    scope: Scope,
) -> Code:
    """Return the code of `current/expression[predicates]`."""
    around = _loop(unit, current)
    context = one(around.item, current.kind)
    inner = unit.compile(expression, scope.within(context))
    inner = _filter(unit, inner, predicates, scope.within(context))
    return _nest(unit, around, inner)


def _loop(unit: Unit, current: Code) -> Code:
    """Return *current* as something to loop over, whatever its count."""
    if current.count == "several":
        return current
    item = unit.fresh()
    each = f"for {item} in ({current.item},)"
    if current.count == "one":
        return Code(item, current.kind, "several", (each,))
    return Code(item, current.kind, "several", (each, f"if {item} is not None"))


def _nest(unit: Unit, around: Code, inner: Code) -> Code:
    """Return the values of *inner* for each value of *around*."""
    if inner.count == "one":
        return Code(inner.item, inner.kind, "several", around.clauses)
    looped = _loop(unit, inner)
    return Code(looped.item, looped.kind, "several", (*around.clauses, *looped.clauses))


def _walk(unit: Unit, node: str, step: syntax.Step, scope: Scope) -> Code:
    """Return the code of *step* from the element *node*."""
    if step.axis == "attribute":
        found = _walk_attribute(unit, node, step.test)
    elif step.axis == "child":
        found = _walk_child(unit, node, step.test)
    else:
        found = _walk_far(unit, node, step)
    if step.axis in _UNCOUNTED and any(
        _is_position(unit, p, scope, found) for p in step.predicates
    ):
        raise UnknownConstruct(f"a position on the axis {step.axis}")
    return _filter(unit, found, step.predicates, scope)


def _walk_attribute(unit: Unit, node: str, test: str) -> Code:
    if test == "*":
        return several(unit.fresh(), f"{node}.attributes.values()", "leaf")
    if test.startswith("*:"):
        source = f"list_attributes({node}, {test[2:]!r})"
        return several(unit.fresh(), source, "leaf")
    if test.endswith(("*", ")")):
        raise UnknownConstruct(f"the test @{test}")
    return optional(f"{node}.attributes.get({unit.namespaces.resolve(test)!r})", "leaf")


def _walk_child(unit: Unit, node: str, test: str) -> Code:
    item = unit.fresh()
    if test == "text()":
        return several(item, f"{node}.list_texts()", "leaf")
    if test == "node()":
        raise UnknownConstruct("the test node() for children")
    if "*" not in test:
        return several(item, f"{node}.kids.get({unit.tag(test)}, NONE)", "element")
    condition = write_name_test(unit, test, item)
    filters = () if condition is None else (f"if {condition}",)
    return Code(item, "element", "several", (f"for {item} in {node}.children", *filters))


def _walk_far(  # noqa: PLR0911 - one return for each kind of axis
    unit: Unit, node: str, step: syntax.Step
) -> Code:
    """Return the code of a step that leads elsewhere than to children and attributes."""
    axis, test, item = step.axis, step.test, unit.fresh()
    if axis == "self":
        condition = write_name_test(unit, test, node)
        return (
            one(node, "element")
            if condition is None
            else optional(f"({node} if {condition} else None)", "element")
        )
    if axis == "parent" and node == "n" and test == "node()":
        # What a rule looks at is an element, which has something above it.
        return one("D.nodes[n.up]", "element")
    if axis == "parent":
        above = f"parent(D, {node})"
        condition = write_name_test(unit, test, item)
        if condition is None and test == "node()":
            return optional(above, "element")
        return Code(
            item,
            "element",
            "several",
            (f"for {item} in some({above})", f"if {condition or f'{item}.order'}"),
        )
    if axis == "descendant" and node == "D.top" and "*" not in test and "(" not in test:
        return several(item, f"D.tree.list_named({unit.tag(test)})", "element")
    if axis in {"descendant", "preceding"} and "*" not in test and "(" not in test:
        function = f"list_{axis}"
        return several(item, f"{function}(D, {node}, {unit.tag(test)})", "element")
    if axis == "preceding":
        raise UnknownConstruct(f"preceding::{test}")
    if axis == "descendant" and test == "text()":
        raise UnknownConstruct("text() at any depth")
    function = f"list_{axis.replace('-', '_')}"
    source = f"{function}(D, {node})"
    if test == "*":
        return Code(item, "element", "several", (f"for {item} in {source}", f"if {item}.order"))
    condition = write_name_test(unit, test, item)
    filters = () if condition is None else (f"if {condition}",)
    return Code(item, "element", "several", (f"for {item} in {source}", *filters))


def _filter(unit: Unit, code: Code, predicates: tuple[Expression, ...], scope: Scope) -> Code:
    for predicate in predicates:
        code = _filter_once(unit, code, predicate, scope)
    return code


def _filter_once(unit: Unit, code: Code, predicate: Expression, scope: Scope) -> Code:
    around = _loop(unit, code)
    if predicate == syntax.Call("last", ()):
        return several(unit.fresh(), f"{around.text}[-1:]", around.kind)
    if isinstance(predicate, syntax.Literal) and isinstance(predicate.value, int):
        at = predicate.value
        listed = around.text if around.text.startswith("[") else f"list({around.text})"
        return several(unit.fresh(), f"{listed}[{max(at - 1, 0)}:{at}]", around.kind)
    if _is_position(unit, predicate, scope, around):
        position = unit.compile(predicate, scope)
        if position.count == "one" and position.kind == "integer":
            return optional(f"item_at({around.text}, {position.item})", around.kind)
        source = f"pick({around.text}, {position.items})"
        return several(unit.fresh(), source, around.kind)
    context = one(around.item, around.kind)
    condition = unit.condition(predicate, scope.within(context))
    return Code(around.item, around.kind, "several", (*around.clauses, f"if {condition}"))


def _is_position(unit: Unit, predicate: Expression, scope: Scope, code: Code) -> bool:
    """Say whether *predicate* is a number; refuse what may be one only at times."""
    if predicate == syntax.Call("last", ()):
        return True
    item = code.item if code.item.isidentifier() else unit.fresh()
    kind = unit.compile(predicate, scope.within(one(item, code.kind))).kind
    if kind == "any":
        raise UnknownConstruct("a predicate that may be a position or not")
    return kind in NUMERIC
