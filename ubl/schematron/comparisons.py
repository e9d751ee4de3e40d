"""Writes source for comparison and arithmetic, plain where types are known.  [XPATH2 §3.5]"""

from ubl.schematron import syntax
from ubl.schematron.code import NUMERIC, TEXTUAL, Code, Kind, one, optional
from ubl.schematron.unit import Scope, Unit

__all__ = ["compile_arithmetic", "compile_negative", "write_comparison"]

_PYTHON = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Comparisons of values of which one may be missing.
_PRESENT = {
    "=": "is_equal",
    "!=": "is_other",
    "<": "is_less",
    "<=": "is_not_greater",
    ">": "is_greater",
    ">=": "is_not_less",
}
# Arithmetic on numbers of one kind, of which one may be missing.
_PLAIN = {"+": "add", "-": "subtract", "*": "multiply", "div": "divide", "mod": "remain"}
_WHOLE = frozenset({"integer", "decimal"})


def write_comparison(unit: Unit, comparison: syntax.Comparison, scope: Scope) -> str:
    """Return source of the truth of *comparison*."""
    match comparison:
        case syntax.Comparison("!=", syntax.Call("normalize-space") as text, syntax.Literal("")):
            # Nothing is left of it, or it is true.
            return unit.condition(text, scope)
    left = unit.compile(comparison.left, scope)
    right = unit.compile(comparison.right, scope)
    sign = comparison.operator
    found = _write_strings(comparison, left, right) or _write_mixed(left, right, sign)
    if found is None and _are_alike(left.kind, right.kind):
        found = _write_plain(left, right, sign)
    return found or f"compare_any({left.items}, {right.items}, {sign!r})"


def compile_value_comparison(unit: Unit, comparison: syntax.Comparison, scope: Scope) -> Code:
    """Return the source of a *comparison* of single values, such as `a eq b`."""
    left = unit.compile(comparison.left, scope)
    right = unit.compile(comparison.right, scope)
    if _are_alike(left.kind, right.kind) and left.count == right.count == "one":
        return one(f"({left.item} {_PYTHON[comparison.operator]} {right.item})", "boolean")
    text = f"compare_one({left.items}, {right.items}, {comparison.operator!r})"
    return optional(text, "boolean")


def _write_mixed(left: Code, right: Code, sign: str) -> str | None:
    """Return source for text beside a number or a truth value, and for doubles beside others."""
    for first, second, way in ((left, right, sign), (right, left, _MIRRORED[sign])):
        if first.kind in TEXTUAL and second.kind in NUMERIC and second.count == "one":
            return _write_against_number(first, second, way)
        if first.kind in TEXTUAL and second.kind == "boolean" and second.count == "one":
            return f"compare_booleans({first.strings}, {second.item}, {way!r})"
    kinds = {left.kind, right.kind}
    if left.count == right.count == "one" and "double" in kinds and kinds <= {*_WHOLE, "double"}:
        # A number and a double meet as doubles.  [XPATH2 §B.1]
        ends = (
            code.item if code.kind == "double" else f"float({code.item})" for code in (left, right)
        )
        return f"({next(ends)} {_PYTHON[sign]} {next(ends)})"
    return None


def _write_against_number(texts: Code, number: Code, sign: str) -> str:
    """Return source for text, as doubles, beside a number."""
    plain = texts.kind == "element" and not any(" if " in clause for clause in texts.clauses)
    if plain and texts.count == "several" and number.item.isdigit():
        test = f"read_double({texts.item}.text) {_PYTHON[sign]} {number.item}"
        return f"any({test} {' '.join(texts.clauses)})"
    return f"compare_numbers({texts.strings}, {number.item}, {sign!r})"


def _write_plain(left: Code, right: Code, sign: str) -> str | None:
    """Return source for values that Python compares as XPath does, of which one is alone."""
    if left.count == right.count == "one":
        return f"({left.item} {_PYTHON[sign]} {right.item})"
    for first, second, way in ((left, right, sign), (right, left, _MIRRORED[sign])):
        if second.count == "several":
            continue
        if way == "=" and second.count == "one":
            if first.count == "optional":
                return f"({first.item} == {second.item})"
            return f"({second.item} in {first.text})"
        if first.count != "several":
            return f"{_PRESENT[way]}({first.item}, {second.item})"
        return f"compare_plain({first.text}, {second.item}, {way!r})"
    return None


def _are_alike(left: Kind, right: Kind) -> bool:
    return (left in _WHOLE and right in _WHOLE) or (left == right and left in {"double", "boolean"})


def _write_strings(  # noqa: PLR0911 - one return for each pair of counts
    comparison: syntax.Comparison, left: Code, right: Code
) -> str | None:
    """Return source for what is compared as strings: text with text or with strings."""
    sign = comparison.operator
    if sign not in {"=", "!="} or not _is_text(left) or not _is_text(right):
        return None
    if left.count == right.count == "one":
        return f"({left.string} {_PYTHON[sign]} {right.string})"
    for first, second, node in (
        (left, right, comparison.right),
        (right, left, comparison.left),
    ):
        if second.count == "one":
            if sign == "=" and first.count == "optional" and first.kind != "element":
                return f"({first.item} == {second.string})"
            if sign == "=":
                return f"({second.string} in {first.strings})"
            return f"differs({first.strings}, {second.string})"
        words = _list_words(node)
        if sign == "=" and words is not None and first.count == "one":
            return f"({first.string} in {words})"
        if sign == "=" and first.count == "optional" and first.kind != "element":
            return f"({first.item} in {second.strings})"
    if sign == "=":
        return f"(not set({left.strings}).isdisjoint({right.strings}))"
    return None


def _is_text(code: Code) -> bool:
    return code.kind in TEXTUAL or code.kind == "string"


def _list_words(expression: syntax.Expression) -> str | None:
    """Return the source of a set of the strings that *expression* lists."""
    if not isinstance(expression, syntax.Sequence):
        return None
    words = [item.value for item in expression.items if isinstance(item, syntax.Literal)]
    if len(words) < len(expression.items) or not all(isinstance(word, str) for word in words):
        return None
    return f"{{{', '.join(map(repr, words))}}}" if words else "()"


def compile_arithmetic(unit: Unit, sum_: syntax.Arithmetic, scope: Scope) -> Code:
    """Return the source of *sum_*, and its type as far as it is known."""
    rounded = _compile_cents(unit, sum_, scope)
    if rounded is not None:
        return rounded
    left = unit.compile(sum_.left, scope)
    right = unit.compile(sum_.right, scope)
    kind = _judge(sum_.operator, left.kind, right.kind)
    plain = {left.kind, right.kind} <= _WHOLE or left.kind == right.kind == "double"
    counts = {left.count, right.count}
    if plain and counts == {"one"} and sum_.operator in {"+", "-", "*"}:
        return one(f"({left.item} {sum_.operator} {right.item})", kind)
    if plain and sum_.operator in _PLAIN:
        text = f"{_PLAIN[sum_.operator]}({left.value}, {right.value})"
        return one(text, kind) if counts == {"one"} else optional(text, kind)
    text = f"arithmetic({left.items}, {right.items}, {sum_.operator!r})"
    return one(text, kind) if counts == {"one"} else optional(text, kind)


def _compile_cents(unit: Unit, sum_: syntax.Arithmetic, scope: Scope) -> Code | None:
    """Return the source of `round(amount * 10 * 10) div 100`, None for anything else."""
    match sum_:
        case syntax.Arithmetic(
            "div",
            syntax.Call(
                "round",
                (
                    syntax.Arithmetic(
                        "*",
                        syntax.Arithmetic("*", amount, syntax.Literal(10)),
                        syntax.Literal(10),
                    ),
                ),
            ),
            syntax.Literal(100),
        ):
            code = unit.compile(amount, scope)
            if code.kind in _WHOLE:
                return Code(f"round_cents({code.value})", "decimal", code.at_most_one)
    return None


def _judge(operator: str, left: Kind, right: Kind) -> Kind:
    if operator == "idiv":
        return "integer"
    kinds = {"double" if kind in TEXTUAL else kind for kind in (left, right)}
    if "double" in kinds:
        # Whatever the other is, an untyped value or a double makes it one.
        return "double"
    if kinds == {"integer"}:
        return "decimal" if operator == "div" else "integer"
    return "decimal" if kinds <= _WHOLE else "number"


def compile_negative(unit: Unit, negative: syntax.Negative, scope: Scope) -> Code:
    """Return the source of *negative*."""
    operand = unit.compile(negative.operand, scope)
    kind = _judge("*", operand.kind, "integer")
    if operand.count == "one" and operand.kind in _WHOLE | {"double"}:
        return one(f"(-{operand.item})", kind)
    text = f"negate({operand.items})"
    return one(text, kind) if operand.count == "one" else optional(text, kind)
