"""Documents to show, and what a reader sees of what was made of them."""

import io
import re
import types
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from html.parser import HTMLParser
from typing import Union, get_args, get_origin, get_type_hints

import pikepdf
import pypdfium2
import zxingcpp

from gateway.rendering.html import render_html
from gateway.rendering.invoices import view_invoice
from gateway.rendering.pdf import render_pdf
from gateway.rendering.text import clean_all
from gateway.rendering.view import NO_LAYOUT
from gateway.rendering.wording import Wording
from ubl.invoice import Attachment, DocumentTotals, Invoice, SupportingDocument
from ubl.money import Amount
from ubl.party import Address, Party
from ubl.payment import Account, PaymentMeans

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PDF_FILE = b"%PDF-1.7\n% a file that begins as one\n"
IBAN = "BE68539007547034"
MARGIN_POINTS = 48  # 17 mm of the 18 that a page leaves free
_BREAK = "\N{ZERO WIDTH SPACE}"


def a_bill(**changes):
    """An invoice of one hundred euro, to be paid by transfer."""
    given = {
        "is_credit_note": False,
        "number": "2026-0042",
        "issued_on": date(2026, 11, 20),
        "due_on": date(2026, 12, 20),
        "type_code": "380",
        "currency": "EUR",
        "seller": Party(legal_name="Het Blauwe Huis BV", address=Address(country="BE")),
        "buyer": Party(legal_name="La Maison Rouge"),
        "payment_means": (a_transfer(),),
        "totals": DocumentTotals(due=euro("100.00")),
    }
    return Invoice(**(given | changes))


def a_transfer(**changes):
    given = {"code": "30", "remittance": "090933755493", "account": Account(id=IBAN)}
    return PaymentMeans(**(given | changes))


def an_attachment(content, filename="file.pdf", media_type="application/pdf"):
    file = Attachment(content=content, media_type=media_type, filename=filename)
    return SupportingDocument(id="1", attachment=file)


def euro(value):
    return Amount(Decimal(value), "EUR")


def every_field(kind, text, at=""):
    """A *kind* with every field filled in; texts are what *text* says for their path."""
    if kind is str:
        return text(at)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(
            **{f.name: every_field(hints[f.name], text, f"{at}.{f.name}") for f in fields(kind)}
        )
    if get_origin(kind) is tuple:
        return (every_field(get_args(kind)[0], text, at),)
    if get_origin(kind) in (Union, types.UnionType):
        return every_field(next(k for k in get_args(kind) if k is not types.NoneType), text, at)
    if issubclass(kind, Enum):
        return next(iter(kind))
    plain = {
        Decimal: Decimal("12.50"), date: date(2026, 11, 20), time: time(12, 30), bool: False,
        bytes: b"bytes",
    }  # fmt: skip
    return plain[kind]


def view_of(invoice, language="en"):
    return clean_all(view_invoice(invoice, Wording.of(language)))


def page_of(invoice, language="en", layout=None, **given):
    return render_html(view_of(invoice, language), layout=layout or NO_LAYOUT, **given)


def pdf_of(invoice, language="en", layout=None, document=b"<a/>"):
    return render_pdf(view_of(invoice, language), document, layout=layout or NO_LAYOUT, at=AT)


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []
        self.words = []
        self.links = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)


def read_page(page):
    """What a browser makes of *page*: tags with the names of their attributes, words, links."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    return parser


def seen(text):
    """*text* without what depends on where lines are broken."""
    return re.sub(rf"[\s{_BREAK}]+", "", text)


def words_of_pdf(pdf):
    """The text of all pages of *pdf*."""
    pages = pypdfium2.PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    return seen(text.replace("\ufffe", "-"))


def beyond_the_margins(pdf):
    """How many characters of *pdf* stand where its pages have no room for text."""
    beyond = 0
    for page in pypdfium2.PdfDocument(pdf):
        width, text = page.get_width(), page.get_textpage()
        for at in range(text.count_chars()):
            left, _, right, _ = text.get_charbox(at)
            beyond += left < MARGIN_POINTS or right > width - MARGIN_POINTS
    return beyond


def embedded(pdf):
    """The files inside *pdf*: name, bytes and relationship."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return [
            (name, spec.get_file().read_bytes(), str(spec.obj.AFRelationship))
            for name, spec in opened.attachments.items()
        ]


def codes_in(pdf):
    """What the QR codes on the pages of *pdf* say."""
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        image = page.render(scale=3).to_pil()
        found += [each.text for each in zxingcpp.read_barcodes(image)]
    return found
