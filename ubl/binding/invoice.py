"""How an invoice and a credit note are written in UBL.  [EN16931-3-2] [BIS3]"""

from collections.abc import Callable
from typing import Any, Final

from ubl.binding.forms import AMOUNT, CODE, DATE, DECIMAL, FILE, IDENTIFIER
from ubl.binding.line import line
from ubl.binding.parts import Group, Leaf, Located, Need, Part, Values, Wrapper
from ubl.binding.payment import payment_means
from ubl.binding.shared import ADDRESS, ALLOWANCE_CHARGE, VAT_SCHEME, party
from ubl.invoice import (
    Delivery,
    DocumentTotals,
    Invoice,
    OrderReference,
    PrecedingInvoice,
    SupportingDocument,
)
from ubl.line import Period
from ubl.party import Address, Identifier, Party
from ubl.tax import TaxCategory, VatSubtotal

__all__ = ["CREDIT_NOTE", "INVOICE"]

Refuse = Callable[..., None]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
# The codes that tell what a reference is to, when it is to no document.  [UNTDID 1001]
_INVOICED_OBJECT: Final = "130"
_PROJECT: Final = "50"


def _gather_category(values: Values, _refuse: Refuse) -> None:
    values["category"] = TaxCategory(values.pop("code", None), values.pop("rate", None))
    values.setdefault("taxable", None)


def _spread_category(value: VatSubtotal) -> Values:
    spread = {name: getattr(value, name) for name in VatSubtotal.__slots__}
    return spread | {"code": value.category.code, "rate": value.category.rate}


_VAT_SUBTOTAL: Final = Group(
    "cac:TaxSubtotal",
    "subtotals",
    VatSubtotal,
    (
        Leaf("cbc:TaxableAmount", "taxable", AMOUNT),
        Leaf("cbc:TaxAmount", "tax", AMOUNT, need=Need.SCHEMA),
        Wrapper(
            "cac:TaxCategory",
            (
                Leaf("cbc:ID", "code", CODE),
                Leaf("cbc:Percent", "rate", DECIMAL),
                Leaf("cbc:TaxExemptionReasonCode", "exemption_code", CODE),
                Leaf("cbc:TaxExemptionReason", "exemption_reason"),
                VAT_SCHEME,
            ),
        ),
    ),
    many=True,
    assemble=_gather_category,
    take_apart=_spread_category,
)
_TOTALS: Final = (
    Leaf("cbc:LineExtensionAmount", "lines", AMOUNT),
    Leaf("cbc:TaxExclusiveAmount", "without_vat", AMOUNT),
    Leaf("cbc:TaxInclusiveAmount", "with_vat", AMOUNT),
    Leaf("cbc:AllowanceTotalAmount", "allowances", AMOUNT),
    Leaf("cbc:ChargeTotalAmount", "charges", AMOUNT),
    Leaf("cbc:PrepaidAmount", "paid", AMOUNT),
    Leaf("cbc:PayableRoundingAmount", "rounding", AMOUNT),
    Leaf("cbc:PayableAmount", "due", AMOUNT, need=Need.SCHEMA),
)
_HEAD: Final = (
    Leaf("cbc:CustomizationID", "customization", CODE),
    Leaf("cbc:ProfileID", "profile", CODE),
    Leaf("cbc:ID", "number", need=Need.SCHEMA),
    Leaf("cbc:IssueDate", "issued_on", DATE, need=Need.SCHEMA),
)
_REFERENCES: Final = (
    Leaf("cbc:DocumentCurrencyCode", "currency", CODE),
    Leaf("cbc:TaxCurrencyCode", "tax_currency", CODE),
    Leaf("cbc:AccountingCost", "accounting_cost"),
    Leaf("cbc:BuyerReference", "buyer_reference"),
    Wrapper(
        "cac:InvoicePeriod",
        (
            Leaf("cbc:StartDate", "period_start", DATE),
            Leaf("cbc:EndDate", "period_end", DATE),
            Leaf("cbc:DescriptionCode", "tax_point_code", CODE),
        ),
    ),
    Group(
        "cac:OrderReference",
        "order",
        OrderReference,
        (Leaf("cbc:ID", "id", need=Need.SCHEMA), Leaf("cbc:SalesOrderID", "sales_order")),
    ),
    Wrapper(
        "cac:BillingReference",
        (
            Group(
                "cac:InvoiceDocumentReference",
                "preceding_invoices",
                PrecedingInvoice,
                (
                    Leaf("cbc:ID", "id", need=Need.SCHEMA),
                    Leaf("cbc:IssueDate", "issued_on", DATE),
                ),
                many=True,
            ),
        ),
        each=True,
    ),
    Wrapper("cac:DespatchDocumentReference", (Leaf("cbc:ID", "despatch_advice"),)),
    Wrapper("cac:ReceiptDocumentReference", (Leaf("cbc:ID", "receiving_advice"),)),
)
_TENDER: Final = Wrapper("cac:OriginatorDocumentReference", (Leaf("cbc:ID", "tender_or_lot"),))
_CONTRACT: Final = Wrapper("cac:ContractDocumentReference", (Leaf("cbc:ID", "contract"),))
_ADDITIONAL: Final = Group(
    "cac:AdditionalDocumentReference",
    "references",
    Located,
    (
        Leaf("cbc:ID", "id", IDENTIFIER, need=Need.SCHEMA),
        Leaf("cbc:DocumentTypeCode", "type_code", CODE),
        Leaf("cbc:DocumentDescription", "description"),
        Wrapper(
            "cac:Attachment",
            (
                Leaf("cbc:EmbeddedDocumentBinaryObject", "attachment", FILE),
                Wrapper("cac:ExternalReference", (Leaf("cbc:URI", "url"),)),
            ),
        ),
    ),
    many=True,
)
_BODY: Final = (
    Wrapper("cac:AccountingSupplierParty", (party("cac:Party", "seller"),)),
    Wrapper("cac:AccountingCustomerParty", (party("cac:Party", "buyer"),)),
    party("cac:PayeeParty", "payee"),
    party("cac:TaxRepresentativeParty", "tax_representative"),
    Group(
        "cac:Delivery",
        "delivery",
        Delivery,
        (
            Leaf("cbc:ActualDeliveryDate", "delivered_on", DATE),
            Wrapper(
                "cac:DeliveryLocation",
                (
                    Leaf("cbc:ID", "location", IDENTIFIER),
                    Group("cac:Address", "address", Address, ADDRESS),
                ),
            ),
            Wrapper(
                "cac:DeliveryParty",
                (Wrapper("cac:PartyName", (Leaf("cbc:Name", "party_name"),)),),
            ),
        ),
    ),
)
_SUMS: Final = (
    Wrapper("cac:PaymentTerms", (Leaf("cbc:Note", "payment_terms"),)),
    ALLOWANCE_CHARGE,
    Group(
        "cac:TaxTotal",
        "tax_totals",
        Located,
        (Leaf("cbc:TaxAmount", "tax", AMOUNT, need=Need.SCHEMA), _VAT_SUBTOTAL),
        many=True,
    ),
    Group("cac:LegalMonetaryTotal", "totals", DocumentTotals, _TOTALS, need=Need.SCHEMA),
)


def _sort_references(values: Values, refuse: Refuse) -> None:
    """Tell apart what UBL writes as one: supporting documents, invoiced object, project."""
    supporting = []
    for reference in values.pop("references", ()):
        number, code = reference["id"], reference.get("type_code")
        is_bare = len(reference) == 2  # number and code, but nothing of a document
        if code == _INVOICED_OBJECT and is_bare and "object_identifier" not in values:
            values["object_identifier"] = number
            continue
        if number.scheme is not None:
            refuse(reference.element, "cbc:ID/@schemeID")
        is_project = code == _PROJECT and is_bare and values["is_credit_note"]
        if is_project and "project" not in values:
            values["project"] = number.value
            continue
        if code is not None:
            refuse(reference.element, "cbc:DocumentTypeCode")
        supporting.append(
            SupportingDocument(
                id=number.value,
                description=reference.get("description"),
                attachment=reference.get("attachment"),
                url=reference.get("url"),
            )
        )
    values["supporting_documents"] = tuple(supporting)


def _sort_tax_totals(values: Values, refuse: Refuse) -> None:
    """Tell the VAT of the document from the same in the currency of the tax authority."""
    other = values.get("tax_currency")
    if other == values.get("currency"):
        other = None
    for total in values.pop("tax_totals", ()):
        subtotals = total.get("subtotals", ())
        is_in_other = total["tax"].currency == other and not subtotals
        if "vat_total" not in values and not is_in_other:
            values["vat_total"] = total["tax"]
            values["vat_breakdown"] = subtotals
        elif "vat_in_tax_currency" not in values and not subtotals:
            values["vat_in_tax_currency"] = total["tax"]
        else:
            refuse(total.element)


def _assemble(values: Values, refuse: Refuse) -> None:
    start, end = values.pop("period_start", None), values.pop("period_end", None)
    if start is not None or end is not None:
        values["period"] = Period(start=start, end=end)
    values.setdefault("seller", Party())
    values.setdefault("buyer", Party())
    _sort_references(values, refuse)
    _sort_tax_totals(values, refuse)


def _assemble_invoice(values: Values, refuse: Refuse) -> None:
    values["is_credit_note"] = False
    _assemble(values, refuse)


def _assemble_credit_note(values: Values, refuse: Refuse) -> None:
    values["is_credit_note"] = True
    _assemble(values, refuse)


def _take_apart(value: Invoice) -> Values:
    values: dict[str, Any] = {name: getattr(value, name) for name in Invoice.__slots__}
    if value.period is not None:
        values |= {"period_start": value.period.start, "period_end": value.period.end}
    references: list[dict[str, Any]] = [
        {name: getattr(document, name) for name in SupportingDocument.__slots__}
        | {"id": Identifier(document.id)}
        for document in value.supporting_documents
    ]
    if value.object_identifier is not None:
        references.append({"id": value.object_identifier, "type_code": _INVOICED_OBJECT})
    if value.is_credit_note and value.project is not None:
        references.append({"id": Identifier(value.project), "type_code": _PROJECT})
    values["references"] = references
    totals: list[dict[str, Any]] = []
    if value.vat_total is not None:
        totals.append({"tax": value.vat_total, "subtotals": value.vat_breakdown})
    if value.vat_in_tax_currency is not None:
        totals.append({"tax": value.vat_in_tax_currency})
    values["tax_totals"] = totals
    return values


def _root(name: str, parts: tuple[Part, ...], assemble: Callable[[Values, Refuse], None]) -> Group:
    tag = f"{{{_UBL}{name}-2}}{name}"
    return Group(tag, name, Invoice, parts, assemble=assemble, take_apart=_take_apart)


INVOICE: Final = _root(
    "Invoice",
    (
        *_HEAD,
        Leaf("cbc:DueDate", "due_on", DATE),
        Leaf("cbc:InvoiceTypeCode", "type_code", CODE),
        Leaf("cbc:Note", "notes", many=True),
        Leaf("cbc:TaxPointDate", "tax_point_on", DATE),
        *_REFERENCES,
        _TENDER,
        _CONTRACT,
        _ADDITIONAL,
        Wrapper("cac:ProjectReference", (Leaf("cbc:ID", "project"),)),
        *_BODY,
        payment_means(with_due_date=False),
        *_SUMS,
        line("cac:InvoiceLine", "cbc:InvoicedQuantity"),
    ),
    _assemble_invoice,
)
CREDIT_NOTE: Final = _root(
    "CreditNote",
    (
        *_HEAD,
        Leaf("cbc:TaxPointDate", "tax_point_on", DATE),
        Leaf("cbc:CreditNoteTypeCode", "type_code", CODE),
        Leaf("cbc:Note", "notes", many=True),
        *_REFERENCES,
        _CONTRACT,
        _ADDITIONAL,
        _TENDER,
        *_BODY,
        payment_means(with_due_date=True),
        *_SUMS,
        line("cac:CreditNoteLine", "cbc:CreditedQuantity"),
    ),
    _assemble_credit_note,
)
