"""A rule file with anything unknown in it is refused, with its place; nothing is skipped."""

import pytest

from tests.ubl.schematron.rulebook import SCH, XSL, a_rule, a_schema, load
from ubl.schematron import UnknownConstruct


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("frobnicate(.)", "the function frobnicate with 1 arguments"),
        ("position() = 1", "the function position with 0 arguments"),
        ("count()", "the function count with 0 arguments"),
        ("following::x", "the axis following"),
        ("namespace::x", "the axis namespace"),
        ("comment()", "the function comment with 0 arguments"),
        ("@comment()", "the test comment()"),
        ("a/processing-instruction()", "the function processing-instruction"),
        ("$undeclared = 1", "the variable $undeclared"),
        ("b:x", "the prefix b without a namespace"),
        (". instance of x", "'instance' where the expression should end"),
        ("a intersect b", "'intersect' where the expression should end"),
        ("a << b", "'<' where '(' is expected"),
        ("a ~ b", "unknown text"),
        ("1e3 = 1000", "unknown text"),
        ("x treat as y", "'treat' where the expression should end"),
        ("'a' castable as xs:duration", "the type xs:duration"),
        ("xs:time(.)", "the function xs:time with 1 arguments"),
        ("matches(., '(?=x)')", "a group of a special kind"),
        ("matches(., '[a-z-[aeiou]]')", "a class within a class"),
        ("matches(., '\\p{L}')", "the escape \\p"),
        ("matches(., 'a', 'x')", "the flags 'x'"),
        ("matches(., '(')", "a regular expression"),
        ("replace(., 'a', '$1')", "the replacement '$1'"),
        ("ancestor::*[1]", "a position on the axis ancestor"),
        ("a[data(b)]", "a predicate that may be a position or not"),
        ("key('none', .)", "a key that is not declared"),
        ("'open", "unknown text"),
        ("a[b", "the end"),
        ("", "the end"),
        ("(" * 50 + "1" + ")" * 50, "nesting deeper than 40 levels"),
    ],
)
def test_an_unknown_expression_is_refused_with_its_place(test, named):
    with pytest.raises(UnknownConstruct) as refusal:
        load(a_schema("\n\n" + a_rule("/*", test)))
    assert named in refusal.value.construct
    assert (refusal.value.file, refusal.value.line) == ("rules.sch", 3)
    assert refusal.value.expression == test


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ("a[1]", "a position in a pattern"),
        ("a[last()]", "a position in a pattern"),
        ("a/@b", "attribute::b in a pattern"),
        ("a/text()", "child::text() in a pattern"),
        ("parent::a", "parent::a in a pattern"),
        ("/", "a pattern of another kind"),
        ("id('x')/a", "an expression as a step of a pattern"),
        ("*:a", "*:a in a pattern"),
    ],
)
def test_an_unknown_context_is_refused(context, named):
    with pytest.raises(UnknownConstruct) as refusal:
        load(a_schema(a_rule(context, "true()")))
    assert named in refusal.value.construct
    assert refusal.value.expression == context


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('<pattern><rule context="a"><extends rule="b"/></rule></pattern>', "sch:extends"),
        ('<pattern is-a="none"/>', "the abstract pattern none"),
        ('<include href="none.sch"/>', "the include of none.sch"),
        ("<diagnostics/>", "the element sch:diagnostics"),
        ('<pattern><rule context="a" abstract="true"/></pattern>', "the attribute abstract"),
        ('<pattern><rule context="a"><assert id="x"/></rule></pattern>', "without test"),
        (
            '<pattern><rule context="a"><assert test="1" flag="odd"/></rule></pattern>',
            "the flag 'odd'",
        ),
        (
            '<pattern><rule context="a"><assert test="1" diagnostics="x"/></rule></pattern>',
            "the attribute diagnostics",
        ),
        (
            '<pattern><rule context="a"><assert test="1"><dir/></assert></rule></pattern>',
            "the element sch:dir",
        ),
        ('<xsl:include href="x"/>', "the element xsl:include"),
        ('<xsl:function name="a:f"><xsl:message/></xsl:function>', "the element xsl:message"),
        ('<xsl:function name="a:f" as="xs:duration"><xsl:text/></xsl:function>', "xs:duration"),
        ("some text", "text in sch:schema"),
    ],
)
def test_an_unknown_element_or_attribute_is_refused(body, named):
    with pytest.raises(UnknownConstruct, match=r"rules\.sch") as refusal:
        load(a_schema(body))
    assert named in refusal.value.construct


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"<not xml", "it is not XML"),
        (b"<!DOCTYPE x><x/>", "it is not XML"),
        (b"<x/>", "the root element x"),
        (a_schema("", binding="xslt"), "the query language xslt"),
        (f'<schema xmlns="{SCH}"/>'.encode(), "without queryBinding"),
    ],
)
def test_what_is_no_schema_is_refused(data, named):
    with pytest.raises(UnknownConstruct) as refusal:
        load(data)
    assert named in str(refusal.value)


RULE = """<xsl:template match="a" mode="M1" priority="1000">
  <svrl:fired-rule xmlns:svrl="http://purl.oclc.org/dsdl/svrl" context="a"/>{}
  <xsl:apply-templates mode="M1" select="@*|*"/></xsl:template>"""


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('<xsl:import href="x"/>', "the element xsl:import"),
        ('<xsl:template match="a" mode="other"/>', "the mode other"),
        ('<xsl:template match="a"/>', "the template for a without a mode"),
        ('<xsl:template match="a" mode="M1" priority="1"/>', "does not lead on"),
        (RULE.format("<xsl:message/>"), "the element xsl:message"),
        (RULE.format('<xsl:choose><xsl:when test="1"/></xsl:choose>'), "no assertion"),
        (RULE.format('<xsl:if test="1"><b/></xsl:if>'), "no report"),
        (RULE.format(""), "the mode M1, which is not applied"),
        ('<xsl:template match="@*|node()" mode="M1"><b/></xsl:template>', "more than lead on"),
    ],
)
def test_a_stylesheet_of_another_shape_is_refused(body, named):
    data = f'<xsl:stylesheet xmlns:xsl="{XSL}" version="2.0">{body}</xsl:stylesheet>'.encode()
    with pytest.raises(UnknownConstruct) as refusal:
        load({"rules.xslt": data}, "rules.xslt")
    assert named in refusal.value.construct
    assert refusal.value.file == "rules.xslt"


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(UnknownConstruct, match="the file is not there"):
        load({}, "rules.sch")


def test_files_that_include_one_another_are_refused():
    include = f'<include xmlns="{SCH}" href="b.sch"/>'.encode()
    files = {"rules.sch": a_schema('<include href="b.sch"/>'), "b.sch": include}
    with pytest.raises(UnknownConstruct, match=r"the include of b\.sch"):
        load(files)
