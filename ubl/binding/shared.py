"""What invoices and responses have in common: parties, addresses, tax categories.  [UBL]"""

from collections.abc import Callable
from typing import Final

from ubl.binding.forms import AMOUNT, BOOLEAN, CODE, DECIMAL, IDENTIFIER
from ubl.binding.parts import Fixed, Group, Leaf, Located, Need, Values, Wrapper
from ubl.line import AllowanceCharge
from ubl.party import Address, Contact, Party, TaxRegistration
from ubl.tax import TaxCategory

__all__ = ["ADDRESS", "ALLOWANCE_CHARGE", "VAT_SCHEME", "party", "tax_category"]

_VAT: Final = "VAT"

ADDRESS: Final = (
    Leaf("cbc:StreetName", "line_1"),
    Leaf("cbc:AdditionalStreetName", "line_2"),
    Leaf("cbc:CityName", "city"),
    Leaf("cbc:PostalZone", "post_code"),
    Leaf("cbc:CountrySubentity", "subdivision"),
    Wrapper("cac:AddressLine", (Leaf("cbc:Line", "line_3"),)),
    Wrapper("cac:Country", (Leaf("cbc:IdentificationCode", "country", CODE),)),
)
VAT_SCHEME: Final = Wrapper("cac:TaxScheme", (Fixed("cbc:ID", (_VAT,)),))


def _sort_tax_schemes(values: Values, refuse: Callable[..., None]) -> None:
    """Tell the VAT number from the registration for another tax."""
    for scheme in values.pop("tax_schemes", ()):
        name, value = scheme.get("scheme"), scheme.get("value")
        if (name or "").strip().upper() == _VAT and value is not None and "vat_id" not in values:
            values["vat_id"] = value
            if name != _VAT:
                refuse(scheme.element, "cac:TaxScheme/cbc:ID")
        elif "tax_registration" not in values:
            values["tax_registration"] = TaxRegistration(value=value, scheme=name)
        else:
            refuse(scheme.element)


def _list_tax_schemes(value: Party) -> Values:
    schemes: list[Values] = []
    if value.vat_id is not None:
        schemes.append({"value": value.vat_id, "scheme": _VAT})
    other = value.tax_registration
    if other is not None:
        schemes.append({"value": other.value, "scheme": other.scheme})
    return {name: getattr(value, name) for name in Party.__slots__} | {"tax_schemes": schemes}


_PARTY: Final = (
    Leaf("cbc:EndpointID", "endpoint", IDENTIFIER),
    Wrapper(
        "cac:PartyIdentification",
        (Leaf("cbc:ID", "identifiers", IDENTIFIER, many=True),),
        each=True,
    ),
    Wrapper("cac:PartyName", (Leaf("cbc:Name", "trading_name"),)),
    Group("cac:PostalAddress", "address", Address, ADDRESS),
    Group(
        "cac:PartyTaxScheme",
        "tax_schemes",
        Located,
        (
            Leaf("cbc:CompanyID", "value"),
            Wrapper("cac:TaxScheme", (Leaf("cbc:ID", "scheme"),)),
        ),
        many=True,
    ),
    Wrapper(
        "cac:PartyLegalEntity",
        (
            Leaf("cbc:RegistrationName", "legal_name"),
            Leaf("cbc:CompanyID", "legal_id", IDENTIFIER),
            Leaf("cbc:CompanyLegalForm", "legal_form"),
        ),
    ),
    Group(
        "cac:Contact",
        "contact",
        Contact,
        (
            Leaf("cbc:Name", "name"),
            Leaf("cbc:Telephone", "telephone"),
            Leaf("cbc:ElectronicMail", "email"),
        ),
    ),
)


def party(tag: str, name: str) -> Group:
    """Return the binding of a party that stands in the element *tag*."""
    return Group(tag, name, Party, _PARTY, assemble=_sort_tax_schemes, take_apart=_list_tax_schemes)


def tax_category(tag: str, name: str) -> Group:
    """Return the binding of a category of VAT that stands in the element *tag*."""
    parts = (Leaf("cbc:ID", "code", CODE), Leaf("cbc:Percent", "rate", DECIMAL), VAT_SCHEME)
    return Group(tag, name, TaxCategory, parts)


ALLOWANCE_CHARGE: Final = Group(
    "cac:AllowanceCharge",
    "allowance_charges",
    AllowanceCharge,
    (
        Leaf("cbc:ChargeIndicator", "is_charge", BOOLEAN, need=Need.SCHEMA),
        Leaf("cbc:AllowanceChargeReasonCode", "reason_code", CODE),
        Leaf("cbc:AllowanceChargeReason", "reason"),
        Leaf("cbc:MultiplierFactorNumeric", "percent", DECIMAL),
        Leaf("cbc:Amount", "amount", AMOUNT, need=Need.SCHEMA),
        Leaf("cbc:BaseAmount", "base", AMOUNT),
        tax_category("cac:TaxCategory", "category"),
    ),
    many=True,
)
