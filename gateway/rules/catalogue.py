"""What the registries have: which artefact holds which rules, and the hash it must have.

Rule files are never part of this repository: the Peppol files carry no licence to pass them on.
An artefact is fetched by the client of its registry, and unpacked into a pack (`packs.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final


class Client(StrEnum):
    """The program that fetches an artefact."""

    MAVEN = "mvn"
    PIP = "pip"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One set of rules: what it is called, and the file that holds it.

    *file* is a name inside the pack; *mandatory_on* is the day from which documents must obey it,
    where its publisher has set one.
    """

    id: str
    version: str
    file: str
    mandatory_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One pinned file of a registry; *members* says where in it each file of the pack is."""

    id: str
    version: str
    client: Client
    coordinates: str
    sha256: str
    members: Mapping[str, str]
    rule_sets: tuple[RuleSet, ...] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The words that name it to a person."""
        return f"{'Maven' if self.client is Client.MAVEN else 'PyPI'} {self.coordinates}"

    @property
    def file_name(self) -> str:
        """The name that the client gives to the downloaded file."""
        if self.client is Client.MAVEN:
            return f"{self.id}-{self.version}.jar"
        return f"{self.id.replace('-', '_')}-{self.version}.tar.gz"


EN16931: Final = "en16931"
BIS3: Final = "peppol-bis3"
SELF_BILLING: Final = "peppol-selfbilling"
INVOICE_RESPONSE: Final = "peppol-invoice-response"
MLR: Final = "peppol-mlr"
MLS: Final = "peppol-mls"
EUSR: Final = "peppol-eusr"
TSR: Final = "peppol-tsr"
UBL_BE: Final = "ubl-be"

# How the publishers name the file of each set, without version and ending.
FILE_STEMS: Final[Mapping[str, str]] = {
    "EN16931-UBL-validation": EN16931,
    "CEN-EN16931-UBL": EN16931,
    "PEPPOL-EN16931-UBL": BIS3,
    "PEPPOL-EN16931-UBL-SB": SELF_BILLING,
    "PEPPOLBIS-T111": INVOICE_RESPONSE,
    "PEPPOLBIS-T71": MLR,
    "peppol-mls": MLS,
    "peppol-end-user-statistics-reporting": EUSR,
    "peppol-transaction-statistics-reporting": TSR,
    "GLOBALUBL.BE": UBL_BE,
}

UBL_NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE_ROOT: Final = f"{{{UBL_NAMESPACE}Invoice-2}}Invoice"
CREDIT_NOTE_ROOT: Final = f"{{{UBL_NAMESPACE}CreditNote-2}}CreditNote"
RESPONSE_ROOT: Final = f"{{{UBL_NAMESPACE}ApplicationResponse-2}}ApplicationResponse"
EUSR_ROOT: Final = "{urn:fdc:peppol:end-user-statistics-report:1.1}EndUserStatisticsReport"
TSR_ROOT: Final = "{urn:fdc:peppol:transaction-statistics-report:1.0}TransactionStatisticsReport"

_MAY_2026: Final = "external/schematron/openpeppol/2026.5/xslt"
_REPORTING: Final = "external/schematron/reporting"
_EUSR_FILE: Final = "peppol-end-user-statistics-reporting"
_TSR_FILE: Final = "peppol-transaction-statistics-reporting"
_CORE: Final = "mcp_einvoicing_core-1.34.1/specs/peppol"
_REPORT_SCHEMAS: Final = {EUSR_ROOT: "schemas/eusr.xsd", TSR_ROOT: "schemas/tsr.xsd"}

PEPPOL_JAR: Final = Artefact(
    id="phive-rules-peppol",
    version="4.3.7",
    client=Client.MAVEN,
    coordinates="com.helger.phive.rules:phive-rules-peppol:4.3.7",
    sha256="c82aaeda5ca16166034421393d160ec6cf77460b16e027eecc4bb5fe67a552ce",
    members={
        "PEPPOL-EN16931-UBL.xslt": f"{_MAY_2026}/PEPPOL-EN16931-UBL.xslt",
        "PEPPOL-EN16931-UBL-SB.xslt": f"{_MAY_2026}/PEPPOL-EN16931-UBL-SB.xslt",
        "PEPPOLBIS-T111.xslt": f"{_MAY_2026}/PEPPOLBIS-T111.xslt",
        "PEPPOLBIS-T71.xslt": f"{_MAY_2026}/PEPPOLBIS-T71.xslt",
        "eusr.xslt": f"{_REPORTING}/eusr/1.1.5/xslt/{_EUSR_FILE}-1.1.5.xslt",
        "tsr.xslt": f"{_REPORTING}/tsr/1.0.5/xslt/{_TSR_FILE}-1.0.5.xslt",
        "schemas/eusr.xsd": f"external/schemas/{_EUSR_FILE}-1.1.xsd",
        "schemas/tsr.xsd": f"external/schemas/{_TSR_FILE}-1.0.1.xsd",
        "LICENSE": "LICENSE",
    },
    rule_sets=(
        RuleSet(
            id=BIS3,
            version="3.0.21",
            file="PEPPOL-EN16931-UBL.xslt",
            mandatory_on=date(2026, 8, 17),
        ),
        RuleSet(id=SELF_BILLING, version="3.0.2", file="PEPPOL-EN16931-UBL-SB.xslt"),
        RuleSet(id=INVOICE_RESPONSE, version="2026.5", file="PEPPOLBIS-T111.xslt"),
        RuleSet(id=MLR, version="2026.5", file="PEPPOLBIS-T71.xslt"),
        RuleSet(id=EUSR, version="1.1.5", file="eusr.xslt"),
        RuleSet(id=TSR, version="1.0.5", file="tsr.xslt"),
    ),
    schemas=_REPORT_SCHEMAS,
)
PEPPOL_SDIST: Final = Artefact(
    id="mcp-einvoicing-core",
    version="1.34.1",
    client=Client.PIP,
    coordinates="mcp-einvoicing-core==1.34.1",
    sha256="ae7cf87aab96de41c7e9b245cac6e4c71f90720ae64e8c454107e21fe74cff96",
    members={
        "PEPPOL-EN16931-UBL.sch": f"{_CORE}/PEPPOL-EN16931-UBL-3.0.20.sch",
        "mls.xslt": f"{_CORE}/mls/schematron/peppol-mls-1.0.1.xslt",
        "eusr.xslt": f"{_CORE}/reporting/eusr/schematron/{_EUSR_FILE}-1.1.4.xslt",
        "tsr.xslt": f"{_CORE}/reporting/tsr/schematron/{_TSR_FILE}-1.0.4.xslt",
        "schemas/eusr.xsd": f"{_CORE}/reporting/eusr/xsd/{_EUSR_FILE}-1.1.xsd",
        "schemas/tsr.xsd": f"{_CORE}/reporting/tsr/xsd/{_TSR_FILE}-1.0.xsd",
    },
    rule_sets=(
        RuleSet(id=BIS3, version="3.0.20", file="PEPPOL-EN16931-UBL.sch"),
        RuleSet(id=MLS, version="1.0.1", file="mls.xslt"),
        RuleSet(id=EUSR, version="1.1.4", file="eusr.xslt"),
        RuleSet(id=TSR, version="1.0.4", file="tsr.xslt"),
    ),
    schemas=_REPORT_SCHEMAS,
)
BELGIAN_JAR: Final = Artefact(
    id="phive-rules-ublbe",
    version="4.2.3",
    client=Client.MAVEN,
    coordinates="com.helger.phive.rules:phive-rules-ublbe:4.2.3",
    sha256="9c83ef43f22fbdd4cf2b99d004ff2d133a37f840598e15c0ddf6d6035cae8bcb",
    members={
        "GLOBALUBL.BE.xslt": "external/schematron/ublbe/en16931/v1.31/GLOBALUBL.BE.xslt",
        "LICENSE": "LICENSE",
    },
    rule_sets=(RuleSet(id=UBL_BE, version="1.31", file="GLOBALUBL.BE.xslt"),),
)
UBL_JAR: Final = Artefact(
    id="ph-ubl21",
    version="10.2.0",
    client=Client.MAVEN,
    coordinates="com.helger.ubl:ph-ubl21:10.2.0",
    sha256="7317ddd448f58cdf4e550878d839be8d3324b410771ba462a35ced49ccb26a52",
    members={
        "maindoc/UBL-ApplicationResponse-2.1.xsd": (
            "external/schemas/ubl21/maindoc/UBL-ApplicationResponse-2.1.xsd"
        ),
        "LICENSE": "LICENSE",
    },
    schemas={RESPONSE_ROOT: "maindoc/UBL-ApplicationResponse-2.1.xsd"},
)

ARTEFACTS: Final = (PEPPOL_JAR, PEPPOL_SDIST, UBL_JAR, BELGIAN_JAR)


def version_key(version: str) -> tuple[int, ...]:
    """Return what *version* (1.3.16, 2026.5, also 3.0.21-rc1) is sorted by."""
    digits = "".join(sign if sign.isdigit() else " " for sign in version)
    return tuple(int(number) for number in digits.split()[:8])


def successor_of(rule_set: str, version: str) -> RuleSet | None:
    """Return the newest release of *rule_set* known here if it is newer than *version*."""
    known = [each for artefact in ARTEFACTS for each in artefact.rule_sets if each.id == rule_set]
    newest = max(known, key=lambda each: version_key(each.version), default=None)
    if newest is None or version_key(newest.version) <= version_key(version):
        return None
    return newest
