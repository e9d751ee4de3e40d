"""How an invoice is to be paid.  [EN16931-1] [BIS3]"""

from dataclasses import dataclass

__all__ = ["Account", "Card", "DirectDebit", "PaymentMeans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """BG-17: the account that takes the money."""

    id: str
    """BT-84: the IBAN, or a national number."""
    name: str | None = None
    """BT-85: whose account it is."""
    service_provider: str | None = None
    """BT-86: the bank, as a BIC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """BG-18: the card that it was paid with."""

    number: str
    """BT-87: the last digits of the card's number."""
    network: str
    """The card's network, which UBL asks for; it is no business term."""
    holder: str | None = None
    """BT-88."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectDebit:
    """BG-19: the mandate to fetch the money.

    The creditor's number (BT-90) is an identifier of scheme ``SEPA`` of payee or seller.
    """

    mandate: str | None = None
    """BT-89."""
    account: str | None = None
    """BT-91: the account that is debited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMeans:
    """BG-16: one way to pay."""

    code: str
    """BT-81: UNTDID 4461, such as 30 (credit transfer), 58 (SEPA), 49 and 59 (direct debit)."""
    name: str | None = None
    """BT-82: the same in words."""
    remittance: str | None = None
    """BT-83: what the payer repeats, such as a structured communication."""
    card: Card | None = None
    """BG-18."""
    account: Account | None = None
    """BG-17."""
    direct_debit: DirectDebit | None = None
    """BG-19."""
