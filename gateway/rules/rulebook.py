"""The rules and schemas of a folder of packs, each loaded when it is first needed and then kept."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from lxml import etree

from gateway.errors import Fault, Kind
from gateway.rules.catalogue import RuleSet
from gateway.rules.compiling import Cache, Check
from gateway.rules.packs import Pack, choose_releases, find_packs, outdated
from ubl.schema import build_schema
from ubl.schematron import UnknownConstruct

if TYPE_CHECKING:
    from xmlschema import XMLSchema10

_T = TypeVar("_T")


class Rulebook:
    """What documents are checked with, out of *rules_dir* and the packages that are installed.

    Raises Fault where a pack is damaged or rules cannot be compiled.
    """

    def __init__(self, rules_dir: Path) -> None:
        self._packs: Final = find_packs(rules_dir)
        self._cache: Final = Cache(rules_dir)
        self._checks: dict[str, Check] = {}
        self._stylesheets: dict[str, bytes] = {}
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._narrow_schemas: dict[str, etree.XMLSchema | None] = {}
        self._outdated: tuple[date, Mapping[str, str]] | None = None
        self._explainers: dict[str, XMLSchema10] = {}
        self.releases: Final[Mapping[str, tuple[RuleSet, Pack]]] = choose_releases(self._packs)

    @property
    def packs(self) -> list[Pack]:
        """The packs that were found."""
        return self._packs

    def check(self, rule_set: str) -> Check:
        """Return the compiled rules of the set *rule_set*, one of `releases`."""
        found, pack = self.releases[rule_set]
        try:
            return _once(self._checks, rule_set, lambda: self._cache.rules(pack, found))
        except UnknownConstruct as error:
            raise _unusable(found, pack, error) from error

    def is_loaded(self, root: str, rule_sets: Sequence[str]) -> bool:
        """Say whether `load` was called for such documents."""
        if not all(rule_set in self._checks for rule_set in rule_sets):
            return False
        return not self.has_schema(root) or (
            self._narrow_schemas.get(root) is not None or self.has_read_schema(root)
        )

    def load(self, root: str, rule_sets: Sequence[str]) -> None:
        """Load what most documents of *root* with *rule_sets* need, which takes a while."""
        for rule_set in rule_sets:
            self.check(rule_set)
        if self.has_schema(root) and self.narrow_schema(root) is None:
            self.schema(root)

    def outdated(self, today: date) -> Mapping[str, str]:
        """Return a warning for each rule set, by its id, whose successor is mandatory *today*."""
        if self._outdated is None or self._outdated[0] != today:
            self._outdated = today, outdated(self._packs, today)
        return self._outdated[1]

    def stylesheet(self, rule_set: str) -> bytes:
        """Return the compiled XSLT of *rule_set*; where its pack has the source alone, make it."""
        found, pack = self.releases[rule_set]
        if found.file.endswith(".xslt"):
            return pack.read(found.file)
        return _once(self._stylesheets, rule_set, lambda: self._write_stylesheet(found, pack))

    def has_schema(self, root: str) -> bool:
        """Say whether there is a schema for documents of *root*, {namespace}name."""
        return root in self._schema_names

    def has_read_schema(self, root: str) -> bool:
        """Say whether `schema` is there at once."""
        return root in self._schemas

    def schema(self, root: str) -> etree.XMLSchema:
        """Return lxml's schema for documents of *root*."""
        name = self._schema_names[root]
        return _once(self._schemas, root, lambda: build_schema(self._sources, name))

    def narrow_schema(self, root: str) -> etree.XMLSchema | None:
        """Return a schema that takes most of the good documents of *root* and no others.

        It is there in a moment; None where there is none.  [ubl.subschema]
        """
        name = self._schema_names[root]
        return _once(self._narrow_schemas, root, lambda: self._read_narrow_schema(name, root))

    def explainer(self, root: str) -> "XMLSchema10":
        """Return the schema that decides about documents of *root*, and explains."""
        from ubl.explainer import build_explainer  # noqa: PLC0415 - for few documents, and slow

        name = self._schema_names[root]
        sources = self._sources
        return _once(
            self._explainers,
            root,
            lambda: self._cache.schema(sources, name, lambda: build_explainer(sources, name)),
        )

    def _read_narrow_schema(self, name: str, root: str) -> etree.XMLSchema | None:
        hashes = {file: pack.files[file] for file, pack in self._schema_files.items()}
        part = self._cache.narrow_schema(hashes, name, root, lambda: self._sources)
        return build_schema(part, name) if part else None

    def _write_stylesheet(self, rule_set: RuleSet, pack: Pack) -> bytes:
        from ubl.schematron.xslt import write_stylesheet  # noqa: PLC0415 - for Saxon alone

        sources = {name: pack.read(name) for name in pack.files if name.endswith(".sch")}
        try:
            return write_stylesheet(sources, rule_set.file)
        except UnknownConstruct as error:
            raise _unusable(rule_set, pack, error) from error

    @cached_property
    def _schema_names(self) -> dict[str, str]:
        return {root: name for pack in self._packs for root, name in pack.schemas.items()}

    @cached_property
    def _schema_files(self) -> dict[str, Pack]:
        """The schema files of all packs, which share one tree of names, and who has each."""
        return {name: pack for pack in self._packs for name in pack.files if name.endswith(".xsd")}

    @cached_property
    def _sources(self) -> dict[str, bytes]:
        return {name: pack.read(name) for name, pack in self._schema_files.items()}


def _unusable(rule_set: RuleSet, pack: Pack, error: UnknownConstruct) -> Fault:
    detail = f"{pack.id}: the rules {rule_set.id} {rule_set.version} cannot be used: {error}"
    return Fault(Kind.INTERNAL, "unusable-rules", detail)


def _once(kept: dict[str, _T], key: str, make: Callable[[], _T]) -> _T:
    if key not in kept:
        kept[key] = make()
    return kept[key]
