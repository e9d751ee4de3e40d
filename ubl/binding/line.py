"""How the lines of an invoice and of a credit note are written in UBL.  [EN16931-3-2] [BIS3]"""

from ubl.binding.forms import AMOUNT, CODE, DATE, IDENTIFIER, QUANTITY
from ubl.binding.parts import Fixed, Group, Leaf, Need, Wrapper
from ubl.binding.shared import ALLOWANCE_CHARGE, tax_category
from ubl.line import (
    Classification,
    InvoiceLine,
    Item,
    ItemProperty,
    Period,
    Price,
    PriceDiscount,
)

__all__ = ["line"]

_ITEM = (
    Leaf("cbc:Description", "description"),
    Leaf("cbc:Name", "name"),
    Wrapper("cac:BuyersItemIdentification", (Leaf("cbc:ID", "buyers_id"),)),
    Wrapper("cac:SellersItemIdentification", (Leaf("cbc:ID", "sellers_id"),)),
    Wrapper("cac:StandardItemIdentification", (Leaf("cbc:ID", "standard_id", IDENTIFIER),)),
    Wrapper("cac:OriginCountry", (Leaf("cbc:IdentificationCode", "origin_country", CODE),)),
    Group(
        "cac:CommodityClassification",
        "classifications",
        Classification,
        (
            Leaf(
                "cbc:ItemClassificationCode",
                "code",
                attributes={"listID": "list_id", "listVersionID": "list_version"},
                need=Need.MODEL,
            ),
        ),
        many=True,
    ),
    tax_category("cac:ClassifiedTaxCategory", "category"),
    Group(
        "cac:AdditionalItemProperty",
        "properties",
        ItemProperty,
        (Leaf("cbc:Name", "name", need=Need.SCHEMA), Leaf("cbc:Value", "value")),
        many=True,
    ),
)
_PRICE = (
    Leaf("cbc:PriceAmount", "amount", AMOUNT, need=Need.SCHEMA),
    Leaf("cbc:BaseQuantity", "base_quantity", QUANTITY),
    Group(
        "cac:AllowanceCharge",
        "discount",
        PriceDiscount,
        (
            Fixed("cbc:ChargeIndicator", ("false", "0"), decisive=True),
            Leaf("cbc:Amount", "amount", AMOUNT, need=Need.SCHEMA),
            Leaf("cbc:BaseAmount", "gross", AMOUNT),
        ),
    ),
)
_PERIOD = (Leaf("cbc:StartDate", "start", DATE), Leaf("cbc:EndDate", "end", DATE))


def line(tag: str, quantity: str) -> Group:
    """Return the binding of a line *tag* that has its quantity in the element *quantity*."""
    parts = (
        Leaf("cbc:ID", "id", need=Need.SCHEMA),
        Leaf("cbc:Note", "note"),
        Leaf(quantity, "quantity", QUANTITY),
        Leaf("cbc:LineExtensionAmount", "net", AMOUNT, need=Need.SCHEMA),
        Leaf("cbc:AccountingCost", "accounting_cost"),
        Group("cac:InvoicePeriod", "period", Period, _PERIOD),
        Wrapper("cac:OrderLineReference", (Leaf("cbc:LineID", "order_line"),)),
        Wrapper(
            "cac:DocumentReference",
            (
                Leaf("cbc:ID", "object_identifier", IDENTIFIER),
                Fixed("cbc:DocumentTypeCode", ("130",), decisive=True),
            ),
        ),
        ALLOWANCE_CHARGE,
        Group("cac:Item", "item", Item, _ITEM, need=Need.SCHEMA),
        Group("cac:Price", "price", Price, _PRICE),
    )
    return Group(tag, "lines", InvoiceLine, parts, many=True)
