"""Headers that are not as they must be, each properly signed: refused by structure and value."""

import pytest

from as4.errors import As4Error, Unreadable
from tests.support.messages import (
    a_ping,
    a_sealed_message,
    a_user_message,
    cut,
    receive,
    swap,
)

COMPRESSION = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
MIME_TYPE = '<eb:Property name="MimeType">application/xml</eb:Property>'
PARTY = '<eb:PartyId type="urn:fdc:peppol.eu:2017:identifiers:ap">PBE000001</eb:PartyId>'
TO_PARTY = PARTY.replace("1<", "2<")
AGREEMENT = "urn:fdc:peppol.eu:2017:agreements:tia:ap_provider"
EBMS = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
CHARSET = '<eb:Property name="CharacterSet">{}</eb:Property>'
ATTACHED = (
    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary"
    "\r\nContent-ID: <{}>"
)
UNKNOWN = '<x:Trace xmlns:x="urn:x" S12:mustUnderstand="{}"{}></x:Trace>'
ROLE = ' S12:role="http://www.w3.org/2003/05/soap-envelope/role/{}"'


def twice(start, end):
    """A hook that repeats the stretch from *start* to *end*."""

    def hook(text):
        first = text.index(start)
        last = text.index(end, first) + len(end)
        return text[:last] + text[first:last] + text[last:]

    return hook


def swapped(one, other):
    """A hook that exchanges the elements *one* and *other*."""

    def hook(text):
        pieces = []
        for name in (one, other):
            start = text.index(f"<eb:{name}")
            end = text.index(f"</eb:{name}>") + len(f"</eb:{name}>")
            pieces.append(text[start:end])
        first, second = pieces
        return text.replace(first, "\0").replace(second, first).replace("\0", second)

    return hook


def without(name):
    return cut(f"<eb:{name}", f"</eb:{name}>")


def says(name, value):
    """A hook that makes *value* the content of the element *name*."""
    return cut(f"<eb:{name}>", f"</eb:{name}>", f"<eb:{name}>{value}</eb:{name}>")


def before(mark, added):
    """A hook that puts *added* before *mark*."""
    return swap(mark, added + mark)


def refused(sealed):
    with pytest.raises(As4Error) as caught:
        receive(sealed)
    return caught.value


INVALID_HEADERS = {
    "children out of order": swapped("Timestamp", "MessageId"),
    "blocks out of order": swapped("MessageProperties", "PayloadInfo"),
    "service behind action": swapped("Service", "Action"),
    "no timestamp": without("Timestamp"),
    "no conversation": without("ConversationId"),
    "no service": without("Service"),
    "no action": without("Action"),
    "no role": without("Role"),
    "no party info": without("PartyInfo"),
    "no from": without("From"),
    "no party id": without("PartyId"),
    "no message info": without("MessageInfo"),
    "properties without property": cut("<eb:Property ", "</eb:Property></eb:M", "</eb:M"),
    "an empty action": says("Action", " "),
    "an empty message id": says("MessageId", ""),
    "a huge message id": swap("<eb:MessageId>", "<eb:MessageId>" + "x" * 999),
    "an element of its own": swap("<eb:PartyInfo>", "<eb:Trace></eb:Trace><eb:PartyInfo>"),
    "a foreign element": swap("<eb:PartyInfo>", '<x:T xmlns:x="urn:x"></x:T><eb:PartyInfo>'),
    "a block inside another": lambda text: text.replace(
        "</eb:MessageInfo><eb:PartyInfo>", "<eb:PartyInfo>"
    ).replace("</eb:PartyInfo>", "</eb:PartyInfo></eb:MessageInfo>"),
    "properties of the part inside properties of the message": lambda text: swap(
        "</eb:PayloadInfo>", "</eb:PayloadInfo></eb:MessageProperties>"
    )(swap("</eb:MessageProperties>", "")(text)),
    "two user messages": twice("<eb:UserMessage>", "</eb:UserMessage>"),
    "no user message": without("UserMessage"),
    "a signal": cut("<eb:U", "</eb:UserMessage>", "<eb:SignalMessage></eb:SignalMessage>"),
    "a nameless property": swap(' name="originalSender"', ""),
    "no MimeType": swap(MIME_TYPE, ""),
    "no part properties": without("PartProperties"),
    "MimeType twice": swap(MIME_TYPE, MIME_TYPE * 2),
    "an illegal CharacterSet": swap(COMPRESSION, COMPRESSION + CHARSET.format("!utf-8*")),
    "a CharacterSet with a blank": swap(COMPRESSION, COMPRESSION + CHARSET.format("utf 8")),
    "a CharacterSet of digits": swap(COMPRESSION, COMPRESSION + CHARSET.format("8859-1")),
    "a comment in a value": swap("PBE000001", "PBE00<!-- -->0001"),
    "an instruction in a value": swap("PBE000001", "PBE000001<?x y?>9"),
    "an element in a value": swap("PBE000001", "PBE000001<eb:x></eb:x>9"),
    "a timestamp in words": says("Timestamp", "yesterday"),
    "a month too many": says("Timestamp", "2026-13-01T00:00:00Z"),
    "a timestamp out of range": says("Timestamp", "0001-01-01T00:00:00+14:00"),
    "a basic timestamp": says("Timestamp", "20260615T120000Z"),
}  # fmt: skip


@pytest.mark.parametrize("hook", INVALID_HEADERS.values(), ids=INVALID_HEADERS.keys())
def test_a_header_that_does_not_follow_the_schema_is_invalid(hook):
    assert refused(a_sealed_message(messaging=hook)).code == "EBMS:0009"


INVALID_ENVELOPES = {
    "two Messaging": twice("<eb:Messaging", "</eb:Messaging>"),
    "no Messaging": cut("<eb:Messaging", "</eb:Messaging>"),
    "no Header": cut("<S12:Header>", "</S12:Header>"),
    "two Header": swap("<S12:Header>", "<S12:Header></S12:Header><S12:Header>"),
    "no Body": cut("<S12:Body", "</S12:Body>"),
    "two Body": twice("<S12:Body", "</S12:Body>"),
    "Body before Header": lambda text: cut("<S12:Body", "</S12:Body>")(text).replace(
        "<S12:Header>", "<S12:Body></S12:Body><S12:Header>"
    ),
    "a block to be understood": before("<eb:Messaging", UNKNOWN.format("true", "")),
    "a block to be understood by 1": before("<eb:Messaging", UNKNOWN.format(" 1 ", "")),
    "a block to be understood by the next": before(
        "<eb:Messaging", UNKNOWN.format("1", ROLE.format("next"))
    ),
    "many blocks": before("<eb:Messaging", UNKNOWN.format("0", "") * 20),
}  # fmt: skip


@pytest.mark.parametrize("hook", INVALID_ENVELOPES.values(), ids=INVALID_ENVELOPES.keys())
def test_an_envelope_without_its_one_header_for_us_is_invalid(hook):
    """What must be understood among it.  [SOAP12 §2.4] [EBMS3 §5.1]"""
    assert refused(a_sealed_message(soap=hook)).code == "EBMS:0009"


HARMLESS_ENVELOPES = {
    "a block that need not be understood": UNKNOWN.format("false", ""),
    "a block for somebody else": UNKNOWN.format("true", ROLE.format("none")),
    "a comment": "<!-- by hand -->",
    "Security for somebody else": '<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/'
    '01/oasis-200401-wss-wssecurity-secext-1.0.xsd" S12:role="urn:gate"></wsse:Security>',
}


@pytest.mark.parametrize("block", HARMLESS_ENVELOPES.values(), ids=HARMLESS_ENVELOPES.keys())
def test_what_is_not_for_us_is_left_alone(block):
    """Blocks of other roles, and what need not be understood.  [SOAP12 §2.2]"""
    receive(a_sealed_message(soap=before("<eb:Messaging", block)))


UNKNOWN_VALUES = {
    "another agreement": swap(AGREEMENT, "urn:other"),
    "no agreement": without("AgreementRef"),
    "an agreement with pmode": swap("<eb:AgreementRef", '<eb:AgreementRef pmode="p"'),
    "another from role": swap(f"{EBMS}initiator", "urn:sender"),
    "another to role": swap(f"{EBMS}responder", "urn:receiver"),
    "roles exchanged": lambda text: (
        text.replace("initiator", "\0").replace("responder", "initiator").replace("\0", "responder")
    ),
    "another party type": swap("2017:identifiers:ap", "2017:identifiers:x"),
    "an untyped party": swap(' type="urn:fdc:peppol.eu:2017:identifiers:ap"', ""),
    "two from parties": swap(PARTY, PARTY * 2),
    "two to parties": swap(TO_PARTY, TO_PARTY * 2),
    "another channel": swap("<eb:UserMessage", '<eb:UserMessage mpc="urn:mpc"'),
}


@pytest.mark.parametrize("hook", UNKNOWN_VALUES.values(), ids=UNKNOWN_VALUES.keys())
def test_a_value_outside_the_processing_mode_is_not_recognized(hook):
    """The P-Mode decides.  [EBMS3 §4] [PEPPOL-AS4 §2.2]"""
    assert refused(a_sealed_message(messaging=hook)).code == "EBMS:0001"


def test_the_default_channel_may_be_named():
    hook = swap("<eb:UserMessage", f'<eb:UserMessage mpc="{EBMS}defaultMPC"')
    receive(a_sealed_message(messaging=hook))


PAYLOADS = {
    "two payloads": twice("<eb:PartInfo", "</eb:PartInfo>"),
    "no payload": without("PayloadInfo"),
    "an external payload": cut('href="', '"', 'href="https://example.com/invoice.xml"'),
    "a payload in the Body": cut(' href="', '"'),
    "a payload by id": cut('href="', '"', 'href="#body"'),
    "a payload without name": cut('href="', '"', 'href="cid:"'),
    "another payload": cut('href="', '"', 'href="cid:other@as4"'),
}


@pytest.mark.parametrize("hook", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_header_must_announce_the_one_attachment(hook):
    assert refused(a_sealed_message(messaging=hook)).code == "EBMS:0011"


def test_an_attachment_of_another_name_is_refused():
    sealed = a_sealed_message(attachment_headers=ATTACHED.format("other@as4"))
    assert refused(sealed).code == "EBMS:0011"


def test_an_attachment_whose_name_merely_contains_the_right_one_is_refused():
    name = "att-0123456789abcdef0123456789abcdef@as4"
    sealed = a_sealed_message(attachment_headers=ATTACHED.format(f"x-{name}"))
    assert refused(sealed).code == "EBMS:0011"


def test_an_attachment_without_name_is_refused():
    sealed = a_sealed_message(attachment_headers="Content-Type: application/octet-stream")
    assert refused(sealed).code == "EBMS:0011"


def test_a_second_attachment_is_refused():
    sealed = a_sealed_message(wire=lambda wire: _add_part(wire, "more@as4", 1))
    assert refused(sealed).code == "EBMS:0011"


def test_a_second_attachment_of_the_same_name_is_refused():
    name = "att-0123456789abcdef0123456789abcdef@as4"
    sealed = a_sealed_message(wire=lambda wire: _add_part(wire, name, 1))
    assert refused(sealed).code == "EBMS:0011"


def test_very_many_attachments_are_refused():
    sealed = a_sealed_message(wire=lambda wire: _add_part(wire, "more{}@as4", 50))
    assert refused(sealed).code == "EBMS:0011"


def test_a_message_without_its_attachment_is_refused():
    boundary = b"\r\n------=_0123456789abcdef0123456789abcdef"
    sealed = a_sealed_message(wire=lambda wire: wire[: wire.index(boundary)] + boundary + b"--\r\n")
    assert refused(sealed).code == "EBMS:0011"


@pytest.mark.parametrize("content", ["<x></x>", "text", " <S12:Fault></S12:Fault> "])
def test_a_body_that_is_not_empty_is_refused(content):
    sealed = a_sealed_message(body=swap("></S12:Body>", f">{content}</S12:Body>"))
    assert refused(sealed).code == "EBMS:0011"


def test_a_body_of_white_space_is_empty():
    receive(a_sealed_message(body=swap("></S12:Body>", ">\n </S12:Body>")))


def test_a_business_message_without_attachment_is_refused():
    ping = a_ping()
    sealed = a_sealed_message()
    plain = sealed.body[sealed.body.index(b"<?xml") : sealed.body.index(b"</S12:Envelope>") + 15]
    assert refused(type(ping)(ping.content_type, plain, "", (), b"", 0, 0)).code == "EBMS:0011"


@pytest.mark.parametrize(
    ("status", "hook"),
    [
        (400, swap('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE x SYSTEM "file:///etc">')),
        (400, swap("?>", '?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>')),
        (400, swap("</S12:Header>", "")),
        (400, swap("2003/05/soap-envelope", "2001/12/soap-envelope")),
        (400, lambda _text: "no XML at all"),
        (400, lambda _text: "<html></html>"),
        (400, swap("UTF-8", "UTF-16")),
        (413, lambda text: text + " " * (1 << 20)),
        (400, lambda text: text.replace("<eb:Action>", "<eb:x>" * 300 + "<eb:Action>")),
    ],
)
def test_what_is_no_soap_message_is_unreadable(status, hook):
    with pytest.raises(Unreadable) as caught:
        receive(a_sealed_message(soap=hook))
    assert caught.value.status == status


def test_a_refusal_names_the_message_as_soon_as_its_id_can_be_read():
    for hook in (*INVALID_HEADERS.values(), *UNKNOWN_VALUES.values(), *PAYLOADS.values()):
        sealed = a_sealed_message(messaging=hook)
        named = a_user_message().message_id.encode() in sealed.body
        whole = b"<eb:MessageId>0c4a" in sealed.body
        assert refused(sealed).ref_to_message_id == (
            a_user_message().message_id if named and whole else None
        )


def _add_part(wire, name, count):
    boundary = b"\r\n------=_0123456789abcdef0123456789abcdef"
    parts = b"".join(
        boundary + f"\r\nContent-ID: <{name.format(number)}>\r\n\r\nmore".encode()
        for number in range(count)
    )
    return wire.replace(boundary + b"--", parts + boundary + b"--")
