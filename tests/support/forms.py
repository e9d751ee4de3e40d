"""Forms of invoices: one that is valid by default, and a strategy that draws any that is.

What is drawn is plain JSON, as a caller of the API would send it.
"""

import base64
import json
from decimal import Decimal

from hypothesis import strategies as st

from ubl.codelists import ALLOWANCE_REASONS, CHARGE_REASONS, COUNTRIES, CURRENCIES, UNITS
from ubl.remittance import write_communication

SELLER = {
    "name": "Bakkerij Peeters bv",
    "peppol_id": "0208:0123456749",
    "vat_number": "BE0123456749",
    "company_number": "0123456749",
    "address": {"street": "Kerkstraat 1", "city": "Gent", "post_code": "9000", "country": "BE"},
}
BUYER = {
    "name": "Klant nv",
    "peppol_id": "0208:0987654394",
    "vat_number": "BE0987654394",
    "address": {"city": "Luik", "country": "BE"},
}
# Sellers abroad, with what their countries ask for.
ABROAD = {
    "DE": {
        "vat_number": "DE123456789",
        "contact": {"name": "K. Klein", "telephone": "+49 30 1234", "email": "k@example.com"},
    },
    "DK": {"vat_number": "DK13585628", "company_number": "0184:13585628"},
    "FR": {"vat_number": "FR12345678901"},
    "IT": {"vat_number": "IT12345678903"},
    "NL": {"vat_number": "NL123456789B01", "company_number": "0106:12345678"},
    "NO": {"vat_number": "NO923609016MVA"},
    "SE": {"vat_number": "SE556036079301", "company_number": "0007:5560360793"},
}
IBAN = "BE71096123456769"
PDF = b"%PDF-1.7 an invoice"
OUTSIDE = "outside_scope"
CASES = (
    "21",
    "12",
    "6",
    "0",
    "reverse_charge",
    "reverse_charge_works",
    "intra_community",
    "export",
    "exempt",
    "small_enterprise",
)


def abroad(country):
    """A seller in *country*."""
    seller = {name: SELLER[name] for name in ("name", "peppol_id", "address")}
    return seller | ABROAD[country] | {"address": SELLER["address"] | {"country": country}}


def a_line(*, vat="21", price="100", **more):
    return {"name": "Brood", "price": price, "vat": vat, **more}


def a_form(*lines, **more):
    """A form that is valid; *more* replaces fields, and None leaves them out."""
    form = {
        "number": "2026-001",
        "issue_date": "2026-11-22",
        "seller": SELLER,
        "buyer": BUYER,
        "buyer_reference": "PO 7",
        "lines": list(lines) or [a_line()],
        **more,
    }
    return {name: value for name, value in form.items() if value is not None}


def as_json(form):
    return json.dumps(form).encode()


def in_base64(content):
    return base64.b64encode(content).decode()


_texts = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), include_characters="&<>\"'\n\r\t]"
    ),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip(" \t\r\n"))
# A number with a colon in it names its register first.
_numbers = _texts.filter(lambda text: ":" not in text)
_days = st.dates().map(lambda day: day.isoformat())
_codes = st.sampled_from
_countries = _codes(sorted(COUNTRIES))
_cents = st.decimals(0, 99_999, places=2).map(str)
_prices = st.one_of(
    st.decimals(0, 99_999, places=5), st.decimals(0, 999_999_999_900, places=8)
).map(str)
_percents = st.decimals(0, 100, places=3).map(str)


def _optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


def _record(required, **optional):
    return st.fixed_dictionaries(required, optional=optional)


_periods = st.tuples(_days, _days).flatmap(
    lambda days: _codes(
        [
            {"start": min(days), "end": max(days)},
            {"start": days[0]},
            {"end": days[1]},
        ]
    )
)
_addresses = _record(
    {"country": _countries},
    street=_texts,
    street_2=_texts,
    street_3=_texts,
    city=_texts,
    post_code=_texts,
    subdivision=_texts,
)
_contacts = _record({"name": _texts}, telephone=_texts, email=_texts)


def _charges(reasons, **more):
    shapes = (
        {"reason": _texts, "amount": _cents, **more},
        {"reason": _texts, "percent": _percents, **more},
    )
    return st.lists(
        st.one_of([_record(shape, reason_code=_codes(sorted(reasons))) for shape in shapes]),
        max_size=2,
    )


@st.composite
def _lines(draw, vat):
    line = draw(
        _record(
            {"name": _texts, "price": _prices, "vat": vat},
            quantity=st.one_of(
                st.decimals(-999, 9_999, places=4), st.decimals(-1, 1, places=8)
            ).map(str),
            unit=_codes(sorted(UNITS)),
            price_quantity=st.decimals("0.01", 1000, places=2).map(str),
            description=_texts,
            note=_texts,
            period=_periods,
            allowances=_charges(ALLOWANCE_REASONS),
            charges=_charges(CHARGE_REASONS),
            order_line=_texts,
            accounting_cost=_texts,
            buyer_item=_texts,
            seller_item=_texts,
            gtin=_codes(["5412345000013", "12345678"]),
            origin_country=_countries,
            classifications=st.lists(
                _record({"code": _texts, "scheme": _codes(["HS", "STI", "TST", "SRV"])}),
                max_size=2,
            ),
            properties=st.lists(_record({"name": _texts, "value": _texts}), max_size=2),
        )
    )
    if draw(st.booleans()):
        line["list_price"] = str(Decimal(line["price"]) + draw(st.integers(0, 50)))
    return line


_vat_forms = st.one_of(
    _record(
        {"category": st.just("S"), "rate": st.decimals("0.5", 30, places=2).map(str)},
    ),
    _record({"category": _codes(["E", "AE", "K", "G"]), "reason": _texts}, rate=st.just("0")),
    st.just({"category": "Z"}),
)
_payments = st.one_of(
    _record(
        {"method": _codes(["credit_transfer", "sepa_credit_transfer"]), "iban": st.just(IBAN)},
        bic=st.just("KREDBEBB"),
        holder=_texts,
        communication=st.integers(0, 10**10 - 1).map(lambda n: write_communication(f"{n:010}")),
    ),
    _record({"iban": st.just(IBAN), "reference": _texts}),
    _record(
        {"method": st.just("direct_debit"), "mandate": _texts},
        creditor=_texts,
        debtor_iban=st.just(IBAN),
    ),
    _record({"method": _codes(["bank_card", "cash", "online"])}),
)
_FILES = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "text/csv": b"=1+1;",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": b"PK\x03\x04",
    "application/vnd.oasis.opendocument.spreadsheet": b"PK\x03\x04",
}
_attachments = st.one_of(
    [
        _record(
            {
                "filename": _texts,
                "media_type": st.just(media_type),
                "content": st.binary(max_size=50).map(
                    lambda tail, start=start: in_base64(start + tail.replace(b"\0", b""))
                ),
            },
            id=_texts,
            description=_texts,
        )
        for media_type, start in _FILES.items()
    ]
)
_links = _record({"url": st.just("https://example.com/a?b=c&d"), "id": _texts}, description=_texts)
_heads = _record(
    {
        "number": _texts,
        "issue_date": _days,
        "kind": _codes(
            ["invoice", "credit_note", "self_billed_invoice", "self_billed_credit_note"]
        ),
        "language": _codes(["nl", "fr", "de", "en"]),
        "currency": _codes(sorted(CURRENCIES)),
        "buyer_reference": _texts,
        "payment": _payments,
        "preceding_invoices": st.lists(
            _record({"number": _texts}, issue_date=_days), min_size=1, max_size=2
        ),
    },
    due_date=_days,
    tax_point_date=_days,
    notes=st.lists(_texts, max_size=2),
    order_reference=_texts,
    sales_order_reference=_texts,
    contract_reference=_texts,
    project_reference=_texts,
    accounting_cost=_texts,
    payee=_record({"name": _texts.map(lambda name: f"{name} (payee)")}, company_number=_numbers),
    payment_terms=_texts,
    paid=_cents,
    rounding=st.decimals(-1, 1, places=2).map(str),
    pdf=st.just(in_base64(PDF)),
    attachments=st.lists(_attachments, max_size=2),
    links=st.lists(_links, max_size=2),
)


@st.composite
def forms(draw):
    """Any form that the builder takes, of a seller in Belgium or, more rarely, abroad."""
    is_outside = draw(st.integers(0, 9)) == 0
    vat = st.just(OUTSIDE) if is_outside else st.one_of(_codes(CASES), _vat_forms)
    form = draw(_heads)
    seller = SELLER | draw(_optional(trading_name=_texts, legal_form=_texts, contact=_contacts))
    buyer = BUYER | draw(_optional(trading_name=_texts, contact=_contacts))
    buyer["address"] = draw(_addresses)
    if not is_outside and draw(st.integers(0, 4)) == 0:
        seller = draw(st.sampled_from(sorted(ABROAD)).map(abroad))
        if draw(st.booleans()):
            buyer["address"] = seller["address"]
    places = _addresses if seller["address"] != buyer["address"] else st.just(buyer["address"])
    if is_outside:
        seller, buyer = ({n: v for n, v in p.items() if n != "vat_number"} for p in (seller, buyer))
    form |= {"seller": seller, "buyer": buyer}
    form["lines"] = draw(st.lists(_lines(vat), min_size=1, max_size=4))
    if draw(st.booleans()):
        form["allowances"] = draw(_charges(ALLOWANCE_REASONS, vat=vat))
        form["charges"] = draw(_charges(CHARGE_REASONS, vat=vat))
    if draw(st.booleans()):
        form["period"] = draw(_periods)
        form["lines"] = [_within(form["period"], line) for line in form["lines"]]
    if draw(st.booleans()):
        # Its sign is that of the VAT, which is zero if the amounts are.
        form["tax_currency"] = draw(_codes(sorted(CURRENCIES - {form["currency"]})))
        form["vat_in_tax_currency"] = draw(st.decimals(-1, 99_999, places=2).map(str))
    # Always there, because an intra-Community supply asks for it.
    form["delivery"] = draw(
        _record({"delivery_date": _days, "address": places}, name=_texts, location=_texts)
    )
    # Many are refused: there is nothing to take them off.
    if draw(st.integers(0, 5)) == 3:
        percent = draw(st.decimals("0.5", 100, places=3).map(str))
        form["cash_discount"] = {"percent": percent, "days": draw(st.integers(1, 366))}
    return form


def _within(whole, line):
    """Return *line* with a period, if it has one, that begins and ends within the *whole* one."""
    if "period" not in line:
        return line
    bounds = {"start": max, "end": min}
    period = {end: bounds[end](day, whole.get(end, day)) for end, day in line["period"].items()}
    is_empty = period.get("start", "") > period.get("end", "9999-12-31")
    return {**line, "period": whole if is_empty else period}
