"""`gateway pki`: our own certificates, and a private PKI for a sandbox.

`status`, `request`, `install` and `rotate` are about the keys of the gateway whose settings they
read; `init` and `issue` make a sandbox's authorities, and certificates for other access points.
"""

import argparse
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_USAGE,
    add_client,
    add_config,
    add_json,
    complain,
    report,
)
from gateway.sandbox import pki as authorities
from gateway.sandbox.truststores import PASSWORD, write_truststores
from ubl.identifiers import is_seat_id

SUMMARY = "look after our own certificates, or make a private PKI for a sandbox"

_Verbs = Any
"""What `add_subparsers` returns; argparse keeps its type to itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of `pki`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    _add_own_keys(verbs)
    init = verbs.add_parser("init", help="make a root, an AP CA, an SMP CA and a TLS CA")
    init.add_argument("folder", type=Path, help="folder to make; refused when it holds a PKI")
    init.add_argument(
        "--revocation-url", help="base address where the lists NAME.crl will be served"
    )
    issue = verbs.add_parser("issue", help="issue a certificate of the sandbox's AP CA")
    issue.add_argument("seat_id", help="its common name, a seat id such as PBE000009")
    issue.add_argument(
        "--pki", type=Path, required=True, help="folder of `pki init`, or the one a demo prints"
    )
    issue.add_argument("--out", type=Path, default=Path(), help="folder to write into (default: .)")
    issue.add_argument("--days", type=int, default=authorities.LEAF_DAYS, help="days of validity")
    issue.add_argument("--organisation", default="Sandbox", help="O of the subject")
    issue.add_argument("--password", default=PASSWORD, help=f"of PKCS#12 files ({PASSWORD})")
    for verb in (init, issue):
        add_json(verb)


def _add_own_keys(verbs: _Verbs) -> None:
    """Declare the verbs about our own keys."""
    status = verbs.add_parser("status", help="show each certificate of our own, and what is due")
    status.add_argument(
        "--online", action="store_true", help="ask for revocation now, not only what is kept"
    )
    add_client(status)
    request = verbs.add_parser("request", help="make a new AP key, and a request for the authority")
    request.add_argument("--organisation", help="O of the subject; by default as it is now")
    install = verbs.add_parser("install", help="check the certificate that came back, and keep it")
    install.add_argument("file", type=Path, help="PEM, DER, PKCS#7 or PKCS#12")
    install.add_argument(
        "--password-file", type=Path, metavar="FILE", help="file with the password of a PKCS#12"
    )
    rotate = verbs.add_parser("rotate", help="let the installed key sign and be published")
    rotate.add_argument("--plan", action="store_true", help="say what happens when, and do nothing")
    for each in (request, install, rotate):
        add_config(each)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return the exit code."""
    if args.what in ("init", "issue"):
        return _init(args) if args.what == "init" else _issue(args)
    from gateway.commands import ownkeys  # noqa: PLC0415 - with it come all parts of a gateway

    return ownkeys.run(args)


def _init(args: argparse.Namespace) -> int:
    if (args.folder / "root.key.pem").exists():
        complain(f"{args.folder} already holds a PKI; choose another folder")
        return EXIT_USAGE
    now = SystemClock().now()
    pki = authorities.make_pki(now=now, revocation_url=args.revocation_url)
    authorities.save_pki(pki, args.folder)
    for stem, identity in pki.authorities().items():
        (args.folder / f"{stem}.crl").write_bytes(authorities.build_crl(identity, now=now))
    certificates = {stem: f"{args.folder / stem}.cert.pem" for stem in pki.authorities()}
    report(args, {"folder": str(args.folder), "certificates": certificates}, _lines)
    return EXIT_DONE


def _issue(args: argparse.Namespace) -> int:
    if not is_seat_id(args.seat_id):
        complain(f"{args.seat_id} is no seat id: P, two capital letters, six digits (PBE000009)")
        return EXIT_USAGE
    try:
        pki = authorities.load_pki(args.pki)
    except FileNotFoundError as error:
        complain(f"{args.pki} holds no PKI ({error.filename} is missing): run `gateway pki init`")
        return EXIT_USAGE
    identity = authorities.issue_access_point(
        pki,
        args.seat_id,
        now=SystemClock().now(),
        organisation=args.organisation,
        days=args.days,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    certificate, key = authorities.write_identity(identity, args.out, args.seat_id)
    bundle = args.out / f"{args.seat_id}.p12"
    bundle.touch(mode=0o600)
    bundle.write_bytes(
        identity.pkcs12(args.password, [pki.ap_ca.certificate, pki.root.certificate])
    )
    stores = write_truststores(pki, args.out, password=args.password)
    leaf = identity.certificate
    report(
        args,
        {
            "seat_id": args.seat_id,
            "certificate": str(certificate),
            "key": str(key),
            "pkcs12": str(bundle),
            "truststores": {name: str(path) for name, path in stores.items()},
            "serial": f"{leaf.serial_number:x}",
            "expires_at": leaf.not_valid_after_utc.isoformat(),
        },
        _lines,
    )
    return EXIT_DONE


def _lines(facts: dict[str, Any]) -> list[str]:
    return [
        f"{name:12} {value}" for name, value in facts.items() if not isinstance(value, dict)
    ] + [
        f"  {name:10} {path}"
        for value in facts.values()
        if isinstance(value, dict)
        for name, path in value.items()
    ]
