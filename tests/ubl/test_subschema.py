"""The narrow schema: what is left out, what stays, and when there is none."""

import pytest
from lxml import etree

from ubl.schema import build_schema
from ubl.subschema import held_elements, narrow_schema
from ubl.xml import parse

HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" xmlns:p="urn:p"'
DOC = (
    HEAD
    + """ targetNamespace="urn:t" elementFormDefault="qualified">
  <!-- A comment. -->
  <xs:annotation><xs:documentation>For people.</xs:documentation></xs:annotation>
  <xs:import namespace="urn:p" schemaLocation="../common/parts.xsd"/>
  <xs:element name="Doc"><xs:complexType><xs:sequence>
    <xs:element ref="p:Extension" minOccurs="0"/>
    <xs:element ref="p:ID"/>
    <xs:element ref="p:Usual" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element ref="p:Rare" minOccurs="0"/>
    <xs:element name="Local" type="p:Kind" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="Another" type="xs:string"/>
</xs:schema>"""
)
PARTS = (
    HEAD
    + """ targetNamespace="urn:p">
  <xs:element name="Extension"><xs:complexType><xs:sequence>
    <xs:any namespace="##other" processContents="lax"/>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="ID" type="p:Word"/>
  <xs:element name="Usual" type="p:Word"/>
  <xs:element name="Rare" type="p:Unused"/>
  <xs:simpleType name="Word"><xs:union memberTypes="p:Kind p:Number"/></xs:simpleType>
  <xs:simpleType name="Kind"><xs:restriction base="xs:string">
    <xs:enumeration value="a"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Number"><xs:restriction base="xs:integer"/></xs:simpleType>
  <xs:complexType name="Unused"><xs:attributeGroup ref="p:More"/></xs:complexType>
  <xs:attributeGroup name="More"><xs:attribute name="m"/></xs:attributeGroup>
</xs:schema>"""
)
SOURCES = {
    "main/doc.xsd": DOC.encode(),
    "common/parts.xsd": PARTS.encode(),
    "main/other.xsd": b"no schema at all",
}
USUAL = {"{urn:p}Usual"}


def narrow(wanted=USUAL):
    return narrow_schema(SOURCES, "main/doc.xsd", "{urn:t}Doc", wanted)


def names(source):
    return [each.get("name") for each in parse(source).iter("{*}*") if each.get("name")]


def judges():
    return build_schema(SOURCES, "main/doc.xsd"), build_schema(narrow(), "main/doc.xsd")


def test_what_nothing_refers_to_any_more_is_left_out():
    files = narrow()
    assert sorted(files) == ["common/parts.xsd", "main/doc.xsd"]
    assert names(files["main/doc.xsd"]) == ["Doc", "Local"]
    assert names(files["common/parts.xsd"]) == ["ID", "Usual", "Word", "Kind", "Number"]


def test_what_people_read_is_left_out():
    kept = narrow()["main/doc.xsd"]
    assert b"comment" not in kept
    assert b"annotation" not in kept


@pytest.mark.parametrize(
    ("inside", "whole", "narrow"),
    [
        ("<p:ID>1</p:ID>", True, True),
        ("<p:ID>a</p:ID><p:Usual>2</p:Usual><p:Usual>3</p:Usual><Local>a</Local>", True, True),
        ("<p:ID>1</p:ID><p:Rare m=''/>", True, False),
        ("<p:Extension><a xmlns='urn:a'/></p:Extension><p:ID>1</p:ID>", True, False),
        ("<p:ID>b</p:ID>", False, False),
        ("<p:Usual>1</p:Usual>", False, False),
        ("<p:ID>1</p:ID><Local>b</Local>", False, False),
        ("<p:ID>1</p:ID><Another/>", False, False),
        ("<p:ID xsi:type='p:Number'>1</p:ID>", True, True),
        ("<p:ID xsi:type='p:Absent'>1</p:ID>", False, False),
    ],
)
def test_what_it_takes_the_whole_schema_takes(inside, whole, narrow):
    root = parse(
        '<Doc xmlns="urn:t" xmlns:p="urn:p" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{inside}</Doc>".encode()
    )
    assert [each.validate(root) for each in judges()] == [whole, narrow]


def test_a_schema_that_takes_any_element_is_not_narrowed():
    """What stands there may be declared by what would be left out."""
    assert narrow({"{urn:p}Extension"}) is None


def test_the_model_holds_the_elements_of_its_three_documents():
    held = {etree.QName(each).localname for each in held_elements()}
    assert {"Invoice", "CreditNoteLine", "DocumentResponse", "PrepaidAmount", "AddressLine"} <= held
    assert "UBLExtensions" not in held
