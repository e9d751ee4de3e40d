"""Writes the source of expressions, each kind of them in its own way.  [XPATH2 §3]

What depends on no context and no local variable becomes a function that is evaluated once for a
document; what also depends on no document, a constant.
"""

from collections.abc import Sequence

from ubl.schematron import syntax
from ubl.schematron.calls import TYPES, compile_call, compile_cast, make_call_condition
from ubl.schematron.code import Code, Kind, one, optional, several
from ubl.schematron.comparisons import (
    compile_arithmetic,
    compile_negative,
    compile_value_comparison,
    write_comparison,
)
from ubl.schematron.dependence import CONTEXT, depends_on, ends_in_value, is_constant
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.paths import compile_path, write_existence
from ubl.schematron.syntax import Expression
from ubl.schematron.unit import Scope, Unit
from ubl.schematron.wordlists import write_listed

__all__ = ["Expressions"]

_WHOLE: frozenset[Kind] = frozenset({"integer", "decimal"})
_WORTH_REMEMBERING = (
    syntax.Path,
    syntax.Call,
    syntax.For,
    syntax.Quantified,
    syntax.Comparison,
    syntax.Arithmetic,
    syntax.And,
    syntax.Or,
    syntax.If,
)


class Expressions(Unit):
    """A module in the making that can write expressions."""

    def compile(self, expression: Expression, scope: Scope) -> Code:
        """Return the source of *expression*."""
        if self._is_remembered(expression, scope):
            return self.remember(expression, scope)
        if self._is_repeated(expression, scope):
            return self.remember_for_nodes(expression, scope)
        return self._compile_kind(expression, scope)

    def _compile_kind(self, expression: Expression, scope: Scope) -> Code:  # noqa: PLR0911 - one return for each kind
        match expression:
            case syntax.Literal() | syntax.Variable() | syntax.Context() | syntax.Root():
                return self._compile_atom(expression, scope)
            case syntax.Path():
                return compile_path(self, expression, scope)
            case syntax.Call():
                return compile_call(self, expression, scope)
            case syntax.Or() | syntax.And() | syntax.Quantified() | syntax.Castable():
                return one(f"bool({self.condition(expression, scope)})", "boolean")
            case syntax.Comparison():
                return self._compile_comparison(expression, scope)
            case syntax.Arithmetic():
                return compile_arithmetic(self, expression, scope)
            case syntax.Negative():
                return compile_negative(self, expression, scope)
            case syntax.Cast():
                return compile_cast(self, expression, scope)
        return self._compile_sequence(expression, scope)

    def condition(self, expression: Expression, scope: Scope) -> str:
        """Return source that is true where the effective boolean value of *expression* is."""
        if self._is_remembered(expression, scope) and not isinstance(expression, syntax.Path):
            return self.remember(expression, scope).condition
        found = self._write_condition(expression, scope)
        return self.compile(expression, scope).condition if found is None else found

    def _write_condition(self, expression: Expression, scope: Scope) -> str | None:  # noqa: PLR0911 - one return for each kind
        """Return the source of a condition that is shorter than that of the value, or None."""
        match expression:
            case syntax.Or(items) | syntax.Union(items) if self._is_either(expression):
                return f"({' or '.join(self.condition(item, scope) for item in items)})"
            case syntax.And(items):
                listed = write_listed(self, items, scope)
                return listed or f"({' and '.join(self.condition(i, scope) for i in items)})"
            case syntax.If(test, then, otherwise):
                parts = (self.condition(part, scope) for part in (then, test, otherwise))
                return "({} if {} else {})".format(*parts)
            case syntax.Comparison(general=True):
                return write_comparison(self, expression, scope)
            case syntax.Quantified():
                return self._write_quantified(expression, scope)
            case syntax.Castable(operand, kind, may_be_empty):
                return self._write_castable(operand, kind, scope, optional=may_be_empty)
            case syntax.Path():
                return self._write_path_condition(expression, scope)
            case syntax.Call() if expression.name not in self.functions:
                return make_call_condition(self, expression, scope)
        return None

    def _is_either(self, expression: syntax.Or | syntax.Union) -> bool:
        """Say whether one true item makes *expression* true."""
        paths = all(isinstance(item, syntax.Path) for item in expression.items)
        return isinstance(expression, syntax.Or) or paths

    def _is_remembered(self, expression: Expression, scope: Scope) -> bool:
        if (expression, scope.patterned) in self.remembering:
            return False
        if scope.context is None and not scope.local and not self._is_long(expression):
            return False
        if not isinstance(expression, _WORTH_REMEMBERING) or is_constant(expression):
            return False
        once = (scope.rooted or scope.context is None) and not scope.local
        if once and self.repeated[expression] < 2:
            return False
        needed = depends_on(expression)
        return CONTEXT not in needed and not needed & scope.local

    def _is_long(self, expression: Expression) -> bool:
        """Say whether *expression* is a path worth remembering even in what is remembered."""
        if not isinstance(expression, syntax.Path) or expression.start != syntax.Root():
            return False
        plain = [isinstance(s, syntax.Step) and not s.predicates for s in expression.steps]
        return len(plain) > 1 or not all(plain)

    def _is_repeated(self, expression: Expression, scope: Scope) -> bool:
        """Say whether *expression* is asked of nodes in predicates of several places."""
        context = scope.context
        if context is None or context.kind != "element" or context.item in {"n", "e", "D.top"}:
            return False
        if self.repeated[expression] < 2 or not isinstance(expression, syntax.Path):
            return False
        if not ends_in_value(expression):
            return False
        return context.item.isidentifier() and not depends_on(expression) & scope.local

    def _compile_atom(self, expression: Expression, scope: Scope) -> Code:
        match expression:
            case syntax.Literal(str(value)):
                return one(repr(value), "string")
            case syntax.Literal(int(value)):
                return one(repr(value), "integer")
            case syntax.Literal(value):
                return one(self.constants.add("N", f"Decimal({str(value)!r})"), "decimal")
            case syntax.Variable(name):
                if name not in scope.variables:
                    raise UnknownConstruct(f"the variable ${name}, which is not declared")
                return scope.variables[name]
            case syntax.Root():
                return one("D.top", "element")
        return scope.require_context()

    def _write_path_condition(self, path: syntax.Path, scope: Scope) -> str:
        found = write_existence(self, path, scope)
        if found is not None:
            return found
        distributed = self._distribute(path)
        if distributed is not None:
            return f"({' or '.join(self.condition(item, scope) for item in distributed)})"
        if self._is_remembered(path, scope):
            return self.remember(path, scope).condition
        return compile_path(self, path, scope, ordered=False).condition

    def _distribute(self, path: syntax.Path) -> Sequence[syntax.Path] | None:
        """Return the alternatives of `(a | b)/c`, of which one must exist, or None."""
        first, *rest = path.steps
        if path.start != syntax.Context() or not isinstance(first, syntax.ExpressionStep):
            return None
        union = first.expression
        if first.predicates or not isinstance(union, syntax.Union) or not rest:
            return None
        found = []
        for item in union.items:
            if not isinstance(item, syntax.Path):
                return None
            found.append(syntax.Path(item.start, (*item.steps, *rest)))
        return found

    def _compile_comparison(self, comparison: syntax.Comparison, scope: Scope) -> Code:
        if comparison.general:
            return one(write_comparison(self, comparison, scope), "boolean")
        return compile_value_comparison(self, comparison, scope)

    def _write_quantified(self, quantified: syntax.Quantified, scope: Scope) -> str:
        member = self._find_membership(quantified, scope)
        if member is not None:
            return member
        clauses, scope = self._bind(quantified.bindings, scope)
        function = "all" if quantified.every else "any"
        return f"{function}({self.condition(quantified.body, scope)} {' '.join(clauses)})"

    def _find_membership(self, quantified: syntax.Quantified, scope: Scope) -> str | None:
        """Return the source of `some $x in $codes satisfies $x = value`, or None.

        The codes are strings, and the value one text that is not made with `$x`.
        """
        if quantified.every or len(quantified.bindings) != 1:
            return None
        ((name, source),) = quantified.bindings
        match quantified.body:
            case syntax.Comparison("=", syntax.Variable(found), value) if found == name:
                pass
            case syntax.Comparison("=", value, syntax.Variable(found)) if found == name:
                pass
            case _:
                return None
        codes, code = self.compile(source, scope), self._compile_free(value, name, scope)
        if codes.kind != "string" or codes.count != "several" or code is None:
            return None
        if code.kind not in {"string", "leaf", "element", "untyped"}:
            return None
        words = f"{codes.text}.words" if codes.text.startswith("LIST_") else codes.text
        if code.count != "several" and code.kind != "element":
            return f"({code.item} in {words})"
        return f"any(x in {words} for x in {code.strings})"

    def _compile_free(self, value: Expression, name: str, scope: Scope) -> Code | None:
        return None if name in depends_on(value) else self.compile(value, scope)

    def _bind(
        self, bindings: tuple[tuple[str, Expression], ...], scope: Scope
    ) -> tuple[list[str], Scope]:
        clauses: list[str] = []
        for name, source in bindings:
            code = self.compile(source, scope)
            item = self.fresh()
            clauses.append(f"for {item} in {code.text_of_list}")
            scope = scope.bind(name, one(item, code.kind))
        return clauses, scope

    def _write_castable(
        self, operand: Expression, kind: str, scope: Scope, *, optional: bool
    ) -> str:
        if kind not in TYPES:
            raise UnknownConstruct(f"the type {kind}")
        items = self.compile(operand, scope).items
        return f"castable({items}, {TYPES[kind][1]}, optional={optional})"

    def _compile_sequence(self, expression: Expression, scope: Scope) -> Code:
        match expression:
            case syntax.Sequence(items):
                return self._join([self.compile(item, scope) for item in items])
            case syntax.Union(items):
                parts = [self.compile(item, scope) for item in items]
                if any(part.kind != "element" for part in parts):
                    raise UnknownConstruct("a union of other things than elements")
                return several(self.fresh(), f"union({self._join(parts).text})", "element")
            case syntax.Range(first, last):
                codes = (self.compile(end, scope) for end in (first, last))
                ends = (
                    code.item
                    if code.count == "one" and code.kind == "integer"
                    else f"atom_or_none({code.items})"
                    for code in codes
                )
                return several(self.fresh(), f"integers({', '.join(ends)})", "integer")
            case syntax.If(test, then, otherwise):
                return self._compile_choice(test, then, otherwise, scope)
            case syntax.For(bindings, body):
                clauses, scope = self._bind(bindings, scope)
                code = self.compile(body, scope)
                if code.count == "one":
                    return Code(code.item, code.kind, "several", tuple(clauses))
                item = self.fresh()
                clauses.append(f"for {item} in {code.text_of_list}")
                return Code(item, code.kind, "several", tuple(clauses))
        raise UnknownConstruct(f"an expression of the kind {type(expression).__name__}")

    def _join(self, parts: Sequence[Code]) -> Code:
        kinds: set[Kind] = {part.kind for part in parts}
        kind: Kind = kinds.pop() if len(kinds) == 1 else "any"
        listed = (part.text_of_list if kind == part.kind else part.items for part in parts)
        text = f"[{', '.join(f'*{part}' for part in listed)}]"
        return several(self.fresh(), text, kind)

    def _compile_choice(
        self, test: Expression, then: Expression, otherwise: Expression, scope: Scope
    ) -> Code:
        first, second = self.compile(then, scope), self.compile(otherwise, scope)
        condition = self.condition(test, scope)
        # A whole number is a decimal, too.
        kind: Kind = "decimal" if {first.kind, second.kind} <= _WHOLE else first.kind
        alike = first.kind == second.kind or kind == "decimal"
        if alike and "several" not in {first.count, second.count}:
            text = f"({first.item} if {condition} else {second.item})"
            return one(text, kind) if first.count == second.count == "one" else optional(text, kind)
        if first.kind == second.kind:
            text = f"({first.text_of_list} if {condition} else {second.text_of_list})"
            return several(self.fresh(), text, first.kind)
        if first.count == second.count == "one":
            text = f"({first.items} if {condition} else {second.items})[0]"
            return one(text, "any")
        text = f"({first.items} if {condition} else {second.items})"
        return several(self.fresh(), text, "any")
