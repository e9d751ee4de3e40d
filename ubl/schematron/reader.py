"""Reads rules from bytes, whichever form they have."""

from collections.abc import Mapping

from ubl.errors import MalformedXml
from ubl.schematron.encoding import parse_rules
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.rulefile import RuleFile
from ubl.schematron.schema import read_schema
from ubl.schematron.source import SCH, XSL
from ubl.schematron.stylesheet import read_stylesheet

__all__ = ["read_rules"]


def read_rules(files: Mapping[str, bytes], main: str) -> RuleFile:
    """Return what the file *main* of *files* says, or raise UnknownConstruct."""
    if main not in files:
        raise UnknownConstruct("the file is not there", file=main)
    try:
        root = parse_rules(files[main])
        if root.tag == f"{SCH}schema":
            return read_schema(files, main)
        if root.tag in {f"{XSL}stylesheet", f"{XSL}transform"}:
            return read_stylesheet(main, root)
    except MalformedXml as error:
        raise UnknownConstruct(f"it is not XML: {error}", file=main) from error
    raise UnknownConstruct(f"the root element {root.tag}", file=main)
