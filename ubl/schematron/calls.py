"""Writes source for calls of functions, of XPath's and of the rule file's own.  [FUNCTIONS §1]

A function that is not in the table below is not known, and its rule file is refused.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ubl.schematron import syntax
from ubl.schematron.code import Code, Kind, one, optional, several
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.functions import expression
from ubl.schematron.syntax import Expression
from ubl.schematron.unit import Scope, Signature, Unit
from ubl.schematron.wordlists import write_contains

__all__ = ["TYPES", "compile_call", "compile_cast", "make_call_condition"]

# The types that rules name, with the function that casts to each.
TYPES: Final[Mapping[str, tuple[Kind, str]]] = {
    "xs:boolean": ("boolean", "as_boolean"),
    "xs:date": ("date", "as_date"),
    "xs:decimal": ("decimal", "as_decimal"),
    "xs:double": ("double", "as_double"),
    "xs:integer": ("integer", "as_integer"),
    "xs:string": ("string", "as_string"),
}
# What reads a text as a number.
_READERS: Final[Mapping[Kind, str]] = {"decimal": "read_decimal", "double": "read_double"}
# Functions that take strings and give one: their name in the source.
_OF_STRINGS: Final[Mapping[str, tuple[str, int]]] = {
    "replace": ("replace", 3),
    "substring-after": ("substring_after", 2),
    "substring-before": ("substring_before", 2),
    "translate": ("translate", 3),
}
_WITH_CONTEXT: Final = frozenset(
    {"local-name", "name", "normalize-space", "number", "string", "string-length"}
)
_PLAIN: Final = frozenset({"integer", "decimal", "double"})

Arguments = tuple[Expression, ...]
Maker = Callable[[Unit, Arguments, Scope], Code]


def compile_call(unit: Unit, call: syntax.Call, scope: Scope) -> Code:
    """Return the source of *call*."""
    name, arguments = call.name, call.arguments
    if name in TYPES:
        if len(arguments) != 1:
            raise UnknownConstruct(f"{name} with {len(arguments)} arguments")
        return compile_cast(unit, syntax.Cast(arguments[0], name, optional=True), scope)
    own = unit.functions.get(name)
    if own is not None:
        return _call_own(unit, own, arguments, scope)
    if not arguments and name in _WITH_CONTEXT:
        arguments = (syntax.Context(),)
    if name != "normalize-space":
        condition = make_call_condition(unit, syntax.Call(name, arguments), scope)
        if condition is not None:
            plain = condition in {"True", "False"}
            return one(condition if plain else f"bool({condition})", "boolean")
    if name in _OF_STRINGS:
        return _call_of_strings(unit, name, arguments, scope)
    maker, counts = _MAKERS.get(name, (None, ()))
    if maker is None or len(arguments) not in counts:
        raise UnknownConstruct(f"the function {name} with {len(arguments)} arguments")
    return maker(unit, arguments, scope)


def compile_cast(unit: Unit, cast: syntax.Cast, scope: Scope) -> Code:
    """Return the source of *cast*; the empty sequence stays one.  [XPATH2 §3.10.2]"""
    if cast.type not in TYPES:
        raise UnknownConstruct(f"the type {cast.type}")
    kind, function = TYPES[cast.type]
    operand = unit.compile(cast.operand, scope)
    if operand.count == "one":
        value = f"{operand.item}.text" if operand.kind == "element" else operand.item
        if operand.kind == "element":
            function = _READERS.get(kind, function)
        return one(value if operand.kind == kind else f"{function}({value})", kind)
    if not cast.optional:
        return one(f"{function}(exactly_one({operand.items}))", kind)
    if operand.kind == "element" and operand.count == "several":
        if kind == "decimal":
            return optional(f"decimal_of({operand.text})", kind)
        return optional(f"cast_node({operand.text}, {function})", kind)
    return optional(f"cast_only({operand.items}, {function})", kind)


def make_call_condition(  # noqa: PLR0911 - one return for each function
    unit: Unit, call: syntax.Call, scope: Scope
) -> str | None:
    """Return source of the truth of a function that gives a boolean, None for another."""
    if not call.arguments and call.name == "normalize-space":
        call = syntax.Call(call.name, (syntax.Context(),))
    match call.name, call.arguments:
        case "true", ():
            return "True"
        case "false", ():
            return "False"
        case "not", (operand,):
            return f"(not {unit.condition(operand, scope)})"
        case "boolean", (operand,):
            return unit.condition(operand, scope)
        case "exists", (operand,):
            return _exists(unit, operand, scope)
        case "empty", (operand,):
            return f"(not {_exists(unit, operand, scope)})"
    return _make_text_condition(unit, call, scope)


def _make_text_condition(unit: Unit, call: syntax.Call, scope: Scope) -> str | None:
    match call.name, call.arguments:
        case "contains", (whole, part):
            return write_contains(unit, whole, part, scope)
        case "normalize-space", (text,):
            # Only whether anything is left of it matters here.
            return f"{unit.compile(text, scope).string}.strip(BLANKS)"
        case ("starts-with" | "ends-with") as name, (whole, part):
            return _begins_or_ends(unit, name, whole, part, scope)
        case "matches", (text, pattern, *flags):
            return _matches(unit, text, (pattern, *flags), scope)
    return None


def _exists(unit: Unit, operand: Expression, scope: Scope) -> str:
    code = unit.compile(operand, scope)
    if code.count == "one":
        return "True"
    if code.count == "optional":
        return f"({code.item} is not None)"
    if code.kind in {"element", "leaf"}:
        return unit.condition(operand, scope)
    return f"(len({code.text}) > 0)"


def _begins_or_ends(
    unit: Unit, name: str, whole: Expression, part: Expression, scope: Scope
) -> str:
    method = "startswith" if name == "starts-with" else "endswith"
    text = unit.compile(whole, scope).string
    return f"{text}.{method}({unit.compile(part, scope).string})"


def _matches(unit: Unit, text: Expression, pattern: Arguments, scope: Scope) -> str:
    match pattern:
        case (syntax.Literal(str(found)), *flags) if all(
            isinstance(flag, syntax.Literal) for flag in flags
        ):
            # Compiled now only to refuse what is not known.
            expression(
                found, *[str(flag.value) for flag in flags if isinstance(flag, syntax.Literal)]
            )
    rest = ", ".join(unit.compile(part, scope).string for part in pattern)
    return f"matches({unit.compile(text, scope).string}, {rest})"


def _call_own(unit: Unit, own: Signature, arguments: Arguments, scope: Scope) -> Code:
    if len(arguments) != len(own.parameters):
        raise UnknownConstruct(f"a function with {len(arguments)} arguments")
    parts = []
    for argument, kind in zip(arguments, own.parameters, strict=True):
        code = unit.compile(argument, scope)
        parts.append(_write_argument(code, kind))
    text = f"{own.name}({', '.join(['D', *parts])})"
    base = own.result.rstrip("?*+")
    if base in TYPES and base == own.result:
        return one(text, TYPES[base][0])
    return several(unit.fresh(), text, "any")


def _write_argument(code: Code, kind: str) -> str:
    """Return the source of *code* as an argument of the type *kind*."""
    base = kind.rstrip("?*+")
    if base not in TYPES:
        return code.items
    found = TYPES[base][0]
    if code.kind == found or (code.kind == "integer" and found == "decimal"):
        if code.count == "one":
            return code.items
        if code.count == "optional" and kind == base:
            return f"(needed({code.item}),)"
    return f"convert({code.items}, {kind!r})"


def _call_of_strings(unit: Unit, name: str, arguments: Arguments, scope: Scope) -> Code:
    function, count = _OF_STRINGS[name]
    if len(arguments) != count:
        raise UnknownConstruct(f"the function {name} with {len(arguments)} arguments")
    if name == "replace":
        _check_replacement(arguments)
    parts = ", ".join(unit.compile(argument, scope).string for argument in arguments)
    return one(f"{function}({parts})", "string")


def _check_replacement(arguments: Arguments) -> None:
    _, pattern, new = arguments
    if isinstance(pattern, syntax.Literal):
        expression(str(pattern.value))
    if isinstance(new, syntax.Literal) and set(str(new.value)) & set("$\\"):
        raise UnknownConstruct(f"the replacement {new.value!r}")


def _normalize(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"normalize({unit.compile(arguments[0], scope).string})", "string")


def _upper(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"{unit.compile(arguments[0], scope).string}.upper()", "string")


def _lower(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"{unit.compile(arguments[0], scope).string}.lower()", "string")


def _string(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    if code.kind in {"element", "leaf", "untyped", "string"}:
        return one(code.string, "string")
    return one(f"as_string(atom_or_none({code.items}))", "string")


def _concat(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    parts = (_string(unit, (argument,), scope).item for argument in arguments)
    return one(f"({' + '.join(parts)})", "string")


def _substring(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    text, *numbers = arguments
    parts = ", ".join(_write_number(unit.compile(part, scope)) for part in numbers)
    return one(f"substring({unit.compile(text, scope).string}, {parts})", "string")


def _write_number(code: Code) -> str:
    plain = code.count == "one" and code.kind in {"integer", "decimal", "double"}
    return code.item if plain else f"as_number({code.items})"


def _join(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    separator = unit.compile(arguments[1], scope).string if len(arguments) == 2 else "''"
    return one(f"join({code.items}, {separator})", "string")


def _from_code_points(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"from_code_points({unit.compile(arguments[0], scope).items})", "string")


def _name(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"D.tree.name({_node(unit, arguments, scope)})", "string")


def _local_name(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"local_name({_node(unit, arguments, scope)})", "string")


def _node(unit: Unit, arguments: Arguments, scope: Scope) -> str:
    code = unit.compile(arguments[0], scope)
    if code.kind != "element":
        raise UnknownConstruct("the name of what is not an element")
    return f"only_node({code.text})" if code.count == "several" else code.item


def _count(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"len({unit.compile(arguments[0], scope).text_of_list})", "integer")


def _sum(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    if code.kind == "decimal" and code.count == "several":
        return one(f"sum_of_decimals({code.text})", "decimal")
    if code.kind == "integer" and code.count == "several":
        return one(f"sum({code.text})", "decimal")
    if code.kind in {"element", "leaf", "untyped"}:
        return one(f"sum_of({code.items})", "number")
    kind: Kind = "decimal" if code.kind in {"decimal", "integer"} else "number"
    return one(f"sum_of({code.items})", kind)


def _greatest(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    text = f"some(greatest({code.items}))"
    return several(unit.fresh(), text, "any")


def _round(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    if code.kind in _PLAIN:
        return Code(f"round_number({code.value})", code.kind, code.at_most_one)
    return _keep_kind(unit, "round_half_up", arguments, scope)


def _absolute(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    if code.kind in _PLAIN:
        return Code(f"absolute_number({code.value})", code.kind, code.at_most_one)
    return _keep_kind(unit, "absolute", arguments, scope)


def _keep_kind(unit: Unit, function: str, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    kind: Kind = code.kind if code.kind in {"integer", "decimal", "double"} else "number"
    if code.kind in {"element", "leaf", "untyped"}:
        kind = "double"
    text = f"{function}({code.items})"
    return one(text, kind) if code.count == "one" else optional(text, kind)


def _number(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    if code.count == "one" and code.kind == "element":
        return one(f"number({code.item}.text)", "double")
    if code.count == "one" and code.kind in {"string", "leaf", "untyped"}:
        return one(f"number({code.item})", "double")
    return one(f"number(atom_or_none({code.items}))", "double")


def _length(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    return one(f"len({unit.compile(arguments[0], scope).string})", "integer")


def _data(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    item = unit.fresh()
    return several(item, f"[atom(x) for x in {code.items}]", "any")


def _distinct(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    kind: Kind = "string" if code.kind == "string" else "any"
    return several(unit.fresh(), f"distinct({code.items})", kind)


def _reverse(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    code = unit.compile(arguments[0], scope)
    return several(unit.fresh(), f"{code.text_of_list}[::-1]", code.kind)


def _tokenize(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    text, pattern = arguments
    if isinstance(pattern, syntax.Literal):
        expression(str(pattern.value))
    source = f"tokenize({unit.compile(text, scope).string}, {unit.compile(pattern, scope).string})"
    if isinstance(text, syntax.Literal) and isinstance(pattern, syntax.Literal):
        source = unit.constants.add("LIST", f"List({source})")
    return several(unit.fresh(), source, "string")


def _code_points(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    source = f"code_points({unit.compile(arguments[0], scope).string})"
    return several(unit.fresh(), source, "integer")


def _key(unit: Unit, arguments: Arguments, scope: Scope) -> Code:
    match arguments:
        case (syntax.Literal(str(name)), value) if name in unit.keys:
            found = f"look_up({unit.keys[name]}(D), {unit.compile(value, scope).items})"
            return several(unit.fresh(), found, "element")
    raise UnknownConstruct("a key that is not declared")


_MAKERS: Final[Mapping[str, tuple[Maker, tuple[int, ...]]]] = {
    "abs": (_absolute, (1,)),
    "codepoints-to-string": (_from_code_points, (1,)),
    "concat": (_concat, tuple(range(2, 60))),
    "count": (_count, (1,)),
    "data": (_data, (1,)),
    "distinct-values": (_distinct, (1,)),
    "key": (_key, (2,)),
    "local-name": (_local_name, (1,)),
    "lower-case": (_lower, (1,)),
    "max": (_greatest, (1,)),
    "name": (_name, (1,)),
    "normalize-space": (_normalize, (1,)),
    "number": (_number, (1,)),
    "reverse": (_reverse, (1,)),
    "round": (_round, (1,)),
    "string": (_string, (1,)),
    "string-join": (_join, (1, 2)),
    "string-length": (_length, (1,)),
    "string-to-codepoints": (_code_points, (1,)),
    "substring": (_substring, (2, 3)),
    "sum": (_sum, (1,)),
    "tokenize": (_tokenize, (2,)),
    "upper-case": (_upper, (1,)),
}
