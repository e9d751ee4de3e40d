"""A stylesheet that we write of a rule file says what the official one says."""

from collections import Counter

import pytest

from tests.support.mutants import SOURCE_BYTES_MAX, Maker
from tests.support.rulesets import KINDS, examples
from ubl.schematron import UnknownConstruct
from ubl.schematron.xslt import write_stylesheet
from ubl.xml import parse

MUTANTS = 6

SCH = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
  <let name="limit" value="2"/>
  <pattern>
    <let name="all" value="//b"/>
    <rule context="b[@skip]"><assert id="A" test="false()">never {{</assert></rule>
    <rule context="b">
      <let name="size" value="string-length(.)"/>
      <assert id="B{{1}}" flag="warning" test="$size &lt;= $limit">
        {{<value-of select="$size"/>}} of <value-of select="count($all)"/></assert>
      <report id="C" test="{test}">it is c</report>
    </rule>
  </pattern>
</schema>"""


def verdicts(oracle, root):
    return Counter(oracle.check(root))


def written(tmp_path, sch):
    from tests.support.saxon import Oracle

    path = tmp_path / "written.xslt"
    path.write_bytes(write_stylesheet({"rules.sch": sch}, "rules.sch"))
    return Oracle(path)


@pytest.mark.captured
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_it_says_the_same_of_examples_and_mutants(test_data, tmp_path, kind):
    pytest.importorskip("saxonche")
    from tests.support.saxon import Oracle

    rules = test_data / "rules"
    pairs = [(each.xslt, each.sch) for each in kind.rules if (rules / each.sch).is_file()]
    maker = Maker(rules, seed=7, kinds=[kind])
    documents = [path.read_bytes() for path in examples(rules, kind)[:5]]
    documents += [maker.make(number).data for number in range(MUTANTS)]
    compared = 0
    for xslt, sch in pairs:
        official, ours = Oracle(rules / xslt), written(tmp_path, (rules / sch).read_bytes())
        for data in documents:
            root = parse(data, bytes_max=SOURCE_BYTES_MAX)
            assert verdicts(ours, root) == verdicts(official, root)
            compared += 1
    assert compared == len(pairs) * len(documents)
    assert pairs or kind.id == "ubl-be"


def test_the_first_rule_that_matches_is_the_one_and_texts_hold_values(tmp_path):
    """[XSLT2 §6]"""
    pytest.importorskip("saxonche")
    oracle = written(tmp_path, SCH.format(test=". = 'c'").encode())
    said = oracle.check(parse(b"<a><b skip=''>x</b><b>abc</b><b>c</b></a>"))
    assert [(each.rule, each.severity, each.location, each.message) for each in said] == [
        ("A", "fatal", "/a[1]/b[1]", "never {"),
        ("B{1}", "warning", "/a[1]/b[2]", "{3} of 3"),
        ("C", "fatal", "/a[1]/b[3]", "it is c"),
    ]


def test_what_our_engine_does_not_know_is_not_written_either():
    sch = SCH.format(test="unparsed-text('x')").replace("<let", "<phase-out/><let", 1)
    with pytest.raises(UnknownConstruct):
        write_stylesheet({"rules.sch": sch.encode()}, "rules.sch")
