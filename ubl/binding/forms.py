"""The forms of values: how the text and the attributes of an element become a value, and back.

Numbers, dates and times are written as XML Schema says, and nothing that Python would take besides
(NaN, 1e5, 1_000, weeks) is read.  [XSD §3.2]
"""

import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ubl.invoice import Attachment
from ubl.money import EXACT, Amount, Quantity
from ubl.party import Identifier

__all__ = [
    "AMOUNT",
    "BOOLEAN",
    "CODE",
    "DATE",
    "DECIMAL",
    "FILE",
    "IDENTIFIER",
    "QUANTITY",
    "TEXT",
    "TIME",
    "Form",
]

# LIMIT: digits of a number, so that arithmetic with it stays exact and cheap.
DIGITS_MAX: Final = 40

_SPACE: Final = " \t\r\n"
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_ZONED_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is read from text and attributes, and written as them.

    *read* raises ValueError, saying what the text is not, and KeyError with the name of an
    attribute that is missing.  *attributes* are those that it knows.  What an *exact* form does not
    write back as it was is not held entirely.

    *quick* reads the text of what is usual, or raises ValueError.  Where an attribute is *asked*
    for, what was read and the attribute are the two fields of what is *made*.
    """

    read: Callable[[str, Attributes], Any]
    write: Callable[[Any], tuple[str, dict[str, str | None]]]
    attributes: frozenset[str] = frozenset()
    exact: bool = False
    quick: Callable[[str], Any] | None = None
    asked: str | None = None
    made: Any = None


def _read_text(text: str, _attributes: Attributes) -> str:
    return text


def _write_text(value: str) -> tuple[str, dict[str, str | None]]:
    return value, {}


def _read_code(text: str, _attributes: Attributes) -> str:
    # Rules and readers compare codes without the space around them.
    return text.strip(_SPACE)


def _read_decimal(text: str, _attributes: Attributes) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
        text = text.strip(_SPACE)
        if _DECIMAL.fullmatch(text) is None:
            raise ValueError("is not a number")
    if len(text) > DIGITS_MAX:
        text = _without_zeros(text)
        if len(text) > DIGITS_MAX:
            raise ValueError(f"has more than {DIGITS_MAX} digits")
    return Decimal(text)


def _without_zeros(text: str) -> str:
    """Return the number *text* without the zeros that say nothing."""
    sign = "-" if text.startswith("-") else ""
    whole, _, decimals = text.lstrip("+-").partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")


def _write_decimal(value: Decimal) -> tuple[str, dict[str, str | None]]:
    if not value.is_finite():
        raise ValueError("is not a number")
    text = f"{value:f}"
    if len(text) > DIGITS_MAX:
        raise ValueError(f"has more than {DIGITS_MAX} digits")
    return text, {}


def _read_date(text: str, _attributes: Attributes) -> date:
    if len(text) != 10:  # YYYY-MM-DD
        text = text.strip(_SPACE)
        zoned = _ZONED_DATE.fullmatch(text)
        if zoned is not None:
            text = zoned[1]
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError("is not a date (YYYY-MM-DD)")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date (YYYY-MM-DD)") from None


def _write_date(value: date) -> tuple[str, dict[str, str | None]]:
    return value.isoformat(), {}


def _read_time(text: str, _attributes: Attributes) -> time:
    match = _TIME.fullmatch(text.strip(_SPACE))
    if match is None:
        raise ValueError("is not a time (hh:mm:ss, then Z or an offset)")
    clock, fraction, zone = match.groups()
    try:
        return time.fromisoformat(clock + (fraction or "")[:7] + (zone or ""))
    except ValueError:
        raise ValueError("is not a time (hh:mm:ss, then Z or an offset)") from None


def _write_time(value: time) -> tuple[str, dict[str, str | None]]:
    text = value.isoformat()
    return (f"{text[:-6]}Z" if text.endswith("+00:00") else text), {}


def _read_boolean(text: str, _attributes: Attributes) -> bool:
    try:
        return _BOOLEANS[text.strip(_SPACE)]
    except KeyError:
        raise ValueError("is neither true nor false") from None


def _write_boolean(value: bool) -> tuple[str, dict[str, str | None]]:
    return "true" if value else "false", {}


def _read_amount(text: str, attributes: Attributes) -> Amount:
    return Amount(_read_decimal(text, attributes), attributes["currencyID"])


def _write_amount(value: Amount) -> tuple[str, dict[str, str | None]]:
    return _write_decimal(value.value)[0], {"currencyID": value.currency}


def _read_quantity(text: str, attributes: Attributes) -> Quantity:
    return Quantity(_read_decimal(text, attributes), attributes.get("unitCode"))


def _write_quantity(value: Quantity) -> tuple[str, dict[str, str | None]]:
    return _write_decimal(value.value)[0], {"unitCode": value.unit}


def _read_identifier(text: str, attributes: Attributes) -> Identifier:
    return Identifier(text, attributes.get("schemeID"))


def _write_identifier(value: Identifier) -> tuple[str, dict[str, str | None]]:
    return value.value, {"schemeID": value.scheme}


def _read_file(text: str, attributes: Attributes) -> Attachment:
    try:
        bare = text.encode("ascii").translate(None, _SPACE.encode("ascii"))
        content = binascii.a2b_base64(bare, strict_mode=True)
    except ValueError:
        raise ValueError("is not base64") from None
    return Attachment(
        content=content,
        media_type=attributes["mimeCode"],
        filename=attributes.get("filename"),
    )


def _write_file(value: Attachment) -> tuple[str, dict[str, str | None]]:
    text = binascii.b2a_base64(value.content, newline=False).decode("ascii")
    return text, {"mimeCode": value.media_type, "filename": value.filename}


def _quick_text(text: str) -> str:
    return text


def _quick_code(text: str) -> str:
    return text.strip(_SPACE)


def _quick_decimal(text: str) -> Decimal:
    # Of these characters alone, what is a number for Python is one for XML Schema.
    if len(text) > DIGITS_MAX or text.strip("0123456789.+-"):
        raise ValueError
    try:
        return EXACT.create_decimal(text)
    except InvalidOperation:
        raise ValueError from None


def _quick_date(text: str) -> date:
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError
    return date.fromisoformat(text)


TEXT: Final = Form(_read_text, _write_text, quick=_quick_text)
CODE: Final = Form(_read_code, _write_text, quick=_quick_code)
DECIMAL: Final = Form(_read_decimal, _write_decimal, quick=_quick_decimal)
DATE: Final = Form(_read_date, _write_date, exact=True, quick=_quick_date)
TIME: Final = Form(_read_time, _write_time, exact=True)
BOOLEAN: Final = Form(_read_boolean, _write_boolean)
AMOUNT: Final = Form(
    _read_amount,
    _write_amount,
    frozenset({"currencyID"}),
    quick=_quick_decimal,
    asked="currencyID",
    made=Amount,
)
QUANTITY: Final = Form(
    _read_quantity,
    _write_quantity,
    frozenset({"unitCode"}),
    quick=_quick_decimal,
    asked="unitCode",
    made=Quantity,
)
IDENTIFIER: Final = Form(
    _read_identifier,
    _write_identifier,
    frozenset({"schemeID"}),
    quick=_quick_text,
    asked="schemeID",
    made=Identifier,
)
FILE: Final = Form(_read_file, _write_file, frozenset({"mimeCode", "filename"}))
