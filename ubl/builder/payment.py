"""How a form is to be paid: means, terms, and the discount for prompt payment.  [BE-VAT §28]"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from ubl.belgium import CashDiscount
from ubl.builder.problems import Problems
from ubl.builder.taxes import Taxes
from ubl.form import InvoiceForm, PaymentForm
from ubl.line import AllowanceCharge, InvoiceLine
from ubl.money import EXACT, Amount, total_of
from ubl.party import Identifier, Party
from ubl.payment import Account, DirectDebit, PaymentMeans
from ubl.remittance import check_bic, check_iban, read_communication
from ubl.totals import compute_share, compute_taxable

__all__ = ["build_payment", "discount_charges", "discount_terms", "name_creditor"]

_CODES: Final[Mapping[str, str]] = {
    "credit_transfer": "30",
    "sepa_credit_transfer": "58",
    "direct_debit": "59",
    "bank_card": "48",
    "cash": "10",
    "online": "68",
}
_TRANSFERS: Final = frozenset({"credit_transfer", "sepa_credit_transfer"})
_DIRECT_DEBIT: Final = "direct_debit"
_SEPA: Final = "SEPA"
# What is exempt or outside the scope has no VAT that a discount could lower.
_UNTAXED: Final = frozenset({"E", "O"})
# LIMIT: a discount for prompt payment, in percent.
_PERCENT_MAX: Final = Decimal(100)


def build_payment(form: InvoiceForm, problems: Problems) -> tuple[PaymentMeans, ...]:
    """Return the ways to pay, which are one or none."""
    payment = form.payment
    if payment is None:
        if form.due_date is not None and form.kind.endswith("credit_note"):
            problems.add("/due_date", "needs a payment, for that is where a credit note says it")
        return ()
    return (
        PaymentMeans(
            code=_CODES[payment.method],
            remittance=_remittance(payment, problems),
            account=_account(payment, problems),
            direct_debit=_direct_debit(payment, problems),
        ),
    )


def name_creditor(party: Party, form: InvoiceForm) -> Party:
    """Return *party*, seller or payee, with its number as a creditor (BT-90), if there is one."""
    if form.payment is None or form.payment.creditor is None:
        return party
    return replace(party, identifiers=(Identifier(form.payment.creditor, _SEPA),))


def discount_charges(
    form: InvoiceForm,
    lines: Sequence[InvoiceLine],
    charges: Sequence[AllowanceCharge],
    wording: CashDiscount,
    taxes: Taxes,
    problems: Problems,
) -> tuple[AllowanceCharge, ...]:
    """Return what a discount for prompt payment adds to a document.

    Each category and rate has an allowance, so that VAT is due on the discounted amount, or a
    charge where more was taken back than sold; a charge that is exempt puts the total of them back,
    so that the whole is due if it is paid later.  [BE-VAT §28]
    """
    discount = form.cash_discount
    if discount is None:
        return ()
    pointer = "/cash_discount/percent"
    percent = problems.number(discount.percent, pointer, least=Decimal(0))
    if percent > _PERCENT_MAX:
        problems.add(pointer, "is at most 100")
        return ()
    shares = {
        category: Amount(compute_share(base.value, percent), form.currency)
        for category, base in compute_taxable(lines, charges, form.currency).items()
        if category.code not in _UNTAXED
    }
    total = total_of(shares.values(), form.currency)
    if total.value <= 0:
        problems.add("/cash_discount", "there is nothing that it would take VAT off: leave it out")
        return ()
    parts = [
        AllowanceCharge(
            is_charge=share.value < 0,
            amount=-share if share.value < 0 else share,
            reason=wording.allowance_reason[form.language],
            reason_code=wording.charge_code if share.value < 0 else wording.allowance_code,
            category=category,
        )
        for category, share in shares.items()
        if share.value != 0
    ]
    back = AllowanceCharge(
        is_charge=True,
        amount=problems.amount(total, "/cash_discount"),
        reason=wording.charge_reason[form.language],
        reason_code=wording.charge_code,
        category=taxes.use(wording.case),
    )
    return (*parts, back)


def discount_terms(
    form: InvoiceForm,
    added: Sequence[AllowanceCharge],
    due: Amount,
    wording: CashDiscount,
    problems: Problems,
) -> str | None:
    """Return the terms of payment, with those of the discount that *added* came from."""
    texts = [] if form.payment_terms is None else [form.payment_terms]
    if form.cash_discount is not None and added:
        reduced = due - added[-1].amount
        if reduced.value <= 0:
            problems.add("/cash_discount", f"it would leave {reduced} to be paid: leave it out")
        texts.append(
            wording.terms[form.language].format(
                percent=f"{form.cash_discount.percent.normalize(EXACT):f}",
                day=_last_day(form.issue_date, form.cash_discount.days, problems),
                amount=reduced,
            )
        )
    return "\n".join(texts) or None


def _last_day(issued_on: date, days: int, problems: Problems) -> str:
    try:
        return (issued_on + timedelta(days=days)).isoformat()
    except OverflowError:
        problems.add("/cash_discount/days", "ends on a day that no calendar has")
        return ""


def _remittance(payment: PaymentForm, problems: Problems) -> str | None:
    if payment.communication is None:
        return payment.reference
    if payment.reference is not None:
        problems.add("/payment/reference", "does not go with a communication: leave one out")
    found = read_communication(payment.communication)
    if found is None:
        problems.add("/payment/communication", "is wrong: its check digits do not fit")
    return found


def _account(payment: PaymentForm, problems: Problems) -> Account | None:
    if payment.iban is None:
        if payment.method in _TRANSFERS:
            problems.add("/payment/iban", "is missing: a transfer goes to an account")
        for name in ("bic", "holder"):
            if getattr(payment, name) is not None:
                problems.add(f"/payment/{name}", "does not go without an iban")
        return None
    iban = check_iban(payment.iban)
    if iban is None:
        problems.add("/payment/iban", f"{payment.iban!r} is no IBAN: check its length and digits")
    bic = None if payment.bic is None else check_bic(payment.bic)
    if payment.bic is not None and bic is None:
        problems.add("/payment/bic", f"{payment.bic!r} is no BIC: it has 8 or 11 characters")
    return Account(id=iban or "", name=payment.holder, service_provider=bic)


def _direct_debit(payment: PaymentForm, problems: Problems) -> DirectDebit | None:
    if payment.method != _DIRECT_DEBIT:
        for name in ("mandate", "creditor", "debtor_iban"):
            if getattr(payment, name) is not None:
                problems.add(f"/payment/{name}", "goes with a direct debit alone")
        return None
    if payment.mandate is None:
        problems.add("/payment/mandate", "is missing: a direct debit needs it")
    account = None
    if payment.debtor_iban is not None:
        account = check_iban(payment.debtor_iban)
        if account is None:
            problems.add("/payment/debtor_iban", f"{payment.debtor_iban!r} is no IBAN")
    return DirectDebit(mandate=payment.mandate, account=account)
