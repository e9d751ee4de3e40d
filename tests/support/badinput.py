"""Bad documents, each with the place that a check of it must name.

All but the first few are a valid invoice with one thing wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.support.invoices import an_invoice_text
from ubl.findings import Finding

_INVOICE = b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
_EXPONENTIAL = b"".join(
    b'<!ENTITY e%d "%s">' % (depth, b"&e%d;" % (depth - 1) * 10 if depth else b"bang")
    for depth in range(12)
)


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad document: a finding's rule is *rule*, and it names *place*.

    A place is a part of a finding's location, or of its message where there is no tree to point
    into (`line 2`).
    """

    name: str
    data: bytes
    rule: str
    place: str

    def is_named(self, findings: Iterable[Finding]) -> bool:
        """Say whether one of *findings* is the one to expect."""
        return any(
            finding.rule == self.rule and self.place in f"{finding.location} {finding.message}"
            for finding in findings
        )


def changed(old: bytes, new: bytes, *, lines: int = 3) -> bytes:
    """Return a valid invoice in which the first *old* is *new*."""
    text = an_invoice_text(lines)
    assert old in text
    return text.replace(old, new, 1)


def valued(element: str, value: str, *, lines: int = 3) -> bytes:
    """Return a valid invoice in which the first *element* has the text *value*."""
    text = an_invoice_text(lines)
    start = text.index(b">", text.index(f"<cbc:{element}".encode())) + 1
    end = text.index(b"<", start)
    return text[:start] + value.encode() + text[end:]


def malformed_documents() -> Iterator[Bad]:
    """Yield what no parser may accept; a problem of its own, or a finding at a line."""
    whole = an_invoice_text()
    wide = whole.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    head, _, rest = whole.partition(b"\n")
    cases = {
        "nothing": b"",
        "blanks": b" \n ",
        "a pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
        "json": b'{"invoice": 1}',
        "half a document": whole[: len(whole) // 2],
        "two roots": whole + b"<Invoice/>",
        "a control character": whole.replace(b"Seller SA", b"Seller\x08SA", 1),
        "the character NUL": whole.replace(b"Seller SA", b"Seller\0SA", 1),
        "broken utf-8": whole.replace(b"Seller SA", b"Seller\xff\xfe", 1),
        "utf-16": wide,
        "an unbound prefix": whole.replace(b"cbc:Note", b"cbx:Note"),
        "an unknown entity": whole.replace(b"Seller SA", b"Seller &sa;", 1),
        "a doctype": head + b"<!DOCTYPE Invoice>" + rest,
        "a doctype that names a file": (
            head + b'<!DOCTYPE Invoice SYSTEM "file:///etc/passwd">' + rest
        ),
        "an external entity": (
            head
            + b'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
            + rest.replace(b"Seller SA", b"&x;", 1)
        ),
        "an external parameter entity": (
            head + b'<!DOCTYPE Invoice [<!ENTITY % x SYSTEM "http://127.0.0.1/x">%x;]>' + rest
        ),
        "an exponential entity": (
            head
            + b"<!DOCTYPE Invoice [" + _EXPONENTIAL + b"]>"
            + rest.replace(b"Seller SA", b"&e11;", 1)
        ),
        "a quadratic entity": (
            head
            + b'<!DOCTYPE Invoice [<!ENTITY x "' + b"x" * 50_000 + b'">]>'
            + rest.replace(b"Seller SA", b"&x;" * 50_000, 1)
        ),
        "ten thousand levels": whole.replace(b"<cbc:Note>", b"<cbc:Note>" + b"<a>" * 10_000, 1),
    }  # fmt: skip
    for name, data in cases.items():
        yield Bad(name, data, "XML", "line ")


def misshapen_documents() -> Iterator[Bad]:
    """Yield well-formed documents that the schema refuses, or that no rules know."""
    whole = an_invoice_text()
    date_cases = ("2026-02-30", "2026-13-01", "02/11/2026", "2026-1-2", "0000-01-01", "today", "")
    amounts = ("NaN", "INF", "1e3", "1,00", "1 000.00", "\uff11\uff10", "--1", "0x10", "")
    bare = whole.replace(b' xmlns="' + _INVOICE + b'"', b"")
    yield Bad("an order", whole.replace(b"Invoice", b"Order"), "DOCUMENT", "Order")
    yield Bad("html", b"<html><body>Invoice</body></html>", "DOCUMENT", "html")
    yield Bad("no namespace", bare, "DOCUMENT", "Invoice")
    yield Bad(
        "another namespace", whole.replace(b"Invoice-2", b"Invoice-1"), "DOCUMENT", "Invoice-1"
    )
    yield Bad("a line in the wrong place", _line_first(whole), "XSD", "InvoiceLine")
    yield Bad("an unknown element", changed(b"<cbc:Note>", b"<cbc:Nota/><cbc:Note>"), "XSD", "Nota")
    yield Bad(
        "an attribute that is unknown", changed(b"<cbc:Note", b'<cbc:Note x="1"'), "XSD", "Note"
    )
    yield Bad(
        "two numbers", changed(b"<cbc:IssueDate", b"<cbc:ID>2</cbc:ID><cbc:IssueDate"), "XSD", "ID"
    )
    yield Bad("no line", an_invoice_text(0), "XSD", "Invoice")
    yield Bad(
        "text between elements", changed(b"<cbc:IssueDate", b"text<cbc:IssueDate"), "XSD", "Invoice"
    )
    for value in date_cases:
        yield Bad(f"the date {value!r}", valued("IssueDate", value), "XSD", "IssueDate")
    for value in amounts:
        yield Bad(f"the amount {value!r}", valued("PayableAmount", value), "XSD", "PayableAmount")
    yield Bad("no currency", changed(b' currencyID="EUR"', b""), "XSD", "TaxAmount")


def untrue_documents() -> Iterator[Bad]:
    """Yield documents of the right shape that the business rules refuse."""
    price = '<cbc:PriceAmount currencyID="EUR">'
    yield Bad(
        "a negative price",
        changed(price.encode(), f"{price}-".encode()),
        "BR-27",
        "InvoiceLine",
    )
    yield Bad(
        "two currencies",
        changed(b'<cbc:PayableAmount currencyID="EUR"', b'<cbc:PayableAmount currencyID="USD"'),
        "PEPPOL-EN16931-R051",
        "PayableAmount",
    )
    yield Bad("an unknown currency", valued("DocumentCurrencyCode", "XYZ"), "BR-CL-04", "Currency")
    yield Bad(
        "a sum that is wrong", valued("PayableAmount", "1.00"), "BR-CO-16", "LegalMonetaryTotal"
    )
    yield Bad("a huge sum", valued("PayableAmount", "9" * 60), "BR-CO-16", "LegalMonetaryTotal")
    yield Bad("an empty element", valued("Note", ""), "PEPPOL-EN16931-R008", "Note")
    yield Bad("a note of blanks", valued("Note", " \t\n "), "PEPPOL-EN16931-R008", "Note")
    yield Bad(
        "a wrong enterprise number",
        valued("EndpointID", "0123456789"),
        "PEPPOL-COMMON-R043",
        "Endpoint",
    )
    yield Bad("a date that ends before it starts", _backward_period(), "BR-29", "InvoicePeriod")


def interrupted_documents() -> Iterator[Bad]:
    """Yield documents with values that one reader reads to the end, and another does not."""
    for name, inside in {
        "a comment": b"<!-- 1 -->",
        "an instruction": b"<?odd x?>",
    }.items():
        yield Bad(
            f"{name} inside an amount", _inside(b"PayableAmount", inside), "XML", "PayableAmount"
        )
        yield Bad(f"{name} inside a number", _inside(b"ID", inside), "XML", "ID")


def doubled_documents() -> Iterator[Bad]:
    """Yield documents with two lines of one number."""
    start = b"<cac:InvoiceLine>"
    *before, last = an_invoice_text(3).split(start)
    for name, number in (("plainly", b"1"), ("in spaces", b" 1\n"), ("in parts", b"<!-- -->1")):
        changed_last = last.replace(b"<cbc:ID>3</cbc:ID>", b"<cbc:ID>%s</cbc:ID>" % number, 1)
        assert changed_last != last
        data = start.join([*before, changed_last])
        yield Bad(f"a number twice, {name}", data, "REPEATED-LINE", "InvoiceLine")


def _inside(element: bytes, node: bytes) -> bytes:
    text = an_invoice_text(3)
    place = text.index(b">", text.index(b"<cbc:" + element)) + 2
    return text[:place] + node + text[place:]


def _line_first(text: bytes) -> bytes:
    start, end = text.index(b"<cac:InvoiceLine>"), text.index(b"</Invoice>")
    line, marker = text[start:end], b"<cac:TaxTotal>"
    return text[:start].replace(marker, line + marker) + text[end:]


def _backward_period() -> bytes:
    period = (
        b"<cac:InvoicePeriod><cbc:StartDate>2026-11-30</cbc:StartDate>"
        b"<cbc:EndDate>2026-11-01</cbc:EndDate></cac:InvoicePeriod>"
    )
    return changed(b"<cac:AccountingSupplierParty>", period + b"<cac:AccountingSupplierParty>")
