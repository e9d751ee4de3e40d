"""Which rules meet which nodes, and what a finding says."""

import gc
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.ubl.schematron.rulebook import SCH, a_rule, a_schema, check, escape, load
from ubl.findings import Severity
from ubl.schematron import build_tree
from ubl.schematron.compiler import compile_rules
from ubl.xml import parse


def test_a_node_meets_the_first_rule_of_a_pattern_that_matches():
    """[SCHEMATRON §6.5]"""
    schema = a_schema(
        '<pattern><rule context="b[@x]"/>'
        '<rule context="b"><assert id="B" test="false()"/></rule>'
        '<rule context="*"><assert id="ANY" test="false()"/></rule></pattern>'
    )
    findings = check(schema, '<r><b/><b x="1"/><c/></r>')
    assert [(f.rule, f.location) for f in findings] == [
        ("ANY", "/r[1]"),
        ("B", "/r[1]/b[1]"),
        ("ANY", "/r[1]/c[1]"),
    ]


def test_rules_that_differ_in_a_word_have_the_nodes_with_that_word():
    schema = a_schema(
        '<pattern><rule context="a[@x = \'1\' and not(b)]"><assert id="1" test="false()"/></rule>'
        '<rule context="a[@x = \'2\'] | c[k = \'2\']"><assert id="2" test="false()"/></rule>'
        '<rule context="c[k = \'3\'][b]"><assert id="3" test="false()"/></rule>'
        '<rule context="a | c"><assert id="ANY" test="false()"/></rule></pattern>'
    )
    document = (
        "<r><a x='2'/><a x='1'/><a x='1'><b/></a><a/><c><k>3</k><k>2</k><b/></c>"
        "<c><k>3</k></c><c><k>3</k><k>3</k><b/></c></r>"
    )
    assert [(f.rule, f.location[5:]) for f in check(schema, document)] == [
        ("2", "/a[1]"),
        ("1", "/a[2]"),
        ("ANY", "/a[3]"),
        ("ANY", "/a[4]"),
        ("2", "/c[1]"),
        ("ANY", "/c[2]"),
        ("3", "/c[3]"),
    ]


def test_a_word_that_cannot_be_worked_out_is_missing_of_its_node_alone():
    schema = a_schema(
        '<pattern><rule context="a[normalize-space(b) = \'1\']"><assert id="1" test="false()"/>'
        '</rule><rule context="a"><assert id="ANY" test="false()"/></rule></pattern>'
    )
    findings = check(schema, "<r><a><b>1</b></a><a><b>1</b><b>1</b></a><a><b> 1 </b></a></r>")
    assert [finding.rule for finding in findings] == ["1", "ANY", "1"]


def test_documents_of_one_layout_are_judged_each_by_its_values():
    check_document = load(a_schema(a_rule("/r", "a/b = 1", "count(a) = 1", "a/b[. = 2]/@x")))
    documents = "<r><a><b>1</b></a></r>", "<r><a><b x=''>2</b></a><a/></r>", "<r><a/></r>"
    found = [check_document(build_tree(parse(text.encode()))) for text in documents]
    rules = [[finding.rule for finding in findings] for findings in found]
    assert rules == [["R3"], ["R1", "R2"], ["R1", "R3"]]


def test_patterns_come_one_after_another_each_in_document_order():
    schema = a_schema(
        '<pattern><rule context="c | b"><assert id="P1" test="false()"/></rule></pattern>'
        '<pattern><rule context="a"><assert id="P2" test="false()"/></rule></pattern>'
    )
    findings = check(schema, "<r><a/><b/><a/><c/><b/></r>")
    assert [(f.rule, f.location[5:]) for f in findings] == [
        ("P1", "/b[1]"),
        ("P1", "/c[1]"),
        ("P1", "/b[2]"),
        ("P2", "/a[1]"),
        ("P2", "/a[2]"),
    ]


def test_a_context_is_a_path_from_anywhere_or_from_the_root():
    """[XSLT2 §5.5]"""
    document = "<r><x><a><b/></a></x><a><b/></a></r>"
    for context, count in [
        ("b", 2),
        ("a/b", 2),
        ("/r/a/b", 1),
        ("//a/b", 2),
        ("/r//b", 2),
        ("x//b", 1),
        ("/b", 0),
        ("/*", 1),
        ("r/*", 2),
        ("x[a]/a", 1),
        ("x[a]//b", 1),
        ("a[not(../../x)]/b", 1),
        ("(/r/x | /r/a)[b]", 1),
        ("*[ends-with(name(), 'b')]", 2),
    ]:
        assert len(check(a_schema(a_rule(context, "false()")), document)) == count, context


def test_a_context_that_cannot_be_evaluated_does_not_match():
    """[XSLT2 §5.5.4]"""
    schema = a_schema(
        '<pattern><rule context="b[1 div 0]"><assert id="A" test="false()"/></rule>'
        '<rule context="b[xs:decimal(.) = 1]"><assert id="B" test="false()"/></rule>'
        '<rule context="b"><assert id="C" test="false()"/></rule></pattern>'
    ).replace(b"b[1 div 0]", b"b[(1 div 0) = 1]")
    findings = check(schema, "<r><b>x</b><b>1</b></r>")
    assert [finding.rule for finding in findings] == ["C", "B"]


def test_a_report_is_a_finding_when_its_test_holds():
    schema = a_schema(
        '<pattern><rule context="/*"><report id="A" test="a" role="warning">found</report>'
        '<report id="B" test="b">found</report></rule></pattern>'
    )
    [finding] = check(schema, "<r><a/></r>")
    assert (finding.rule, finding.severity) == ("A", Severity.WARNING)


def test_severity_is_the_flag_then_the_role_then_fatal():
    """[SCHEMATRON §5.4]"""
    tests = (
        ' flag="warning"',
        ' role="warning"',
        ' flag="fatal" role="warning"',
        ' role="error"',
        "",
    )
    asserts = "".join(f'<assert id="x"{more} test="false()"/>' for more in tests)
    schema = a_schema(f'<pattern><rule context="/*">{asserts}</rule></pattern>')
    found = [finding.severity for finding in check(schema, "<r/>")]
    assert found == ["warning", "warning", "fatal", "fatal", "fatal"]


def test_a_message_is_filled_in_and_its_blanks_are_settled():
    """[XSLT2 §4.2]"""
    schema = a_schema(
        '<pattern><rule context="a"><let name="two" value="(b, 0.50)"/>'
        '<assert id="x" test="false()"> In <name/>:\n  <value-of select="b"/>, '
        '<value-of select="$two"/> <emph>and</emph> <value-of select="\'&lt;&#34;\'"/> </assert>'
        "</rule></pattern>"
    )
    [finding] = check(schema, '<r><p:a xmlns:p="urn:a"/><a><b>1</b><b> 2\n</b></a></r>')
    assert finding.message == 'In a: 1 2 , 1 2 0.5and<"'


def test_a_message_that_cannot_be_filled_in_is_an_error_of_the_rule():
    schema = a_schema(
        '<pattern><rule context="/*"><assert id="x" flag="warning" test="false()">'
        'It is <value-of select="1 div 0"/></assert></rule></pattern>'
    )
    [finding] = check(schema, "<r/>")
    assert finding.severity is Severity.FATAL
    assert "FOAR0001" in finding.message
    assert finding.message.endswith("It is …")


def test_a_location_has_namespaces_and_counts_siblings_of_the_same_name():
    schema = a_schema(a_rule("a:b", "false()"))
    [_, second] = check(schema, '<r xmlns="urn:a"><b/><c/><b xmlns="urn:b"/><b/></r>')
    assert second.location == "/*:r[namespace-uri()='urn:a'][1]/*:b[namespace-uri()='urn:a'][2]"


def test_an_included_abstract_pattern_is_filled_with_its_parameters():
    """[SCHEMATRON §6.3]"""
    abstract = (
        f'<pattern xmlns="{SCH}" abstract="true" id="shape"><rule context="$Thing">'
        '<assert id="T" test="$Test and $Test_more">no</assert></rule></pattern>'
    ).encode()
    files = {
        "top/rules.sch": a_schema(
            '<include href="../parts/abstract.sch"/><pattern is-a="shape" id="x">'
            '<param name="Thing" value="a | b"/><param name="Test" value="(@x or @y)"/>'
            '<param name="Test_more" value="@z"/></pattern>'
        ),
        "parts/abstract.sch": abstract,
    }
    found = load(files, "top/rules.sch")(
        build_tree(parse(b'<r><a x="1" z="1"/><a x="1"/><b y="1" z="1"/><b z="1"/></r>'))
    )
    assert [finding.location for finding in found] == ["/r[1]/a[2]", "/r[1]/b[2]"]


def test_a_variable_of_one_pattern_is_seen_in_all_but_a_second_of_its_name_in_its_own():
    def pattern(value, rule):
        return (
            f'<pattern><let name="v" value="{value}"/><rule context="/*">'
            f'<assert id="{rule}" test="$v = 1 and $w = 3"/></rule></pattern>'
        )

    late = '<pattern><let name="w" value="$u + 1"/><let name="u" value="2"/></pattern>'
    found = check(a_schema(pattern(1, "A") + pattern(2, "B") + late), "<r/>")
    assert [finding.rule for finding in found] == ["B"]


def test_the_same_rules_give_the_same_source():
    schema = a_schema(a_rule("a | b[c]", "not(x/y)", "count(//z) = 1 and q = ('1', '2')"))
    assert compile_rules({"r": schema}, "r") == compile_rules({"r": schema}, "r")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\"'\\\n\t{}#")))
def test_no_text_of_a_rule_breaks_out_of_its_literal(text):
    quoted = "'" + text.replace("'", "''") + "'"
    body = (
        f'<pattern><rule context="/*"><assert id="{escape(text)}" test="'
        f'{escape(f"string-length({quoted}) = {len(text)} and {quoted} = x")}">{escape(text)}'
        f'<value-of select="{escape(quoted)}"/></assert></rule></pattern>'
    )
    [finding] = check(a_schema(body), "<r/>")
    assert finding.rule == text
    # The text itself is dropped where it is nothing but blanks, the value never.
    written = (text if text.strip() else "") + text
    assert finding.message == " ".join(re.findall(r"[^ \n\t]+", written))


def test_a_file_name_does_not_break_out_of_its_comment():
    name = "x\nraise SystemExit('é')  #"
    assert load({name: a_schema(a_rule("/*", "false()"))}, name)(build_tree(parse(b"<r/>")))


def test_no_object_is_left_of_documents_that_were_checked():
    check_document = load(a_schema(a_rule("a", "b/c[text()]", "count(//c[. = '1']) = ../n")))
    data = b"<r><n>2</n>" + b"<a><b><c>1</c>x<c/></b></a>" * 30 + b"</r>"
    check_document(build_tree(parse(data)))
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            assert len(check_document(build_tree(parse(data)))) == 30
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()


def test_findings_beyond_any_use_are_counted_no_further():
    schema = a_schema(a_rule("a", *["false()"] * 10))
    findings = check(schema, "<r>" + "<a/>" * 3000 + "</r>")
    assert len(findings) == 20_001
    assert findings[-1].severity is Severity.FATAL
