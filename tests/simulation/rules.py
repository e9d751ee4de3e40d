"""The rules of a simulated network, and documents that break them.

They stand in place of the official ones: a few assertions, compiled by the real engine out of a
real pack, which is newer than what is installed and so counts.  The schema of UBL is the true one.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from multiprocessing import util
from pathlib import Path

from gateway.rules.catalogue import BIS3, EN16931
from gateway.rules.packs import MANIFEST
from gateway.rules.rulebook import Rulebook
from ubl.identifiers import DocumentTypeId, ProcessId

VERSION = "9999.1"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_SCH = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
  <ns uri="{ubl}Invoice-2" prefix="ubl"/>
  <ns uri="{ubl}CommonBasicComponents-2" prefix="cbc"/>
  <ns uri="{ubl}CommonAggregateComponents-2" prefix="cac"/>
  <pattern>{rules}</pattern>
</schema>
"""
_RULES = {
    EN16931: """
<rule context="ubl:Invoice">
  <assert id="SIM-01" flag="fatal" test="cbc:BuyerReference or cac:OrderReference/cbc:ID">The
    buyer gave a reference.</assert>
  <assert id="SIM-02" flag="warning" test="not(cbc:Note) or string-length(cbc:Note) &lt; 400">A
    note is short.</assert>
</rule>
<rule context="cac:LegalMonetaryTotal">
  <let name="sum" value="sum(../cac:InvoiceLine/xs:decimal(cbc:LineExtensionAmount))"/>
  <assert id="SIM-03" flag="fatal"
    test="xs:decimal(cbc:LineExtensionAmount) = $sum">The lines come to <value-of
      select="$sum"/>.</assert>
</rule>
""",
    BIS3: """
<rule context="cbc:DocumentCurrencyCode">
  <assert id="SIM-11" flag="fatal"
    test="some $code in tokenize('EUR SEK NOK', '\\s') satisfies normalize-space(.) = $code">The
    currency is one of ours, not <value-of select="normalize-space(.)"/>.</assert>
</rule>
<rule context="cac:InvoiceLine">
  <assert id="SIM-12" flag="fatal" test="round(100 * cbc:InvoicedQuantity *
    cac:Price/cbc:PriceAmount) = round(100 * cbc:LineExtensionAmount)">A line is its quantity times
    its price.</assert>
  <assert id="SIM-13" flag="warning" test="string-length(cac:Item/cbc:Name) &lt;= 26">The name of
    an item is short.</assert>
</rule>
""",
}


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a document: *was* became *is*, and *rule* says so."""

    was: bytes
    is_: bytes
    rule: str


FLAWS = {
    "no reference": Flaw(b"<cbc:BuyerReference>PO-7781</cbc:BuyerReference>", b"", "SIM-01"),
    "wrong sum": Flaw(
        b'<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">270.00<',
        b'<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">271.00<',
        "SIM-03",
    ),
    "wrong currency": Flaw(b"CurrencyCode>EUR<", b"CurrencyCode>XYZ<", "SIM-11"),
    "wrong line": Flaw(b">1.5</cbc:InvoicedQuantity>", b">2.5</cbc:InvoicedQuantity>", "SIM-12"),
}
"""The documents that no gateway may let out, by what is wrong with them."""


UNCOVERED = "no rules"
"""What is said of a document that there are no rules for; it may leave, and says so."""
RESPONSE = DocumentTypeId.parse(
    f"busdox-docid-qns::{_UBL}ApplicationResponse-2::ApplicationResponse##urn:simulated:answer::2.1"
)
ANSWERING = ProcessId.parse("cenbii-procid-ubl::urn:simulated:answering:1.0")
_RESPONSE = f"""<ApplicationResponse xmlns="{_UBL}ApplicationResponse-2"
 xmlns:cac="{_UBL}CommonAggregateComponents-2" xmlns:cbc="{_UBL}CommonBasicComponents-2"
><cbc:CustomizationID>urn:simulated:answer</cbc:CustomizationID><cbc:ProfileID
>urn:simulated:answering:1.0</cbc:ProfileID><cbc:ID>NUMBER</cbc:ID><cbc:IssueDate
>2026-11-20</cbc:IssueDate><cbc:Note>FILLING</cbc:Note><cac:SenderParty
><cbc:EndpointID schemeID="0208">SENDER</cbc:EndpointID></cac:SenderParty><cac:ReceiverParty
><cbc:EndpointID schemeID="0208">RECEIVER</cbc:EndpointID></cac:ReceiverParty
></ApplicationResponse>"""


def uncovered(sender, receiver, number, note):
    """Return a document that the gateway knows and has no rules for."""
    values = {"SENDER": sender, "RECEIVER": receiver, "NUMBER": number, "FILLING": note}
    data = _RESPONSE
    for name, value in values.items():
        data = data.replace(f">{name}<", f">{value.removeprefix('0208:')}<")
    return data.encode()


def spoilt(data, flaw):
    """Return the invoice *data* with one of `FLAWS`; the empty one leaves it as it is."""
    if not flaw:
        return data
    found = FLAWS[flaw]
    assert data.count(found.was) == 1
    return data.replace(found.was, found.is_)


@cache
def rules_folder():
    """Return the folder with the pack, made once for each process; what is compiled stays there."""
    folder = Path(tempfile.mkdtemp(prefix="simulated-rules-"))
    # Processes that were spawned end without the one, and the others without the other.
    for at_exit in (atexit.register, _at_end_of_spawned):
        at_exit(shutil.rmtree, folder, ignore_errors=True)
    pack = folder / "simulated"
    pack.mkdir()
    files = {
        f"{name}.sch": _SCH.format(ubl=_UBL, rules=rules).encode() for name, rules in _RULES.items()
    }
    for name, data in files.items():
        (pack / name).write_bytes(data)
    facts = {
        "id": "simulated", "version": VERSION, "source": "the simulation", "sha256": "0" * 64,
        "rule_sets": [
            {"id": name, "version": VERSION, "file": f"{name}.sch"} for name in _RULES
        ],
        "schemas": {},
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }  # fmt: skip
    (pack / MANIFEST).write_text(json.dumps(facts), "utf-8")
    return folder


@cache
def stylesheets():
    """Return the files of the same rules as Saxon runs them."""
    book, made = Rulebook(rules_folder()), rules_folder() / ".saxon"
    made.mkdir()
    paths = [made / f"{name}.xslt" for name in _RULES]
    for path, name in zip(paths, _RULES, strict=True):
        path.write_bytes(book.stylesheet(name))
    return paths


def _at_end_of_spawned(function, *arguments, **named):
    util.Finalize(None, function, arguments, named, exitpriority=0)
