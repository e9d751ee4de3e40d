"""Documents that nobody would write and every schema accepts: seeded mutants of official examples.

A mutant is an example with a few changes, each kept only if the document is still valid by its
schema.  What changes put in comes from what other examples and unit cases have at such places, so
that many rules fire.  The same seed and number make the same mutant, on any machine.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lxml import etree

from tests.support import unitcases
from tests.support.mutations import CHANGES, WEIGHTS, Parts, pad_dates
from tests.support.rulesets import KINDS, Kind, examples, schema_of
from ubl.xml import parse

SOURCE_BYTES_MAX = 4 << 20
_VALUE_CHARS_MAX = 1_000
"""Attachments are cut to this length: no rule looks into them, and they make all else slow."""
_STEPS_MAX = 5
_TRIES_MAX = 40


@dataclass(frozen=True, slots=True)
class Mutant:
    """The *number*-th mutant of a seed: what it was made of, and the changes in words."""

    number: int
    kind: Kind
    source: str
    changes: tuple[str, ...]
    data: bytes


class Maker:
    """Makes the mutants of one *seed* from the examples below the folder *rules*."""

    def __init__(self, rules: Path, seed: int, kinds: Iterable[Kind] = KINDS) -> None:
        self._rules = rules
        self._seed = seed
        self._kinds = tuple(kinds)
        self._sources = {kind.id: self._read_sources(kind) for kind in self._kinds}
        self._parts = {
            kind.id: Parts(
                [root for _, root in self._sources[kind.id]]
                + [parse(case.document) for case in _cases(rules, kind)]
            )
            for kind in self._kinds
        }

    def make(self, number: int) -> Mutant:
        """Return the mutant with this *number*."""
        random = Random(f"{self._seed} {number}")
        kind = random.choices(self._kinds, [kind.share for kind in self._kinds])[0]
        source, example = random.choice(self._sources[kind.id])
        root, changes = deepcopy(example), []
        schema = schema_of(self._rules, kind, root)
        wanted = random.randint(1, _STEPS_MAX)
        for _ in range(_TRIES_MAX):
            tried = deepcopy(root)
            change = random.choices(CHANGES, WEIGHTS)[0]
            words = change(random, tried, self._parts[kind.id], schema)
            if words and schema.validate(tried):
                root = tried
                changes.append(words)
            if len(changes) == wanted:
                break
        if random.random() < 0.03:
            changes.append(pad_dates(root))
        data = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        return Mutant(number, kind, source, tuple(changes), data)

    def _read_sources(self, kind: Kind) -> list[tuple[str, etree._Element]]:
        sources = []
        for path in examples(self._rules, kind):
            data = path.read_bytes()
            if len(data) <= SOURCE_BYTES_MAX:
                root = parse(data, bytes_max=SOURCE_BYTES_MAX)
                for value in root.iter("{*}EmbeddedDocumentBinaryObject"):
                    value.text = "".join((value.text or "").split())[:_VALUE_CHARS_MAX]
                if schema_of(self._rules, kind, root).validate(root):
                    sources.append((path.name, root))
        return sources


def _cases(rules: Path, kind: Kind) -> list[unitcases.UnitCase]:
    wanted = {rule_set.id for rule_set in kind.rules}
    cases = unitcases.en16931_cases(rules) + unitcases.peppol_cases(rules)
    return [case for case in cases if case.rules.id in wanted]
