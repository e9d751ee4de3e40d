"""From a document to bytes: UBL 2.1 in the order of its schema.

What is written is read back as the same document.  Two spaces indent, numbers have no exponent,
and nothing is written that is not in the model.  [UBL] [EN16931-3-2]
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ubl.binding import CREDIT_NOTE, INVOICE, RESPONSE, Fixed, Group, Leaf, Part, Wrapper
from ubl.binding.parts import NAMESPACES
from ubl.errors import CannotWrite
from ubl.invoice import Invoice
from ubl.response import ApplicationResponse

__all__ = ["write_document"]

_INDENT: Final = "  "
# What is written as a reference: markup, and what a parser would make a space of.  [XML §2.11]
_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE: Final = _IN_TEXT | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
# What cannot be in XML at all.  [XML §2.2]
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_document(document: Invoice | ApplicationResponse) -> bytes:
    """Return *document* as UBL.

    CannotWrite if there is no way to write it: a text with characters that XML has not, a number
    that is none, a VAT breakdown without its total, a credit note's due date without a way to pay.
    """
    if isinstance(document, ApplicationResponse):
        group = RESPONSE
    else:
        _check(document)
        group = CREDIT_NOTE if document.is_credit_note else INVOICE
    writer = _Writer(document)
    writer.write_root(group)
    return writer.text().encode("utf-8")


def _check(invoice: Invoice) -> None:
    if invoice.vat_breakdown and invoice.vat_total is None:
        raise CannotWrite("vat_breakdown: there is no vat_total that it breaks down")
    if invoice.is_credit_note and invoice.due_on is not None and not invoice.payment_means:
        raise CannotWrite("due_on: a credit note says it in payment_means, and there are none")


class _Writer:
    """Writes the values of one document, part by part."""

    def __init__(self, document: Invoice | ApplicationResponse) -> None:
        self._document = document
        self._lines: list[str] = []
        self._lifted: set[str] = set()
        self._path: list[str] = []

    def text(self) -> str:
        """Return what is written so far."""
        return "".join(self._lines)

    def write_root(self, group: Group) -> None:
        """Write the root and all that is in it."""
        namespace, _, name = group.tag[1:].partition("}")
        prefixes = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
        self._lines.append('<?xml version="1.0" encoding="UTF-8"?>\n')
        self._lines.append(f'<{name} xmlns="{namespace}"{prefixes}>\n')
        self._write_parts(group.parts, _values_of(group, self._document), _INDENT)
        self._lines.append(f"</{name}>\n")

    def _write_parts(self, parts: tuple[Part, ...], values: Mapping[str, Any], indent: str) -> None:
        for part in parts:
            match part:
                case Leaf():
                    self._write_leaf(part, values, indent)
                case Fixed():
                    self._lines.append(f"{indent}<{part.tag}>{part.texts[0]}</{part.tag}>\n")
                case Group():
                    for value in _each(values.get(part.name), many=part.many):
                        inside = _values_of(part, value)
                        self._path.append(part.name)
                        self._write_around(part.tag, part.parts, inside, indent)
                        self._path.pop()
                case Wrapper():
                    self._write_wrapper(part, values, indent)

    def _write_wrapper(self, part: Wrapper, values: Mapping[str, Any], indent: str) -> None:
        if part.each:
            (inner,) = part.parts
            assert isinstance(inner, Leaf | Group)
            for value in values.get(inner.name, ()):
                self._write_around(part.tag, part.parts, {inner.name: (value,)}, indent)
        elif _has_content(part.parts, values):
            self._write_around(part.tag, part.parts, values, indent)

    def _write_around(
        self, tag: str, parts: tuple[Part, ...], values: Mapping[str, Any], indent: str
    ) -> None:
        self._lines.append(f"{indent}<{tag}>\n")
        self._write_parts(parts, values, indent + _INDENT)
        self._lines.append(f"{indent}</{tag}>\n")

    def _write_leaf(self, leaf: Leaf, values: Mapping[str, Any], indent: str) -> None:
        if leaf.lifted:
            if leaf.name in self._lifted:
                return
            self._lifted.add(leaf.name)
            values = {leaf.name: getattr(self._document, leaf.name)}
        for value in _each(values.get(leaf.name), many=leaf.many):
            try:
                text, attributes = leaf.form.write(value)
                attributes |= {name: values.get(at) for name, at in leaf.attributes.items()}
                written = "".join(
                    f' {name}="{_escape(attribute, _IN_ATTRIBUTE)}"'
                    for name, attribute in attributes.items()
                    if attribute is not None
                )
                text = _escape(text, _IN_TEXT)
            except ValueError as error:
                place = ".".join([*self._path, leaf.name])
                raise CannotWrite(f"{place}: {error}") from None
            self._lines.append(f"{indent}<{leaf.tag}{written}>{text}</{leaf.tag}>\n")


def _values_of(group: Group, value: Any) -> Mapping[str, Any]:
    if group.take_apart is not None:
        return group.take_apart(value)
    if isinstance(value, dict):
        return value
    return {name: getattr(value, name) for name in value.__slots__}


def _each(value: Any, *, many: bool) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if many else (value,)


def _has_content(parts: tuple[Part, ...], values: Mapping[str, Any]) -> bool:
    """Say whether anything is to be written; an element that is fixed throughout always is."""
    if all(isinstance(part, Fixed) for part in parts):
        return True
    for part in parts:
        match part:
            case Leaf() | Group():
                if values.get(part.name) not in (None, ()):
                    return True
            case Wrapper():
                if _has_content(part.parts, values):
                    return True
            case Fixed():
                pass
    return False


def _escape(text: str, table: Mapping[int, str]) -> str:
    if text.isalnum():
        return text
    found = _NOT_XML.search(text)
    if found is not None:
        raise ValueError(f"has the character U+{ord(found[0]):04X}, which XML cannot hold")
    return text.translate(table)
