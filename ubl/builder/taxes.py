"""The VAT of a form: which case a line is of, and what each case asks of the parties.  [BE-VAT]

The names of cases and their wording are data (`ubl.belgium`); what a category asks for is the same
everywhere.  [EN16931-1 §6]
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ubl.belgium import VatCase
from ubl.builder.problems import Problems
from ubl.form import InvoiceForm, Vat, VatForm
from ubl.tax import TaxCategory
from ubl.totals import Exemption

__all__ = ["Taxes"]

_STANDARD: Final = "S"
_ZERO: Final = "Z"
_OUTSIDE: Final = "O"
_REVERSE: Final = "AE"
_INTRA_COMMUNITY: Final = "K"
# LIMIT: a rate of VAT, in percent; the rules take a smaller one for none.
_RATE_MIN: Final = Decimal("0.5")
_RATE_MAX: Final = Decimal(100)


class Taxes:
    """The cases of VAT that a form speaks of, as they are met."""

    def __init__(self, cases: Mapping[str, VatCase], language: str, problems: Problems) -> None:
        self._cases = cases
        self._language = language
        self._problems = problems
        self._reasons: dict[TaxCategory, dict[str, str | None]] = {}

    def category(self, vat: Vat, pointer: str) -> TaxCategory:
        """Return the category of *vat*, and remember why it is not taxed."""
        if isinstance(vat, VatForm):
            return self._explicit(vat, pointer)
        case = self._cases.get(vat)
        if case is None:
            names = ", ".join(self._cases)
            self._problems.add(pointer, f"{vat!r} is no case of VAT: write one of {names}")
            return TaxCategory(_STANDARD, Decimal(0))
        return self.use(case)

    def use(self, case: VatCase) -> TaxCategory:
        """Return the category of *case*, and remember why it is not taxed."""
        if case.reason is not None:
            reason = case.reason[self._language]
            self._reasons.setdefault(case.category, {})[reason] = case.reason_code
        return case.category

    def exemptions(self) -> dict[TaxCategory, Exemption]:
        """Return why each category is not taxed; a code only where all reasons have the same."""
        found = {}
        for category, reasons in self._reasons.items():
            codes = set(reasons.values())
            code = codes.pop() if len(codes) == 1 else None
            found[category] = Exemption("; ".join(reasons), code)
        return found

    def check_parties(self, form: InvoiceForm, used: set[str]) -> None:
        """Add a problem for each thing that the categories *used* ask for and *form* has not."""
        add = self._problems.add
        if form.seller.vat_number is None and form.seller.company_number is None:
            add("/seller/company_number", "is missing: a seller has it, or a VAT number")
        if _OUTSIDE in used:
            self._check_outside(form, used)
        elif form.seller.vat_number is None:
            add("/seller/vat_number", "is missing: only who is outside the scope of VAT has none")
        if _REVERSE in used and not (form.buyer.vat_number or form.buyer.company_number):
            add("/buyer/vat_number", "is missing: the reverse charge is for taxable persons")
        if _INTRA_COMMUNITY in used:
            self._check_intra_community(form)

    def _check_outside(self, form: InvoiceForm, used: set[str]) -> None:
        add = self._problems.add
        if used != {_OUTSIDE}:
            add("/lines", "what is outside the scope of VAT needs an invoice of its own")
        for name, party in (("seller", form.seller), ("buyer", form.buyer)):
            if party.vat_number is not None:
                add(f"/{name}/vat_number", "does not go with what is outside the scope of VAT")

    def _check_intra_community(self, form: InvoiceForm) -> None:
        add = self._problems.add
        if form.buyer.vat_number is None:
            add("/buyer/vat_number", "is missing: an intra-Community supply needs it")
        delivery = form.delivery
        if (delivery is None or delivery.delivery_date is None) and form.period is None:
            add("/delivery/delivery_date", "is missing: an intra-Community supply needs it")
        if delivery is None or delivery.address is None:
            add("/delivery/address", "is missing: an intra-Community supply needs its country")

    def _explicit(self, vat: VatForm, pointer: str) -> TaxCategory:
        rate = self._rate(vat, pointer)
        category = TaxCategory(vat.category, rate)
        if vat.category in (_STANDARD, _ZERO):
            if vat.reason is not None:
                self._problems.add(f"{pointer}/reason", "does not go with what is taxed")
        elif vat.reason is None:
            self._problems.add(f"{pointer}/reason", "is missing: say why there is no VAT")
        else:
            self._reasons.setdefault(category, {})[vat.reason] = None
        return category

    def _rate(self, vat: VatForm, pointer: str) -> Decimal | None:
        rate = Decimal(0) if vat.rate is None else vat.rate
        rate = self._problems.number(rate, f"{pointer}/rate", least=Decimal(0))
        if rate > _RATE_MAX:
            self._problems.add(f"{pointer}/rate", "is a rate in percent, at most 100")
        if vat.category == _STANDARD and rate < _RATE_MIN:
            self._problems.add(f"{pointer}/rate", f"is at least {_RATE_MIN} for category S")
        if vat.category != _STANDARD and rate != 0:
            self._problems.add(f"{pointer}/rate", f"is zero for category {vat.category}")
        return None if vat.category == _OUTSIDE else rate
