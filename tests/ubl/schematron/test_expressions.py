"""What expressions mean, each by a rule that holds or not.  Most values were asked of Saxon."""

import pytest

from tests.ubl.schematron.rulebook import a_rule, a_schema, check, holds

DOCUMENT = """<r xmlns:a="urn:a" kind="x" n="3"><line><id>1</id><price>2.50</price></line>
<line><id>2</id><price>0.1</price></line><line><id>3</id><price>0.2</price><a:note/></line>
<code> AB </code><empty/><flag>true</flag><date>2024-02-29</date><mixed>a<b>b</b>c</mixed></r>"""


@pytest.mark.parametrize(
    "test",
    [
        "count(line) = 3",
        "line[2]/id = '2'",
        "line[last()]/id = '3'",
        "line[id = '3']/a:note",
        "*/a:note",
        "//*:note",
        "//a:*",
        "count(//id | //price) = 6",
        "count(//(id|price)) = 6",
        "line[id = 1]/following-sibling::line[1]/id = 2",
        "line[3]/preceding-sibling::line/id = 1",
        "count(//id[preceding::id]) = 2",
        "//price[ancestor::line/id = '1'] = '2.50'",
        "line/id/.. = line",
        "not(../../x)",
        "@*[. = 'x']",
        "local-name(line[1]/../..) = '' and count(line[1]/id/../..) = 1 and not(/r/../..)",
        "/r/* and not(line[1]/id/*)",
        "count(line/id[1]) = 3 and count(line/id[last()]) = 3 and count(line/id[. > 1]) = 2",
        "count(line[price > 0.15]/id) = 2 and count(line[price > 0.15][1]/id) = 1",
        "local-name(line[1]) = 'line' and name(line[3]/a:note) = 'a:note'",
        "mixed = 'abc' and mixed/text() = 'c' and count(mixed/text()) = 2",
        "/r/line and not(/x)",
    ],
)
def test_a_path_selects(test):
    """Steps, axes, predicates, and what is written shorter.

    [XPATH2 §3.2] [XPATH2 §3.2.1] [XPATH2 §3.2.4]
    """
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "line/id = '2'",
        "not(line/id = '9')",
        "line/id != '2'",
        "@kind = 'x' and @n = 3",
        "@n < 4 and 4 > @n and @n <= 3 and @n >= 3",
        "not(@none) and not(@none = 'x') and not(@none != 'x')",
        "exists(@kind) and empty(@none)",
        "line/id >= 1 and not(none >= 1)",
        "xs:date(date) > xs:date('2024-02-28')",
        "xs:date('2020-01-01+02:00') < xs:date('2020-01-01')",
        "flag = true()",
        "not(none = none)",
        "count(line[price]) eq 3",
    ],
)
def test_a_comparison_holds(test):
    """Of one value, of many, and of none.  [XPATH2 §3.5.1] [XPATH2 §3.5.2]"""
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "xs:decimal('0.1') + xs:decimal('0.2') = 0.3",
        "xs:double('0.1') + xs:double('0.2') != xs:double('0.3')",
        "1 div 3 = 0.333333333333333333",
        "2 div 3 = 0.666666666666666667",
        "100000000000.5 div 7.123456789012345678901234 = 14038128251.826571131353093937",
        "1.1234567890123456789012 div 3 = 0.3744855963374485596337333333333333333333",
        "-7 idiv 2 = -3 and -5 mod 3 = -2 and 7.5 mod 2 = 1.5 and -7.5 mod 2 = -1.5",
        "5 idiv 0.3 = 16",
        "round(-2.5) = -2 and round(2.5) = 3 and round(2.4999) = 2",
        "round(xs:double('0.49999999999999994')) = 0",
        "round(1234.565 * 100) div 100 = 1234.57",
        "abs(-2) = 2 and max((1, 3, 2)) = 3",
        "number('x') != number('x')",
        "abs(xs:decimal('-1.5')) = 1.5 and empty(abs(xs:decimal(none)))",
        "not(abs(xs:decimal(none)) - 1 < 5) and not(5 > abs(xs:decimal(none)) - 1)",
        "sum(line/xs:decimal(price)) = 2.8",
        "not(line[2]/price + line[3]/price = 0.3)",
        "max(line/id) = 3",
        "xs:decimal(line[1]/id) div 1 = xs:decimal(line[1]/id) and 7 div 1 = 7",
    ],
)
def test_a_number_is_worked_out(test):
    """Arithmetic and what makes one number of many.  [XPATH2 §3.4] [XPATH2 §B.1]
    [FUNCTIONS §6.2.4] [FUNCTIONS §6.2.6] [FUNCTIONS §6.4.1] [FUNCTIONS §6.4.4] [FUNCTIONS §14.4]
    [FUNCTIONS §15.4.3] [FUNCTIONS §15.4.5]
    """
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "substring-after('a.b.c', '.') = 'b.c' and substring-before('a.b', '.') = 'a'",
        "substring-after('abc', '') = 'abc' and substring-before('abc', '') = ''",
        "normalize-space(code) = 'AB'",
        "normalize-space('\u00a0a') != 'a'",
        "upper-case('aß') = 'ASS' and lower-case('AÉ') = 'aé'",
        "translate('a-b-c', '-b', 'x') = 'axxc'",
        "contains(' AB CD ', concat(' ', normalize-space(code), ' '))",
        "not(contains(' AB CD EF GH IJ KL MN ', concat(' ', normalize-space('AB CE'), ' ')))",
        "contains(' AB CD EF GH IJ KL MN ', concat(' ', normalize-space('AB CD'), ' '))",
        "starts-with('abc', 'ab') and ends-with('abc', 'bc')",
        "string-join(('a', 'b'), '-') = 'a-b'",
        "string-length('abc') = 3",
        "concat(1, 'a', 0.10) = '1a0.1'",
        "normalize-space(none) = '' and not('' != normalize-space(none))",
        "'(: no comment :)' = concat('(: no ', 'comment :)')",
        "normalize-space(line[1]/id) != '' and not(normalize-space(empty) != '')",
        "substring('12345', 0, 3) = '12'",
        "substring('12345', 1.5, 2.6) = '234'",
        "substring('abc', number('x')) = ''",
        "string-to-codepoints('A') = 65 and codepoints-to-string((65, 66)) = 'AB'",
    ],
)
def test_a_text_is_worked_on(test):
    """Strings, cut and put together.  [FUNCTIONS §7.4.2] [FUNCTIONS §7.4.3] [FUNCTIONS §7.4.5]
    [FUNCTIONS §7.5.4] [FUNCTIONS §7.5.5]
    """
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "matches('NL123456789B01', '^NL[0-9]{9}B[0-9]{2}$')",
        "not(matches('a\n', '^a$'))",
        "matches('\u0663', '^\\d$')",
        "not(matches('\u00a0', '\\s'))",
        "matches('ABC', 'b', 'i')",
        "tokenize('a b ', ' ') = ''",
        "count(tokenize('', 'x')) = 0",
        "replace('a b', '\\s', '') = 'ab'",
    ],
)
def test_a_pattern_matches(test):
    """Regular expressions.  [FUNCTIONS §7.6.1] [FUNCTIONS §7.6.2] [FUNCTIONS §7.6.3]
    [FUNCTIONS §7.6.4]
    """
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "string(1.50) = '1.5' and string(xs:double('1000000')) = '1.0E6'",
        "string(xs:double('123456.5')) = '123456.5' and string(true()) = 'true'",
        "(if (line) then xs:decimal(line[1]/id) else 0) * 2 = 2 * xs:integer(line[1]/id)",
        "string((if (none) then xs:decimal(none) else 7) div 2) = '3.5'",
        "' 1 ' castable as xs:integer and not('1.0' castable as xs:integer)",
        "not(() castable as xs:integer) and () castable as xs:integer?",
        "not(line/id castable as xs:integer)",
        "'+INF' castable as xs:double",
        "not('2023-02-29' castable as xs:date)",
        "xs:integer('99999999999999999999') = 99999999999999999999",
    ],
)
def test_a_value_becomes_another(test):
    """[XPATH2 §3.10.2] [XPATH2 §3.10.3] [FUNCTIONS §17.1.2]"""
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "(line/id)[2] = '2'",
        "reverse((1, 2, 3))[1] = 3",
        "(1 to 3)[2] = 2 and count(3 to 1) = 0",
        "every $x in line satisfies $x/price",
        "some $x in line, $y in line satisfies $x/id = $y/price + 0.5",
        "sum(for $x in 1 to 3 return $x * 2) = 12",
        "if (line) then true() else false()",
        "(if (none) then 1 else 'a') = 'a'",
        "not((if (line) then xs:decimal(none) else 0) = 0)",
        "(2, 4, 6)[1 + 1] = 4 and empty((2, 4)[1 + 2]) and empty((2, 4)[1 - 1])",
        "distinct-values(('a', 'b', 'a'))[2] = 'b'",
    ],
)
def test_a_sequence_is_gone_through(test):
    """Ranges, choices, and what holds of some or of all.  [XPATH2 §3.3.1]"""
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "(: a comment :) true()",
        "'it''s' = \"it's\"",
    ],
)
def test_words_are_told_apart(test):
    """Comments and quotes.  [XPATH2 §A.2]"""
    assert holds(test, DOCUMENT)


@pytest.mark.parametrize(
    "test",
    [
        "normalize-space(line/id) = '1'",
        "xs:decimal(code) = 1",
        "xs:decimal('') = 1",
        "3 = '3'",
        "'a' + 1 = 2",
        "1 div 0 = 1",
        "5 mod 0 = 1",
        "5 idiv 0 = 1",
        "xs:integer(line/id) = 1",
        "xs:date('2020-02-30') = xs:date('2020-02-30')",
        "('a', 'b')",
        "line/id eq '1'",
        "xs:decimal('1E5') = 1",
        "xs:decimal('NaN') = 1",
        "xs:integer('1_0') = 10",
        "count(1 to 100000000) = 1",
        "matches(string-join(for $x in 1 to 30000 return 'a', ''), 'b')",
        "string-length(5) = 1",
    ],
)
def test_it_cannot_be_evaluated(test):
    """An error of XPath, and no answer.  [XPATH2 §G] [XPATH2 §3.5.1]"""
    with pytest.raises(ArithmeticError):
        holds(test, DOCUMENT)


def test_what_cannot_be_evaluated_is_one_fatal_finding_and_ends_nothing():
    schema = a_schema(a_rule("/*", "1 div 0 = 1", "false()"))
    first, second = check(schema, "<r/>")
    assert (first.rule, first.severity) == ("R1", "fatal")
    assert "FOAR0001" in first.message
    assert second.rule == "R2"


def test_a_comment_inside_a_value_parts_its_text_but_not_its_value():
    document = "<r><a>12<!-- x -->3<?y z?>4</a></r>"
    assert holds("a = '1234'", document)
    assert holds("count(a/text()) = 3 and a/text() = '12' and a/text() = '3'", document)


def test_document_order_holds_where_elements_nest():
    document = "<r><g><v>1</v><g><v>2</v></g><v>3</v></g></r>"
    assert holds("string-join(//g/v, '') = '123'", document)
    assert holds("(//g/v)[2] = '2'", document)
    assert holds("count(//v/ancestor::g) = 2", document)


def test_a_function_of_its_own_may_call_itself():
    head = """<xsl:function name="a:fact" as="xs:integer"><xsl:param name="n" as="xs:integer"/>
      <xsl:choose><xsl:when test="$n le 1"><xsl:sequence select="1"/></xsl:when>
      <xsl:otherwise><xsl:variable name="less" select="$n - 1"/>
      <xsl:sequence select="$n * a:fact($less)"/></xsl:otherwise></xsl:choose></xsl:function>"""
    assert holds("a:fact(5) = 120", head=head)
    with pytest.raises(ArithmeticError, match="too deep"):
        holds("a:fact(100000) = 1", head=head)


def test_a_key_finds_nodes_by_value():
    head = '<xsl:key name="by-id" match="line[price]" use="id"/>'
    assert holds("key('by-id', '2')/price = '0.1' and not(key('by-id', '9'))", DOCUMENT, head=head)


def test_a_variable_that_cannot_be_worked_out_hurts_only_where_it_is_used():
    lets = '<let name="bad" value="1 div 0"/>'
    schema = a_schema(a_rule("/*", "true()", "$bad = 1 or $bad = 2", "true() or $bad", lets=lets))
    assert [finding.rule for finding in check(schema, "<r/>")] == ["R2"]
