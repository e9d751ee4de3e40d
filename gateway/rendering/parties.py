"""Who a document is from and for, as a person reads it."""

from collections.abc import Iterator

from gateway.rendering.view import Party, Row
from gateway.rendering.wording import Wording
from ubl.invoice import Delivery
from ubl.party import Address
from ubl.party import Party as Somebody

__all__ = ["view_delivery", "view_party"]


def view_party(party: Somebody, role: str, words: Wording) -> Party:
    """Return *party* in its *role*, a name of the labels of parties."""
    return Party(
        role=words.word(f"party.{role}"),
        name=party.name,
        address=tuple(_address(party.address, words)),
        rows=tuple(_rows(party, words)),
    )


def view_delivery(delivery: Delivery, words: Wording) -> Party | None:
    """Return where it was delivered; None when only the day is known."""
    address = tuple(_address(delivery.address, words))
    location = delivery.location
    if not (address or delivery.party_name or location):
        return None
    identifier = words.word("party.identifier")
    return Party(
        role=words.word("party.delivery"),
        name=delivery.party_name or "",
        address=address,
        rows=(Row(identifier, words.identifier(location)),) if location else (),
    )


def _address(address: Address | None, words: Wording) -> Iterator[str]:
    if address is None:
        return
    town = " ".join(each for each in (address.post_code, address.city) if each)
    lines = (address.line_1, address.line_2, address.line_3, town, address.subdivision)
    yield from (each for each in lines if each)
    if address.country:
        yield words.country(address.country)


def _rows(party: Somebody, words: Wording) -> Iterator[Row]:
    contact, other = party.contact, party.tax_registration
    trading_name = party.trading_name if party.trading_name != party.name else None
    facts = [
        ("also_known_as", trading_name),
        ("vat", party.vat_id),
        ("company", words.identifier(party.legal_id) if party.legal_id else None),
        ("tax", other.value if other else None),
        ("legal_form", party.legal_form),
        ("contact", contact.name if contact else None),
        ("phone", contact.telephone if contact else None),
        ("email", contact.email if contact else None),
        *(("identifier", words.identifier(each)) for each in party.identifiers),
        ("endpoint", words.endpoint(party.endpoint) if party.endpoint else None),
    ]
    for name, value in facts:
        if value:
            yield Row(words.word(f"party.{name}"), value)
