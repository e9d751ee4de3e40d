"""Turns a rule file into the source of a Python module.  [SCHEMATRON §6.5]

The module has a function for each rule, one for each condition of a context, and one for each
value that is worked out once for a document; `check` runs them.  The same rules give the same text.
Where something is not known, the refusal names the place in the rule file.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from ubl.schematron import syntax
from ubl.schematron.calls import TYPES
from ubl.schematron.code import Code, Kind, one, several
from ubl.schematron.contexts import is_rooted, list_alternatives, write_alternatives
from ubl.schematron.dependence import count_parts, depends_on
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.expressions import Expressions
from ubl.schematron.functions import space
from ubl.schematron.names import Namespaces
from ubl.schematron.reader import read_rules
from ubl.schematron.rulefile import (
    Assertion,
    Body,
    Choice,
    Declaration,
    Function,
    Key,
    Pattern,
    Place,
    Result,
    Rule,
    RuleFile,
    Text,
)
from ubl.schematron.unit import Scope, Signature
from ubl.schematron.xpath import parse

__all__ = ["COMPILER_VERSION", "compile_rules"]

# Changes whenever the same rules give other source, so that what was kept is not used.
COMPILER_VERSION: Final = "6"

_ABSENT: Final = re.compile(r"\(not \(*(\(?\d+ in Q\)?(?: or \(?\d+ in Q\)?)*)\)*\)")
_CONSTANT: Final = re.compile(r"LIST_\d+|'[^'\\]*'|True|False")
_NODE: Final = one("n", "element")


def compile_rules(files: Mapping[str, bytes], main: str) -> str:
    """Return the source of a module that checks what the rule file *main* asks for.

    *files* are rule files by name: a schema with what it includes, or the stylesheet that ISO
    Schematron's skeleton made of one.  Executed, the module has `check(tree) -> list[Finding]`.
    Messages have their blanks normalised.  Raises UnknownConstruct.
    """
    return _Compiler(read_rules(files, main)).write()


class _Compiler(Expressions):
    """Writes one module."""

    def __init__(self, rules: RuleFile) -> None:
        super().__init__(Namespaces(rules.namespaces))
        self._rules = rules
        self._globals: dict[str, Code] = {}
        self._assertions: list[tuple[str, str, str]] = []
        self._numbered = 0

    def write(self) -> str:
        for function in self._rules.functions:
            self._declare(function)
        for key in self._rules.keys:
            self.keys[key.name] = f"key_{len(self.keys)}"
        self._count_parts()
        scope = self._define_variables(self._list_globals(), Scope(), "g")
        for function in self._rules.functions:
            self._define_function(function, scope)
        for key in self._rules.keys:
            self._define_key(key, scope)
        patterns = [
            self._write_pattern(pattern, number, scope)
            for number, pattern in enumerate(self._rules.patterns, start=1)
        ]
        return self._assemble(patterns)

    def _count_parts(self) -> None:
        """Find out which parts of expressions stand in several places."""
        for pattern in self._rules.patterns:
            for rule in pattern.rules:
                values = [one.value for one in rule.variables if not one.literal]
                for text in (rule.context, *values, *(each.test for each in rule.assertions)):
                    count_parts(self._read(text), self.repeated)

    def _list_globals(self) -> list[Declaration]:
        """Return the variables of the file; the skeleton makes those of patterns global, too."""
        own = [variable for pattern in self._rules.patterns for variable in pattern.variables]
        names = [variable.name for variable in (*self._rules.variables, *own)]
        alone = [variable for variable in own if names.count(variable.name) == 1]
        return [*self._rules.variables, *alone]

    def _assemble(self, patterns: list[str]) -> str:
        name = self._rules.name.encode("ascii", "backslashreplace").decode()
        parts = [
            f"# Compiled from {name!r} by ubl.schematron {COMPILER_VERSION}; not to be edited.",
            "from ubl.schematron.runtime import *",
            "\n".join(self.constants.write()),
            *self.definitions,
            "PATHS = " + self.paths.write(),
            "ASSERTIONS = (\n" + "".join(f"    {entry!r},\n" for entry in self._assertions) + ")",
            "RULES = RuleSet((\n" + "".join(patterns) + "), ASSERTIONS, PATHS)",
            "check = RULES.check",
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    @contextmanager
    def _at(self, text: Text) -> Iterator[None]:
        """Add place and expression to what is refused within."""
        try:
            yield
        except UnknownConstruct as error:
            raise UnknownConstruct(
                error.construct,
                file=error.file or text.place.file,
                line=error.line or text.place.line,
                expression=text.source,
            ) from error
        except RecursionError as error:
            raise UnknownConstruct(
                "nesting that is too deep",
                file=text.place.file,
                line=text.place.line,
                expression=text.source,
            ) from error

    def _read(self, text: Text) -> syntax.Expression:
        with self._at(text):
            return parse(text.source)

    def _compile_text(self, text: Text, scope: Scope) -> Code:
        with self._at(text):
            return self.compile(parse(text.source), scope)

    def _condition_of(self, text: Text, scope: Scope) -> str:
        with self._at(text):
            return self.condition(parse(text.source), scope)

    def _compile_value(self, declaration: Declaration | Result, scope: Scope) -> Code:
        """Return the code of a variable's or a function's value."""
        if declaration.literal:
            return one(repr(declaration.value.source), "untyped")
        code = self._compile_text(declaration.value, scope)
        if not declaration.wrapped:
            return code
        return one(f"join({code.items}, ' ')", "untyped")

    def _convert(self, code: Code, kind: str | None, place: Place) -> Code:
        """Return *code* as the declared type *kind*."""
        if kind is None or kind.rstrip("?*+") in {"item()", "node()", "element()"}:
            return code
        base = kind.rstrip("?*+")
        if base not in TYPES:
            raise UnknownConstruct(f"the type {kind}", file=place.file, line=place.line)
        found: Kind = TYPES[base][0]
        if code.count == "one" and code.kind == found:
            return code
        text = f"convert({code.items}, {kind!r})"
        return one(f"{text}[0]", found) if base == kind else several(self.fresh(), text, found)

    def _define_variables(
        self, variables: Sequence[Declaration], scope: Scope, prefix: str
    ) -> Scope:
        """Define the variables of the whole file or of a pattern, worked out when first used.

        One may use another that is declared behind it.
        """
        waiting = list(variables)
        while waiting:
            names = {variable.name for variable in waiting}
            ready = [v for v in waiting if not names & self._list_needed(v)] or waiting
            for variable in ready:
                scope = self._define_variable(variable, scope, prefix)
            waiting = [variable for variable in waiting if variable not in ready]
        return scope

    def _list_needed(self, variable: Declaration) -> frozenset[str]:
        return frozenset() if variable.literal else depends_on(self._read(variable.value))

    def _define_variable(self, variable: Declaration, scope: Scope, prefix: str) -> Scope:
        inner = replace(scope, context=one("D.top", "element"))
        code = self._convert(
            self._compile_value(variable, inner), variable.type, variable.value.place
        )
        self._numbered += 1
        if not _CONSTANT.fullmatch(code.text):
            code = self.define_memo(f"{prefix}{self._numbered}", code)
        return replace(scope, variables={**scope.variables, variable.name: code})

    def _declare(self, function: Function) -> None:
        parameters = tuple(kind or "item()*" for _, kind in function.parameters)
        for kind in (*parameters, function.type or "item()*"):
            if kind.rstrip("?*+") not in {*TYPES, "item()", "node()", "element()"}:
                place = function.place
                raise UnknownConstruct(f"the type {kind}", file=place.file, line=place.line)
        name = f"f{len(self.functions)}"
        self.functions[function.name] = Signature(name, parameters, function.type or "item()*")

    def _define_function(self, function: Function, scope: Scope) -> None:
        signature = self.functions[function.name]
        names = []
        for number, ((name, kind), declared) in enumerate(
            zip(function.parameters, signature.parameters, strict=True)
        ):
            variable = f"p{number}"
            names.append(variable)
            base = (kind or "").rstrip("?*+")
            known: Kind = TYPES[base][0] if base in TYPES else "any"
            code = several(self.fresh(), variable, known)
            if base in TYPES and base == declared:
                code = one(f"{variable}[0]", known)
            scope = scope.bind(name, code)
        lines = self._write_body(function.body, function, scope, 1)
        head = f"def {signature.name}({', '.join(['D', *names])}):"
        self.definitions.append("\n".join([head, *lines]))

    def _write_body(self, body: Body, function: Function, scope: Scope, depth: int) -> list[str]:
        indent = "    " * depth
        lines: list[str] = []
        for step in body:
            match step:
                case Declaration():
                    code = self._convert(
                        self._compile_value(step, scope), step.type, step.value.place
                    )
                    code, line = self._make_lazy(code)
                    lines += [f"{indent}{line}"] if line else []
                    scope = scope.bind(step.name, code)
                case Choice(branches, otherwise):
                    for test, branch in branches:
                        lines.append(f"{indent}if {self._condition_of(test, scope)}:")
                        lines += self._write_body(branch, function, scope, depth + 1)
                    lines += self._write_body(otherwise, function, scope, depth)
                case Result():
                    code = self._compile_value(step, scope)
                    code = self._convert(code, function.type, step.value.place)
                    typed = code.count == "one" and function.type in TYPES
                    lines.append(f"{indent}return {code.text if typed else code.items}")
        return lines

    def _make_lazy(self, code: Code) -> tuple[Code, str]:
        """Return code that uses a variable of the value of *code*, and the line that sets it."""
        if code.text.isidentifier():
            return code, ""
        name = f"v{self.fresh()[1:]}"
        line = f"{name} = Lazy(lambda: {code.text})"
        if code.count == "several":
            return several(self.fresh(), f"{name}()", code.kind), line
        return Code(f"{name}()", code.kind, code.count), line

    def _define_key(self, key: Key, scope: Scope) -> None:
        name = self.keys[key.name]
        alternatives = self._write_alternatives(key.match, f"{name}_match", scope)
        with self._at(key.use):
            code = self.compile(parse(key.use.source), scope.within(_NODE))
        value = code.items
        self.definitions.append(
            f"def {name}(D):\n"
            f"    if {name!r} not in D.memo:\n"
            f"        found = {{}}\n"
            f"        for n in RULES.select(D, {alternatives}):\n"
            f"            for value in {value}:\n"
            f"                found.setdefault(as_string(atom(value)), []).append(n)\n"
            # A key that cannot be evaluated is kept nowhere: who asks again gets the error again.
            f"        D.memo[{name!r}] = found\n"
            f"    return D.memo[{name!r}]"
        )

    def _write_alternatives(self, pattern: Text, name: str, scope: Scope) -> str:
        with self._at(pattern):
            return write_alternatives(self, parse(pattern.source), name, scope)

    def _write_pattern(self, pattern: Pattern, number: int, scope: Scope) -> str:
        own = [variable for variable in pattern.variables if variable not in self._list_globals()]
        if own:
            scope = self._define_variables(own, replace(scope, patterned=number), f"g{number}_")
        rules = []
        for at, rule in enumerate(pattern.rules, start=1):
            name = f"r{number}_{at}"
            alternatives = self._write_alternatives(rule.context, f"c{number}_{at}", scope)
            function = self._define_rule(rule, name, scope) if rule.assertions else "None"
            rules.append(f"        ({alternatives}, {function}),\n")
        return f"    (\n{''.join(rules)}    ),\n"

    def _define_rule(self, rule: Rule, name: str, scope: Scope) -> str:
        rooted = is_rooted(list_alternatives(self._read(rule.context)))
        scope = Scope(_NODE, scope.variables, frozenset(), rooted, scope.patterned)
        lines = [f"def {name}(nodes, D, found):"]
        if rooted:
            lines.append("    Q = D.paths")
        lines.append("    for n in nodes:")
        uses = _count_uses(rule)
        for variable in rule.variables:
            code = self._convert(
                self._compile_value(variable, scope), variable.type, variable.value.place
            )
            if uses(variable.name) > 1:
                code, line = self._make_lazy(code)
                lines += [f"        {line}"] if line else []
            scope = Scope(
                scope.context,
                {**scope.variables, variable.name: code},
                scope.local | {variable.name},
                rooted,
                scope.patterned,
            )
        absent: list[tuple[tuple[int, ...], int]] = []
        for assertion in rule.assertions:
            lines += self._write_assertion(assertion, scope, absent)
        self._write_absent(lines, absent, name)
        self.definitions.append("\n".join(lines))
        return name

    def _write_assertion(
        self, assertion: Assertion, scope: Scope, absent: list[tuple[tuple[int, ...], int]]
    ) -> list[str]:
        number = len(self._assertions)
        plain = "".join(part if isinstance(part, str) else "…" for part in assertion.message)
        self._assertions.append((assertion.rule, assertion.severity.value, space(plain)))
        condition = self._condition_of(assertion.test, scope)
        missing = _ABSENT.fullmatch(condition)
        if missing is not None and not assertion.report:
            numbers = tuple(int(digits) for digits in re.findall(r"\d+", missing[1]))
            absent.append((numbers, number))
            return []
        message = self._write_message(assertion, scope)
        test = condition if assertion.report else f"not {condition}"
        return [
            "        try:",
            f"            if {test}:",
            f"                found.append((n, {number}, {message}, None))",
            "        except ERRORS as error:",
            f"            found.append((n, {number}, None, error))",
        ]

    def _write_message(self, assertion: Assertion, scope: Scope) -> str:
        if all(isinstance(part, str) for part in assertion.message):
            return "None"
        parts = []
        for part in assertion.message:
            if isinstance(part, str):
                parts.append(repr(part))
            else:
                parts.append(f"join({self._compile_text(part, scope).items}, ' ')")
        return " + ".join(parts)

    def _write_absent(
        self, lines: list[str], absent: list[tuple[tuple[int, ...], int]], name: str
    ) -> None:
        """Test at once for all paths that must not be there: seldom is there one."""
        if not absent:
            return
        numbers = sorted({number for group, _ in absent for number in group})
        self.definitions.append(f"{name}_paths = frozenset({numbers})")
        self.definitions.append(f"{name}_absent = {tuple(absent)!r}")
        lines += [
            f"        if not {name}_paths.isdisjoint(Q):",
            f"            for numbers, number in {name}_absent:",
            "                if not Q.keys().isdisjoint(numbers):",
            "                    found.append((n, number, None, None))",
        ]


def _count_uses(rule: Rule) -> Callable[[str], int]:
    """Return a function that says how often a variable is used in *rule*, at most."""
    texts = [variable.value.source for variable in rule.variables]
    for assertion in rule.assertions:
        texts.append(assertion.test.source)
        texts += [part.source for part in assertion.message if isinstance(part, Text)]
    whole = "\n".join(texts)
    return lambda name: len(re.findall(rf"\${re.escape(name)}(?![\w.-])", whole))
