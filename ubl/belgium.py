"""What is particular to invoices of Belgium, as data: cases of VAT and the wording of the law.

A case is what an accountant calls the treatment of a line; it stands for a category, a rate, a
reason.  The law words what it asks for in Dutch and in French.  [BE-VAT]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ubl.tax import TaxCategory

__all__ = ["CASH_DISCOUNT", "VAT_CASES", "CashDiscount", "Texts", "VatCase"]

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VatCase:
    """How a line is taxed, and why it is not, if it is not."""

    category: TaxCategory
    reason: Texts | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class CashDiscount:
    """How a discount for prompt payment is written.

    VAT is due on the discounted amount, whether the discount is taken or not: each rate has an
    allowance, and an exempt charge puts the same total back.  [BE-VAT §28]
    """

    allowance_reason: Texts
    allowance_code: str
    charge_reason: Texts
    charge_code: str
    case: VatCase
    terms: Texts
    """With the places {percent}, {day} and {amount}."""


def _zero(code: str) -> TaxCategory:
    return TaxCategory(code, Decimal(0))


_REVERSE: Final = {
    "nl": "Btw verlegd",
    "fr": "Autoliquidation",
    "de": "Steuerschuldnerschaft des Leistungsempfängers",
    "en": "Reverse charge",
}
# Since 2023 the wording decides who answers for a customer who makes no periodic returns.
_REVERSE_WORKS: Final = {
    "nl": "Verlegging van heffing. Bij gebrek aan schriftelijke betwisting binnen een termijn van"
    " één maand na de ontvangst van de factuur, wordt de afnemer geacht te erkennen dat hij een"
    " belastingplichtige is gehouden tot de indiening van periodieke aangiften. Als die voorwaarde"
    " niet vervuld is, is de afnemer ten aanzien van die voorwaarde aansprakelijk voor de betaling"
    " van de verschuldigde belasting, interesten en geldboeten.",
    "fr": "Autoliquidation. En l'absence de contestation par écrit, dans un délai d'un mois à"
    " compter de la réception de la facture, le client est présumé reconnaître qu'il est un"
    " assujetti tenu au dépôt de déclarations périodiques. Si cette condition n'est pas remplie, le"
    " client endossera, par rapport à cette condition, la responsabilité quant au paiement de la"
    " taxe, des intérêts et des amendes dus.",
    "de": "Verlagerung der Steuerschuld. In Ermangelung eines schriftlichen Widerspruchs binnen"
    " einer Frist von einem Monat nach Erhalt der Rechnung gilt der Abnehmer als jemand, der"
    " anerkennt, dass er ein zur Einreichung periodischer Erklärungen verpflichteter"
    " Steuerpflichtiger ist. Ist diese Bedingung nicht erfüllt, haftet der Abnehmer hinsichtlich"
    " dieser Bedingung für die Zahlung der geschuldeten Steuer, Zinsen und Geldbußen.",
    "en": "Reverse charge. In the absence of a written objection within one month of receipt of"
    " the invoice, the customer is deemed to acknowledge that he is a taxable person who is obliged"
    " to file periodic returns. If that condition is not met, the customer is liable, with respect"
    " to that condition, for the payment of the tax, interest and fines due.",
}
_INTRA_COMMUNITY: Final = {
    "nl": "Vrijgestelde intracommunautaire levering",
    "fr": "Livraison intracommunautaire exemptée",
    "de": "Steuerfreie innergemeinschaftliche Lieferung",
    "en": "Exempt intra-Community supply",
}
_EXPORT: Final = {
    "nl": "Vrijgestelde uitvoer buiten de Europese Unie",
    "fr": "Exportation exemptée hors de l'Union européenne",
    "de": "Steuerfreie Ausfuhr aus der Europäischen Union",
    "en": "Exempt export outside the European Union",
}
_EXEMPT: Final = {
    "nl": "Vrijgesteld van btw, artikel 44 btw-wetboek",
    "fr": "Exempté de TVA, article 44 du code de la TVA",
    "de": "Von der Mehrwertsteuer befreit, Artikel 44 des Mehrwertsteuergesetzbuches",
    "en": "Exempt from VAT, article 44 of the Belgian VAT code",
}
_SMALL: Final = {
    "nl": "Bijzondere vrijstellingsregeling kleine ondernemingen",
    "fr": "Régime particulier de franchise des petites entreprises",
    "de": "Sonderregelung der Steuerbefreiung für Kleinunternehmen",
    "en": "Special exemption scheme for small enterprises",
}
_OUTSIDE: Final = {
    "nl": "Niet onderworpen aan btw",
    "fr": "Non soumis à la TVA",
    "de": "Nicht der Mehrwertsteuer unterliegend",
    "en": "Not subject to VAT",
}
_DISCOUNT: Final = {
    "nl": "Korting contant",
    "fr": "Escompte pour paiement comptant",
    "de": "Skonto",
    "en": "Cash discount",
}

VAT_CASES: Final[Mapping[str, VatCase]] = {
    "21": VatCase(TaxCategory("S", Decimal(21))),
    "12": VatCase(TaxCategory("S", Decimal(12))),
    "6": VatCase(TaxCategory("S", Decimal(6))),
    "0": VatCase(_zero("Z")),
    "reverse_charge": VatCase(_zero("AE"), _REVERSE, "VATEX-EU-AE"),
    "reverse_charge_works": VatCase(_zero("AE"), _REVERSE_WORKS, "VATEX-EU-AE"),
    "intra_community": VatCase(_zero("K"), _INTRA_COMMUNITY, "VATEX-EU-IC"),
    "export": VatCase(_zero("G"), _EXPORT, "VATEX-EU-G"),
    "exempt": VatCase(_zero("E"), _EXEMPT, "VATEX-EU-132"),
    "small_enterprise": VatCase(_zero("E"), _SMALL),
    "outside_scope": VatCase(TaxCategory("O"), _OUTSIDE, "VATEX-EU-O"),
}
"""The cases by name: normal and reduced rates by their percentage."""

CASH_DISCOUNT: Final = CashDiscount(
    allowance_reason=_DISCOUNT,
    allowance_code="64",
    charge_reason={
        "nl": "Korting contant, verschuldigd bij latere betaling",
        "fr": "Escompte, dû en cas de paiement tardif",
        "de": "Skonto, bei späterer Zahlung geschuldet",
        "en": "Cash discount, due if paid later",
    },
    charge_code="ZZZ",
    case=VatCase(
        _zero("E"),
        {
            "nl": "Niet in de maatstaf van heffing, artikel 28, 1° btw-wetboek",
            "fr": "Hors base d'imposition, article 28, 1° du code de la TVA",
            "de": "Nicht in der Besteuerungsgrundlage, Artikel 28 Nr. 1 des MwSt-Gesetzbuches",
            "en": "Not part of the taxable amount, article 28, 1° of the Belgian VAT code",
        },
    ),
    terms={
        "nl": "{percent} % korting contant bij betaling tot en met {day}: te betalen {amount}",
        "fr": "Escompte de {percent} % en cas de paiement jusqu'au {day} inclus: {amount} à payer",
        "de": "{percent} % Skonto bei Zahlung bis einschließlich {day}: zu zahlen {amount}",
        "en": "{percent} % cash discount if paid by {day}: {amount} to be paid",
    },
)
