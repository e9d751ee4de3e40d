"""How ways to pay are written in UBL.  [EN16931-3-2] [BIS3]"""

from typing import Final

from ubl.binding.forms import CODE, DATE
from ubl.binding.parts import Group, Leaf, Need, Part, Wrapper
from ubl.payment import Account, Card, DirectDebit, PaymentMeans

__all__ = ["payment_means"]

_CODE: Final = Leaf(
    "cbc:PaymentMeansCode", "code", CODE, attributes={"name": "name"}, need=Need.SCHEMA
)
# A credit note has no other place for its due date.  [BIS3]
_DUE_DATE: Final = Leaf("cbc:PaymentDueDate", "due_on", DATE, lifted=True)
_REST: Final[tuple[Part, ...]] = (
    Leaf("cbc:PaymentID", "remittance"),
    Group(
        "cac:CardAccount",
        "card",
        Card,
        (
            Leaf("cbc:PrimaryAccountNumberID", "number", need=Need.SCHEMA),
            Leaf("cbc:NetworkID", "network", need=Need.SCHEMA),
            Leaf("cbc:HolderName", "holder"),
        ),
    ),
    Group(
        "cac:PayeeFinancialAccount",
        "account",
        Account,
        (
            Leaf("cbc:ID", "id", need=Need.MODEL),
            Leaf("cbc:Name", "name"),
            Wrapper("cac:FinancialInstitutionBranch", (Leaf("cbc:ID", "service_provider"),)),
        ),
    ),
    Group(
        "cac:PaymentMandate",
        "direct_debit",
        DirectDebit,
        (
            Leaf("cbc:ID", "mandate"),
            Wrapper("cac:PayerFinancialAccount", (Leaf("cbc:ID", "account"),)),
        ),
    ),
)


def payment_means(*, with_due_date: bool) -> Group:
    """Return the binding of a way to pay, of a credit note *with_due_date*."""
    parts = (_CODE, _DUE_DATE, *_REST) if with_due_date else (_CODE, *_REST)
    return Group("cac:PaymentMeans", "payment_means", PaymentMeans, parts, many=True)
