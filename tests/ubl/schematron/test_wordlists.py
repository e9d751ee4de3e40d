"""Codes that rules look for in one string."""

import pytest

from tests.ubl.schematron.rulebook import holds
from ubl.schematron.functions import Words

CODES = " AB CD EF GH IJ KL MN OP QR "
WITHOUT_BLANKS = "not(contains(normalize-space(.), ' '))"
LISTED = f"contains('{CODES}', concat(' ', normalize-space(.), ' '))"


@pytest.mark.parametrize(
    ("text", "with_blanks", "without"),
    [
        ("AB", True, True),
        (" QR\n", True, True),
        ("AB CD", True, False),
        ("AB  CD", True, False),
        ("B", False, False),
        ("AB EF", False, False),
        ("", False, False),
        (" ", False, False),
    ],
)
def test_a_code_is_one_word_of_the_list(text, with_blanks, without):
    """[FUNCTIONS §7.5]"""
    document = f"<r>{text}</r>"
    assert holds(LISTED, document) is with_blanks
    assert holds(f"{WITHOUT_BLANKS} and {LISTED}", document) is without
    assert holds(f"(({WITHOUT_BLANKS} and {LISTED}))", document) is without


def test_nothing_is_in_a_list_with_two_blanks_side_by_side():
    doubled = LISTED.replace(" EF ", "  EF ")
    assert holds(f"{WITHOUT_BLANKS} and {doubled}", "<r/>")
    assert holds(doubled, "<r/>")
    assert [Words(" A  B ").has(word) for word in ("", "A", "A B", "A  B")] == [
        True,
        True,
        False,
        True,
    ]


def test_another_value_than_the_one_without_blanks_is_looked_for_by_itself():
    test = f"not(contains(normalize-space(@x), ' ')) and {LISTED}"
    assert holds(test, "<r x='A'>AB CD</r>")
    assert not holds(test, "<r x='A B'>AB</r>")
