"""The parties of a form: names, addresses, numbers with their check digits.  [EN16931-1] [BIS3]"""

import re
from typing import Final

from ubl.builder.problems import Problems
from ubl.codelists import COUNTRIES, ENDPOINT_SCHEMES
from ubl.errors import BadIdentifier
from ubl.form import AddressForm, DeliveryForm, PartyForm, PayeeForm
from ubl.identifiers import PARTICIPANT_SCHEME, ParticipantId
from ubl.invoice import Delivery
from ubl.party import Address, Contact, Identifier, Party
from ubl.registers import REGISTERS, check_number

__all__ = ["build_delivery", "build_party", "build_payee"]

_VAT_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_DUTCH: Final = re.compile(r"NL[0-9]{9}B[0-9]{2}")
_BELGIAN_VAT: Final = "9925"
_BELGIAN_COMPANY: Final = "0208"
# Greece has a prefix of its own.
_PREFIXES: Final = COUNTRIES | {"EL"}


def build_party(form: PartyForm, pointer: str, problems: Problems) -> Party:
    """Return the seller or the buyer."""
    contact = form.contact
    return Party(
        endpoint=_endpoint(form.peppol_id, f"{pointer}/peppol_id", problems),
        trading_name=form.trading_name,
        address=_address(form.address, f"{pointer}/address", problems),
        vat_id=_vat_number(form.vat_number, f"{pointer}/vat_number", problems),
        legal_name=form.name,
        legal_id=_company(
            form.company_number, form.address.country, f"{pointer}/company_number", problems
        ),
        legal_form=form.legal_form,
        contact=None
        if contact is None
        else Contact(name=contact.name, telephone=contact.telephone, email=contact.email),
    )


def build_payee(form: PayeeForm | None, seller: PartyForm, problems: Problems) -> Party | None:
    """Return who is paid, if it is not the *seller*."""
    if form is None:
        return None
    if form.name in (seller.name, seller.trading_name):
        problems.add("/payee/name", "is the seller: leave the payee out")
    company = _company(form.company_number, "", "/payee/company_number", problems)
    return Party(trading_name=form.name, legal_id=company)


def build_delivery(form: DeliveryForm | None, problems: Problems) -> Delivery | None:
    """Return when and where it was delivered."""
    if form is None:
        return None
    address = form.address
    return Delivery(
        delivered_on=form.delivery_date,
        location=None if form.location is None else Identifier(form.location),
        address=None if address is None else _address(address, "/delivery/address", problems),
        party_name=form.name,
    )


def _address(form: AddressForm, pointer: str, problems: Problems) -> Address:
    problems.check_code(
        form.country, COUNTRIES, f"{pointer}/country", "a country: write two capitals, as in BE"
    )
    return Address(
        line_1=form.street,
        line_2=form.street_2,
        line_3=form.street_3,
        city=form.city,
        post_code=form.post_code,
        subdivision=form.subdivision,
        country=form.country,
    )


def _endpoint(text: str, pointer: str, problems: Problems) -> Identifier | None:
    try:
        participant = ParticipantId(PARTICIPANT_SCHEME, text)
    except BadIdentifier as error:
        problems.add(pointer, f"{error}: write it as in 0208:0123456749")
        return None
    scheme, _, number = participant.value.partition(":")
    return _identifier(scheme, number, pointer, problems)


def _company(text: str | None, country: str, pointer: str, problems: Problems) -> Identifier | None:
    if text is None:
        return None
    scheme, separator, number = text.partition(":")
    if separator:
        if scheme.startswith("99"):
            problems.add(pointer, f"{scheme} is no register of companies")
        return _identifier(scheme, number, pointer, problems)
    if country == "BE" and not check_number(_BELGIAN_COMPANY, text):
        return Identifier(text, _BELGIAN_COMPANY)
    return Identifier(text)


def _identifier(scheme: str, number: str, pointer: str, problems: Problems) -> Identifier:
    problems.check_code(scheme, ENDPOINT_SCHEMES, pointer, "a scheme of Peppol")
    if scheme in REGISTERS:
        # Letters count without regard to case, but the rules want capitals.
        number = number.upper()
    for warning in check_number(scheme, number):
        problems.add(pointer, warning)
    return Identifier(number, scheme)


def _vat_number(text: str | None, pointer: str, problems: Problems) -> str | None:
    if text is None:
        return None
    number = re.sub(r"[ .]", "", text).upper()
    if _VAT_NUMBER.fullmatch(number) is None or number[:2] not in _PREFIXES:
        problems.add(pointer, f"{text!r} is not a VAT number: write it with its country, as BE…")
    elif number.startswith("NL") and _DUTCH.fullmatch(number) is None:
        problems.add(pointer, "a Dutch VAT number is NL, nine digits, B, two digits")
    elif number.startswith("BE"):
        for warning in check_number(_BELGIAN_VAT, number):
            problems.add(pointer, warning)
    return number
