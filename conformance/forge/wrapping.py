"""Signatures that hold over one thing while another stands in its place, in every shape.

A genuine, signed element is moved somewhere else in the envelope and a forged one takes its
place; ids are doubled, under each name that some reader takes for an id; references lead
elsewhere; comments cut values that canonicalisation then makes whole again.
"""

from collections.abc import Callable
from itertools import product
from typing import Final

from as4.namespaces import EBMS, SOAP, WSSE, WSU
from conformance.forge.hooks import Hook, swap
from conformance.forge.messages import NONCE, Forge, Spoil
from conformance.forge.recipes import Recipe, Row, Table, fitted, spoiled

__all__ = ["COMMENTED", "DOUBLED", "MOVED", "PLACES", "SECOND", "WRAPPINGS"]

MESSAGING, BODY = f"msg-{NONCE}", f"body-{NONCE}"
XML_ID = "http://www.w3.org/XML/1998/namespace"
REFUSED = "EBMS:0103"
STRUCTURE = "EBMS:0009"
CONTENT = "EBMS:0011"


def _stretch(text: str, name: str) -> str:
    start = text.index(f"<{name}")
    return text[start : text.index(f"</{name}>", start) + len(name) + 3]


def _wrapped(content: str) -> str:
    return f'<x:Wrapper xmlns:x="urn:x">{content}</x:Wrapper>'


PLACES: Final[dict[str, Callable[[str, str], str]]] = {
    "behind it in the header": lambda t, g: t.replace(
        "</S12:Header>", _wrapped(g) + "</S12:Header>"
    ),
    "before it in the header": lambda t, g: t.replace("<S12:Header>", "<S12:Header>" + _wrapped(g)),
    "in the Body": lambda t, g: t.replace("</S12:Body>", g + "</S12:Body>"),
    "wrapped in the Body": lambda t, g: t.replace("</S12:Body>", _wrapped(g) + "</S12:Body>"),
    "behind the Body": lambda t, g: t.replace("</S12:Envelope>", _wrapped(g) + "</S12:Envelope>"),
    "bare behind the Body": lambda t, g: t.replace("</S12:Envelope>", g + "</S12:Envelope>"),
    "in Security": lambda t, g: t.replace("</wsse:Security>", g + "</wsse:Security>"),
    "in an Object of the signature": lambda t, g: t.replace(
        "</ds:Signature>", f"<ds:Object>{g}</ds:Object></ds:Signature>"
    ),
    "in the signature's KeyInfo": lambda t, g: t.replace(
        "</ds:KeyInfo></ds:Signature>", g + "</ds:KeyInfo></ds:Signature>"
    ),
    "in the signed information": lambda t, g: t.replace(
        "</ds:SignedInfo>", g + "</ds:SignedInfo>"
    ),
    "in the signature's token": lambda t, g: t.replace(
        "</wsse:BinarySecurityToken>", g + "</wsse:BinarySecurityToken>"
    ),
    "in a timestamp": lambda t, g: t.replace(
        "</wsse:Security>", f'<wsu:Timestamp xmlns:wsu="{WSU}">{g}</wsu:Timestamp></wsse:Security>'
    ),
    "in the encrypted key": lambda t, g: t.replace(
        "</xenc:EncryptedKey>", g + "</xenc:EncryptedKey>"
    ),
    "in a nested envelope in the Body": lambda t, g: t.replace(
        "</S12:Body>", f"<S12:Envelope><S12:Header>{g}</S12:Header></S12:Envelope></S12:Body>"
    ),
    "in a nested envelope in the header": lambda t, g: t.replace(
        "</S12:Header>",
        f"<S12:Envelope><S12:Header>{g}</S12:Header></S12:Envelope></S12:Header>",
    ),
    "in a second header": lambda t, g: t.replace(
        "<S12:Body", f"<S12:Header>{g}</S12:Header><S12:Body", 1
    ),
    "for another role": lambda t, g: t.replace(
        "</S12:Header>",
        f'<x:W xmlns:x="urn:x" S12:role="urn:other">{g}</x:W></S12:Header>',
    ),
}  # fmt: skip

PLACE_ANSWERS: Final = {
    "in the Body": CONTENT,
    "wrapped in the Body": CONTENT,
    "in a nested envelope in the Body": CONTENT,
    "behind the Body": STRUCTURE,
    "bare behind the Body": STRUCTURE,
    "in a second header": STRUCTURE,
}
FORGED_IDS: Final[dict[str, Callable[[str, str], str]]] = {
    "under the same id": lambda text, _own: text,
    "without an id": lambda text, own: text.replace(f' wsu:Id="{own}"', "", 1),
    "under another id": lambda text, own: text.replace(own, "forged", 1),
    "with the id as Id": lambda text, own: text.replace(f'wsu:Id="{own}"', f'Id="{own}"', 1),
    "with the id as ID": lambda text, own: text.replace(f'wsu:Id="{own}"', f'ID="{own}"', 1),
    "with the id as id": lambda text, own: text.replace(f'wsu:Id="{own}"', f'id="{own}"', 1),
    "with the id as xml:id": lambda text, own: text.replace(
        f'wsu:Id="{own}"', f'xml:id="{own}"', 1
    ),
    "with a SAML id": lambda text, own: text.replace(f'wsu:Id="{own}"', f'AssertionID="{own}"', 1),
}


FORGERIES: Final[dict[str, tuple[str, str, Callable[[Forge], tuple[str, str]]]]] = {
    "Messaging": ("eb:Messaging", MESSAGING, lambda f: (f.sender.value, f.stranger.value)),
    "Body": ("S12:Body", BODY, lambda _: ("<S12:Body", '<S12:Body lang="nl"')),
}


def forged(
    what: str, put: Callable[[str, str], str], identify: Callable[[str, str], str]
) -> Recipe:
    """Return the recipe of *what*, moved to where *put* puts it, a forged one in its place."""
    name, own, change = FORGERIES[what]

    def fit(forge: Forge) -> Spoil:
        old, new = change(forge)

        def hook(text: str) -> str:
            genuine = _stretch(text, name)
            other = identify(genuine.replace(old, new, 1), own)
            return put(text.replace(genuine, other), genuine)

        return {"soap": hook}

    return fitted(fit)


def answer_to(place: str) -> str:
    """Return the first check that a moved element fails."""
    if "nested envelope in the header" in place:
        return REFUSED
    return PLACE_ANSWERS.get(place, REFUSED)


MOVED: Final[Table] = {
    f"{what} moved {place}, forged {how}": (forged(what, put, identify), answer_to(place))
    for what in FORGERIES
    for (place, put), (how, identify) in product(PLACES.items(), FORGED_IDS.items())
}


def doubled(attribute: str, value: str, mark: str) -> Recipe:
    """Return the recipe of a second id *value*, as *attribute* of the element *mark*."""
    return spoiled(soap=swap(mark, f'{mark} {attribute}="{value}"'))


WSU_ID = f'xmlns:u="{WSU}" u:Id'
DOUBLED: Final[Table] = {
    f"the id of {name} again, as {attribute.rpartition(' ')[2]} of {mark[1:]}": (
        doubled(attribute, value, mark),
        REFUSED,
    )
    for (name, value), attribute, mark in product(
        {"Messaging": MESSAGING, "the Body": BODY}.items(),
        ("Id", "ID", "id", "xml:id", WSU_ID),
        ("<wsse:Security", "<ds:Signature", "<xenc:EncryptedKey", "<S12:Envelope", "<S12:Header"),
    )
    if not (attribute == "Id" and mark in ("<ds:Signature", "<xenc:EncryptedKey"))
}  # fmt: skip


def commented(mark: str, value: Callable[[Forge], str], expected: str, noise: str) -> Row:
    """Return the row of *noise* inside the value that follows *mark*.

    Canonicalisation drops a comment again, so the signature holds.
    """

    def fit(forge: Forge) -> Spoil:
        found = value(forge)
        cut = len(found) // 2
        return {"soap": swap(mark + found, mark + found[:cut] + noise + found[cut:])}

    return fitted(fit), expected


PARTY: Final = 'identifiers:ap">'
VALUES: Final[dict[str, tuple[str, Callable[[Forge], str], str]]] = {
    "MessageId": ("<eb:MessageId>", lambda f: f.message_id[:12], STRUCTURE),
    "the sender's PartyId": (PARTY, lambda f: f.from_party, STRUCTURE),
    "the receiver's PartyId": (PARTY, lambda f: f.to_party, STRUCTURE),
    "Service": (">", lambda f: f"{f.process.value}</eb:Service>", STRUCTURE),
    "Action": ("<eb:Action>", lambda f: f.document_type.scheme, STRUCTURE),
    "Timestamp": ("<eb:Timestamp>", lambda _: "20", STRUCTURE),
    "the original sender": (">", lambda f: f.sender.value, STRUCTURE),
    "the final recipient": (">", lambda f: f.receiver.value, STRUCTURE),
    "MimeType": (">", lambda _: "application/xml", STRUCTURE),
    "CompressionType": (">", lambda _: "application/gzip", STRUCTURE),
    "a digest": ("<ds:DigestValue>", lambda _: "", REFUSED),
    "the signature value": ("<ds:SignatureValue>", lambda _: "", REFUSED),
    "the wrapped key": ("<xenc:CipherValue>", lambda _: "", REFUSED),
    "the token": ('#X509v3" wsu:Id="X509-' + NONCE + '">', lambda _: "", REFUSED),
}
COMMENTED: Final[Table] = {
    f"{what} inside {name}": commented(*rest, noise)
    for name, rest in VALUES.items()
    for what, noise in (
        ("a comment", "<!-- -->"),
        ("a comment that looks like the end", "<!--</eb:x>-->"),
        ("an instruction", "<?cut here?>"),
    )
}

SECURITY = f'<wsse:Security xmlns:wsse="{WSSE}" S12:mustUnderstand="true"></wsse:Security>'
FORGED_HEADER = f'<eb:Messaging xmlns:eb="{EBMS}" S12:mustUnderstand="true"></eb:Messaging>'


def _envelope_around(text: str) -> str:
    start = text.index("<S12:Envelope")
    return f'{text[:start]}<S12:Envelope xmlns:S12="{SOAP}">{text[start:]}</S12:Envelope>'


def _role(role: str) -> Hook:
    return swap("<wsse:Security ", f'<wsse:Security S12:role="{role}" ')


ROLES = f"{SOAP}/role"
_SECOND: Final[dict[str, tuple[Hook, str]]] = {
    "an empty Security first": (swap("<S12:Header>", f"<S12:Header>{SECURITY}"), REFUSED),
    "an empty Security last": (swap("</S12:Header>", f"{SECURITY}</S12:Header>"), REFUSED),
    "Security for nobody": (_role(f"{ROLES}/none"), REFUSED),
    "Security for a gate before us": (_role("urn:gate"), REFUSED),
    "an empty Messaging first": (swap("<S12:Header>", f"<S12:Header>{FORGED_HEADER}"), STRUCTURE),
    "an empty Messaging last": (swap("</S12:Header>", f"{FORGED_HEADER}</S12:Header>"), STRUCTURE),
    "a Messaging for another role": (
        swap(
            "<S12:Header>",
            "<S12:Header>" + FORGED_HEADER.replace(" S12:must", ' S12:role="urn:x" S12:must'),
        ),
        STRUCTURE,
    ),
    "an envelope in an envelope": (_envelope_around, STRUCTURE),
    "an empty Body first": (swap("<S12:Body", "<S12:Body></S12:Body><S12:Body"), STRUCTURE),
    "an empty Body last": (swap("</S12:Body>", "</S12:Body><S12:Body></S12:Body>"), STRUCTURE),
    "a SOAP 1.1 Body too": (
        swap(
            "<S12:Body",
            '<s:Body xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"></s:Body><S12:Body',
        ),
        STRUCTURE,
    ),
    "the Body before the Header": (
        lambda text: text.replace(_stretch(text, "S12:Body"), "").replace(
            "<S12:Header>", _stretch(text, "S12:Body") + "<S12:Header>"
        ),
        STRUCTURE,
    ),
    "something included": (
        swap(
            "</wsse:Security>",
            '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'
            "</wsse:Security>",
        ),
        REFUSED,
    ),
}
SECOND: Final[Table] = {
    name: (spoiled(soap=hook), expected) for name, (hook, expected) in _SECOND.items()
}
WRAPPINGS: Final[Table] = {**MOVED, **DOUBLED, **COMMENTED, **SECOND}
