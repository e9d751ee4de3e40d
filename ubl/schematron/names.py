"""Names of rules as Python source has them, and what a rule set keeps in constants.

Nothing of a rule file is ever put into source but through `repr` or through these.
"""

import re
from collections.abc import Mapping
from typing import Final

from ubl.schematron.errors import UnknownConstruct

__all__ = ["Constants", "Namespaces"]

_UNFIT: Final = re.compile(r"[^A-Za-z0-9]+")


class Namespaces:
    """The prefixes that the expressions of a rule file use."""

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._uris = dict(uris)

    def resolve(self, name: str) -> str:
        """Return *name* with its namespace: `{uri}local`, or `local` without a prefix."""
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return local
        uri = self._uris.get(prefix)
        if uri is None:
            raise UnknownConstruct(f"the prefix {prefix} without a namespace")
        return f"{{{uri}}}{local}"

    def resolve_all(self, prefix: str) -> str:
        """Return how the names that `prefix:*` matches begin."""
        return self.resolve(f"{prefix}:")


class Constants:
    """Values that stand once at the head of the generated module."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def add(self, hint: str, source: str) -> str:
        """Return the name of the constant whose value is *source*; *hint* makes it readable."""
        known = self._names.get(source)
        if known is not None:
            return known
        fit = _UNFIT.sub("_", hint).strip("_")[:40]
        name = f"{fit}_{len(self._names)}" if fit else f"C_{len(self._names)}"
        if not name[0].isalpha():
            name = f"C_{name}"
        self._names[source] = name
        return name

    def write(self) -> list[str]:
        """Return one line of source for each constant."""
        return [f"{name} = {source}" for source, name in self._names.items()]
