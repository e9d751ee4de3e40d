"""Bad messages, each with the answer it earns: the table behind `tests/system/test_attacks.py`.

A row builds its message when asked. Rows are by what is wrong, in the order of the checks.
"""

import re
import zlib
from dataclasses import replace
from functools import partial

from as4.compression import gzip_compress
from as4.xmldsig import Reference
from tests.support.messages import (
    C1,
    C4,
    DOCUMENT_TYPE,
    INVOICE,
    NONCE,
    PROCESS,
    a_business_envelope,
    a_sealed_message,
    a_user_message,
    cut,
    swap,
)
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

EBMS = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
DSIG, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
COMPRESSION = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
MIME_TYPE = '<eb:Property name="MimeType">application/xml</eb:Property>'
PARTY = '<eb:PartyId type="urn:fdc:peppol.eu:2017:identifiers:ap">PBE000001</eb:PartyId>'
CID = f"att-{NONCE}@as4"
PART = "<eb:PartInfo"
SBD_END = b"</sh:StandardBusinessDocument>"
NOT_SERVED = "EBMS:0004 PEPPOL:NOT_SERVICED"


def twice(start, end):
    """A hook that repeats the stretch from *start* to *end*."""

    def hook(text):
        first = text.index(start)
        last = text.index(end, first) + len(end)
        return text[:last] + text[first:last] + text[last:]

    return hook


def signed(hook):
    """A message whose header was spoiled before it was signed."""
    return partial(a_sealed_message, messaging=hook)


def spoiled(hook):
    """A message whose envelope was spoiled after it was signed."""
    return partial(a_sealed_message, soap=hook)


def paid(payload, **changes):
    """A message with *payload* attached as it is."""
    return partial(a_sealed_message, payload=payload, **changes)


def enveloped(change=lambda sbd: sbd, *, document=INVOICE, **header):
    """A message whose business envelope was spoiled by *change* or says *header*."""

    def build():
        sbd = a_business_envelope(document, **header)
        changed = change(sbd)
        assert changed != sbd or header or document != INVOICE
        return a_sealed_message(payload=gzip_compress(changed))

    return build


def on_wire(old, new):
    """A message with *new* for the first *old* in its bytes."""

    def wire(body):
        assert old in body
        return body.replace(old, new, 1)

    return partial(a_sealed_message, wire=wire)


def more_parts(count):
    part = b"\r\n------=_%s\r\nContent-Type: text/plain\r\nContent-ID: <%%d>\r\n\r\nx"
    extra = b"".join(part % NONCE.encode() % number for number in range(count))

    def wire(body):
        end = body.rindex(b"\r\n------=_")
        return body[:end] + extra + body[end:]

    return partial(a_sealed_message, wire=wire)


def started(name):
    """A message whose media type says that it starts with the part *name*."""

    def build():
        sealed = a_sealed_message()
        return replace(sealed, content_type=f'{sealed.content_type}; start="{name}"')

    return build


def wrapped_signature():
    """The signed Messaging moved aside, another one in its place."""

    def hook(text):
        start, end = text.index("<eb:Messaging"), text.index("</eb:Messaging>") + 15
        genuine = text[start:end]
        forged = genuine.replace(f"msg-{NONCE}", "msg-forged").replace("0208:0123456749", "0208:1")
        aside = f'<x:Wrapper xmlns:x="urn:x">{genuine}</x:Wrapper>'
        return text[:start] + forged + aside + text[end:]

    return spoiled(hook)


def in_xml(entity):
    """A message whose SOAP part starts with the document type *entity*."""
    return spoiled(swap("<S12:Envelope", f"<!DOCTYPE S12:Envelope {entity}><S12:Envelope"))


def bomb(size, *, step=1 << 20):
    """A gzip member that comes to *size* bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(step)) for _ in range(size // step)) + packer.flush()


HTTP = {
    "a document type": (in_xml('[<!ENTITY x "y">]'), "400"),
    "an external entity": (in_xml('[<!ENTITY x SYSTEM "file:///etc/passwd">]'), "400"),
    "nested entities": (in_xml('[<!ENTITY a "aa"><!ENTITY b "&a;&a;">]'), "400"),
    "nesting without end": (spoiled(swap("<S12:Header>", "<S12:Header>" + "<a>" * 5000)), "400"),
    "SOAP in UTF-16": (on_wire(b"charset=UTF-8", b"charset=UTF-16"), "415"),
    "a start that is not first": (started("<other@as4>"), "400"),
    "one part's header of 20 KB": (on_wire(b"Content-ID: <soap", b"X: " + b"y" * 20_000), "400"),
    "a SOAP part over its bound": (spoiled(swap("<S12:Header>", " " * (1 << 20))), "413"),
}
"""What is refused before there is a message."""

HEADERS = {
    "no timestamp": (signed(cut("<eb:Timestamp>", "</eb:Timestamp>")), "EBMS:0009"),
    "a foreign child": (signed(swap("<eb:PartyInfo>", "<eb:X></eb:X><eb:PartyInfo>")), "EBMS:0009"),
    "no MimeType": (signed(swap(MIME_TYPE, "")), "EBMS:0009"),
    "an illegal CharacterSet": (
        signed(swap(MIME_TYPE, f'{MIME_TYPE}<eb:Property name="CharacterSet">!*</eb:Property>')),
        "EBMS:0009",
    ),
    "two Messaging": (spoiled(twice("<eb:Messaging", "</eb:Messaging>")), "EBMS:0009"),
    "two Body": (spoiled(twice("<S12:Body", "</S12:Body>")), "EBMS:0009"),
    "a comment inside a value": (signed(swap("PBE000001", "PBE000001<!-- -->2")), "EBMS:0009"),
    "an instruction inside a value": (signed(swap("PBE000001", "PBE<?x?>000001")), "EBMS:0009"),
    "another agreement": (signed(swap("tia:ap_provider", "tia:other")), "EBMS:0001"),
    "another role": (signed(swap("200704/initiator", "200704/other")), "EBMS:0001"),
    "another kind of party": (signed(swap("2017:identifiers:ap", "2017:x")), "EBMS:0001"),
    "another channel": (
        signed(swap("<eb:UserMessage>", '<eb:UserMessage mpc="urn:x">')), "EBMS:0001"
    ),
    "two parties": (signed(swap(PARTY, PARTY * 2)), "EBMS:0001"),
}  # fmt: skip

PAYLOADS = {
    "two parts announced": (signed(twice(PART, "</eb:PartInfo>")), "EBMS:0011"),
    "a part outside": (signed(swap(f"cid:{CID}", "https://example.com/x")), "EBMS:0011"),
    "a part by another name": (on_wire(f"<{CID}>".encode(), b"<x@y>"), "EBMS:0011"),
    "no name of the part": (on_wire(f"Content-ID: <{CID}>\r\n".encode(), b""), "EBMS:0011"),
    "a second attachment": (more_parts(1), "EBMS:0011"),
    "a thousand attachments": (more_parts(1000), "EBMS:0011"),
    "a payload in the Body": (
        partial(a_sealed_message, body=swap("></S12:Body>", "><x></x></S12:Body>")),
        "EBMS:0011",
    ),
    "parts inside a part": (
        on_wire(b"Content-Type: application/octet-stream", b"Content-Type: multipart/mixed"),
        "EBMS:0007",
    ),
    "an unknown transfer encoding": (
        partial(
            a_sealed_message,
            attachment_headers="Content-Type: application/octet-stream\r\n"
            f"Content-Transfer-Encoding: x-uu\r\nContent-ID: <{CID}>",
        ),
        "EBMS:0007",
    ),
}


def without_reference(index):
    return partial(
        a_sealed_message, references=lambda refs: [r for n, r in enumerate(refs) if n != index]
    )


def transform(algorithm):
    start = "<ds:Transform Algorithm="
    hook = swap(f'{start}"{C14N}">', f'{start}"{algorithm}">')
    return partial(a_sealed_message, signed_info=hook)


POLICY = {
    name: (build, "EBMS:0103")
    for name, build in {
        "unsigned": spoiled(cut("<ds:Signature ", "</ds:Signature>")),
        "unencrypted": partial(
            a_sealed_message, encryption=lambda _: "", attachment=lambda _: gzip_compress(INVOICE)
        ),
        "two Security": spoiled(
            lambda text: twice("<wsse:Security ", "</wsse:Security>")(text).replace("Id=", "Id=", 1)
        ),
        "two signatures": spoiled(
            lambda text: re.sub(
                r"(<ds:Signature .*</ds:Signature>)",
                lambda m: m[1] + m[1].replace(f"SIG-{NONCE}", "SIG-2"),
                text,
            )
        ),
        "RSA with SHA-1": spoiled(
            swap("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", f"{DSIG}rsa-sha1")
        ),
        "a MAC for a signature": spoiled(
            swap("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", f"{DSIG}hmac-sha1")
        ),
        "a digest with SHA-1": partial(
            a_sealed_message, signed_info=swap(f'"{XENC}sha256"', f'"{DSIG}sha1"')
        ),
        "a stylesheet as transform": transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "a path as transform": transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "base64 as transform": transform(f"{DSIG}base64"),
        "canonical with comments": transform(f"{C14N}WithComments"),
        "Messaging not signed": without_reference(0),
        "Body not signed": without_reference(1),
        "attachment not signed": without_reference(2),
        "one reference too many": partial(
            a_sealed_message,
            references=lambda refs: [*refs, Reference(f"#X509-{NONCE}", *_rest(refs[1]))],
        ),
        "a reference outside": spoiled(swap(f'URI="#msg-{NONCE}"', 'URI="https://example.com/"')),
        "a duplicate id": spoiled(swap(f'wsu:Id="body-{NONCE}"', f'wsu:Id="msg-{NONCE}"')),
        "the signed header moved aside": wrapped_signature(),
        "no token": spoiled(
            cut("<wsse:BinarySecurityToken", "</wsse:BinarySecurityToken><ds:S", "<ds:S")
        ),
        "a key by name": spoiled(
            cut("<ds:KeyInfo><wsse:S", "</ds:KeyInfo></ds:Si",
                "<ds:KeyInfo><ds:KeyName>me</ds:KeyName></ds:KeyInfo></ds:Si")
        ),
        "RSA 1.5": spoiled(swap(f"{XENC11}rsa-oaep", f"{XENC}rsa-1_5")),
        "OAEP with SHA-1": spoiled(swap("mgf1sha256", "mgf1sha1")),
        "OAEP by default": spoiled(cut("<xenc11:MGF", "/>")),
        "AES in CBC": spoiled(swap(f"{XENC11}aes128-gcm", f"{XENC}aes128-cbc")),
    }.items()
}  # fmt: skip


def _rest(reference):
    return reference.transforms, reference.digest_method, reference.digest_value


AUTHENTICATION = {
    "a changed header": (spoiled(swap("0208:0123456749", "0208:0123456750")), "EBMS:0101"),
    "a changed Body": (spoiled(swap("></S12:Body>", "> </S12:Body>")), "EBMS:0101"),
    "another signature value": (
        spoiled(lambda t: re.sub(r"(?<=<ds:SignatureValue>)....", "AAAA", t)),
        "EBMS:0101",
    ),
    **{
        f"a certificate that is {name}": (partial(a_sealed_message, signer=name), "EBMS:0101")
        for name in (
            "expired", "not-yet-valid", "foreign", "bad-cn", "direct-root",
            "encipher-only", "publisher-as-ap",
        )
    },
    "another seat's certificate": (partial(a_sealed_message, signer="third"), "EBMS:0101"),
}  # fmt: skip

DECRYPTION = {
    "a changed ciphertext": partial(
        a_sealed_message, attachment=lambda d: d[:40] + bytes([d[40] ^ 1]) + d[41:]
    ),
    "a changed tag": partial(a_sealed_message, attachment=lambda d: d[:-1] + bytes([d[-1] ^ 1])),
    "a changed IV": partial(a_sealed_message, attachment=lambda d: bytes([d[0] ^ 1]) + d[1:]),
    "nothing attached": partial(a_sealed_message, attachment=lambda _: b""),
    "only a tag": partial(a_sealed_message, attachment=lambda _: bytes(28)),
    "another digest signed": partial(
        a_sealed_message,
        references=lambda refs: [*refs[:2], Reference(refs[2].uri, *_rest(refs[2])[:2], bytes(32))],
    ),
    "a key that does not open": spoiled(
        lambda t: re.sub(r"(?<=<xenc:CipherValue>)........", "AAAAAAAA", t)
    ),
    "a key of no size": spoiled(
        lambda t: re.sub(r"(?<=<xenc:CipherValue>)[^<]+", "AAAA", t)
    ),
    "encrypted for somebody else": partial(a_sealed_message, recipient="third"),
}  # fmt: skip

DECOMPRESSION = {
    "not gzip": (paid(a_business_envelope()), "EBMS:0303"),
    "gzip cut short": (paid(gzip_compress(a_business_envelope())[:-9]), "EBMS:0303"),
    "a wrong checksum": (
        paid(gzip_compress(a_business_envelope())[:-8] + bytes(8)),
        "EBMS:0303",
    ),
    "bytes behind": (paid(gzip_compress(a_business_envelope()) + b"!"), "EBMS:0303"),
    "a second member": (paid(gzip_compress(a_business_envelope()) * 2), "EBMS:0303"),
    "an unknown compression": (
        signed(swap("application/gzip", "application/zip")),
        "EBMS:0303",
    ),
}


def addressed(**changes):
    return partial(a_sealed_message, a_user_message(**changes))


OTHER_TYPE = DocumentTypeId.parse(DOCUMENT_TYPE.uri.replace("billing:3.0", "billing:9.9"))
OTHER_PROCESS = ProcessId.parse("cenbii-procid-ubl::urn:other")
STRANGER = ParticipantId.parse("iso6523-actorid-upis::0208:0428759497")
SENDER_TYPE = '"originalSender" type="iso6523-actorid-upis"'

BUSINESS = {
    name: (build, "EBMS:0004")
    for name, build in {
        "not for us": addressed(to_party="PBE000009"),
        "no original sender": signed(cut('<eb:Property name="originalSender"', "</eb:Property>")),
        "an untyped original sender": signed(swap(SENDER_TYPE, '"originalSender"')),
        "no final recipient": signed(cut('<eb:Property name="finalRecipient"', "</eb:Property>")),
        "another original sender": addressed(original_sender=STRANGER),
        "another final recipient": addressed(final_recipient=STRANGER),
        "another action": addressed(action=OTHER_TYPE.uri),
        "another service": addressed(service=OTHER_PROCESS),
        "an untyped service": signed(swap('<eb:Service type="cenbii-procid-ubl">', "<eb:Service>")),
        "no envelope": paid(gzip_compress(INVOICE)),
        "no XML": paid(gzip_compress(b"%PDF-1.7")),
        "no payload": enveloped(document=b""),
        "two payloads": enveloped(document=INVOICE * 2),
        "two unlike payloads": enveloped(document=INVOICE + b'<x xmlns="urn:x"/>'),
        "an empty payload and another": enveloped(
            document=INVOICE[: INVOICE.index(b">")] + b"/>" + INVOICE
        ),
        "broken before the payload": enveloped(lambda s: s.replace(b"</sh:Sender>", b"", 1)),
        "a document type in the envelope": enveloped(
            lambda s: s.replace(b"<sh:StandardB", b"<!DOCTYPE x><sh:StandardB", 1)
        ),
        "no scope of the process": enveloped(lambda s: s.replace(b">PROCESSID<", b">PROCESS<")),
        "no scope of the document": enveloped(lambda s: s.replace(b">DOCUMENTID<", b">DOC<")),
        "no country": enveloped(lambda s: s.replace(b">COUNTRY_C1<", b">COUNTRY<")),
        "a malformed country": enveloped(lambda s: s.replace(b">BE<", b">Belgium<")),
        "a scope twice": enveloped(
            lambda s: re.sub(rb"(<sh:Scope><sh:Type>COUNTRY_C1.*?</sh:Scope>)", rb"\1\1", s)
        ),
        "a wildcard as document": enveloped(
            lambda s: s.replace(b"billing:3.0::2.1", b"billing:3.0*::2.1")
        ),
        "another Standard": enveloped(
            lambda s: s.replace(b"Invoice-2</sh:Standard>", b"Order-2</sh:Standard>")
        ),
        "another Type": enveloped(
            lambda s: s.replace(b">Invoice</sh:Type>", b">Order</sh:Type>")
        ),
        "another TypeVersion": enveloped(
            lambda s: s.replace(b">2.1</sh:TypeVersion>", b">2.0</sh:TypeVersion>")
        ),
        "a comment inside a participant": enveloped(
            lambda s: s.replace(b">0208:0123456749<", b">0208:01234567<!-- -->49<")
        ),
    }.items()
}  # fmt: skip


def unserved(**changes):
    message = {
        "action": changes.get("document_type", DOCUMENT_TYPE).uri,
        "service": changes.get("process", PROCESS),
        "final_recipient": changes.get("receiver", C4),
        "original_sender": changes.get("sender", C1),
    }
    payload = gzip_compress(a_business_envelope(**changes))
    return partial(a_sealed_message, a_user_message(**message), payload=payload)


SERVED = {
    "an unknown participant": (unserved(receiver=STRANGER), NOT_SERVED),
    "a document type we do not take": (unserved(document_type=OTHER_TYPE), NOT_SERVED),
    "a process we do not take": (unserved(process=OTHER_PROCESS), NOT_SERVED),
}

TABLE = {
    **HTTP, **HEADERS, **PAYLOADS, **POLICY, **AUTHENTICATION,
    **DECOMPRESSION, **BUSINESS, **SERVED,
    **{name: (build, "EBMS:0102") for name, build in DECRYPTION.items()},
}  # fmt: skip
