"""How a document is to be paid, as a person reads it, and as a bank's app does."""

from collections.abc import Iterator
from typing import Final

from gateway.rendering.qr import Transfer, write_transfer
from gateway.rendering.view import Payment, Row
from gateway.rendering.wording import Wording
from ubl.invoice import Invoice
from ubl.payment import PaymentMeans
from ubl.remittance import check_iban

__all__ = ["view_payment"]

# UNTDID 4461: to be paid by the debtor's own transfer. What is fetched from his account, or was
# paid by card, must not be paid again because a code invites to.
_TRANSFERS: Final = frozenset({"1", "30", "31", "42", "58"})


def view_payment(means: PaymentMeans, invoice: Invoice, words: Wording) -> Payment:
    """Return one of the *means* to pay *invoice*."""
    rows = tuple(
        Row(words.word(f"payment.{name}"), value) for name, value in _rows(means, invoice, words)
    )
    return Payment(rows=rows, code=_code(means, invoice))


def _rows(means: PaymentMeans, invoice: Invoice, words: Wording) -> Iterator[tuple[str, str]]:
    account, card, debit = means.account, means.card, means.direct_debit
    name = words.code("means", means.code)
    said = means.name or ""
    facts = [("means", f"{name} ({said})" if said and said != name else name)]
    if not invoice.is_credit_note:
        facts.append(("amount", words.money(invoice.totals.due.value, invoice.totals.due.currency)))
    if account is not None:
        iban = check_iban(account.id)
        facts += [
            ("account", account.id) if iban is None else ("iban", _grouped(iban)),
            ("bic", account.service_provider or ""),
            ("holder", account.name or ""),
        ]
    facts.append(("reference", means.remittance or ""))
    if debit is not None:
        facts += [
            ("mandate", debit.mandate or ""),
            ("creditor", invoice.creditor_id or ""),
            ("debited_account", debit.account or ""),
        ]
    if card is not None:
        facts += [("card", f"{card.network} {card.number}"), ("card_holder", card.holder or "")]
    yield from ((label, value) for label, value in facts if value)


def _code(means: PaymentMeans, invoice: Invoice) -> str:
    """Return the text of the QR code; empty where there is nothing to transfer."""
    account, due = means.account, invoice.totals.due
    if account is None or invoice.is_credit_note or means.code not in _TRANSFERS:
        return ""
    payee = invoice.payee or invoice.seller
    return write_transfer(
        Transfer(
            name=account.name or payee.name,
            iban=account.id,
            amount=due.value,
            currency=due.currency,
            bic=account.service_provider or "",
            reference=means.remittance or invoice.number,
        )
    )


def _grouped(iban: str) -> str:
    """Return *iban* as people write it, by fours."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
