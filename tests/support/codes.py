"""Every code that a problem of the API can have, read from the source of the gateway.

A code is the second argument of `Fault`.  Where it is made of a function's parameter, the calls of
that function are followed; where it comes from a value, `LIVE` says which codes that value has.
"""

import ast
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from gateway.errors import Kind
from gateway.exchange.intake import _MALFORMED
from gateway.web.problems import STATUS
from smp.errors import SmpError

ROOT = Path(__file__).resolve().parents[2] / "gateway"
ELSEWHERE = {
    "__main__.py", "app", "client", "commands", "sandbox", "trust",
    "exchange/outbound.py", "rules/fetching.py", "rules/installing.py", "rules/unpacking.py",
}  # fmt: skip
"""Parts of the gateway whose refusals no request to the API can meet: commands, start-up, jobs."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def smp_codes(kind: type[SmpError] = SmpError) -> set[str]:
    """The codes of all that a look-up can end in for good."""
    own = {kind.code} if "code" in vars(kind) and kind.permanent else set()
    return own.union(*(smp_codes(each) for each in kind.__subclasses__()))


ROUTE_CODES = {"certificate-refused", "certificate-revoked", "revocation-unknown"}
"""What `exchange.route` says of an endpoint that is looked up but not used."""
LIVE = {
    ("exchange/imports.py", "fault"): set(),  # as it was raised and kept
    ("exchange/intake.py", "_refusal"): {code for code, _ in _MALFORMED.values()}
    | {"unknown-document", "bad-identifier", "bad-document"},
    ("exchange/lookup.py", "smp_fault"): smp_codes() | {"unavailable"},
    ("exchange/ping.py", "_find"): smp_codes() | {"smp-unavailable"} | ROUTE_CODES,
}
"""Codes by the function that takes them from a value."""


@cache
def modules() -> dict[str, ast.Module]:
    """The gateway's modules that a request can reach, by path."""
    found = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}
    return {
        name: ast.parse(path.read_text())
        for name, path in found.items()
        if name not in ELSEWHERE and name.split("/")[0] not in ELSEWHERE
    }


def functions(tree: ast.AST, inside: Function | None = None) -> Iterator[tuple[ast.Call, Function]]:
    """Every call in *tree*, with the function around it."""
    for child in ast.iter_child_nodes(tree):
        around = child if isinstance(child, Function) else inside
        if isinstance(child, ast.Call):
            yield child, around
        yield from functions(child, around)


@cache
def calls() -> dict[str, list[tuple[str, ast.Call, Function]]]:
    """Every call of the gateway by the name of what is called: module, call, function around."""
    found = {}
    for module, tree in modules().items():
        for call, around in functions(tree):
            name = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
            found.setdefault(name, []).append((module, call, around))
    return found


def constants(module: str) -> dict[str, ast.expr]:
    """What stands in *module* under a name of its own."""
    named = [
        each for each in modules()[module].body if isinstance(each, ast.Assign | ast.AnnAssign)
    ]
    return {
        getattr(target, "id", ""): each.value
        for each in named
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
    }


def parameters(function: Function) -> list[str]:
    return [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """What *call* gives for the parameter *name*, which stands at *place*."""
    named = next((each.value for each in call.keywords if each.arg == name), None)
    return call.args[place] if named is None and place < len(call.args) else named


def values(module: str, around: Function, wanted: ast.expr) -> set[str]:
    """The texts that the expression *wanted* can be."""
    live = LIVE.get((module, around.name))
    match wanted:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=other):
            return values(module, around, body) | values(module, around, other)
        case ast.JoinedStr(values=parts):
            choices = [
                values(module, around, getattr(part, "value", part))
                if isinstance(part, ast.FormattedValue)
                else {part.value}
                for part in parts
            ]
            return {"".join(chosen) for chosen in product(*choices)}
        case ast.Call(func=ast.Attribute(value=text, attr="replace"), args=[old, new]):
            return {each.replace(old.value, new.value) for each in values(module, around, text)}
        case ast.Name(id=name) if live is None and name in parameters(around):
            return given(module, around, name)
        case ast.Name(id=name) if live is None and name in constants(module):
            return values(module, around, constants(module)[name])
    assert live is not None, f"{module}: {around.name} makes codes that LIVE does not list"
    return live


def given(module: str, function: Function, name: str) -> set[str]:
    """The texts that the callers of *function* give for its parameter *name*."""
    place, found = parameters(function).index(name), set()
    for where, call, around in calls().get(function.name, []):
        if function.name.startswith("_") and where != module:
            continue
        text = argument(call, place, name)
        assert text is not None, f"{where}: {function.name} without {name}"
        found |= values(where, around, text)
    return found


@cache
def codes() -> dict[str, set[int]]:
    """The codes of all problems that the source makes, with the statuses it says."""
    found = {}
    for module, call, around in calls()["Fault"]:
        code = argument(call, 1, "code")
        if code is not None and module != "errors.py":
            kind = argument(call, 0, "kind")
            named = getattr(kind, "attr", None)
            said = {STATUS[Kind[named]]} if named in Kind.__members__ else set()
            for each in values(module, around, code):
                found.setdefault(each, set()).update(said)
    return found
