"""Distinguished names as text, compared as names.

A redirect names the signer it expects by the text of a certificate's subject.  Order, spacing,
escapes, the case of types and the spelling of rarer types differ between the programs that write
such text, so text is never compared with text.
"""

import re
from typing import Final

from cryptography import x509

# LIMIT: Peppol's subjects have four parts and under 200 characters.
SUBJECT_CHARACTERS_MAX: Final = 1000

Part = frozenset[tuple[str, str]]
"""One relative distinguished name: its (object identifier, folded value) pairs."""

_OBJECT_IDENTIFIERS: Final = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "S": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "T": "2.5.4.12",
    "TITLE": "2.5.4.12",
    "GN": "2.5.4.42",
    "GIVENNAME": "2.5.4.42",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
}
_PAIR: Final = re.compile(
    r"""\s*(?P<type>[A-Za-z][A-Za-z0-9-]*|(?:(?:oid|OID)\.)?[0-9]+(?:\.[0-9]+)+)\s*=\s*
    (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?:[^\\,;+"]|\\.)*?))\s*(?P<end>[,;+]|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)


def parse_subject(text: str) -> tuple[Part, ...]:
    """Return the parts of the distinguished name *text* in the order written.  [RFC4514 §3]

    `;` as a separator and quoted values, which older programs write, are read too.
    Raises ValueError when *text* is not a distinguished name.
    """
    if len(text) > SUBJECT_CHARACTERS_MAX:
        raise ValueError(f"is longer than {SUBJECT_CHARACTERS_MAX} characters")
    parts: list[Part] = []
    pairs: list[tuple[str, str]] = []
    position = 0
    while True:
        match = _PAIR.match(text, position)
        if match is None:
            raise ValueError(f"is no distinguished name at character {position}: {text!r}")
        value = match["plain"] if match["quoted"] is None else match["quoted"]
        pairs.append((_object_identifier(match["type"]), _fold(_unescape(value))))
        if match["end"] != "+":
            parts.append(frozenset(pairs))
            pairs = []
        position = match.end()
        if not match["end"]:
            return tuple(parts)


def subject_parts(name: x509.Name) -> tuple[Part, ...]:
    """Return the parts of a certificate's *name* in the order of the certificate."""
    return tuple(
        frozenset((attribute.oid.dotted_string, _fold(str(attribute.value))) for attribute in part)
        for part in name.rdns
    )


def is_subject(text: str, name: x509.Name) -> bool:
    """Tell whether *text* is the distinguished name *name*, written in either direction.

    Values compare without regard to case and to runs of spaces.  [RFC5280 §7.1]
    """
    try:
        written = parse_subject(text)
    except ValueError:
        return False
    return subject_parts(name) in (written, written[::-1])


def _object_identifier(type_name: str) -> str:
    upper = type_name.upper().removeprefix("OID.")
    return _OBJECT_IDENTIFIERS.get(upper, upper)


def _unescape(value: str) -> str:
    def plain(escape: re.Match[str]) -> str:
        if escape[1]:
            return bytes.fromhex(escape[1].replace("\\", "")).decode(errors="replace")
        return escape[2]

    return _ESCAPE.sub(plain, value)


def _fold(value: str) -> str:
    return " ".join(value.split()).casefold()
