"""What a payer repeats, and where he pays to: communications and account numbers with check digits.

The structured communication of Belgian banks has ten digits and two that check them, as have their
account numbers; the creditor reference (RF) and the account number (IBAN) are checked by remainder
97, and the latter has a length of its own in each country.  [ISO11649] [ISO13616]
"""

import re
from typing import Final

__all__ = ["check_bic", "check_iban", "read_communication", "write_communication"]

_COMMUNICATION: Final = re.compile(r"(\+{3}|\*{3}|)([0-9]{3})/?([0-9]{4})/?([0-9]{5})\1")
_REFERENCE: Final = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")
_IBAN: Final = re.compile(r"([A-Z]{2})[0-9]{2}[0-9A-Z]+")
_LENGTHS: Final = """
15 NO
16 BE
18 DK FI FK FO GL NL SD
19 MK SI
20 AT BA EE KZ LT LU MN XK
21 CH HR LI LV
22 BG BH CR DE GB GE IE ME RS VA
23 AE GI IL IQ OM SO TL
24 AD CZ ES MD PK RO SA SE SK TN VG
25 LY PT ST
26 IS TR
27 BI DJ FR GR IT MC MR SM
28 AL AZ BY CY DO GT HN HU LB NI PL SV
29 BR EG PS QA UA
30 JO KW MU YE
31 MT SC
32 LC
33 RU
"""
_LENGTH_OF: Final = {
    country: int(length)
    for length, *countries in map(str.split, _LENGTHS.strip().splitlines())
    for country in countries
}
_BIC: Final = re.compile(r"[A-Z]{4}[A-Z]{2}[0-9A-Z]{2}(?:[0-9A-Z]{3})?")


def read_communication(text: str) -> str | None:
    """Return the communication in *text* as it is written, or None if it is none.

    A Belgian one may stand with or without its signs, and is returned as ``+++ddd/dddd/ddddd+++``;
    a creditor reference may have spaces, and is returned without.
    """
    compact = _compact(text)
    belgian = _COMMUNICATION.fullmatch(compact)
    if belgian is not None:
        digits = "".join(belgian.groups()[1:])
        return write_communication(digits[:10]) if _is_checked(digits) else None
    is_right = _REFERENCE.fullmatch(compact) is not None and _remainder(compact) == 1
    return compact if is_right else None


def write_communication(number: str) -> str:
    """Return the structured communication of *number*, ten digits, with its check digits."""
    digits = number + _check(number)
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"


def check_iban(text: str) -> str | None:
    """Return the account number in *text* without spaces, or None if it is none."""
    number = _compact(text)
    found = _IBAN.fullmatch(number)
    if found is None or len(number) != _LENGTH_OF.get(found[1]) or _remainder(number) != 1:
        return None
    if found[1] == "BE" and not (number[4:].isdigit() and _is_checked(number[4:])):
        return None
    return number


def check_bic(text: str) -> str | None:
    """Return the bank's code in *text* in capitals, or None if it is none."""
    code = _compact(text)
    return code if _BIC.fullmatch(code) is not None else None


def _compact(text: str) -> str:
    return "".join(text.split()).upper()


def _is_checked(digits: str) -> bool:
    """Say whether the last two of twelve *digits* check the others."""
    return digits[10:] == _check(digits[:10])


def _check(digits: str) -> str:
    # A remainder of nothing is written as 97.
    return f"{int(digits) % 97 or 97:02}"


def _remainder(number: str) -> int:
    """Return the remainder of *number* by 97, its first four characters put last."""
    turned = number[4:] + number[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97
