"""The invoice and the credit note, self-billed or not, in the words of EN 16931.

Every business term of Peppol BIS Billing 3 has its field, here or in the part that it belongs to.
What the schema does not ask for may be missing: saying that it must not is the rules' business.
[EN16931-1] [BIS3]
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ubl.line import AllowanceCharge, InvoiceLine, Period
from ubl.money import Amount
from ubl.party import Address, Identifier, Party
from ubl.payment import PaymentMeans
from ubl.tax import VatSubtotal

__all__ = [
    "Attachment",
    "Delivery",
    "DocumentTotals",
    "Invoice",
    "Kind",
    "OrderReference",
    "PrecedingInvoice",
    "SupportingDocument",
]

_SEPA: Final = "SEPA"
_SELF_BILLED_TYPES: Final = frozenset({"389", "261"})


class Kind(StrEnum):
    """What a document is: who owes, and who wrote it."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    SELF_BILLED_INVOICE = "self_billed_invoice"
    SELF_BILLED_CREDIT_NOTE = "self_billed_credit_note"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReference:
    """The order that is invoiced."""

    id: str
    """BT-13: the buyer's number; ``NA`` where only the seller's is known."""
    sales_order: str | None = None
    """BT-14: the seller's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecedingInvoice:
    """BG-3: the invoice that is credited or corrected."""

    id: str
    """BT-25."""
    issued_on: date | None = None
    """BT-26."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """BT-125: a file inside the document."""

    content: bytes
    media_type: str | None
    """BT-125-1."""
    filename: str | None
    """BT-125-2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportingDocument:
    """BG-24: a document that belongs to the invoice."""

    id: str
    """BT-122."""
    description: str | None = None
    """BT-123."""
    attachment: Attachment | None = None
    """BT-125."""
    url: str | None = None
    """BT-124: where it can be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """BG-13: when and where it was delivered."""

    delivered_on: date | None = None
    """BT-72."""
    location: Identifier | None = None
    """BT-71."""
    address: Address | None = None
    """BG-15."""
    party_name: str | None = None
    """BT-70."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTotals:
    """BG-22: the totals as the document states them."""

    lines: Amount | None = None
    """BT-106: the sum of the lines' net amounts."""
    without_vat: Amount | None = None
    """BT-109."""
    with_vat: Amount | None = None
    """BT-112."""
    allowances: Amount | None = None
    """BT-107: the sum of the allowances of the document."""
    charges: Amount | None = None
    """BT-108: the sum of the charges of the document."""
    paid: Amount | None = None
    """BT-113: what was paid before."""
    rounding: Amount | None = None
    """BT-114: what is added to round the amount due."""
    due: Amount
    """BT-115: what is to be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or a credit note; `kind` tells which, and whether the buyer wrote it."""

    is_credit_note: bool
    """Whether the root is CreditNote; amounts of a credit note are positive."""
    customization: str | None = None
    """BT-24: the specification that it follows."""
    profile: str | None = None
    """BT-23: the business process."""
    number: str
    """BT-1."""
    issued_on: date
    """BT-2."""
    due_on: date | None = None
    """BT-9; a credit note has it in its first payment means."""
    type_code: str | None = None
    """BT-3: UNTDID 1001, such as 380 and 381, self-billed 389 and 261."""
    notes: tuple[str, ...] = ()
    """BG-1, BT-22; a subject code (BT-21) stands before the text, as in ``#AAI#…``."""
    tax_point_on: date | None = None
    """BT-7: when VAT became due."""
    currency: str | None = None
    """BT-5."""
    tax_currency: str | None = None
    """BT-6: the currency of `vat_in_tax_currency`."""
    accounting_cost: str | None = None
    """BT-19: the buyer's own reference for his books."""
    buyer_reference: str | None = None
    """BT-10."""
    period: Period | None = None
    """BG-14."""
    tax_point_code: str | None = None
    """BT-8: what decides when VAT becomes due (UNTDID 2005: 3, 35, 432)."""
    order: OrderReference | None = None
    """BT-13 and BT-14."""
    preceding_invoices: tuple[PrecedingInvoice, ...] = ()
    """BG-3."""
    despatch_advice: str | None = None
    """BT-16."""
    receiving_advice: str | None = None
    """BT-15."""
    tender_or_lot: str | None = None
    """BT-17."""
    contract: str | None = None
    """BT-12."""
    project: str | None = None
    """BT-11."""
    object_identifier: Identifier | None = None
    """BT-18: what it is about, such as a meter or a subscription."""
    supporting_documents: tuple[SupportingDocument, ...] = ()
    """BG-24."""
    seller: Party
    """BG-4."""
    buyer: Party
    """BG-7."""
    payee: Party | None = None
    """BG-10: who is paid, if it is not the seller."""
    tax_representative: Party | None = None
    """BG-11."""
    delivery: Delivery | None = None
    """BG-13."""
    payment_means: tuple[PaymentMeans, ...] = ()
    """BG-16."""
    payment_terms: str | None = None
    """BT-20."""
    allowance_charges: tuple[AllowanceCharge, ...] = ()
    """BG-20 and BG-21."""
    vat_total: Amount | None = None
    """BT-110."""
    vat_breakdown: tuple[VatSubtotal, ...] = ()
    """BG-23."""
    vat_in_tax_currency: Amount | None = None
    """BT-111: the same VAT in the currency of the tax authority."""
    totals: DocumentTotals
    """BG-22."""
    lines: tuple[InvoiceLine, ...] = ()
    """BG-25."""

    @property
    def is_self_billed(self) -> bool:
        """Whether the buyer wrote it, by its specification or its type code."""
        by_specification = ":selfbilling:" in (self.customization or "")
        return by_specification or self.type_code in _SELF_BILLED_TYPES

    @property
    def kind(self) -> Kind:
        """What it is."""
        if self.is_self_billed:
            return Kind.SELF_BILLED_CREDIT_NOTE if self.is_credit_note else Kind.SELF_BILLED_INVOICE
        return Kind.CREDIT_NOTE if self.is_credit_note else Kind.INVOICE

    @property
    def creditor_id(self) -> str | None:
        """BT-90: the creditor's number of a direct debit, of the payee or else the seller."""
        parties = (self.payee, self.seller) if self.payee else (self.seller,)
        found = (i.value for party in parties for i in party.identifiers if i.scheme == _SEPA)
        return next(found, None)
