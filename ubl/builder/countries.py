"""What the country of a seller asks for beyond EN 16931, as far as Peppol checks it.  [BIS3]

What is missing is named.  There are countries whose wishes a form cannot express: their sellers
send UBL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ubl.builder.problems import Problems
from ubl.form import InvoiceForm
from ubl.invoice import Invoice
from ubl.registers import check_number

__all__ = ["check_country"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """What a country asks for: *needs* are places in the form, *registers* those of companies.

    *methods* are ways to pay and what each needs, which is None where it is not known there.
    """

    needs: tuple[str, ...] = ()
    registers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    methods: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    too_many: bool = False


def _places(party: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{party}/{name}" for name in names)


_ADDRESS: Final = ("address/street", "address/city", "address/post_code")
_TOWN: Final = ("address/city", "address/post_code")
_DUTCH: Final = ("0106", "0190")
_OF_SELLERS: Final[Mapping[str, _Wishes]] = {
    "DK": _Wishes(needs=("seller/company_number",), registers={"seller": ("0184",)}),
    "GR": _Wishes(too_many=True),
    "IS": _Wishes(too_many=True),
    "IT": _Wishes(needs=_places("seller", *_ADDRESS)),
    "NL": _Wishes(needs=_places("seller", *_ADDRESS), registers={"seller": _DUTCH}),
    "SE": _Wishes(registers={"seller": ("0007",)}),
}
"""What they ask for whoever the buyer is."""
_AT_HOME: Final[Mapping[str, _Wishes]] = {
    "DE": _Wishes(
        needs=(
            "buyer_reference",
            "payment",
            *_places("seller", *_TOWN, "contact/name", "contact/telephone", "contact/email"),
            *_places("buyer", *_TOWN),
        ),
        methods={"bank_card": None, "direct_debit": ("creditor", "debtor_iban")},
    ),
    "DK": _Wishes(too_many=True),
    "NL": _Wishes(
        needs=_places("buyer", *_ADDRESS),
        registers={"buyer": _DUTCH},
        methods={"cash": None, "online": None},
    ),
}
"""What they ask for if the buyer is there, too."""
# The rules of these go by the VAT number, if there is one, and those of others by the address.
_BY_VAT_NUMBER: Final = frozenset({"GR", "IT"})
_PREFIXES: Final = {"EL": "GR"}
_NORWEGIAN: Final = re.compile(r"NO([0-9]{9})MVA")
_SWEDISH: Final = re.compile(r"SE[0-9]{12}")
_SWEDISH_RATES: Final = frozenset({6, 12, 25})


def check_country(form: InvoiceForm, invoice: Invoice, problems: Problems) -> None:
    """Add a problem for each thing that the seller's country asks for and *form* does not say.

    *invoice* is what was built of it.
    """
    address = form.seller.address.country
    vat_number = invoice.seller.vat_id or ""
    prefix = _PREFIXES.get(vat_number[:2], vat_number[:2])
    for country in {prefix or address} & _BY_VAT_NUMBER | {address} - _BY_VAT_NUMBER:
        _check_wishes(form, country, _OF_SELLERS.get(country, _Wishes()), problems)
        at_home = form.buyer.address.country == country
        if at_home:
            _check_wishes(form, country, _AT_HOME.get(country, _Wishes()), problems)
        match country:
            case "DE" if at_home:
                _check_german(form, invoice, problems)
            case "NL":
                _check_dutch(form, invoice, problems)
            case "SE" if prefix == "SE":
                _check_swedish(invoice, problems)
    if prefix == "NO":
        found = _NORWEGIAN.fullmatch(vat_number)
        if found is None or check_number("0192", found[1]):
            problems.add("/seller/vat_number", "is NO, a Norwegian number of nine digits, MVA")


def _check_wishes(form: InvoiceForm, country: str, wishes: _Wishes, problems: Problems) -> None:
    if wishes.too_many:
        problems.add(
            "/seller/address/country",
            f"{country} asks its sellers for more than the form can say: send the invoice as UBL",
        )
    for place in wishes.needs:
        _need(form, place, country, problems)
    for party, registers in wishes.registers.items():
        number = _find(form, f"{party}/company_number")
        if number is not None and str(number).partition(":")[0] not in registers:
            named = " or ".join(registers)
            problems.add(f"/{party}/company_number", f"has no register: write {named}:, then it")
    if form.payment is not None and form.payment.method in wishes.methods:
        needed = wishes.methods[form.payment.method]
        if needed is None:
            problems.add("/payment/method", f"is not for a seller and a buyer in {country}")
        for name in needed or ():
            _need(form, f"payment/{name}", country, problems)


def _need(form: InvoiceForm, place: str, country: str, problems: Problems) -> None:
    if _find(form, place) is None:
        problems.add(f"/{place}", f"is missing: {country} asks for it")


def _find(form: InvoiceForm, place: str) -> object:
    """Return what stands at *place*, or None where it or something above it is missing."""
    found: object = form
    for name in place.split("/"):
        found = getattr(found, name, None)
    return found


def _check_german(form: InvoiceForm, invoice: Invoice, problems: Problems) -> None:
    """Add what the rules DE-R-010, 011, 018 and 022 would find."""
    if form.delivery is not None and form.delivery.address is not None:
        for name in ("city", "post_code"):
            _need(form, f"delivery/address/{name}", "DE", problems)
    if any(line.strip().startswith("#") for line in (form.payment_terms or "").splitlines()):
        problems.add("/payment_terms", "has a line that begins with #: that is a discount in DE")
    files = [each.attachment for each in invoice.supporting_documents if each.attachment]
    if len({file.filename for file in files}) < len(files):
        problems.add("/attachments", "has two files of one name")


def _check_dutch(form: InvoiceForm, invoice: Invoice, problems: Problems) -> None:
    """Add what the rules NL-R-007 and 009 would find."""
    due = invoice.totals.due.value
    if form.payment is None and (due < 0 if invoice.is_credit_note else due > 0):
        problems.add("/payment", "is missing: NL asks for it where something is to be paid")
    if invoice.order is None:
        for at, line in enumerate(form.lines):
            if line.order_line is not None:
                problems.add(f"/lines/{at}/order_line", "does not go without an order_reference")


def _check_swedish(invoice: Invoice, problems: Problems) -> None:
    """Add what the rules SE-R-001, 002 and 006 would find."""
    if _SWEDISH.fullmatch(invoice.seller.vat_id or "") is None:
        problems.add("/seller/vat_number", "is SE and twelve digits")
    for subtotal in invoice.vat_breakdown:
        category = subtotal.category
        if category.code == "S" and category.rate not in _SWEDISH_RATES:
            problems.add("/lines", f"has VAT of {category.rate} %: in SE it is 6, 12 or 25")
