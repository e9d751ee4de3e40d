"""What the numbers of the registers behind participant identifiers look like.

A number of the wrong shape, or with wrong check digits, is probably a slip of the pen: a reason
to refuse a registration, and to warn about a document.  A register that is not listed here is not
checked.  Shapes and check digits are those of the Peppol code list of participant identifier
schemes.  [ISO6523]
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Register:
    """A register: its name, the shape of its numbers, and how their check digits are tested."""

    name: str
    shape: str
    wording: str
    is_consistent: Callable[[str], bool] | None = None
    withdrawn: str | None = None


def check_number(icd: str, number: str) -> list[str]:
    """Return what looks wrong with *number* of the register *icd*, in words for people.

    The list is empty if nothing does.  Letters count without regard to case.
    """
    register = REGISTERS.get(icd)
    if register is None:
        return []
    warnings = []
    if register.withdrawn is not None:
        warnings.append(f"{icd} ({register.name}) {register.withdrawn}")
    if re.fullmatch(register.shape, number, re.IGNORECASE) is None:
        warnings.append(f"{icd}:{number} is not a {register.name}: {register.wording}")
    elif register.is_consistent is not None and not register.is_consistent(number):
        warnings.append(f"{icd}:{number} has wrong check digits for a {register.name}")
    return warnings


def _is_belgian(number: str) -> bool:
    # The last two digits are 97 less the remainder of the first eight by 97.
    digits = number[-10:]
    return int(digits[8:]) == 97 - int(digits[:8]) % 97


def _is_luhn(number: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in number[-1::-2])) % 10 == 0


def _is_gln(number: str) -> bool:
    return _weighted(number, (1, 3) * 6 + (1,)) % 10 == 0


def _is_norwegian(number: str) -> bool:
    return _weighted(number, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _is_australian(number: str) -> bool:
    # One is taken off the first digit, which has the weight 10.
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return (_weighted(number, weights) - weights[0]) % 89 == 0


def _is_italian(number: str) -> bool:
    return _is_luhn(number[2:])


def _weighted(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))


REGISTERS: Final[Mapping[str, Register]] = {
    "0002": Register(
        "French SIREN or SIRET number", r"[0-9]{9}([0-9]{5})?", "write 9 or 14 digits", _is_luhn
    ),
    "0007": Register(
        "Swedish organisation number", r"[0-9]{10}", "write its 10 digits alone", _is_luhn
    ),
    # La Poste's establishments have SIRET numbers outside the Luhn rule, so it is not applied.
    "0009": Register("French SIRET number", r"[0-9]{14}", "write its 14 digits alone"),
    "0060": Register("D-U-N-S number", r"[0-9]{9}", "write its 9 digits alone"),
    "0088": Register("GLN", r"[0-9]{13}", "write its 13 digits alone", _is_gln),
    "0096": Register("Danish P number", r"[0-9]{10}", "write its 10 digits alone"),
    "0106": Register("Dutch KVK number", r"[0-9]{8}", "write its 8 digits alone"),
    "0151": Register(
        "Australian business number", r"[0-9]{11}", "write its 11 digits alone", _is_australian
    ),
    "0184": Register("Danish CVR number", r"[1-9][0-9]{7}", "write its 8 digits alone"),
    "0190": Register("Dutch OIN", r"[0-9]{20}", "write its 20 digits alone"),
    "0192": Register(
        "Norwegian organisation number", r"[0-9]{9}", "write its 9 digits alone", _is_norwegian
    ),
    "0193": Register(
        "UBL.BE identifier", r".{4,50}", "4 to 50 characters", None, "was withdrawn on 2026-07-07"
    ),
    "0198": Register("Danish SE number", r"DK[0-9]{8}", "write DK and its 8 digits"),
    "0201": Register("Italian IPA code", r"[0-9A-Z]{6}", "write its 6 letters and digits"),
    "0208": Register(
        "Belgian enterprise number",
        r"[01][0-9]{9}",
        "write its 10 digits alone, the first a 0 or a 1",
        _is_belgian,
    ),
    "0210": Register(
        "Italian tax code",
        r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[0-9A-Z]{3}[0-9][A-Z]|[0-9]{11}",
        "write its 16 characters, or the 11 digits of a company",
    ),
    "0211": Register(
        "Italian VAT number", r"IT[0-9]{11}", "write IT and its 11 digits", _is_italian
    ),
    "0242": Register(
        "Peppol service provider identifier",
        r"[0-9]{6}(-[0-9A-Z_]{3,12}(\.[0-9A-Z\-._~]{3,24})?)?",
        "write its six digits, then at most a use case and a suffix (as in 123456-MLS.SUFFIX)",
    ),
    "9925": Register(
        "Belgian VAT number",
        r"BE[01][0-9]{9}",
        "write BE and its 10 digits, without spaces or dots",
        _is_belgian,
    ),
    "9944": Register(
        "Dutch VAT number", r"NL[0-9]{9}B[0-9]{2}", "write NL, nine digits, B and two digits"
    ),
    "9956": Register(
        "Belgian enterprise number",
        r"0[0-9]{9}",
        "write its 10 digits alone",
        _is_belgian,
        "was withdrawn on 2023-12-31: use 0208",
    ),
}
