"""Messages that are wrong in their HTTP, MIME, SOAP or header, before anything is verified."""

from dataclasses import replace
from typing import Final

from conformance.forge.hooks import cut, swap, twice
from conformance.forge.messages import NONCE, Forge, Sealed
from conformance.forge.recipes import (
    Recipe,
    Table,
    fitted,
    in_xml,
    more_parts,
    on_wire,
    rows,
    spoiled,
)

__all__ = ["COMPRESSION", "HEADERS", "HTTP", "MIME_TYPE", "MODES", "PAYLOADS"]

COMPRESSION: Final = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
MIME_TYPE: Final = '<eb:Property name="MimeType">application/xml</eb:Property>'
_CHARACTER_SET = '<eb:Property name="CharacterSet">!*</eb:Property>'
_CID = f"att-{NONCE}@as4"


def _started(name: str) -> Recipe:
    """A message whose media type says that it starts with the part *name*."""

    def make(forge: Forge) -> Sealed:
        sealed = forge.sealed()
        return replace(sealed, content_type=f'{sealed.content_type}; start="{name}"')

    return make


def _party(forge: Forge) -> str:
    return (
        f'<eb:PartyId type="urn:fdc:peppol.eu:2017:identifiers:ap">{forge.from_party}</eb:PartyId>'
    )


HTTP: Final[Table] = {
    "a document type": (in_xml('[<!ENTITY x "y">]'), "400"),
    "an external entity": (in_xml('[<!ENTITY x SYSTEM "file:///etc/passwd">]'), "400"),
    "nested entities": (in_xml('[<!ENTITY a "aa"><!ENTITY b "&a;&a;">]'), "400"),
    "nesting without end": (
        spoiled(soap=swap("<S12:Header>", "<S12:Header>" + "<a>" * 5000)),
        "400",
    ),
    "SOAP in UTF-16": (on_wire(b"charset=UTF-8", b"charset=UTF-16"), "415"),
    "a start that is not first": (_started("<other@as4>"), "400"),
    "one part's header of 20 KB": (on_wire(b"Content-ID: <soap", b"X: " + b"y" * 20_000), "400"),
    "a SOAP part over its bound": (
        spoiled(soap=swap("<S12:Header>", " " * (1 << 20))),
        "413",
    ),
}
"""What is refused before there is a message."""

HEADERS: Final[Table] = rows(
    {
        "no timestamp": spoiled(messaging=cut("<eb:Timestamp>", "</eb:Timestamp>")),
        "a foreign child": spoiled(messaging=swap("<eb:PartyInfo>", "<eb:X></eb:X><eb:PartyInfo>")),
        "no MimeType": spoiled(messaging=swap(MIME_TYPE, "")),
        "an illegal CharacterSet": spoiled(messaging=swap(MIME_TYPE, MIME_TYPE + _CHARACTER_SET)),
        "two Messaging": spoiled(soap=twice("<eb:Messaging", "</eb:Messaging>")),
        "two Body": spoiled(soap=twice("<S12:Body", "</S12:Body>")),
        "a comment inside a value": fitted(
            lambda f: {"messaging": swap(f.from_party, f"{f.from_party}<!-- -->2")}
        ),
        "an instruction inside a value": fitted(
            lambda f: {
                "messaging": swap(f.from_party, f"{f.from_party[:3]}<?x?>{f.from_party[3:]}")
            }
        ),
    },
    "EBMS:0009",
)
"""Headers that do not follow their schema."""

MODES: Final[Table] = rows(
    {
        "another agreement": spoiled(messaging=swap("tia:ap_provider", "tia:other")),
        "another role": spoiled(messaging=swap("200704/initiator", "200704/other")),
        "another kind of party": spoiled(messaging=swap("2017:identifiers:ap", "2017:x")),
        "another channel": spoiled(
            messaging=swap("<eb:UserMessage>", '<eb:UserMessage mpc="urn:x">')
        ),
        "two parties": fitted(lambda f: {"messaging": swap(_party(f), _party(f) * 2)}),
    },
    "EBMS:0001",
)
"""Headers that do not say what the P-Mode demands."""

PAYLOADS: Final[Table] = {
    **rows(
        {
            "two parts announced": spoiled(messaging=twice("<eb:PartInfo", "</eb:PartInfo>")),
            "a part outside": spoiled(messaging=swap(f"cid:{_CID}", "https://example.com/x")),
            "a part by another name": on_wire(f"<{_CID}>".encode(), b"<x@y>"),
            "no name of the part": on_wire(f"\r\nContent-ID: <{_CID}>".encode(), b""),
            "a second attachment": more_parts(1),
            "a thousand attachments": more_parts(1000),
            "a payload in the Body": spoiled(body=swap("></S12:Body>", "><x></x></S12:Body>")),
        },
        "EBMS:0011",
    ),
    **rows(
        {
            "parts inside a part": on_wire(
                b"Content-Type: application/octet-stream", b"Content-Type: multipart/mixed"
            ),
            "an unknown transfer encoding": spoiled(
                attachment_headers="Content-Type: application/octet-stream\r\n"
                f"Content-Transfer-Encoding: x-uu\r\nContent-ID: <{_CID}>",
            ),
        },
        "EBMS:0007",
    ),
}
"""Parts that are not the one payload of the header."""
