"""The authorities the operator pinned, from files; and whether our own certificate fits them.

Each role has its own: an access point below a publishers' authority is none, nor one that the root
issued itself. Each stage has its own too, and generation 2 has ended.  [PEPPOL-PKI]
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from as4.certificates import Anchors, Use, check_certificate
from as4.errors import FailedAuthentication, UnusableMaterial
from gateway.settings import BadSettings, Settings, Stage
from gateway.trust.keyring import KeyRing, subject_units

_STAGE_UNITS = {Stage.TEST: "TEST", Stage.PRODUCTION: "PRODUCTION"}
_PUBLISHERS, _ACCESS_POINTS = "METADATA", "ACCESS"
"""The word in an authority's name that tells whom it certifies."""


def load_ap_anchors(settings: Settings) -> Anchors:
    """Return who may issue access point certificates; raises BadSettings.

    That is said by `trust_ap_ca_files` alone: `trust_root_files` holds nothing but roots.
    """
    settings.required("trust_root_files", "trust_ap_ca_files")
    anchors = _load(settings.trust_root_files, settings.trust_ap_ca_files)
    _refuse_role("trust_ap_ca_files", anchors, _PUBLISHERS)
    return anchors


def load_smp_anchors(settings: Settings) -> Anchors:
    """Return who may issue certificates of metadata publishers; raises BadSettings."""
    settings.required("trust_root_files", "trust_smp_ca_files")
    anchors = _load(settings.trust_root_files, settings.trust_smp_ca_files)
    _refuse_role("trust_smp_ca_files", anchors, _ACCESS_POINTS)
    return anchors


def check_own_certificate(
    settings: Settings, anchors: Anchors, keys: KeyRing, now: datetime
) -> None:
    """Raise BadSettings when our certificate is not one that peers of this stage would accept.

    Its common name must be our seat id, its authority a pinned one, and its organisational unit
    that of the stage: a test certificate must never answer for production.  The authorities must
    be those of the stage, too: two stages must not meet.  [PEPPOL-PKI]
    """
    certificate = keys.signing.certificate
    if certificate.subject_cn != settings.seat_id:
        raise BadSettings(
            [f"seat_id is {settings.seat_id}, but the AP certificate is {certificate.subject_cn}'s"]
        )
    for use in (Use.SIGN, Use.ENCRYPT):
        try:
            check_certificate(certificate.der, anchors=anchors, now=now, use=use)
        except FailedAuthentication as error:
            raise BadSettings([f"our AP certificate would be refused: {error.detail}"]) from error
    problem = _stage_problem(settings.stage, subject_units(keys.signing))
    problems = [problem] if problem else []
    publishers = load_smp_anchors(settings)
    given = {*anchors.roots, *anchors.issuers, *publishers.roots, *publishers.issuers}
    problems += sorted(each for each in map(_stage_of(settings.stage), given) if each)
    if problems:
        raise BadSettings(problems)


def _stage_problem(stage: Stage, units: tuple[str, ...]) -> str:
    """Say how *units* disagree with *stage*, or nothing.  The sandbox takes all but production."""
    words = {word for unit in units for word in unit.split()}
    wanted = _STAGE_UNITS.get(stage)
    fits = wanted in words if wanted is not None else "PRODUCTION" not in words
    text = ", ".join(units) or "none"
    return "" if fits else f"stage is {stage}, but the AP certificate's unit is {text}"


def _stage_of(stage: Stage) -> Callable[[x509.Certificate], str]:
    """Return what says how an authority disagrees with *stage*, or nothing."""

    def problem(authority: x509.Certificate) -> str:
        is_test = "TEST" in _words(authority, NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
        if stage is Stage.TEST:
            fits = is_test
        elif stage is Stage.PRODUCTION:
            fits = not is_test
        else:
            # A sandbox speaks http and to itself: nothing for the authorities of production.
            fits = is_test or "OPENPEPPOL" not in _words(authority, NameOID.ORGANIZATION_NAME)
        kind = "of tests" if is_test else "not of tests"
        return "" if fits else f"stage is {stage}, but the authority {_name(authority)} is {kind}"

    return problem


def _load(roots: Iterable[Path], issuers: Iterable[Path]) -> Anchors:
    try:
        contents = [file.read_bytes() for file in roots]
        above = Anchors.load(*contents)
        anchors = Anchors.load(*contents, *(file.read_bytes() for file in issuers))
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"trust anchors: {error}"]) from error
    if above.issuers:
        name = _name(above.issuers[0])
        raise BadSettings([f"trust_root_files: {name} is no root; name it where its role belongs"])
    for each in (*anchors.roots, *anchors.issuers):
        if {"PEPPOL", "G2"} <= _words(each, NameOID.COMMON_NAME):
            raise BadSettings([f"trust anchors: {_name(each)} has ended; take generation 3"])
    return anchors


def _refuse_role(setting: str, anchors: Anchors, word: str) -> None:
    """Raise BadSettings when one of the issuing authorities is by its name that of others."""
    for each in anchors.issuers:
        if word in _words(each, NameOID.COMMON_NAME):
            raise BadSettings([f"{setting}: {_name(each)} is the authority of another role"])


def _words(authority: x509.Certificate, *kinds: x509.ObjectIdentifier) -> set[str]:
    values = [
        str(a.value) for kind in kinds for a in authority.subject.get_attributes_for_oid(kind)
    ]
    return {word for value in values for word in value.upper().split()}


def _name(authority: x509.Certificate) -> str:
    return authority.subject.rfc4514_string()
