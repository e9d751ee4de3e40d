"""How a status or a response is written in UBL.  [PEPPOL-MLS] [BIS3-IMR]"""

from collections.abc import Callable
from typing import Final

from ubl.binding.forms import CODE, DATE, TIME
from ubl.binding.parts import Group, Leaf, Need, Values, Wrapper
from ubl.binding.shared import party
from ubl.party import Party
from ubl.response import (
    ApplicationResponse,
    DocumentResponse,
    LineResponse,
    RespondedDocument,
    Response,
    Status,
    StatusCondition,
)

__all__ = ["RESPONSE"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_STATUS: Final = (
    Leaf("cbc:StatusReasonCode", "reason_code", CODE, attributes={"listID": "list_id"}),
    Leaf("cbc:StatusReason", "reason"),
    Group(
        "cac:Condition",
        "conditions",
        StatusCondition,
        (
            Leaf("cbc:AttributeID", "attribute", need=Need.SCHEMA),
            Leaf("cbc:Description", "description"),
        ),
        many=True,
    ),
)
_RESPONSE: Final = (
    Leaf("cbc:ResponseCode", "code", CODE),
    Leaf("cbc:Description", "description"),
    Leaf("cbc:EffectiveDate", "effective_on", DATE),
    Group("cac:Status", "statuses", Status, _STATUS, many=True),
)
_DOCUMENT_RESPONSE: Final = (
    Group("cac:Response", "response", Response, _RESPONSE, need=Need.SCHEMA),
    Group(
        "cac:DocumentReference",
        "documents",
        RespondedDocument,
        (
            Leaf("cbc:ID", "id", need=Need.SCHEMA),
            Leaf("cbc:IssueDate", "issued_on", DATE),
            Leaf("cbc:DocumentTypeCode", "type_code", CODE),
            Leaf("cbc:VersionID", "version"),
        ),
        many=True,
    ),
    party("cac:IssuerParty", "issuer"),
    party("cac:RecipientParty", "recipient"),
    Group(
        "cac:LineResponse",
        "lines",
        LineResponse,
        (
            Wrapper("cac:LineReference", (Leaf("cbc:LineID", "line", CODE, need=Need.SCHEMA),)),
            Group("cac:Response", "responses", Response, _RESPONSE, many=True),
        ),
        many=True,
    ),
)


def _assemble(values: Values, _refuse: Callable[..., None]) -> None:
    values.setdefault("sender", Party())
    values.setdefault("receiver", Party())


RESPONSE: Final = Group(
    f"{{{_UBL}ApplicationResponse-2}}ApplicationResponse",
    "ApplicationResponse",
    ApplicationResponse,
    (
        Leaf("cbc:CustomizationID", "customization", CODE),
        Leaf("cbc:ProfileID", "profile", CODE),
        Leaf("cbc:ID", "id", need=Need.SCHEMA),
        Leaf("cbc:IssueDate", "issued_on", DATE, need=Need.SCHEMA),
        Leaf("cbc:IssueTime", "issued_at", TIME),
        Leaf("cbc:Note", "note"),
        party("cac:SenderParty", "sender"),
        party("cac:ReceiverParty", "receiver"),
        Group("cac:DocumentResponse", "responses", DocumentResponse, _DOCUMENT_RESPONSE, many=True),
    ),
    assemble=_assemble,
)
