"""The verbs of `gateway pki` about our own keys: status, request, install, rotate.

They work on the files that the settings name, beside a running gateway, which takes up what changed
within seconds.
"""

import argparse
import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import FailedAuthentication, KeyPair, Revocation, load_certificate
from gateway.app import make_clock, make_egress
from gateway.app.reloading import LOOK_SECONDS
from gateway.app.trusts import Nobody, build_trusts
from gateway.client import GatewayClient
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    Progress,
    api_access,
    load_settings,
    report,
)
from gateway.egress import Purpose
from gateway.errors import Fault, Kind, Unavailable
from gateway.ports import HttpAsker, HttpGetter
from gateway.settings import BadSettings, Settings
from gateway.trust import load_ap_anchors, load_key_ring
from gateway.trust.inventory import USED_FOR, OwnCertificate, Role, own_certificates
from gateway.trust.keyring import key_folder, load_current_pair
from gateway.trust.renewal import (
    ANSWER_BYTES_MAX,
    install_certificate,
    next_pair,
    request_certificate,
    rotate_keys,
)
from gateway.trust.rollover import plan_rollover

API_SECONDS_MAX = 10.0  # LIMIT: a status is asked for by a person, the gateway may be down.


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return the exit code.  Raises BadSettings, Fault."""
    verb = {"status": _status, "request": _request, "install": _install, "rotate": _rotate}
    return verb[args.what](args, load_settings(args))


def _request(args: argparse.Namespace, settings: Settings) -> int:
    made = request_certificate(settings, args.organisation)
    facts = {
        "key": str(made.key_file),
        "request": str(made.request_file),
        "subject": made.subject,
        "next": f"send {made.request_file} to the authority, then `gateway pki install`",
    }
    report(args, facts, _pairs)
    return EXIT_DONE


def _install(args: argparse.Namespace, settings: Settings) -> int:
    try:
        with args.file.open("rb") as file:
            data = file.read(ANSWER_BYTES_MAX + 1)
        password = args.password_file.read_text().rstrip("\r\n") if args.password_file else None
    except (OSError, ValueError) as error:
        raise Fault(Kind.INVALID, "no-such-file", f"the file cannot be read: {error}") from error
    if len(data) > ANSWER_BYTES_MAX:
        raise Fault(Kind.INVALID, "certificate-unfit", f"{args.file} is too large to be one")
    pair = install_certificate(
        settings, data, password, anchors=load_ap_anchors(settings), now=_now(settings)
    )
    facts = {
        "installed": str(key_folder(settings).next_certificate),
        **_described(pair),
        "next": "`gateway pki rotate --plan`, then `gateway pki rotate`",
    }
    report(args, facts, _pairs)
    return EXIT_DONE


def _rotate(args: argparse.Namespace, settings: Settings) -> int:
    if args.plan:
        return _plan(args, settings)
    anchors = load_ap_anchors(settings)
    next_pair(settings, anchors=anchors, now=_now(settings))
    _let_processes_learn(args, settings)
    done = rotate_keys(settings, anchors=anchors, now=_now(settings))
    facts = {
        "in_use": _described(done.current),
        "previous_file": None if done.previous_file is None else str(done.previous_file),
        "next": f"running gateways take it up within {LOOK_SECONDS:.0f} seconds",
    }
    report(args, facts, lambda _: _pairs({**_described(done.current), **facts, "in_use": "yes"}))
    return EXIT_DONE


def _let_processes_learn(args: argparse.Namespace, settings: Settings) -> None:
    """Wait until every process opens messages with the new key, before one of them publishes it."""
    installed = key_folder(settings).next_certificate.stat().st_mtime
    left = installed + 2 * LOOK_SECONDS - time.time()  # noqa: TID251 - compared with a file's time
    if left > 0:
        Progress(args).say("waiting until every process opens messages with the new key")
        time.sleep(min(left, 2 * LOOK_SECONDS))


def _plan(args: argparse.Namespace, settings: Settings) -> int:
    now, waits = _now(settings), key_folder(settings).has_next()
    anchors = load_ap_anchors(settings)
    fresh = next_pair(settings, anchors=anchors, now=now) if waits else None
    plan = plan_rollover(settings, current=load_current_pair(settings), fresh=fresh, now=now)
    facts = {"latest_at": plan.latest_at, "steps": [asdict(step) for step in plan.steps]}
    report(args, facts, _plan_lines)
    return EXIT_DONE


def _status(args: argparse.Namespace, settings: Settings) -> int:
    now = _now(settings)
    certificates = asyncio.run(_inventory(settings, now, online=args.online))
    folder = key_folder(settings)
    published = asyncio.run(_published(args))
    requested = folder.next_key.exists() and not folder.has_next()
    facts: dict[str, Any] = {
        "ok": not any(each.problem for each in certificates),
        "certificates": [_row(each) for each in certificates],
        "requested": str(folder.next_request) if requested else None,
        "published": _compared(published, certificates),
        "warnings": _warnings(certificates, published),
    }
    report(args, facts, _status_lines)
    return EXIT_DONE if facts["ok"] else EXIT_REFUSED


async def _inventory(settings: Settings, now: datetime, *, online: bool) -> list[OwnCertificate]:
    """Return our certificates; only *online* asks the authorities, else what is kept counts."""
    if not online:
        nobody = Nobody()
        with _silent("gateway.trust"):
            return await _asked(settings, now, nobody, nobody)
    async with make_egress(settings) as egress:
        asker = egress.asker(Purpose.OCSP)
        return await _asked(settings, now, egress.getter(Purpose.CRL), asker)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep the log *name* quiet: that nobody can be asked is no news where nobody is."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


async def _asked(
    settings: Settings, now: datetime, getter: HttpGetter, asker: HttpAsker
) -> list[OwnCertificate]:
    try:
        keys = load_key_ring(settings)
        judges = build_trusts(settings, keys, getter=getter, asker=asker)
    except BadSettings:
        judges = None  # what cannot be read is told with the certificate itself

    async def ask(role: Role, certificate: x509.Certificate) -> Revocation | None:
        if judges is None:
            return Revocation.UNKNOWN
        judge = judges[1] if role is Role.SMP else judges[0]
        try:
            read = load_certificate(certificate.public_bytes(Encoding.DER))
            named = read.crl_urls or read.ocsp_urls
            return await judge.revocation(read, now) if named else None
        except FailedAuthentication:
            return Revocation.UNKNOWN

    return await own_certificates(settings, now=now, revocation_of=ask)


async def _published(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the network finds in our metadata, asked through the running gateway."""
    try:
        url, key = api_access(args)
        async with asyncio.timeout(API_SECONDS_MAX), GatewayClient(url, key) as client:
            for each in await client.participants():
                for service in each.services:
                    found = await client.lookup(
                        each.participant, service.document_type, service.process
                    )
                    certificate = found["endpoint"]["certificate"]
                    return {"participant": each.participant, **certificate}
    except (BadSettings, Unavailable, Fault, TimeoutError) as error:
        return {"unknown": str(error) or "the gateway did not answer in time"}
    return {"unknown": "no participant is registered yet"}


def _compared(published: Mapping[str, Any], mine: list[OwnCertificate]) -> dict[str, Any]:
    """Return *published* with the role of the certificate that it is."""
    role = next((str(e.role) for e in mine if e.sha256 == published.get("sha256")), None)
    return {**published, "role": role if "sha256" in published else None}


def _warnings(mine: list[OwnCertificate], published: Mapping[str, Any]) -> list[str]:
    found = [f"{each.role}: {text}" for each in mine for text in (each.problem, each.warning)]
    found += [
        f"{each.role}: whether it was revoked is not known"
        for each in mine
        if each.revocation is Revocation.UNKNOWN and each.role is not Role.PREVIOUS
    ]
    current = next((each.sha256 for each in mine if each.role is Role.CURRENT), None)
    if "sha256" in published and published["sha256"] != current:
        found.append("published: the network finds another certificate than the one in use")
    return [text for text in found if not text.endswith(": ")]


def _row(each: OwnCertificate) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "role": each.role,
        "used_for": USED_FOR[each.role],
        "file": str(each.file),
        "problem": each.problem or None,
        "warning": each.warning or None,
    }
    if each.x509 is not None:
        facts |= {
            "subject": each.x509.subject.rfc4514_string(),
            "issuer": each.x509.issuer.rfc4514_string(),
            "stage": each.stage,
            "serial": f"{each.x509.serial_number:x}",
            "sha256": each.sha256,
            "not_before": each.x509.not_valid_before_utc,
            "not_after": each.x509.not_valid_after_utc,
            "days_left": each.days_left,
            "revocation": None if each.revocation is None else each.revocation.name.lower(),
            "may_go_at": each.may_go_at,
        }
    return facts


def _status_lines(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    for row in facts["certificates"]:
        lines += [f"{row['role']:9} {row.get('subject', row['file'])}"]
        if "serial" in row:
            revoked = f", {row['revocation']}" if row["revocation"] else ""
            lines += [
                f"          by {row['issuer']}",
                f"          serial {row['serial']}, {row['days_left']} days left{revoked}",
                f"          {row['used_for']}",
            ]
    if facts["requested"]:
        lines.append(f"requested {facts['requested']}: its certificate is not installed yet")
    published = facts["published"]
    what = published.get("unknown") or f"{published['role'] or 'another'}, {published['serial']}"
    lines.append(f"published {what}")
    return lines + [f"warning   {text}" for text in facts["warnings"]]


def _plan_lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{step['at']:%Y-%m-%d %H:%M} {step['what']}\n                 {step['why']}"
        if step["at"]
        else f"{'first':16} {step['what']}\n                 {step['why']}"
        for step in facts["steps"]
    ]
    return [*lines, f"The new key must be in use by {facts['latest_at']:%Y-%m-%d %H:%M} UTC."]


def _described(pair: KeyPair) -> dict[str, Any]:
    certificate = pair.certificate
    return {
        "subject": certificate.subject,
        "serial": f"{certificate.serial:x}",
        "sha256": certificate.fingerprint.hex(),
        "not_after": certificate.not_after,
    }


def _pairs(facts: Mapping[str, Any]) -> list[str]:
    return [f"{name:14} {value}" for name, value in facts.items() if value is not None]


def _now(settings: Settings) -> datetime:
    return make_clock(settings).now()
