import pytest

from smp.substitution import BadSubstitution, substitute

LONG_SUBJECT = "a" * 134 + "!"


@pytest.mark.parametrize(
    ("expression", "subject", "result"),
    [
        ("!.*!x!", "0208:1", "x"),
        ("!^.*$!x!", "0208:1", "x"),
        ("|.*|x|", "0208:1", "x"),
        ("_.*_a!b_", "0208:1", "a!b"),
        (r"/.*/a\/b/", "0208:1", "a/b"),
        (r"!.*!a\\b!", "0208:1", r"a\b"),
        (r"!^(....):(.*)$!\2-\1!", "0208:1", "1-0208"),
        ("!0208!9999!", "x0208:1", "x9999:1"),
        ("!B!x!i", "abc", "axc"),
        ("![0-9]+:!x!", "ab0208:1", "abx1"),
        ("![]]!x!", "a]b", "axb"),
        (r"![\]!x!", "a\\b", "axb"),
        ("!^a{2}!x!", "aab", "xb"),
        ("!a|b!x!", "cb", "cx"),
        (r"!\.!x!", "a.b", "axb"),
        ("!$!x!", "a", "ax"),
        (r"!\!!x!", "a!", "ax"),
        ("!(a)?b!x!", "ab", None),
        ("!(a)|b!\\1x!", "b", "x"),
    ],
)
def test_substitution(expression, subject, result):
    if result is None:
        with pytest.raises(BadSubstitution):
            substitute(expression, subject)
    else:
        assert substitute(expression, subject) == result


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "!",
        "!.*!",
        "!.*!x",
        "!.*!x!y",
        "!.*!x!!",
        "1.*1x1",
        "i.*ixi",
        "\\.*\\x\\",
        "!(!x!",
        "!)!x!",
        "!a)(b!x!",
        "!*a!x!",
        "!a**!x!",
        "!a*?!x!",
        "!a*+!x!",
        "!(?i)a!x!",
        r"!\d!x!",
        r"!(a)\1!x!",
        "![[:alpha:]]!x!",
        "![b-a]!x!",
        "!a{5,2}!x!",
        "!a{!x!",
        r"!.*!\1!",
        "!" + "a" * 300 + "!x!",
    ],
)
def test_expression_that_is_malformed_or_not_posix_is_refused(expression):
    with pytest.raises(BadSubstitution):
        substitute(expression, "aaa")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a*)*b",
        "(a|a)*b",
        "(a+)+$",
        "a*a*a*a*a*a*a*a*b",
        "a?a?a?a?a?a?a?a?a?a?aaaaaaaaaa",
        "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b",
        "a{0,99}a{0,99}a{0,99}a{0,99}b",
        "a*|a*b",
        ".*.*.*b",
        "^.*.*.*.*b",
    ],
)
def test_a_pattern_that_could_take_long_is_refused_before_it_is_tried(pattern):
    with pytest.raises(BadSubstitution, match=r"more repetitions|repeats a group"):
        substitute(f"!{pattern}!x!", LONG_SUBJECT)


@pytest.mark.parametrize("pattern", [".*.*b", "b+|bc", "^.*.*.*b"])
def test_a_pattern_with_as_many_repetitions_as_may_be_is_tried_to_its_end(pattern):
    """Each costs at most the cube of the length."""
    with pytest.raises(BadSubstitution, match="does not match"):
        substitute(f"!{pattern}!x!", LONG_SUBJECT)


def test_long_subject_is_refused():
    """No participant is longer.  [PEPPOL-ID §2]"""
    with pytest.raises(BadSubstitution, match="too long"):
        substitute("!.*!x!", "a" * 136)
