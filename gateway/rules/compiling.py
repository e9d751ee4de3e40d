"""Compiled rules and schemas, kept on disk so that a start does not have to compile them again.

What is kept is executed when it is read: rules as marshalled Python code, schemas that explain as
pickles.  (Of a schema that decides, its files are kept, as far as usual documents need them.)  So
the folder is ours alone (0700), a file that somebody else owns or may write is not read, and each
begins with the hash of the rest.  A file that is not right is made anew.
The name of a file covers the content of its source, the compiler and the version of Python.
"""

import hashlib
import marshal
import os
import stat
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, Final, TypeVar

import ubl
from gateway.rules.catalogue import RuleSet
from gateway.rules.packs import COMPILED, Pack
from ubl.findings import Finding
from ubl.schematron import Tree

FILES_MAX: Final = 64  # LIMIT: kept files; one version of everything is 22.
KEPT_BYTES_MAX: Final = 64 << 20  # LIMIT: a kept file; the pickle of a schema has 7 MB.

_DIGEST_BYTES: Final = 32
_T = TypeVar("_T")

Check = Callable[[Tree], list[Finding]]
Sources = Mapping[str, bytes]
"""Files of a schema, by their paths below one folder."""


class Cache:
    """The folder of compiled things below *rules_dir*.

    Where *rules_dir* does not exist or cannot be written, nothing is kept and everything is
    compiled at each start.
    """

    def __init__(self, rules_dir: Path) -> None:
        self._folder = rules_dir / COMPILED
        self._usable = rules_dir.is_dir() and _prepare(self._folder)

    def rules(self, pack: Pack, rule_set: RuleSet) -> Check:
        """Return the function that checks a tree by *rule_set*, or raise UnknownConstruct."""
        key = _key(pack, rule_set.file)
        code = self._load(f"{rule_set.id}-{key}.code", marshal.loads, CodeType)
        if code is None:
            from ubl.schematron.compiler import compile_rules  # noqa: PLC0415 - rarely needed, large

            sources = {name: pack.read(name) for name in pack.files if name.endswith(_RULE_FILES)}
            source = compile_rules(sources, rule_set.file)
            code = compile(source, f"<{rule_set.id} {rule_set.version}>", "exec")
            self._keep(f"{rule_set.id}-{key}.code", marshal.dumps(code))
        module: dict[str, Any] = {"__name__": f"compiled.{rule_set.id}"}
        exec(code, module)  # noqa: S102 - our own compiler wrote it
        check: Check = module["check"]
        return check

    def schema(self, sources: Mapping[str, bytes], name: str, build: Callable[[], _T]) -> _T:
        """Return what *build* makes of the schema *name* in *sources*, kept as a pickle."""
        import pickle  # noqa: PLC0415 - only for documents that a schema refuses
        from importlib.metadata import version  # noqa: PLC0415 - as above

        digest = hashlib.sha256()
        for each in sorted(sources):
            digest.update(f"{each} {hashlib.sha256(sources[each]).hexdigest()}\n".encode())
        digest.update(f"{name} xmlschema {version('xmlschema')} {sys.version}".encode())
        file = f"schema-{digest.hexdigest()}.pickle"
        kept: _T | None = self._load(file, _unpickle, object)
        if kept is None:
            kept = build()
            self._keep(file, pickle.dumps(kept))
        return kept

    def narrow_schema(
        self, hashes: Mapping[str, str], name: str, root: str, sources: Callable[[], Sources]
    ) -> Sources:
        """Return the part of the schema *name* that usual documents of *root* need.

        *sources* gives the files of the schema, whose *hashes* are known.  There is no such part,
        and nothing in what is returned, where it cannot be kept: making it takes longer than it
        spares; and of schemas that cannot be narrowed.
        """
        if not self._usable:
            return {}
        words = [f"{each} {hashes[each]}" for each in sorted(hashes)]
        text = "\n".join((name, root, _hash_of("subschema.py"), *words))
        file = f"schema-{hashlib.sha256(text.encode()).hexdigest()}.part"
        kept: Sources | None = self._load(file, marshal.loads, dict)
        if kept is None:
            from ubl.subschema import held_elements, narrow_schema  # noqa: PLC0415 - rarely needed

            kept = narrow_schema(sources(), name, root, held_elements()) or {}
            self._keep(file, marshal.dumps(kept))
        return kept

    def _load(self, name: str, read: Callable[[bytes], Any], kind: type) -> Any:
        """Return what the file *name* holds, or None if it is absent, damaged or not ours."""
        data = _read_own(self._folder / name) if self._usable else None
        if data is None or hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
            return None
        try:
            found = read(data[_DIGEST_BYTES:])
        except (ValueError, EOFError, TypeError):
            return None
        return found if isinstance(found, kind) else None

    def _keep(self, name: str, data: bytes) -> None:
        """Write the file *name*, whole or not at all; a full disk only costs the next start."""
        if not self._usable:
            return
        import tempfile  # noqa: PLC0415 - only where something is new

        try:
            handle, fresh = tempfile.mkstemp(prefix=".new-", dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            Path(fresh).replace(self._folder / name)
            self._make_room()
        except OSError:
            return

    def _make_room(self) -> None:
        """Remove the oldest files where there are more than FILES_MAX."""
        by_age = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[: max(0, len(by_age) - FILES_MAX)]:
            path.unlink(missing_ok=True)


_RULE_FILES: Final = (".sch", ".xslt")


def _key(pack: Pack, file: str) -> str:
    """Return the hash of everything that the code compiled from *file* depends on."""
    names = [name for name in pack.files if name.endswith(_RULE_FILES)]
    words = [f"{name} {pack.files[name]}" for name in sorted(names)]
    python = f"{sys.implementation.cache_tag} {sys.version}"
    text = "\n".join((file, _hash_of("schematron/*.py"), python, *words))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _hash_of(pattern: str) -> str:
    """Return the hash of what makes the kept things, and of what they call: it may be changed."""
    digest = hashlib.sha256()
    for path in sorted(Path(ubl.__file__).parent.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _unpickle(data: bytes) -> Any:
    """Return the object in *data*, or raise ValueError."""
    import pickle  # noqa: PLC0415 - only for documents that a schema refuses

    try:
        return pickle.loads(data)  # noqa: S301 - our own, in a folder that is ours alone
    except (pickle.UnpicklingError, AttributeError, ImportError) as error:
        raise ValueError(f"cannot be read: {error}") from error


def _prepare(folder: Path) -> bool:
    """Make *folder* for us alone; say whether it is."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and stat.S_IMODE(found.st_mode) & 0o077 == 0
    )


def _read_own(path: Path) -> bytes | None:
    """Return the content of *path* if it is a file of ours that nobody else may write."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        mode = stat.S_IMODE(found.st_mode)
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not mode & 0o022
        if not ours or found.st_size > KEPT_BYTES_MAX:
            return None
        return file.read()
