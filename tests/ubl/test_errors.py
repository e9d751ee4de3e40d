"""Errors say the place and the fix to people."""

from ubl.errors import BadBusinessHeader, BadIdentifier, MalformedXml, UblError, UnknownDocument


def test_every_error_of_the_package_is_caught_by_one_name():
    for kind in (MalformedXml, BadIdentifier, BadBusinessHeader, UnknownDocument):
        assert issubclass(kind, UblError)


def test_a_bad_identifier_is_a_bad_value():
    assert issubclass(BadIdentifier, ValueError)


def test_malformed_xml_names_its_place_if_it_has_one():
    assert str(MalformedXml("broken", kind="syntax", line=3, column=7)) == (
        "broken (line 3, column 7)"
    )
    assert str(MalformedXml("broken", kind="syntax", line=3)) == "broken (line 3)"
    assert str(MalformedXml("too long", kind="too_large")) == "too long"


def test_a_broken_rule_is_named():
    error = BadBusinessHeader("the scope PROCESSID is missing", rule="missing-scope")
    assert str(error) == "the scope PROCESSID is missing [missing-scope]"
    assert error.detail == "the scope PROCESSID is missing"


def test_an_unknown_document_names_its_line_if_there_is_one():
    assert str(UnknownDocument("add it", element="cbc:ID")) == "add it"
    assert str(UnknownDocument("change it", element="cbc:ID", line=9)) == "change it (line 9)"
