"""What a person reads of a document: one view, that pages and PDFs are made from alike.

Every value is text, formatted for the view's language; nothing in it is markup.  What words stand
around the values is in `labels/`; how a view is laid out is in `templates/`.
"""

from dataclasses import dataclass

__all__ = [
    "NO_LAYOUT",
    "Attachment",
    "Item",
    "Layout",
    "Party",
    "Payment",
    "Row",
    "Section",
    "Total",
    "VatRow",
    "View",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the sender's house adds to his documents; without it a document stands for itself.

    *logo* is a PNG, JPEG or SVG file; *header*, *footer* and *terms* are plain text, in lines.
    """

    logo: bytes | None = None
    header: str = ""
    footer: str = ""
    terms: str = ""


NO_LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Labelled values under a title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody, in his *role*: name, lines of the address, and what identifies him."""

    role: str
    name: str
    address: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the invoice; *details* stand under its name."""

    number: str
    name: str
    details: tuple[str, ...]
    rows: tuple[Row, ...]
    quantity: str
    price: str
    vat: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VatRow:
    """The VAT of one category and rate; *reason* says why there is none."""

    category: str
    base: str
    amount: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A sum; *strong* marks the one that is to be paid."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One way to pay; *code* is the text of its EPC QR code, where there is one."""

    rows: tuple[Row, ...]
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A document that came along (*number* says which), or stands at *address*."""

    number: int
    name: str
    description: str
    size: str = ""
    address: str = ""
    own_pdf: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A document as a person reads it, in one *language*.

    *unheld* is empty when the view shows all of it, else a sentence that names what is missing.
    """

    language: str
    title: str
    number: str
    head: tuple[Row, ...]
    parties: tuple[Party, ...]
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    currency: str = ""
    items: tuple[Item, ...] = ()
    adjustments: tuple[Total, ...] = ()
    vat: tuple[VatRow, ...] = ()
    totals: tuple[Total, ...] = ()
    payments: tuple[Payment, ...] = ()
    terms: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    unheld: str = ""
