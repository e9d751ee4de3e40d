"""VAT: the category of a line, and the breakdown of a document.  [EN16931-1]"""

from dataclasses import dataclass
from decimal import Decimal

from ubl.money import Amount

__all__ = ["TaxCategory", "VatSubtotal"]


@dataclass(frozen=True, slots=True)
class TaxCategory:
    """How something is taxed: a *code* of UNTDID 5305 and the *rate* in percent.

    BT-151 and BT-152 of a line, BT-95 and BT-96 of an allowance, BT-102 and BT-103 of a charge,
    BT-118 and BT-119 of the breakdown.  What is not subject to VAT (O) has no rate.
    """

    code: str | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VatSubtotal:
    """BG-23: what is taxed in one category at one rate, and the VAT on it."""

    taxable: Amount | None
    """BT-116: the sum of lines, less allowances, plus charges."""
    tax: Amount
    """BT-117."""
    category: TaxCategory
    """BT-118 and BT-119."""
    exemption_reason: str | None = None
    """BT-120: why there is no VAT, in words."""
    exemption_code: str | None = None
    """BT-121: the same as a code (VATEX)."""
