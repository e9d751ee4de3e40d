"""Which rule sets a document is checked with: by its root, CustomizationID and ProfileID.  [BIS3]

What is not known is checked as far as rules exist, and the notes of the report say so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.rules.catalogue import (
    BIS3,
    CREDIT_NOTE_ROOT,
    EN16931,
    EUSR,
    EUSR_ROOT,
    INVOICE_RESPONSE,
    INVOICE_ROOT,
    MLR,
    MLS,
    RESPONSE_ROOT,
    SELF_BILLING,
    TSR,
    TSR_ROOT,
    UBL_BE,
)

_CORE: Final = "urn:cen.eu:en16931:2017"
# What the CustomizationID of an invoice or credit note begins with, and its rule sets.
_INVOICES: Final[Mapping[str, tuple[str, ...]]] = {
    f"{_CORE}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0": (EN16931, BIS3),
    f"{_CORE}#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0": (EN16931, SELF_BILLING),
    f"{_CORE}#conformant#urn:UBL.BE:1.0.0.20180214": (UBL_BE,),
}
_INVOICE_PROFILES: Final[Mapping[str, tuple[str, ...]]] = {
    "urn:fdc:peppol.eu:2017:poacc:selfbilling:": (EN16931, SELF_BILLING),
}
_RESPONSES: Final[Mapping[str, tuple[str, ...]]] = {
    "urn:peppol:edec:mls:1.0": (MLS,),
    "urn:fdc:peppol.eu:poacc:trns:invoice_response:3": (INVOICE_RESPONSE,),
    "urn:fdc:peppol.eu:poacc:trns:mlr:3": (MLR,),
}
_RESPONSE_PROFILES: Final[Mapping[str, tuple[str, ...]]] = {
    "urn:peppol:edec:mls": (MLS,),
    "urn:fdc:peppol.eu:poacc:bis:invoice_response:3": (INVOICE_RESPONSE,),
    "urn:fdc:peppol.eu:poacc:bis:mlr:3": (MLR,),
}
_REPORTS: Final[Mapping[str, tuple[str, ...]]] = {EUSR_ROOT: (EUSR,), TSR_ROOT: (TSR,)}


@dataclass(frozen=True, slots=True)
class Choice:
    """The ids of the rule sets to check with, in order, and what a reader must know of that.

    *missing* are those that apply too, but are not installed.
    """

    rule_sets: tuple[str, ...]
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def choose_rule_sets(
    root: str, customization: str, profile: str, installed: Collection[str]
) -> Choice:
    """Return which of the rule sets *installed* apply to a document.

    *root* is its root element as {namespace}name, *customization* and *profile* are the values of
    CustomizationID and ProfileID, empty where missing.
    """
    if root in (INVOICE_ROOT, CREDIT_NOTE_ROOT):
        wanted, notes = _choose_for_invoice(customization, profile)
    elif root == RESPONSE_ROOT:
        named = _find(_RESPONSES, customization)
        wanted, notes = named or _find(_RESPONSE_PROFILES, profile) or (), ()
    else:
        wanted, notes = _REPORTS.get(root, ()), ()
    missing = tuple(each for each in wanted if each not in installed)
    if UBL_BE in missing:
        wanted = (EN16931,)
    notes += tuple(
        f"the rules {each} are not installed and were not checked: run `gateway rules install`"
        for each in missing
    )
    return Choice(tuple(each for each in wanted if each in installed), notes, missing)


def _choose_for_invoice(
    customization: str, profile: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    named = _find(_INVOICES, customization)
    if named is not None:
        return named, ()
    if customization == _CORE:
        note = "the CustomizationID is that of EN 16931 alone: no rules of Peppol were checked"
        return (EN16931,), (note,)
    if not customization:
        wanted = _find(_INVOICE_PROFILES, profile) or (EN16931, BIS3)
        return wanted, ("the document has no CustomizationID: it was checked as one of Peppol",)
    note = f"the CustomizationID {customization!r} is not known: only EN 16931 was checked"
    return (EN16931,), (note,)


def _find(table: Mapping[str, tuple[str, ...]], value: str) -> tuple[str, ...] | None:
    """Return what *table* has for *value*, or for a specification that *value* builds on."""
    for start, rule_sets in table.items():
        if value == start or value.startswith(f"{start}#"):
            return rule_sets
        if start.endswith(":") and value.startswith(start):
            return rule_sets
    return None
