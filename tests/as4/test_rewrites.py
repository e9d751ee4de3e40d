"""Other ways to write the same message are accepted; other messages never are."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from as4 import algorithms
from as4.algorithms import EXCLUSIVE_C14N
from as4.errors import As4Error, Unreadable
from as4.namespaces import DS, EBMS, SOAP, WSSE, WSU
from as4.xmldsig import canonicalize
from tests.support.messages import a_sealed_message, key_pair, read
from ubl import xml

PREFIXES = ("S12", "eb", "wsse", "wsu", "ds", "xenc")
modest = settings(max_examples=25, deadline=None)
names = st.from_regex(r"[a-z][a-z0-9_.-]{0,6}", fullmatch=True).filter(
    lambda name: not name.startswith("xml")
)


def rewritten(text, *, prefixes, order, gap, listed=(), default=None):
    """The envelope *text* under other *prefixes*, in another *order*, with white space, resigned.

    *listed* are prefixes for InclusiveNamespaces under every canonicalisation; *default* is a
    namespace declared as the default one at the envelope.
    """
    for old, new in prefixes.items():
        text = re.sub(rf"(</?|[ ]|xmlns:){old}([: =])", rf"\1\0{new}\2", text)
    text = text.replace("\0", "")
    root = xml.parse(text.encode())
    if default is not None:
        text = re.sub(r"(<[^?][^ >]* )", rf'\1xmlns="{default}" ', text, count=1)
        root = xml.parse(text.encode())
    header = root[0]
    security = next(block for block in header if block.tag == f"{{{WSSE}}}Security")
    children = list(security)
    for position in order:
        security.append(children[position % len(children)])
    if order and order[0] % 2:
        header.append(header[0])
    for element in (security, header, security[0]):
        if len(element):
            element.text = gap
            for child in element:
                child.tail = gap
    _resign(root, listed)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def _resign(root, listed):
    """Digest and sign *root* again, with the prefixes *listed* at every canonicalisation."""
    info = next(root.iter(f"{{{DS}}}SignedInfo"))
    if listed:
        spots = [info[0], *info.iter(f"{{{DS}}}Transform")]
        for spot in spots:
            if spot.get("Algorithm") == EXCLUSIVE_C14N:
                etree.SubElement(
                    spot,
                    f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces",
                    PrefixList=" ".join(listed),
                    nsmap={"ec": EXCLUSIVE_C14N},
                )
    ids = {element.get(f"{{{WSU}}}Id"): element for element in root.iter("*")}
    for reference in info.iter(f"{{{DS}}}Reference"):
        if reference.get("URI").startswith("#"):
            data = canonicalize(ids[reference.get("URI")[1:]], tuple(listed))
            reference[-1].text = b64encode(sha256(data).digest()).decode()
    value = algorithms.sign(key_pair().key, canonicalize(info, tuple(listed)))
    info.getnext().text = b64encode(value).decode()


@modest
@given(
    new=st.lists(names, min_size=6, max_size=6, unique=True),
    order=st.lists(st.integers(0, 4), max_size=6),
    gap=st.sampled_from([None, "\n", "\r\n  ", "\t"]),
    listing=st.lists(st.integers(0, 6), max_size=4, unique=True),
    default=st.sampled_from([None, "urn:default", SOAP]),
)
def test_prefixes_order_white_space_and_prefix_lists_are_free(new, order, gap, listing, default):
    prefixes = dict(zip(PREFIXES, new, strict=True))
    known = [*new, "#default"]
    listed = [known[position] for position in listing]

    def hook(text):
        return rewritten(
            text, prefixes=prefixes, order=order, gap=gap, listed=listed, default=default
        )

    sealed = a_sealed_message(soap=hook)
    received = read(sealed)
    assert received.payload == sealed.payload
    assert received.references[0].transforms[0].prefixes == tuple(listed)


@pytest.mark.parametrize("listed", [["#default"], ["S12", "#default"], ["unknown"], []])
def test_a_prefix_list_is_part_of_what_is_signed(listed):
    def hook(text):
        text = rewritten(
            text,
            prefixes={},
            order=[],
            gap="\n",
            listed=listed or ["#default"],
            default="urn:default",
        )
        return text if listed else re.sub(r"<ec:Inc[^>]*/>", "", text)

    if listed:
        read(a_sealed_message(soap=hook))
        return
    with pytest.raises(As4Error) as caught:
        read(a_sealed_message(soap=hook))
    assert caught.value.code == "EBMS:0101"


def test_a_comment_beside_a_prefix_list_means_nothing():
    def hook(text):
        text = rewritten(text, prefixes={}, order=[], gap=None, listed=["S12"])
        return text.replace("<ec:Inc", "<!-- nothing --><ec:Inc")

    assert read(a_sealed_message(soap=hook)).references[0].transforms[0].prefixes == ("S12",)


SEALED = a_sealed_message()
SOAP_START = SEALED.body.index(b"<?xml")


def _span(start, end):
    first = SEALED.body.index(start)
    return first, SEALED.body.index(end, first) + len(end)


SIGNED_PARTS = {
    "Messaging": _span(b"<eb:Messaging", b"</eb:Messaging>"),
    "Body": _span(b"<S12:Body", b"</S12:Body>"),
    "SignedInfo": _span(b"<ds:SignedInfo>", b"</ds:SignedInfo>"),
    "attachment": (
        SEALED.attachment_offset,
        SEALED.attachment_offset + SEALED.attachment_length,
    ),
}


@settings(max_examples=100, deadline=None)
@given(part=st.sampled_from(sorted(SIGNED_PARTS)), where=st.floats(0, 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_what_is_signed_is_rejected(part, where, bit):
    start, end = SIGNED_PARTS[part]
    position = min(end - 1, start + int(where * (end - start)))
    body = bytearray(SEALED.body)
    body[position] ^= 1 << bit
    spoiled = type(SEALED)(SEALED.content_type, bytes(body), SEALED.message_id, (), b"", 0, 0)
    try:
        read(spoiled)
    except (As4Error, Unreadable):
        return
    # Accepted: then it was a declaration of a prefix that is in scope anyway, which no canonical
    # form shows.
    assert _canonical(spoiled.body) == _canonical(SEALED.body)


def _canonical(body):
    soap = body[SOAP_START : body.index(b"</S12:Envelope>") + 15]
    root = xml.parse(soap)
    names = (f"{{{EBMS}}}Messaging", f"{{{SOAP}}}Body", f"{{{DS}}}SignedInfo")
    return [canonicalize(next(root.iter(name))) for name in names]


@settings(max_examples=50, deadline=None)
@given(where=st.floats(0, 1), junk=st.binary(max_size=4), drop=st.integers(0, 40))
def test_no_mutation_of_the_whole_body_makes_it_another_message(where, junk, drop):
    position = int(where * len(SEALED.body))
    body = SEALED.body[:position] + junk + SEALED.body[position + drop :]
    spoiled = type(SEALED)(SEALED.content_type, body, SEALED.message_id, (), b"", 0, 0)
    try:
        received = read(spoiled)
    except (As4Error, Unreadable):
        return
    original = read(SEALED)
    assert received.user_message == original.user_message
    assert received.payload == original.payload
    assert received.references == original.references


@modest
@given(step=st.integers(1, 3000), keep=st.booleans())
def test_the_cut_of_the_stream_makes_no_difference(step, keep):
    received = read(SEALED, step=step, keep=keep)
    assert received.payload == (SEALED.payload if keep else None)
    assert (received.attachment_offset, received.attachment_length) == (
        SEALED.attachment_offset,
        SEALED.attachment_length,
    )


def test_ids_without_namespace_are_as_good():
    def hook(text):
        text = text.replace(' wsu:Id="msg-', ' Id="msg-').replace(' wsu:Id="body-', ' Id="body-')
        root = xml.parse(text.encode())
        _resign_by_plain_id(root)
        return etree.tostring(root).decode()

    read(a_sealed_message(soap=hook))


def _resign_by_plain_id(root):
    info = next(root.iter(f"{{{DS}}}SignedInfo"))
    ids = {element.get("Id"): element for element in root.iter("*")}
    for reference in info.iter(f"{{{DS}}}Reference"):
        if reference.get("URI").startswith("#"):
            digest = sha256(canonicalize(ids[reference.get("URI")[1:]])).digest()
            reference[-1].text = b64encode(digest).decode()
    info.getnext().text = b64encode(algorithms.sign(key_pair().key, canonicalize(info))).decode()
