"""Where values come from: the file, the environment and the flags, each over the one before."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.settings.values import Key, read_value

PREFIX = "GATEWAY_"
_VALUE_FILE_BYTES_MAX = 64 * 1024  # LIMIT: a value read through GATEWAY_*_FILE.


class BadSettings(Exception):  # noqa: N818 - it names the state of the settings
    """One or more settings cannot be used; *problems* has one sentence for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Sources:
    """Values of all sources so far; a later one wins. What is wrong is collected, not raised."""

    def __init__(self, table: Iterable[Key], environ: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []
        self._keys = {key.name: key for key in table}
        self._environ = environ

    def read_file(self, path: Path | None) -> None:
        """Take the values of `gateway.toml`; only the one in the working folder may be absent."""
        named = path or (Path(text) if (text := self._environ.get(PREFIX + "CONFIG")) else None)
        chosen = named or Path("gateway.toml")
        if named is None and not chosen.exists():
            return
        import tomllib  # noqa: PLC0415 - many commands have no file

        try:
            table = tomllib.loads(chosen.read_text("utf-8"))
        except (OSError, ValueError) as exc:
            self.problems.append(f"{chosen} cannot be read: {exc}")
            return
        for name, raw in table.items():
            self._take(name, raw, str(chosen), chosen.parent)

    def read_environ(self) -> None:
        """Take `DATABASE_URL` and every `GATEWAY_` variable that is not empty."""
        if url := self._environ.get("DATABASE_URL"):
            self._take("database_url", url, "DATABASE_URL")
        for variable in sorted(self._environ):
            text = self._environ[variable]
            if text and variable.startswith(PREFIX) and variable != PREFIX + "CONFIG":
                self._read_variable(variable, text)

    def read_flags(self, flags: Mapping[str, Any]) -> None:
        """Take the flags that were given."""
        for name, raw in flags.items():
            if raw is not None:
                self._take(name, raw, "--" + name.replace("_", "-"))

    def _read_variable(self, variable: str, text: str) -> None:
        name = variable.removeprefix(PREFIX).lower()
        from_file = name.removesuffix("_file")
        if name in self._keys or from_file == name or from_file not in self._keys:
            self._take(name, text, variable)
        elif self._environ.get(PREFIX + from_file.upper()):
            self.problems.append(f"{variable} and {PREFIX}{from_file.upper()} are both set")
        else:
            try:
                self._take(from_file, _value_of_file(Path(text)), variable)
            except (OSError, ValueError) as exc:
                self.problems.append(f"{variable}: {text} cannot be read: {exc}")

    def _take(self, name: str, raw: Any, origin: str, folder: Path | None = None) -> None:
        key = self._keys.get(name)
        if key is None:
            near = difflib.get_close_matches(name, [*self._keys, "config"], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.problems.append(f"{origin}: unknown key {name}{hint}")
            return
        try:
            self.values[name] = read_value(key, raw, folder)
            self.origins[name] = origin
        except ValueError as exc:
            self.problems.append(f"{origin}: {name} {exc}")


def _value_of_file(path: Path) -> str:
    """Return the text in *path* without its last line break."""
    with path.open("rb") as file:
        data = file.read(_VALUE_FILE_BYTES_MAX + 1)
    if len(data) > _VALUE_FILE_BYTES_MAX:
        raise ValueError("the file is too large for a setting")
    return data.decode().removesuffix("\n").removesuffix("\r")
