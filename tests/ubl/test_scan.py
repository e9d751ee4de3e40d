"""The streaming scan: what it refuses, what it reports, and that chunks make no difference."""

import resource
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ubl.errors import MalformedXml
from ubl.scan import DEPTH_MAX, NAMES_MAX, TOKEN_BYTES_MAX, VALUE_CHARS_MAX, Paths, Scanner
from ubl.xml import parse

NS = "urn:é"
DOCUMENT = """\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- € -->
<p:r xmlns:p="urn:é" a="1>/" p:b="ü"><p:v>€uro &amp; <![CDATA[<x>]]>&#x1F600;</p:v
><empty/><p:v/><deep><p:v>no</p:v>/></deep ><e a="/"></e></p:r >
<?after €?>\n""".encode()
ROOT, VALUE = f"{{{NS}}}r", f"{{{NS}}}v"


class Log:
    """Everything that a scan reports, in order."""

    def __init__(self, *, span_depth=1, paths=None, ask=()):
        self.events = []
        self.ask = ask
        self.scanner = Scanner(
            self.open, self.close, self.value, paths=paths or Paths(), span_depth=span_depth
        )

    def open(self, name, attributes, offset, depth):
        self.events.append(("open", name, dict(attributes), offset, depth, self.scanner.line))
        return name in self.ask

    def close(self, end, depth, text):
        self.events.append(("close", end, depth, text))

    def value(self, label, text, attributes):
        self.events.append(("value", label, text, dict(attributes), self.scanner.line))

    def run(self, *chunks):
        for chunk in chunks:
            self.scanner.feed(chunk)
        self.scanner.close()
        return self.events


def scan(*chunks, **options):
    return Log(**options).run(*chunks)


def cut(data, places):
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def refusal(*chunks, **options):
    with pytest.raises(MalformedXml) as refused:
        scan(*chunks, **options)
    return refused.value


def nested(depth):
    return b"<a>" * depth + b"</a>" * depth


def test_elements_are_reported_with_their_bytes():
    spans = []
    opened = []
    for event in scan(DOCUMENT):
        if event[0] == "open":
            opened.append(event)
        else:
            _, name, _, offset, depth, _ = opened.pop()
            spans.append((name, depth, DOCUMENT[offset : event[1]]))
    assert spans == [
        (VALUE, 1, "<p:v>€uro &amp; <![CDATA[<x>]]>&#x1F600;</p:v\n>".encode()),
        ("empty", 1, b"<empty/>"),
        (VALUE, 1, b"<p:v/>"),
        ("deep", 1, b"<deep><p:v>no</p:v>/></deep >"),
        ("e", 1, b'<e a="/"></e>'),
        (ROOT, 0, DOCUMENT[DOCUMENT.index(b"<p:r") : DOCUMENT.index(b"\n<?after")]),
    ]


def test_an_empty_element_before_an_end_tag_of_the_same_name_ends_where_it_does():
    events = scan(b"<a><a/></a>")
    assert [event[1] for event in events if event[0] == "close"] == [7, 11]


def test_attributes_are_reported():
    assert scan(DOCUMENT)[0][2] == {"a": "1>/", f"{NS} b": "ü"}


def test_text_is_collected_where_it_is_asked_for():
    texts = [event[3] for event in scan(DOCUMENT, ask={VALUE}) if event[0] == "close"]
    assert texts == ["€uro & <x>\U0001f600", None, "", None, None, None]


def test_values_are_found_by_their_path_at_any_depth():
    paths = Paths({(ROOT, VALUE): "value", (ROOT, "deep", VALUE): "deep value"})
    values = [event for event in scan(DOCUMENT, paths=paths, span_depth=0) if event[0] == "value"]
    assert values == [
        ("value", "value", "€uro & <x>\U0001f600", {}, 2),
        ("value", "value", "", {}, 3),
        ("value", "deep value", "no", {}, 3),
    ]


def test_groups_are_reported_at_their_end_without_text():
    paths = Paths({("r", "g", "v"): "v"}, groups={("r", "g"): "g"})
    events = scan(b"<r><g a='1'><v b='2'>x</v></g><g/></r>", paths=paths, span_depth=0)
    assert [event[1:4] for event in events if event[0] == "value"] == [
        ("v", "x", {"b": "2"}),
        ("g", None, {}),
        ("g", None, {}),
    ]


@given(st.lists(st.integers(0, len(DOCUMENT)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_chunks_make_no_difference(places):
    options = {"paths": Paths({(ROOT, "deep", VALUE): "deep"}), "ask": {VALUE}}
    assert scan(*cut(DOCUMENT, places), **options) == scan(DOCUMENT, **options)


def test_single_bytes_make_no_difference():
    assert scan(*(DOCUMENT[i : i + 1] for i in range(len(DOCUMENT)))) == scan(DOCUMENT)


BROKEN = [
    (b"", "syntax"),
    (b" ", "syntax"),
    (b"<a>", "syntax"),
    (b"<a></b>", "syntax"),
    (b"<a/><b/>", "syntax"),
    (b'<a b="1" b="2"/>', "syntax"),
    (b"<unbound:a/>", "syntax"),
    (b"<a>&undeclared;</a>", "syntax"),
    (b'<?xml version="1.1"?><a/>', "syntax"),
    (b"<!DOCTYPE a><a/>", "doctype"),
    (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "doctype"),
    (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "doctype"),
    (nested(DEPTH_MAX + 1), "too_deep"),
    (b"<a>\0</a>", "nul"),
    (b"<a>xx</a>\0", "nul"),
    ("<a>xé</a>".encode("latin-1"), "encoding"),
    ("<é/>".encode("latin-1"), "encoding"),
    (b"<a>\xc3</a>", "encoding"),
    (b"<a>\xe2\x82</a>", "encoding"),
    (b"<a>\xf0\x9f\x98</a>", "encoding"),
    (b"<a>\xc0\xaf</a>", "encoding"),
    (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "encoding"),
    ("<a/>".encode("utf-16"), "encoding"),
    ("<a/>".encode("utf-16-le"), "encoding"),
    ("<a/>".encode("utf-16-be"), "encoding"),
    ("<a/>".encode("utf-32-be"), "encoding"),
]


@pytest.mark.parametrize(("data", "kind"), BROKEN)
def test_what_is_not_plain_utf8_xml_is_refused(data, kind):
    whole = refusal(data)
    assert whole.kind == kind
    bitten = refusal(*(data[i : i + 1] for i in range(len(data))))
    assert (bitten.kind, bitten.line, bitten.column) == (kind, whole.line, whole.column)


def test_the_deepest_nesting_allowed_is_read():
    assert len(scan(nested(DEPTH_MAX))) == 4


@given(st.text("<>/ab&;\"'= !-[]?x\0é", max_size=30).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_scan_and_tree_agree_on_what_is_well_formed(data):
    verdicts = []
    for read in (scan, parse):
        try:
            read(data)
        except MalformedXml:
            verdicts.append(False)
        else:
            verdicts.append(True)
    assert verdicts[0] == verdicts[1]


def test_the_place_is_named():
    broken = refusal(b"<a>\n <b>\n</a>")
    assert (broken.line, broken.column) == (3, 3)


@pytest.mark.parametrize(
    ("inside", "what"),
    [(b"<!-- -->", "a comment"), (b"<?pi?>", "a processing instruction"), (b"<b/>", "an element")],
)
def test_a_value_with_something_inside_is_refused(inside, what):
    paths = Paths({("a", "v"): "v"})
    broken = refusal(b"<a>\n<v>02" + inside + b"08</v></a>", paths=paths)
    assert (broken.kind, broken.line) == ("interrupted", 2)
    assert what in str(broken)


def test_comments_outside_of_values_are_no_matter():
    paths = Paths({("a", "v"): "v"})
    events = scan(b"<a><!-- --><?pi?><v>1</v><!-- --></a>", paths=paths, span_depth=0)
    assert [event[2] for event in events if event[0] == "value"] == ["1"]


def test_a_value_that_is_too_long_is_refused():
    def document(length):
        return b"<a><v>" + b"x" * length + b"</v></a>"

    paths = Paths({("a", "v"): "v"})
    assert scan(document(VALUE_CHARS_MAX), paths=paths)
    assert refusal(document(VALUE_CHARS_MAX + 1), paths=paths).kind == "too_large"


@pytest.mark.parametrize("start", [b"<a b='", b"<!--", b"<a><?", b"<a><!--"])
def test_an_endless_tag_is_refused_in_bounded_memory(start):
    tracemalloc.start()
    refused = refusal(start, *[b"x" * 65536] * 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.kind == "too_large"
    assert peak < 8 * TOKEN_BYTES_MAX


def test_a_long_comment_in_single_bytes_is_read_in_good_time():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    log = Log()
    log.scanner.feed(b"<a><!--")
    for _ in range(200_000):
        log.scanner.feed(b"x")
    assert log.run(b"--></a>")[-1][:2] == ("close", 200_014)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 5


@pytest.mark.parametrize(
    "item",
    ["<e{0}/>", "<e a{0}=''/>", "<p{0}:e xmlns:p{0}='urn:e'/>", "<e xmlns='urn:{0}'/>", "<?p{0}?>"],
)
def test_too_many_names_are_refused(item):
    items = "".join(item.format(n) for n in range(NAMES_MAX + 5000))
    assert refusal(f"<a>{items}</a>".encode()).kind == "too_large"


def test_text_of_any_size_passes_in_bounded_memory():
    log = Log(paths=Paths({("a", "v"): "v"}))
    log.scanner.feed(b"<a><v>1</v><huge>")
    piece = b"QUJD" * (16 << 10)
    tracemalloc.start()
    for _ in range(400):
        log.scanner.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    events = log.run(b"</huge></a>")
    assert events[-1][1] == len(b"<a><v>1</v><huge></huge></a>") + 400 * len(piece)
    assert peak < 1 << 20


def test_a_stopped_scan_neither_reports_nor_checks_the_rest():
    scanner = Scanner(lambda *_: scanner.stop(), lambda *_: pytest.fail("reported"))
    scanner.feed(b"<a><b/>" + b" " * 100_000 + b"</wrong>")
    scanner.feed(b"\0")
    scanner.close()


def test_after_a_refusal_everything_is_refused():
    log = Log()
    for _ in range(2):
        with pytest.raises(MalformedXml) as refused:
            log.scanner.feed(b"<!DOCTYPE a>")
        assert refused.value.kind == "doctype"
    with pytest.raises(MalformedXml):
        log.scanner.close()


def test_an_error_of_a_callback_is_kept():
    def complain(*_):
        raise LookupError

    scanner = Scanner(complain, lambda *_: None)
    for _ in range(2):
        with pytest.raises(LookupError):
            scanner.feed(b"<a/>")
    with pytest.raises(LookupError):
        scanner.close()


def test_the_start_tag_can_be_read():
    tags = []
    scanner = Scanner(lambda *_: tags.append(scanner.read_tag()), lambda *_: None)
    for byte in b"<a  b='>' c=\"'>\"\n><d/></a>":
        scanner.feed(bytes([byte]))
    assert tags == [b"<a  b='>' c=\"'>\"\n>", b"<d/>"]
