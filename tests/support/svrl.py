"""SVRL as its schema has it: the part of ISO/IEC 19757-3, Annex D, that a report uses."""

from lxml import etree

from ubl.xml import parse

_GRAMMAR = b"""<grammar xmlns="http://relaxng.org/ns/structure/1.0"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes" ns="http://purl.oclc.org/dsdl/svrl">
  <start><element name="schematron-output">
    <optional><attribute name="title" ns=""/></optional>
    <optional><attribute name="phase" ns=""><data type="NMTOKEN"/></attribute></optional>
    <optional><attribute name="schemaVersion" ns=""/></optional>
    <zeroOrMore><element name="text"><text/></element></zeroOrMore>
    <zeroOrMore><element name="ns-prefix-in-attribute-values">
      <attribute name="prefix" ns=""><data type="NMTOKEN"/></attribute>
      <attribute name="uri" ns=""/>
    </element></zeroOrMore>
    <oneOrMore>
      <element name="active-pattern">
        <optional><attribute name="id" ns=""><data type="ID"/></attribute></optional>
        <optional><attribute name="name" ns=""/></optional>
      </element>
      <oneOrMore>
        <element name="fired-rule"><attribute name="context" ns=""/></element>
        <zeroOrMore><element name="failed-assert">
          <optional><attribute name="id" ns=""/></optional>
          <attribute name="location" ns=""/>
          <attribute name="test" ns=""/>
          <optional><attribute name="flag" ns=""><data type="NMTOKEN"/></attribute></optional>
          <zeroOrMore><element name="diagnostic-reference">
            <attribute name="diagnostic" ns=""><data type="NMTOKEN"/></attribute><text/>
          </element></zeroOrMore>
          <element name="text"><text/></element>
        </element></zeroOrMore>
      </oneOrMore>
    </oneOrMore>
  </element></start>
</grammar>"""


def read_svrl(data: bytes):
    """The failed assertions in *data*, which must be SVRL."""
    root = parse(data)
    etree.RelaxNG(parse(_GRAMMAR)).assertValid(root)
    return root.findall("{http://purl.oclc.org/dsdl/svrl}failed-assert")
