"""The authorities the operator pinned, from files; and whether our own certificate fits them."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from as4.certificates import Anchors, Use, check_certificate
from as4.errors import FailedAuthentication, UnusableMaterial
from gateway.settings import BadSettings, Settings, Stage
from gateway.trust.keyring import KeyRing, subject_units

_STAGE_UNITS = {Stage.TEST: "TEST", Stage.PRODUCTION: "PRODUCTION"}


def load_ap_anchors(settings: Settings) -> Anchors:
    """Return who may issue access point certificates; raises BadSettings."""
    settings.required("trust_root_files", "trust_ap_ca_files")
    return _load((*settings.trust_root_files, *settings.trust_ap_ca_files))


def load_smp_anchors(settings: Settings) -> Anchors:
    """Return who may issue certificates of metadata publishers; raises BadSettings."""
    settings.required("trust_root_files", "trust_smp_ca_files")
    return _load((*settings.trust_root_files, *settings.trust_smp_ca_files))


def check_own_certificate(
    settings: Settings, anchors: Anchors, keys: KeyRing, now: datetime
) -> None:
    """Raise BadSettings when our certificate is not one that peers of this stage would accept.

    Its common name must be our seat id, its authority a pinned one, and its organisational unit
    that of the stage: a test certificate must never answer for production.  [PEPPOL-PKI]
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
    if problem:
        raise BadSettings([problem])


def _stage_problem(stage: Stage, units: tuple[str, ...]) -> str:
    """Say how *units* disagree with *stage*, or nothing.  The sandbox takes all but production."""
    words = {word for unit in units for word in unit.split()}
    wanted = _STAGE_UNITS.get(stage)
    fits = wanted in words if wanted is not None else "PRODUCTION" not in words
    text = ", ".join(units) or "none"
    return "" if fits else f"stage is {stage}, but the AP certificate's unit is {text}"


def _load(files: Iterable[Path]) -> Anchors:
    try:
        return Anchors.load(*(file.read_bytes() for file in files))
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"trust anchors: {error}"]) from error
