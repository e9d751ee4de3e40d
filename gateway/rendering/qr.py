"""The QR code that a bank's app reads: a SEPA credit transfer, ready to sign.  [EPC069-12 §3]

Only a payment that a bank can take gets one: in euro, to an account whose IBAN holds, in the zone
where a BIC may be absent or with a BIC.  A code that fails at the bank is worse than none.
"""

import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import segno

from ubl.remittance import check_bic, check_iban, read_communication

__all__ = ["Transfer", "draw", "write_transfer"]

_AMOUNT_MIN: Final = Decimal("0.01")
_AMOUNT_MAX: Final = Decimal("999999999.99")  # LIMIT: of the code.  [EPC069-12 §3]
_NAME_CHARACTERS_MAX: Final = 70  # LIMIT: as above.
_TEXT_CHARACTERS_MAX: Final = 140  # LIMIT: as above.
_BYTES_MAX: Final = 331  # LIMIT: as above; version 13 of the code holds no more at level M.
_EEA: Final = (
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
)
_SEPA_BEYOND_EEA: Final = "AD AL CH GB GG GI IM JE MC MD ME MK RS SM VA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What is to be paid, by credit transfer, as the document words it."""

    name: str
    iban: str
    amount: Decimal
    currency: str
    bic: str = ""
    reference: str = ""


def write_transfer(transfer: Transfer) -> str:
    """Return the text of the code for *transfer*; empty when no bank would take it.

    A reference is structured when it is one of ISO 11649; the Belgian structured communication is
    not, and stands in the free text as people write it: +++090/9337/55493+++.  [EPC069-12 §3]
    """
    iban, bic = check_iban(transfer.iban), check_bic(transfer.bic)
    name = " ".join(transfer.name.split())[:_NAME_CHARACTERS_MAX].strip()
    if iban is None or (transfer.bic and bic is None) or not (name and _payable(transfer)):
        return ""
    if not _reachable(iban, bic):
        return ""
    amount = f"EUR{transfer.amount:.2f}"
    head = "\n".join(["BCD", "002", "1", "SCT", bic or "", name, iban, amount, "", ""])
    room = _BYTES_MAX - len(f"{head}\n".encode())
    # Nothing stands after the last element in use.
    written = (head + "\n".join(_remittance(transfer.reference, room))).rstrip("\n")
    return written if len(written.encode()) <= _BYTES_MAX else ""


def draw(text: str) -> bytes:
    """Return *text* as a QR code in SVG, at the error correction that banks expect."""
    code = segno.make_qr(text.encode(), error="m", boost_error=False, mode="byte")
    drawn = io.BytesIO()
    code.save(drawn, kind="svg", border=4, xmldecl=False, nl=False, light="#fff", omitsize=True)
    return drawn.getvalue()


def _payable(transfer: Transfer) -> bool:
    amount = transfer.amount
    return (
        transfer.currency == "EUR"
        and amount.is_finite()
        and _AMOUNT_MIN <= amount <= _AMOUNT_MAX
        and amount == amount.quantize(_AMOUNT_MIN)
    )


def _reachable(iban: str, bic: str | None) -> bool:
    """Say whether a bank finds the account: beyond the EEA it needs a BIC.  [EPC069-12 §3]"""
    country = iban[:2]
    return country in _EEA.split() or (bic is not None and country in _SEPA_BEYOND_EEA.split())


def _remittance(reference: str, room: int) -> tuple[str, str]:
    """Return what stands in the structured field and in the free text: never both.

    Of free text there is no more than goes into *room* bytes; a communication is never cut.
    """
    communication = read_communication(reference)
    if communication is None:
        text = " ".join(reference.split())[:_TEXT_CHARACTERS_MAX].encode()[: max(room, 0)]
        return "", text.decode(errors="ignore").strip()
    return (communication, "") if communication.startswith("RF") else ("", communication)
