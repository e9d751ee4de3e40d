"""Who takes part: seller, buyer, payee and tax representative, and where they are.

One shape serves all roles; each field names its business term in each role that has it, in the
order seller, buyer, payee, tax representative.  [EN16931-1] [BIS3]
"""

from dataclasses import dataclass

__all__ = ["Address", "Contact", "Identifier", "Party", "TaxRegistration"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A *value* in the scheme that *scheme* names, where it names one.

    Which list of schemes applies depends on the term: EAS for an endpoint, ISO 6523 for a party
    and an item, UNTDID 1153 for an invoiced object.
    """

    value: str
    scheme: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address: BG-5, BG-8, BG-12 and, of a delivery, BG-15."""

    line_1: str | None = None
    """BT-35, BT-50, BT-64, BT-75: usually street and number."""
    line_2: str | None = None
    """BT-36, BT-51, BT-65, BT-76."""
    line_3: str | None = None
    """BT-162, BT-163, BT-164, BT-165."""
    city: str | None = None
    """BT-37, BT-52, BT-66, BT-77."""
    post_code: str | None = None
    """BT-38, BT-53, BT-67, BT-78."""
    subdivision: str | None = None
    """BT-39, BT-54, BT-68, BT-79: region, province, state."""
    country: str | None = None
    """BT-40, BT-55, BT-69, BT-80: ISO 3166-1 alpha-2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to ask: BG-6 of the seller, BG-9 of the buyer."""

    name: str | None = None
    """BT-41, BT-56."""
    telephone: str | None = None
    """BT-42, BT-57."""
    email: str | None = None
    """BT-43, BT-58."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRegistration:
    """A registration for a tax that is not VAT (BT-32); *scheme* names the tax."""

    value: str | None = None
    scheme: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One of the parties: BG-4 seller, BG-7 buyer, BG-10 payee, BG-11 tax representative."""

    endpoint: Identifier | None = None
    """BT-34, BT-49: the electronic address, which is the Peppol participant."""
    identifiers: tuple[Identifier, ...] = ()
    """BT-29, BT-46, BT-60; the one of scheme ``SEPA`` is BT-90."""
    trading_name: str | None = None
    """BT-28, BT-45; of a payee it is the name, BT-59, of a tax representative BT-62."""
    address: Address | None = None
    """BG-5, BG-8, BG-12."""
    vat_id: str | None = None
    """BT-31, BT-48, BT-63: the VAT number with the prefix of its country."""
    tax_registration: TaxRegistration | None = None
    """BT-32."""
    legal_name: str | None = None
    """BT-27, BT-44."""
    legal_id: Identifier | None = None
    """BT-30, BT-47, BT-61: the number in the register of companies."""
    legal_form: str | None = None
    """BT-33: additional legal information, such as legal form or capital."""
    contact: Contact | None = None
    """BG-6, BG-9."""

    @property
    def name(self) -> str:
        """The name to show: the legal one if it is known; empty if there is none."""
        return self.legal_name or self.trading_name or ""
