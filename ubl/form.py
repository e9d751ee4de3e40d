"""The small JSON form of an invoice: what a person or a program has to say, and no more.

Amounts are derived, codes have names or defaults, and each case of VAT has the name that an
accountant gives it.  `ubl.builder` makes an invoice of it.  Fields that are not here are refused.
The business terms that each stands for are those of EN 16931.  [EN16931-1] [RFC6901]
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from ubl.errors import BadForm, FormProblem
from ubl.halves import HALF, find_half
from ubl.pointers import complaint_of

__all__ = [
    "AddressForm",
    "AttachmentForm",
    "CashDiscountForm",
    "ChargeForm",
    "ClassificationForm",
    "ContactForm",
    "DeliveryForm",
    "DocumentChargeForm",
    "InvoiceForm",
    "LineForm",
    "LinkForm",
    "PartyForm",
    "PayeeForm",
    "PaymentForm",
    "PeriodForm",
    "PrecedingInvoiceForm",
    "PropertyForm",
    "VatForm",
    "read_form",
]

# LIMIT: characters of a text; what people write in a field is a hundredth of it.
Text = Annotated[str, Meta(min_length=1, max_length=10_000)]
# LIMIT: characters of a number, a name or a code.
Word = Annotated[str, Meta(min_length=1, max_length=400)]
# LIMIT: lines and attachments of a form; larger documents come as UBL.
LINES_MAX: Final = 10_000
FILES_MAX: Final = 100
# LIMIT: of a line: allowances, charges, properties; of a document: notes, charges, invoices before.
EACH_MAX: Final = 100
# LIMIT: lines, and what they have of these, in all.
PARTS_MAX: Final = 20_000


class _Form(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What all parts of the form have in common: a misspelt field is an error."""


class AddressForm(_Form, frozen=True):
    """A postal address; only the country has to be there."""

    country: Word
    street: Word | None = None
    street_2: Word | None = None
    street_3: Word | None = None
    city: Word | None = None
    post_code: Word | None = None
    subdivision: Word | None = None


class ContactForm(_Form, frozen=True):
    """Whom to ask."""

    name: Word | None = None
    telephone: Word | None = None
    email: Word | None = None


class PartyForm(_Form, frozen=True):
    """The seller or the buyer.

    *peppol_id* is written as ``0208:0123456749``.  *company_number* is, too, if its register is to
    be named; *vat_number* starts with the country.
    """

    name: Word
    peppol_id: Word
    address: AddressForm
    vat_number: Word | None = None
    company_number: Word | None = None
    trading_name: Word | None = None
    legal_form: Word | None = None
    contact: ContactForm | None = None


class PayeeForm(_Form, frozen=True):
    """Who is paid, if it is not the seller."""

    name: Word
    company_number: Word | None = None


class VatForm(_Form, frozen=True):
    """A case of VAT that has no name: *reason* says why there is none, where there is none."""

    category: Literal["S", "Z", "E", "AE", "K", "G", "O"]
    rate: Decimal | None = None
    reason: Text | None = None


Vat = Word | VatForm


class ChargeForm(_Form, frozen=True):
    """An allowance or a charge of a line: an *amount*, or a *percent* of the line."""

    reason: Word
    reason_code: Word | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None


class DocumentChargeForm(_Form, frozen=True):
    """An allowance or a charge of the document; *percent* is of all lines that are taxed alike."""

    vat: Vat
    reason: Word
    reason_code: Word | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None


class PeriodForm(_Form, frozen=True):
    """From when to when; one of them can be left open."""

    start: date | None = None
    end: date | None = None


class DeliveryForm(_Form, frozen=True):
    """When, where and to whom it was delivered."""

    delivery_date: date | None = None
    name: Word | None = None
    location: Word | None = None
    address: AddressForm | None = None


class ClassificationForm(_Form, frozen=True):
    """The code of an item in a list: HS (customs), STI (CPV), TST (UNSPSC), SRV (GTIN)."""

    code: Word
    scheme: Word


class PropertyForm(_Form, frozen=True):
    """A property of an item."""

    name: Word
    value: Word


class LineForm(_Form, frozen=True):
    """One line: what, how much, at which price without VAT, and its case of VAT.

    *list_price* is the price before a discount that *price* already takes account of.
    """

    name: Word
    price: Decimal
    vat: Vat
    quantity: Decimal = Decimal(1)
    unit: Word = "C62"
    price_quantity: Decimal | None = None
    list_price: Decimal | None = None
    id: Word | None = None
    description: Text | None = None
    note: Text | None = None
    allowances: Annotated[tuple[ChargeForm, ...], Meta(max_length=EACH_MAX)] = ()
    charges: Annotated[tuple[ChargeForm, ...], Meta(max_length=EACH_MAX)] = ()
    period: PeriodForm | None = None
    order_line: Word | None = None
    accounting_cost: Word | None = None
    buyer_item: Word | None = None
    seller_item: Word | None = None
    gtin: Word | None = None
    origin_country: Word | None = None
    classifications: Annotated[tuple[ClassificationForm, ...], Meta(max_length=EACH_MAX)] = ()
    properties: Annotated[tuple[PropertyForm, ...], Meta(max_length=EACH_MAX)] = ()


class PaymentForm(_Form, frozen=True):
    """How to pay: *communication* is a structured one, *reference* any text."""

    method: Literal[
        "credit_transfer", "sepa_credit_transfer", "direct_debit", "bank_card", "cash", "online"
    ] = "credit_transfer"
    iban: Word | None = None
    bic: Word | None = None
    holder: Word | None = None
    communication: Word | None = None
    reference: Word | None = None
    mandate: Word | None = None
    creditor: Word | None = None
    debtor_iban: Word | None = None


class CashDiscountForm(_Form, frozen=True):
    """A discount for payment within *days* of the invoice's date."""

    percent: Decimal
    days: Annotated[int, Meta(ge=1, le=366)]


class AttachmentForm(_Form, frozen=True):
    """A file that goes with the invoice; *content* is base64."""

    filename: Word
    media_type: Word
    content: bytes
    id: Word | None = None
    description: Word | None = None


class LinkForm(_Form, frozen=True):
    """A document that can be fetched from *url*."""

    url: Word
    id: Word
    description: Word | None = None


class PrecedingInvoiceForm(_Form, frozen=True):
    """The invoice that is credited or corrected."""

    number: Word
    issue_date: date | None = None


class InvoiceForm(_Form, frozen=True):
    """An invoice or a credit note; its amounts are positive in both.

    *language* is that of the texts that are added; *pdf* is the invoice itself, as people read it.
    """

    number: Word
    issue_date: date
    seller: PartyForm
    buyer: PartyForm
    lines: Annotated[tuple[LineForm, ...], Meta(min_length=1, max_length=LINES_MAX)]
    kind: Literal["invoice", "credit_note", "self_billed_invoice", "self_billed_credit_note"] = (
        "invoice"
    )
    language: Literal["nl", "fr", "de", "en"] = "nl"
    currency: Word = "EUR"
    due_date: date | None = None
    tax_point_date: date | None = None
    notes: Annotated[tuple[Text, ...], Meta(max_length=EACH_MAX)] = ()
    buyer_reference: Word | None = None
    order_reference: Word | None = None
    sales_order_reference: Word | None = None
    contract_reference: Word | None = None
    project_reference: Word | None = None
    accounting_cost: Word | None = None
    period: PeriodForm | None = None
    preceding_invoices: Annotated[tuple[PrecedingInvoiceForm, ...], Meta(max_length=EACH_MAX)] = ()
    delivery: DeliveryForm | None = None
    payee: PayeeForm | None = None
    payment: PaymentForm | None = None
    payment_terms: Text | None = None
    cash_discount: CashDiscountForm | None = None
    allowances: Annotated[tuple[DocumentChargeForm, ...], Meta(max_length=EACH_MAX)] = ()
    charges: Annotated[tuple[DocumentChargeForm, ...], Meta(max_length=EACH_MAX)] = ()
    paid: Decimal | None = None
    rounding: Decimal | None = None
    tax_currency: Word | None = None
    vat_in_tax_currency: Decimal | None = None
    pdf: bytes | None = None
    attachments: Annotated[tuple[AttachmentForm, ...], Meta(max_length=FILES_MAX)] = ()
    links: Annotated[tuple[LinkForm, ...], Meta(max_length=FILES_MAX)] = ()


def read_form(data: bytes) -> InvoiceForm:
    """Read the JSON of a form, or raise BadForm with the JSON pointer of what is wrong."""
    try:
        form = msgspec.json.decode(data, type=InvoiceForm)
    except msgspec.ValidationError as error:
        raise BadForm([FormProblem(*complaint_of(error))]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if (half := find_half(data)) is not None:
            raise BadForm([FormProblem(half, HALF)]) from None
        raise BadForm([FormProblem("", f"is not JSON: {error}")]) from None
    if sum(map(_parts, form.lines)) > PARTS_MAX:
        message = f"has more than {PARTS_MAX} lines, allowances, charges and properties in all"
        raise BadForm([FormProblem("/lines", message)])
    return form


def _parts(line: LineForm) -> int:
    """Return how much there is to be done for *line*."""
    below = (line.allowances, line.charges, line.classifications, line.properties)
    return 1 + sum(map(len, below))
