"""Names that a message gives: ids of elements, MessageIds, Content-IDs; all that a grammar allows.

Each holds a fresh text that its maker hands in, so that two messages never share one.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from conformance.awkward.dice import Dice, often

__all__ = ["Names", "draw_names"]

# xs:ID is an NCName: a letter or "_", then letters, digits, ".", "-" and "_".  [XMLDSIG §4.4.3]
_IDS: Final = ("{role}-{fresh}", "_{fresh}.{role}", "A.{fresh}-{role}_", "{role}", "id{number}")
# id-left "@" id-right, of atoms, a quoted string or a literal.  [RFC5322 §3.6.4] [EBMS3 §5.2.2.1]
_MESSAGE_IDS: Final = (
    "{fresh}@awkward.example",
    "{fresh}@x",
    "{fresh}.2026.a@a.b-c.d_e.example",
    "!#$%&'*+-/=?^_`{{|}}~.{fresh}@awkward.example",
    '"a..b\\"c\\\\".{fresh}@awkward.example',
    "{fresh}@[192.0.2.7]",
    "{fresh}@[IPv6:2001:db8::7]",
    "{fresh}" + "-long" * 40 + "@awkward.example",
)
_CONTENT_IDS: Final = (
    "{fresh}@awkward.example",
    "a.{fresh}@awkward.example",
    "100%25{fresh}@awkward.example",
    "a+b={fresh}&c/d?e'f@awkward.example",
    "{{{fresh}|}}@awkward.example",
)


@dataclass(frozen=True, slots=True)
class Names:
    """How one message calls things; `{fresh}` stands for what is new in each message.

    *escaped* are the characters of a cid: URL that are percent-encoded without need.
    """

    ids: str
    message_id: str
    content_id: str
    soap_id: str
    escaped: str

    def element_id(self, role: str, number: int, fresh: str) -> str:
        """Return the id of the element that plays *role*, the *number*th of its message."""
        return self.ids.format(role=role, number=number, fresh=fresh)

    def content_url(self, content_id: str) -> str:
        """Return the cid: URL of *content_id*.  [RFC2392]"""
        url = quote(content_id, safe="!$&'()*+,;=:@")
        for each in self.escaped:
            url = url.replace(each, f"%{ord(each):02x}")
        return f"cid:{url}"


def draw_names(dice: Dice) -> Names:
    """Return how the next message calls things."""
    return Names(
        ids=dice.choice(_IDS),
        message_id=dice.choice(_MESSAGE_IDS),
        content_id=dice.choice(_CONTENT_IDS),
        soap_id=dice.choice(("soap.{fresh}@awkward.example", "<{fresh}>", "root@{fresh}")),
        escaped=dice.choice(("", "", "@", ".")) if often(dice, 0.5) else "",
    )
