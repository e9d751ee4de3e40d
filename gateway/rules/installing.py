"""Install rule packs: from the registries, or from a file or folder that somebody names.

A pack is written beside its place and moved there whole, so that who reads meanwhile sees the old
one or the new one.  What cannot be used is refused before: each rule set of a new pack is compiled.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import Fault, Kind, Unavailable
from gateway.rules.catalogue import ARTEFACTS, FILE_STEMS, Artefact, RuleSet, version_key
from gateway.rules.compiling import Cache
from gateway.rules.fetching import fetch, is_available, read_bounded
from gateway.rules.packs import (
    ASIDE,
    MANIFEST,
    PACK_FILE_BYTES_MAX,
    Pack,
    check_name,
    find_sound_packs,
    hash_of,
    read_pack,
    write_manifest,
)
from gateway.rules.unpacking import unpack
from ubl.schematron import UnknownConstruct

# LIMIT: files of a folder that is installed as a pack.
FOLDER_FILES_MAX = 500

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What an installation did: packs that are there now, and what could not be had and why."""

    packs: tuple[Pack, ...] = ()
    unchanged: tuple[Pack, ...] = ()
    problems: tuple[str, ...] = ()


def install_from_registries(rules_dir: Path, say: Say) -> Installed:
    """Fetch every pinned artefact that is not yet in *rules_dir*; *say* is told what is done.

    An artefact that cannot be fetched is a problem in the result, not an exception.
    """
    there = {pack.id: pack for pack in find_sound_packs(rules_dir)}
    packs, unchanged, problems = [], [], []
    for artefact in ARTEFACTS:
        pack = there.get(artefact.id)
        if pack is not None and _is_as_new(pack, artefact) and not pack.damaged_files():
            unchanged.append(pack)
        elif not is_available(artefact.client):
            problems.append(f"{artefact.source}: Maven (`mvn`) is not installed")
        else:
            try:
                packs.append(_fetch_pack(artefact, rules_dir, say))
            except (Unavailable, Fault) as error:
                problems.append(f"{artefact.source}: {error.detail}")
    return Installed(packs=tuple(packs), unchanged=tuple(unchanged), problems=tuple(problems))


def install_from_path(path: Path, rules_dir: Path, version: str | None, say: Say) -> Installed:
    """Install *path* into *rules_dir*; raise Fault where it is nothing that can be.

    It may be a pinned artefact that was downloaded elsewhere, the folder of an installed pack, or
    rule files under their publishers' names, whose *version* is in their name or must be given.
    """
    say(f"reading {path}")
    if (path / MANIFEST).is_file():
        found = read_pack(path)
        pack = _store(found, {name: found.read(name) for name in found.files}, rules_dir)
    elif path.is_dir():
        pack = _install_files(_files_below(path), path, rules_dir, version)
    else:
        data = read_bounded(path)
        digest = hashlib.sha256(data).hexdigest()
        artefact = next((each for each in ARTEFACTS if each.sha256 == digest), None)
        if artefact is not None:
            pack = _unpack_artefact(artefact, data, rules_dir)
        elif path.suffix in (".sch", ".xslt"):
            pack = _install_files({path.name: data}, path, rules_dir, version)
        else:
            raise _unusable(
                f"{path} is none of the archives that are known by their sha256: unpack it, and"
                " name its .sch or .xslt file or their folder"
            )
    return Installed(packs=(pack,))


def outdated_packs(rules_dir: Path) -> list[tuple[Pack, Artefact]]:
    """Return each installed pack that is older than the artefact pinned here, with that."""
    pinned = {artefact.id: artefact for artefact in ARTEFACTS}
    return [
        (pack, pinned[pack.id])
        for pack in find_sound_packs(rules_dir)
        if pack.id in pinned and not _is_as_new(pack, pinned[pack.id])
    ]


def _is_as_new(pack: Pack, artefact: Artefact) -> bool:
    """Say whether *pack* is *artefact*, or a later release than this program knows."""
    newer = version_key(pack.version) > version_key(artefact.version)
    return newer or pack.sha256 == artefact.sha256


def missing_artefacts(rules_dir: Path) -> list[Artefact]:
    """Return the artefacts that are not installed and could be fetched here."""
    there = {pack.id for pack in find_sound_packs(rules_dir)}
    return [each for each in ARTEFACTS if each.id not in there and is_available(each.client)]


def _fetch_pack(artefact: Artefact, rules_dir: Path, say: Say) -> Pack:
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        data = fetch(artefact, Path(folder), say)
    say(f"unpacking and compiling {artefact.id} {artefact.version}")
    return _unpack_artefact(artefact, data, rules_dir)


def _unpack_artefact(artefact: Artefact, data: bytes, rules_dir: Path) -> Pack:
    content = unpack(data, artefact.members.values())
    files = {name: content[member] for name, member in artefact.members.items()}
    pack = Pack(
        id=artefact.id,
        version=artefact.version,
        source=artefact.source,
        sha256=artefact.sha256,
        folder=rules_dir / artefact.id,
        rule_sets=artefact.rule_sets,
        schemas=artefact.schemas,
        files=hash_of(files),
        elsewhere={},
    )
    return _store(pack, files, rules_dir)


def _files_below(folder: Path) -> dict[str, bytes]:
    """Return the rule files in *folder* and what is below it, by their paths."""
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in (".sch", ".xslt") and path.is_file() and not path.is_symlink()
    )
    if len(paths) > FOLDER_FILES_MAX:
        raise _unusable(f"{folder} has more than {FOLDER_FILES_MAX} rule files")
    return {str(path.relative_to(folder).as_posix()): read_bounded(path) for path in paths}


def _install_files(
    files: dict[str, bytes], path: Path, rules_dir: Path, version: str | None
) -> Pack:
    """Install rule files that were named, as a pack of the name of their file or folder."""
    rule_sets = tuple(_recognise(files, version))
    if not rule_sets:
        known = ", ".join(sorted(FILE_STEMS))
        raise _unusable(f"{path} has no rule file with a name that is known here: {known}")
    hashes = hash_of(files)
    digest = hashlib.sha256("".join(f"{hashes[n]} {n}\n" for n in sorted(files)).encode())
    identifier = "own-" + "-".join(sorted(each.id for each in rule_sets))
    pack = Pack(
        id=identifier,
        version="-".join(sorted({each.version for each in rule_sets})),
        source=str(path.resolve()),
        sha256=digest.hexdigest(),
        folder=rules_dir / identifier,
        rule_sets=rule_sets,
        schemas={},
        files=hashes,
        elsewhere={},
    )
    return _store(pack, files, rules_dir)


def _recognise(files: Iterable[str], version: str | None) -> list[RuleSet]:
    """Return the rule sets in *files*: a compiled file is preferred, for every engine reads it."""
    found: dict[str, RuleSet] = {}
    for name in sorted(files, key=lambda each: (not each.endswith(".xslt"), each)):
        stem, number = _split_name(name.rpartition("/")[2])
        identifier = FILE_STEMS.get(stem)
        if identifier is not None and identifier not in found:
            found[identifier] = RuleSet(id=identifier, version=number or "", file=name)
    nameless = [each for each in found.values() if not each.version]
    if len(nameless) > 1:
        names = ", ".join(each.file for each in nameless)
        raise _unusable(f"{names} do not say their versions: install them one by one")
    if nameless and version is None:
        raise _unusable(f"{nameless[0].file} does not say its version: add --version")
    return [replace(each, version=each.version or version or "") for each in found.values()]


def _split_name(name: str) -> tuple[str, str | None]:
    """Return what *name* is called, and the version that stands behind that, if one does."""
    bare = name.rpartition(".")[0]
    if bare in FILE_STEMS:
        return bare, None
    stem, _, number = bare.rpartition("-")
    return (stem, number) if number[:1].isdigit() else (bare, None)


def _store(pack: Pack, files: dict[str, bytes], rules_dir: Path) -> Pack:
    """Write *pack* with its *files* below *rules_dir* in place of what is there of its name."""
    try:
        check_name(pack.id)
        rules_dir.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{pack.id}-", dir=rules_dir))
    except (OSError, ValueError) as error:
        raise Fault(Kind.INVALID, "rules-not-writable", f"{rules_dir}: {error}") from error
    try:
        written = _write(replace(pack, folder=fresh), files)
        _check_rules(written, Cache(rules_dir))
        fresh.chmod(0o755)
        return replace(pack, folder=_move(fresh, rules_dir / pack.id))
    except OSError as error:
        detail = f"{rules_dir} cannot be written: {error}"
        raise Fault(Kind.INVALID, "rules-not-writable", detail) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(pack: Pack, files: dict[str, bytes]) -> Pack:
    for name, data in files.items():
        if len(data) > PACK_FILE_BYTES_MAX:
            raise _unusable(f"{name} is larger than {PACK_FILE_BYTES_MAX} bytes")
        path = pack.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write_manifest(pack)
    # What a power cut leaves is the old pack or the new one, not names without contents.
    for name in (*files, MANIFEST):
        with (pack.folder / name).open("rb") as file:
            os.fsync(file.fileno())
    return pack


def _check_rules(pack: Pack, cache: Cache) -> None:
    """Compile the rule sets of *pack*, or raise Fault naming what cannot be compiled."""
    for each in pack.rule_sets:
        try:
            cache.rules(pack, each)
        except UnknownConstruct as error:
            raise _unusable(f"{pack.id}: {each.file}: {error}") from error


def _move(fresh: Path, place: Path) -> Path:
    """Put the folder *fresh* in *place*; what was there is moved aside first, then removed."""
    old = fresh.with_name(fresh.name + ASIDE)
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    return place


def _unusable(detail: str) -> Fault:
    return Fault(Kind.INVALID, "unusable-rules", detail)
