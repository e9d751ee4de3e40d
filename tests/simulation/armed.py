"""Text that would do something if anybody took it for more than text."""

from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from tests.simulation.invoices import MARK

TEXTS = (
    "<script>alert(1)</script><img src=x onerror=y>&amp;</style></p>\"'><b onclick=z",
    "{{ 7 * 7 }}{% include 'document.css' %}{# gone #}</td></table><iframe src=//x>",
    '#panic("x") $x^2$ *bold* @ref <label> \\ [c] //c /*d*/ `r` #read("/etc/passwd")',
    "javascript:alert(1) data:text/html,<b> https://example.org/?a=1&b=2 \\u003cscript>",
)
_NAMES = (b">Het Blauwe Huis<", b">La Maison Rouge SRL<", b">Onderhoud van de espressomachine<")


@dataclass(frozen=True)
class Armed:
    """What stands in a document, as *text* and as it is *written* in XML."""

    text: str
    written: bytes

    def disarm(self, data):
        """Return the document *data* with a word in place of each such text."""
        return data.replace(self.written, b"word")


def arm(invoice, text):
    """Return *invoice* with *text* in its number, names and note, and what stands in it now."""
    written = escape(text).encode()
    data = invoice.data.replace(MARK.encode(), MARK.encode() + b" " + written, 1)
    for name in _NAMES:
        data = data.replace(name, b">" + written + b"<")
    number = invoice.number.encode()
    data = data.replace(b">" + number + b"<", b">" + number + b" " + written + b"<")
    armed = replace(invoice, number=f"{invoice.number} {text}", data=data)
    return armed, Armed(text, written)
