"""Regular expressions of rules: what is tried on a text, so that no text costs its square."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ubl.schematron.functions import expression, matches, sought


@pytest.mark.parametrize(
    ("pattern", "tried"),
    [
        (".*([0-9].*){3,}.*", "([0-9].*){3,}"),  # DE-R-027
        (".*.*a.*?.*", "a"),
        (".*", ""),
        (".*|a", "|a"),
        ("^a.*$", r"^a.*\Z"),
        (r"\.*a\.*", r"\.*a\.*"),
        (r"\..*a\..*", r"\..*a\."),
        ("a.*b", "a.*b"),
        (".+a", ".+a"),
    ],
)
def test_what_may_stand_at_the_ends_is_not_tried(pattern, tried):
    assert sought(pattern).pattern == tried


@given(
    st.lists(st.sampled_from([".*", ".*?", "a", "[0-9]", r"\.", "^", "$", "(a.*){2}", "|"])),
    st.text(st.sampled_from("ab0.\n"), max_size=12),
    st.sampled_from(["", "s", "m", "i"]),
)
def test_it_is_found_where_the_whole_pattern_is(parts, text, flags):
    pattern = "".join(parts)
    assert matches(text, pattern, flags) == bool(expression(pattern, flags).search(text))
