"""The hardened tree parser, reading values, and the canonical form."""

import base64
import hashlib
import subprocess
import sys

import pytest
import xmlsec
from lxml import etree

from ubl.errors import MalformedXml
from ubl.xml import (
    DEPTH_MAX,
    NAMESPACES_MAX,
    READ_BYTES_MAX,
    TREE_BYTES_MAX,
    canonicalize,
    parse,
    read_text,
)

DS = "http://www.w3.org/2000/09/xmldsig#"
BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">'
    + b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10) for n in range(1, 9))
    + b"]><a>&x8;</a>"
)


def nested(depth):
    return b"<a>" * depth + b"</a>" * depth


def declaring(count):
    return b"<a%b/>" % b"".join(b' xmlns:n%d="u"' % number for number in range(count))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "syntax"),
        (b"no xml", "syntax"),
        (b"<a>", "syntax"),
        (b"<a></b>", "syntax"),
        (b"<a/><b/>", "syntax"),
        (b"<a/>after", "syntax"),
        (b'<a b="1" b="2"/>', "syntax"),
        (b"<unbound:a/>", "syntax"),
        (b"<a>&undeclared;</a>", "syntax"),
        (b'<?xml version="1.1"?><a/>', "syntax"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (
            b'<?xml version="1.0"?>\n<!-- x -->\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
            "doctype",
        ),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "doctype"),
        (BOMB, "doctype"),
        (nested(DEPTH_MAX + 1), "too_deep"),
        (nested(100_000), "too_deep"),
        (b"<a>" + b"x" * TREE_BYTES_MAX + b"</a>", "too_large"),
        (declaring(NAMESPACES_MAX + 1), "too_large"),
        (b"<a>\0</a>", "nul"),
        (b"<a/>\0", "nul"),
        ("<a>é</a>".encode("latin-1"), "encoding"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), "encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a>+AGE-</a>', "encoding"),
        ("<a/>".encode("utf-16"), "encoding"),
        ("<a/>".encode("utf-16-le"), "encoding"),
        ("<a/>".encode("utf-16-be"), "encoding"),
        ("<a/>".encode("utf-32"), "encoding"),
        ("<a/>".encode("utf-32-be"), "encoding"),
        (b"<a>\xc0\xaf</a>", "encoding"),
    ],
)
def test_what_is_not_plain_utf8_xml_is_refused(data, kind):
    """[XML §2.8] [XML §4.3.3]"""
    with pytest.raises(MalformedXml) as refused:
        parse(data)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b"\xef\xbb\xbf<a/>",
        b'<?xml version="1.0"?><a/>',
        b"<?xml version='1.0' encoding='utf-8' standalone='no'?><a/>",
        b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><a/>',
        b"<!-- before --><?pi before?><a/><!-- after -->",
        b"<a><![CDATA[<!DOCTYPE html>]]></a>",
        b"<!-- no <!DOCTYPE here --><a/>",
        nested(DEPTH_MAX),
        declaring(NAMESPACES_MAX),
    ],
)
def test_plain_utf8_xml_is_read(data):
    assert parse(data).tag == "a"


def test_a_text_longer_than_the_library_allows_is_refused():
    data = b"<a>" + b"x" * 10_000_001 + b"</a>"
    with pytest.raises(MalformedXml) as refused:
        parse(data, bytes_max=len(data))
    assert refused.value.kind == "too_large"


def test_a_document_longer_than_allowed_is_refused_unread():
    with pytest.raises(MalformedXml) as refused:
        parse(b"<a/>", bytes_max=3)
    assert refused.value.kind == "too_large"


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"<a>\n <b>\n</a>", 3, 5),
        ("<a>\n ab\xe9</a>".encode("latin-1"), 2, 4),
        (b"<a>\n\n x\0</a>", 3, 3),
        (b"\n<!DOCTYPE a><a/>", 2, None),
    ],
)
def test_the_place_is_named(data, line, column):
    with pytest.raises(MalformedXml) as refused:
        parse(data)
    assert refused.value.line == line
    assert column is None or refused.value.column == column
    assert f"line {line}" in str(refused.value)


def test_text_is_read_whole():
    assert read_text(parse("<a> é&amp;<![CDATA[<b>]]></a>".encode())) == " é&<b>"
    assert read_text(parse(b"<a/>")) == ""


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<a>0208:0123456749<!-- -->666</a>", "a comment"),
        (b"<a><?cut here?>0208</a>", "a processing instruction"),
        (b"<a>1<b/>2</a>", "an element"),
    ],
)
def test_a_value_with_something_inside_is_refused(data, what):
    with pytest.raises(MalformedXml, match=f"value of a is interrupted by {what}") as refused:
        read_text(parse(data))
    assert (refused.value.kind, refused.value.line) == ("interrupted", 1)


TREE = b"""<r xmlns="urn:d" xmlns:p="urn:p" xmlns:unused="urn:u" p:b="2" a="1"><!-- c -->
<s><t xmlns=""/><p:t xmlns:q="urn:q"/><u z='"' y="&lt;">&#13;</u></s></r>"""


def digest_by_xmlsec(root, method, prefix_list=None):
    """Let xmlsec, an independent implementation, digest the element with Id="x"."""
    transform = xmlsec.constants.__getattribute__(method)
    signature = xmlsec.template.create(
        root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformHmacSha256
    )
    root.append(signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri="#x")
    node = xmlsec.template.add_transform(reference, transform)
    if prefix_list is not None:
        xmlsec.template.transform_add_c14n_inclusive_namespaces(node, prefix_list)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, b"k" * 32)
    xmlsec.tree.add_ids(root, ["Id"])
    context.sign(signature)
    value = base64.b64decode(signature.findtext(f".//{{{DS}}}Reference/{{{DS}}}DigestValue"))
    root.remove(signature)
    return value


SIGNED = (
    b'<r xmlns="urn:d" xmlns:p="urn:p" xmlns:unused="urn:u"><p:signed Id="x"><child/>'
    b'<p:child q:a="1" xmlns:q="urn:q"/><none xmlns=""><x/></none><other xmlns="urn:o"/>'
    b"</p:signed></r>"
)
SIGNED_IN_DEFAULT = SIGNED.replace(b"p:signed", b"signed")


@pytest.mark.parametrize("document", [SIGNED, SIGNED_IN_DEFAULT])
@pytest.mark.parametrize(
    "prefixes", [[], ["unused"], ["p", "unused"], ["#default"], ["#default", "p"]]
)
def test_exclusive_form_of_a_subtree_is_what_another_implementation_signs(document, prefixes):
    """Digest by digest.  [EXC-C14N §3]"""
    ours = canonicalize(parse(document)[0], prefixes=prefixes)
    theirs = digest_by_xmlsec(parse(document), "TransformExclC14N", prefixes or None)
    assert hashlib.sha256(ours).digest() == theirs


@pytest.mark.parametrize("document", [SIGNED, SIGNED_IN_DEFAULT])
def test_inclusive_form_of_a_subtree_is_what_another_implementation_signs(document):
    ours = canonicalize(parse(document)[0], exclusive=False)
    theirs = digest_by_xmlsec(parse(document), "TransformInclC14N")
    assert hashlib.sha256(ours).digest() == theirs


def test_inclusive_form_of_a_document_is_the_library_s():
    """Canonical XML, without comments.  [C14N §2]"""
    root = parse(TREE)
    theirs = etree.tostring(root.getroottree(), method="c14n", with_comments=False)
    assert canonicalize(root, exclusive=False) == theirs


def test_comments_are_never_in_the_canonical_form():
    """Comments are dropped.  [C14N §2]"""
    assert canonicalize(parse(b"<a>1<!-- 2 -->3</a>")) == b"<a>13</a>"


def test_a_prefix_not_in_scope_is_no_matter():
    assert canonicalize(parse(b"<a/>"), prefixes=["nowhere"]) == b"<a></a>"


# Reads megabytes of names, each new, and prints by how many MiB the process has grown.
FLOOD = """
import resource
from ubl.xml import parse

def read(messages):
    for message in messages:
        parse(b"<a>%s</a>" % b"".join(b"<n%dx%d/>" % (message, n) for n in range(60_000)))

read(range(8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read(range(8, 80))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
# The canonical form with the default prefix, as the first thing a process and a thread do.
DEFAULT = """
import threading
from ubl.xml import canonicalize, parse

def show():
    tree = parse(b'<a xmlns="urn:d" xmlns:p="urn:p"><p:b/></a>')
    print(canonicalize(tree[0], prefixes=["#default"]).decode())

thread = threading.Thread(target=show)
thread.start()
thread.join()
show()
"""
PADDING = b"<a><!--" + b" " * (READ_BYTES_MAX // 2) + b"--></a>"


def test_new_names_in_every_message_do_not_fill_the_memory():
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, check=True)
    assert int(done.stdout) < 20


def test_a_tree_outlives_the_names_it_was_read_with():
    old = parse(b'<a xmlns="urn:d" xmlns:p="urn:p"><p:b c="1"/></a>')
    for _ in range(5):
        parse(PADDING)
    new = parse(b"<x><y/></x>")
    old.append(new[0])
    assert canonicalize(old[0]) == b'<p:b xmlns:p="urn:p" c="1"></p:b>'
    assert old.find("y") is not None


def test_the_default_prefix_is_honoured_for_a_tree_that_was_read_long_ago():
    tree = parse(b'<a xmlns="urn:d" xmlns:p="urn:p"><p:b/></a>')
    for _ in range(5):
        parse(PADDING)
    form = canonicalize(tree[0], prefixes=["#default"])
    assert form == b'<p:b xmlns="urn:d" xmlns:p="urn:p"></p:b>'


def test_the_default_prefix_is_honoured_from_the_first_in_any_thread():
    done = subprocess.run(
        [sys.executable, "-c", DEFAULT], capture_output=True, check=True, text=True
    )
    assert done.stdout.splitlines() == ['<p:b xmlns="urn:d" xmlns:p="urn:p"></p:b>'] * 2
