"""What a document says of where it goes: from whom, to whom, which type, which process.

Nothing else of the document is read, and its content is not judged.  [BIS3] [UBL]
In self-billing the buyer writes the invoice: he is the sender, the seller is the receiver.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from ubl.businessheader import Sbdh, Scope
from ubl.errors import BadIdentifier, UnknownDocument
from ubl.identifiers import (
    PARTICIPANT_SCHEME,
    PROCESS_SCHEME,
    DocumentTypeId,
    ParticipantId,
    ProcessId,
)
from ubl.xml import Paths, Scanner

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_PREFIXES: Final[Mapping[str, str]] = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
}
# A document that does not say its version of UBL is one of 2.1, as all of Peppol's are.  [BIS3]
_VERSION_DEFAULT: Final = "2.1"

_CUSTOMIZATION: Final = "cbc:CustomizationID"
_PROFILE: Final = "cbc:ProfileID"
_NUMBER: Final = "cbc:ID"
_ISSUED_ON: Final = "cbc:IssueDate"
_VERSION: Final = "cbc:UBLVersionID"
_SELLER: Final = "cac:AccountingSupplierParty/cac:Party/cbc:EndpointID"
_BUYER: Final = "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID"
_SENDER: Final = "cac:SenderParty/cbc:EndpointID"
_RECEIVER: Final = "cac:ReceiverParty/cbc:EndpointID"

# The roots that are routed, and where each names its sender and its receiver.
_ROOTS: Final[Mapping[str, tuple[str, str]]] = {
    f"{{{_UBL}Invoice-2}}Invoice": (_SELLER, _BUYER),
    f"{{{_UBL}CreditNote-2}}CreditNote": (_SELLER, _BUYER),
    f"{{{_UBL}ApplicationResponse-2}}ApplicationResponse": (_SENDER, _RECEIVER),
}


def _below(root: str, path: str) -> tuple[str, ...]:
    names = (step.split(":") for step in path.split("/"))
    return (root, *(f"{{{_PREFIXES[prefix]}}}{local}" for prefix, local in names))


_PATHS: Final = Paths(
    {
        _below(root, path): path
        for root, parties in _ROOTS.items()
        for path in (_CUSTOMIZATION, _PROFILE, _NUMBER, _ISSUED_ON, _VERSION, *parties)
    }
)
_SELF_BILLING: Final = re.compile(r"(^|[:#])selfbilling([:-]|$)")
_XML_SPACE: Final = " \t\r\n"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a document goes, and where it is in the bytes it was read from.

    *sender* sends and *receiver* receives, whoever of them sells.  *number* is the document's own
    (cbc:ID) and *issued_on* the text of its date, both None where missing.
    The document is the bytes from *root_offset* up to, not including, *root_end*.
    """

    root_namespace: str
    root_name: str
    customization_id: str
    profile_id: str
    number: str | None
    issued_on: str | None
    sender: ParticipantId
    receiver: ParticipantId
    document_type: DocumentTypeId
    process: ProcessId
    root_offset: int
    root_end: int

    @property
    def is_self_billing(self) -> bool:
        """Whether the buyer wrote the document, in the name of the seller, who receives it."""
        return _SELF_BILLING.search(self.customization_id) is not None

    @property
    def parties(self) -> tuple[str, str]:
        """Where the document names its sender and its receiver: XPaths below its root."""
        sender, receiver = _ROOTS[f"{{{self.root_namespace}}}{self.root_name}"]
        return (receiver, sender) if self.is_self_billing else (sender, receiver)

    def header(
        self,
        *,
        instance_identifier: str,
        created_at: str,
        country_c1: str,
        scopes: tuple[Scope, ...] = (),
    ) -> Sbdh:
        """Return the business header of an envelope for this document.

        *created_at* is an XML dateTime with its zone, *country_c1* the sender's country.
        """
        return Sbdh(
            sender=self.sender,
            receiver=self.receiver,
            standard=self.root_namespace,
            type_version=self.document_type.version,
            instance_identifier=instance_identifier,
            type=self.root_name,
            created_at=created_at,
            document_type=self.document_type,
            process=self.process,
            country_c1=country_c1,
            scopes=scopes,
        )


def read_routing(data: bytes) -> Routing:
    """Return where the document *data* goes; raise MalformedXml or UnknownDocument.

    What is before and after the root element (an XML declaration, comments) is no part of it.
    """
    reader = RoutingReader()
    reader.feed(data)
    return reader.close()


@dataclass(frozen=True, slots=True)
class _Found:
    text: str
    scheme: str
    line: int


class RoutingReader:
    """Reads the routing of a document in chunks of any size, in bounded memory."""

    def __init__(self) -> None:
        self._root = ""
        self._root_offset = 0
        self._root_end = 0
        self._found: dict[str, _Found] = {}
        self._scanner = Scanner(self._open, self._close, self._value, paths=_PATHS, span_depth=0)

    def feed(self, data: bytes) -> None:
        """Read the next *data*; raise MalformedXml or UnknownDocument."""
        self._scanner.feed(data)

    def close(self) -> Routing:
        """Return the routing now that there is no more; raise as `read_routing` does."""
        self._scanner.close()
        sender, receiver = _ROOTS[self._root]
        customization = self._require(_CUSTOMIZATION)
        profile = self._require(_PROFILE)
        if self._is_self_billing(customization, profile):
            sender, receiver = receiver, sender
        namespace, _, local_name = self._root[1:].partition("}")
        version = self._find(_VERSION) or _VERSION_DEFAULT
        return Routing(
            root_namespace=namespace,
            root_name=local_name,
            customization_id=customization,
            profile_id=profile,
            number=self._find(_NUMBER),
            issued_on=self._find(_ISSUED_ON),
            sender=self._identify_participant(sender),
            receiver=self._identify_participant(receiver),
            document_type=self._identify(
                _CUSTOMIZATION,
                lambda: DocumentTypeId.for_root(
                    root_namespace=namespace,
                    local_name=local_name,
                    customization=customization,
                    version=version,
                ),
            ),
            process=self._identify(_PROFILE, lambda: ProcessId(PROCESS_SCHEME, profile)),
            root_offset=self._root_offset,
            root_end=self._root_end,
        )

    def _open(self, name: str, _attributes: Mapping[str, str], offset: int, _depth: int) -> None:
        if name not in _ROOTS:
            known = ", ".join(sorted(root.partition("}")[2] for root in _ROOTS))
            raise UnknownDocument(
                f"the root element {name} is not one that can be sent: send one of {known} of"
                " UBL 2.1, in its own namespace",
                element=name,
                line=self._scanner.line,
            )
        self._root = name
        self._root_offset = offset

    def _close(self, end: int, _depth: int, _text: str | None) -> None:
        self._root_end = end

    def _value(self, path: str, text: str | None, attributes: Mapping[str, str]) -> None:
        line = self._scanner.line
        if path in self._found:
            raise UnknownDocument(f"{path} is there twice: keep one", element=path, line=line)
        value = (text or "").strip(_XML_SPACE)
        self._found[path] = _Found(value, attributes.get("schemeID", "").strip(_XML_SPACE), line)

    def _find(self, path: str) -> str | None:
        found = self._found.get(path)
        return (found.text or None) if found is not None else None

    def _require(self, path: str) -> str:
        value = self._find(path)
        if value is None:
            raise UnknownDocument(
                f"{path} is missing or empty: without it the document cannot be routed; add it",
                element=path,
            )
        return value

    def _is_self_billing(self, customization: str, profile: str) -> bool:
        if _SELF_BILLING.search(customization) is not None:
            return True
        if _SELF_BILLING.search(profile) is not None:
            raise UnknownDocument(
                f"{_PROFILE} is of self-billing, but {_CUSTOMIZATION} is not: who sends is not"
                " clear; make them agree",
                element=_PROFILE,
                line=self._found[_PROFILE].line,
            )
        return False

    def _identify_participant(self, path: str) -> ParticipantId:
        value = self._require(path)
        scheme = self._found[path].scheme
        if not scheme:
            raise UnknownDocument(
                f'{path} has no schemeID: add the code of the register (as in schemeID="0208")',
                element=path,
                line=self._found[path].line,
            )
        return self._identify(path, lambda: ParticipantId(PARTICIPANT_SCHEME, f"{scheme}:{value}"))

    def _identify(self, path: str, make: Callable[[], _T]) -> _T:
        try:
            return make()
        except BadIdentifier as error:
            raise UnknownDocument(
                f"{path}: {error.detail}", element=path, line=self._found[path].line
            ) from error
