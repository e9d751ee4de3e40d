"""Reading the JSON form: misspelt fields and wrong types are named by their JSON pointer."""

from decimal import Decimal

import pytest

from tests.support.forms import a_form, a_line, as_json
from ubl.errors import BadForm
from ubl.form import read_form


def problems_of(data):
    with pytest.raises(BadForm) as caught:
        read_form(data)
    return [(problem.pointer, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("form", "pointer", "message"),
    [
        (a_form(issue_date="22/11/2026"), "/issue_date", "RFC3339"),
        (a_form(a_line(), a_line(price="much")), "/lines/1/price", "decimal"),
        (a_form(a_line(prize="1")), "/lines/0/prize", "prize"),
        (a_form(kind="proforma"), "/kind", "proforma"),
        (a_form(number=None), "", "number"),
        (a_form(lines=[]), "/lines", "length >= 1"),
        (a_form(number=""), "/number", "length >= 1"),
        (a_form(pdf="%"), "/pdf", "base64"),
    ],
)
def test_what_is_wrong_is_named_by_its_pointer(form, pointer, message):
    ((found, words),) = problems_of(as_json(form))
    assert found == pointer
    assert message in words


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(data):
    assert len(problems_of(data)) == 1


@pytest.mark.parametrize("written", [b"0.1", b'"0.1"'])
def test_a_number_is_exact_whether_in_quotes_or_not(written):
    data = as_json(a_form(a_line(price="PRICE"))).replace(b'"PRICE"', written)
    assert read_form(data).lines[0].price == Decimal("0.1")
