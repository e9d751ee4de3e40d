"""Small rule files and documents, and what the compiled rules say of them."""

from ubl.schematron import build_tree
from ubl.schematron.compiler import compile_rules
from ubl.xml import parse

SCH = "http://purl.oclc.org/dsdl/schematron"
XSL = "http://www.w3.org/1999/XSL/Transform"


def a_schema(body, *, head="", binding="xslt2"):
    """Return a schema whose patterns are *body*; `a:` is the namespace `urn:a`."""
    return (
        f'<schema xmlns="{SCH}" xmlns:xsl="{XSL}" queryBinding="{binding}">'
        f'<ns prefix="a" uri="urn:a"/>{head}{body}</schema>'
    ).encode()


def a_rule(context, *tests, lets=""):
    """Return a pattern of one rule with an assertion for each of *tests*: `R1`, `R2`, …"""
    asserts = "".join(
        f'<assert id="R{number}" flag="fatal" test="{escape(test)}">broken</assert>'
        for number, test in enumerate(tests, start=1)
    )
    return f'<pattern><rule context="{escape(context)}">{lets}{asserts}</rule></pattern>'


def escape(text):
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace('"', "&quot;")
        .replace("\t", "&#9;")
        .replace("\n", "&#10;")
        .replace("\r", "&#13;")
    )


def load(files, main="rules.sch"):
    """Return the `check` of the rules in *files*, which may be one schema."""
    files = {main: files} if isinstance(files, bytes) else files
    module = {}
    exec(compile(compile_rules(files, main), main, "exec"), module)
    return module["check"]


def check(schema, document):
    """Return what the rules of *schema* say of *document*, a text."""
    return load(schema)(build_tree(parse(document.encode())))


def holds(test, document="<r/>", context="/*", head=""):
    """Say whether *test* holds of *document*; an error of evaluation raises."""
    findings = check(a_schema(a_rule(context, test), head=head), document)
    for finding in findings:
        if "could not be evaluated" in finding.message:
            raise ArithmeticError(finding.message)
    return not findings
