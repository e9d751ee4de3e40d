"""Before anything runs: are the settings fit to start with, and is the database ready?"""

import ipaddress
import socket

from as4.certificates import Use, check_certificate
from as4.errors import FailedAuthentication, UnusableMaterial
from gateway.app.listening import server_tls
from gateway.app.lookups import build_resolver
from gateway.app.parts import make_clock, peer_tls, smp_key_files
from gateway.clock import Clock
from gateway.settings import BadSettings, Settings, Stage, host_and_port
from gateway.store.archive import Archive
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.eras import follow_cluster
from gateway.store.leftovers import sweep_archive
from gateway.store.migrate import upgrade
from gateway.store.pool import Database, assert_durable
from gateway.trust import check_own_certificate, load_ap_anchors, load_key_ring, load_smp_anchors
from gateway.web.security import ensure_first_key
from gateway.web.smp import KeyFiles

__all__ = ["bind", "check_settings", "prepare"]

_NEEDED = ("seat_id", "country", "public_url", "sml_zone")


def check_settings(settings: Settings) -> None:
    """Raise BadSettings unless a gateway can run with *settings*; nothing is started for it.

    Our certificate must be one that peers of this stage accept, and the seat's own.
    """
    settings.required(*_NEEDED)
    now = make_clock(settings).now()
    check_own_certificate(settings, load_ap_anchors(settings), load_key_ring(settings), now)
    _check_publisher(settings)
    _check_listener(settings)
    peer_tls(settings)
    build_resolver(settings)


def _check_publisher(settings: Settings) -> None:
    """Raise BadSettings when nobody would believe what our SMP signs."""
    files = smp_key_files(settings)
    if files is None:
        return
    try:
        pair = KeyFiles(*files)()
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"smp_key_file and smp_certificate_file: {error}"]) from error
    anchors, now = load_smp_anchors(settings), make_clock(settings).now()
    try:
        check_certificate(pair.certificate.der, anchors=anchors, now=now, use=Use.SMP)
    except FailedAuthentication as error:
        raise BadSettings([f"our SMP certificate would be refused: {error.detail}"]) from error


def _check_listener(settings: Settings) -> None:
    """Raise BadSettings when peers would have to speak to us without TLS.  [PEPPOL-AS4 §2.2.2]

    Without TLS files the listener speaks plain http: in the sandbox, or to a proxy beside it.
    """
    if server_tls(settings) is not None or settings.stage is Stage.SANDBOX:
        return
    host, _ = host_and_port(settings.public_listen)
    if not _is_loopback(host):
        problem = (
            "public_tls_certificate_file is not set: outside the sandbox the public listener"
            " speaks TLS itself, or listens on loopback behind a proxy that does"
        )
        raise BadSettings([problem])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def prepare(settings: Settings, dsn: str, clock: Clock) -> None:
    """Bring the database at *dsn* up to date and put what a first start needs into it.

    Files that a crash left in the archive go.
    Raises NotDurable when its commits could be lost, MigrationFailed, Unavailable.
    """
    await upgrade(dsn)
    await follow_cluster(dsn)
    db = await Database.open(dsn, max_size=2)
    try:
        await assert_durable(db)
        await ensure_default_dossier(
            db,
            dossier_id=clock.uuid(),
            name=settings.dossier_name,
            country=settings.country or "",
            now=clock.now(),
            is_test=settings.stage is not Stage.PRODUCTION,
        )
        await ensure_first_key(db, clock=clock, settings=settings)
        archive = Archive(settings.data_dir / "archive")
        archive.sweep_leftovers()
        await sweep_archive(db, archive)
    finally:
        await db.close()


def bind(address: str, *, shared: bool) -> socket.socket:
    """Return a socket bound to *address* (host:port), not yet listening.

    *shared*: other processes bind the same port; the kernel spreads connections over them.
    Raises BadSettings when the port is taken.
    """
    host, port = host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadSettings([f"cannot listen on {address}: {error.strerror}"]) from error
    bound.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return bound
