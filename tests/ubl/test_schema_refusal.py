"""Who decides about values that lxml and xmlschema judge differently."""

import pytest

from ubl.explainer import build_explainer, explain
from ubl.schema import build_schema, repeat_refusal, without_padding
from ubl.xml import parse

SCHEMA = {
    "a.xsd": b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
      <xs:element name="a"><xs:complexType><xs:sequence>
        <xs:element name="on" type="xs:date"/>
        <xs:element name="sum" type="xs:decimal"/>
        <xs:element name="count" type="xs:integer"/>
        <xs:element name="note" type="xs:string"/>
      </xs:sequence></xs:complexType></xs:element></xs:schema>"""
}


def a_document(on="2026-11-02", sum="1.00", count="1", note="n"):  # noqa: A002 - its element
    text = f"<a><on>{on}</on><sum>{sum}</sum><count>{count}</count><note>{note}</note></a>"
    return parse(text.encode())


def is_right(root):
    return build_schema(SCHEMA, "a.xsd").validate(without_padding(root))


@pytest.mark.parametrize(
    "on", [" 2026-11-02", "2026-11-02\n", "2026-<!-- -->11-02\t", "2026-11-02"]
)
def test_blanks_around_a_date_are_right(on):
    """[XSD §4.3.6]"""
    assert is_right(a_document(on=on))


@pytest.mark.parametrize(
    ("field", "value"),
    [("sum", "1 000.00"), ("count", "\uff11"), ("count", "1_0"), ("on", "\u00a02026-11-02")],
)
def test_what_xmlschema_alone_takes_is_wrong_and_pointed_out(field, value):
    root = a_document(**{field: value})
    assert explain(build_explainer(SCHEMA, "a.xsd"), root) == []
    schema = build_schema(SCHEMA, "a.xsd")
    assert not schema.validate(root)
    [finding] = repeat_refusal(schema, root)
    assert f"/*:{field}[" in finding.location
    assert not is_right(root)


def test_the_text_of_others_and_the_document_itself_are_left_alone():
    root = a_document(on=" 2026-11-02", note=" a ")
    assert without_padding(root).findtext("note") == " a "
    assert root.findtext("on") == " 2026-11-02"
