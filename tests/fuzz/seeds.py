"""Make the seed corpora anew: `python -m tests.fuzz.seeds`.  Findings beside them stay.

Everything is made by the libraries and by `conformance.forge`; nothing was captured.
"""

import dns.message
import dns.rcode
from lxml import etree

from as4.compression import gzip_compress
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from smp.metadata import build_metadata, build_service_group
from tests.fuzz.corpora import FOLDER, NAME
from tests.fuzz.edits import EDIT_BYTES, EDITS
from tests.support import messages, mime
from tests.support.dns import naptr_text, reply
from tests.support.metadata import PARTICIPANT, a_redirect, a_service, signed
from ubl.identifiers import INVOICE

SENT = messages.a_sealed_message()
PING = messages.a_ping()


def mime_seeds():
    media_type = mime.TYPE.encode() + b"\n"
    encoded = mime.ATTACHMENT_HEADER + b"Content-Transfer-Encoding: base64\r\n"
    quoted = mime.ATTACHMENT_HEADER + b"Content-Transfer-Encoding: quoted-printable\r\n"
    return {
        "plain": media_type + mime.a_body(),
        "preamble": media_type + mime.a_body(preamble=b"hello\r\n", end=b"--b1--\r\nbye"),
        "base64": media_type + mime.a_body(mime.a_part(encoded, b"AAEC\r\nAw==")),
        "quoted": media_type + mime.a_body(mime.a_part(quoted, b"a=3Db=\r\nc")),
        "two": media_type + mime.a_body(mime.a_part(), mime.a_part(mime.SOAP_HEADER, b"x")),
        "padded": media_type + mime.a_body(mime.a_part(padding=b" \t")),
        "lf": media_type + mime.a_body().replace(b"\r\n", b"\n"),
        "soap": b"application/soap+xml; charset=UTF-8\n<Envelope/>",
        "start": mime.TYPE.encode() + b'; start="<s>"\n' + mime.a_body(),
    }


def soap_seeds():
    body = SENT.body
    start, stop = body.index(b"<?xml"), body.rindex(b"Envelope>") + len(b"Envelope>")
    return {"invoice": body[start:stop], "ping": PING.body}


def signal_seeds():
    from as4.errors import NotServed

    pair = messages.key_pair("receiver")
    about = {"message_id": "r@red.example", "now": messages.NOW, "nonce": messages.NONCE}
    refusal = NotServed("not here", ref_to_message_id=SENT.message_id)
    bare = build_error(refusal, signer=None, **about)
    soap = b"http://www.w3.org/2003/05/soap-envelope"
    fault = b"<s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>no</s:Text></s:Reason>"
    return {
        "receipt": build_receipt(messages.read(SENT), signer=pair, **about),
        "error": bare,
        "fault": b'<s:Envelope xmlns:s="%b"><s:Body><s:Fault>%b</s:Fault></s:Body></s:Envelope>'
        % (soap, fault),
    }


def sbdh_seeds():
    plain = messages.a_business_envelope()
    return {
        "plain": plain,
        "default": plain.replace(b"<sh:", b"<").replace(b"</sh:", b"</").replace(b":sh=", b"="),
        "odd": plain.replace(b"><", b">\n<!-- x --><").replace(b"BE", b"<![CDATA[BE]]>"),
        "none": b"<Invoice/>",
    }


def smp_seeds():
    written = etree.tostring
    return {
        "signed": signed(a_service()),
        "service": written(build_metadata(a_service())),
        "redirect": written(build_metadata(a_redirect())),
        "group": build_service_group(PARTICIPANT, [INVOICE], "https://smp.example"),
    }


def dns_seeds():
    query = dns.message.make_query(NAME, "NAPTR")
    found = naptr_text(NAME, "https://smp.example")
    groups = naptr_text(NAME, "", regexp=r"!^(.*)$!https://smp.example/\\1!")
    soa = "old.test. 60 IN SOA ns.old.test. admin.old.test. 1 2 3 4 5"
    made = {
        "found": reply(query, found),
        "groups": reply(query, groups),
        "alias": reply(query, f"{NAME} 60 IN CNAME x.new.test."),
        "subtree": reply(query, "old.test. 60 IN DNAME new.test.", found),
        "absent": reply(query, rcode=dns.rcode.NXDOMAIN, authority=[soa]),
        "referral": reply(query, authority=["old.test. 60 IN NS ns.old.test."]),
    }
    return {name: response.to_wire() for name, response in made.items()}


def dump_seeds():
    head = b"POST /as4 HTTP/1.1\r\nHost: ap.example\r\nContent-Type: " + mime.TYPE.encode()
    small = mime.a_body(mime.a_part(content=b"x"))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (small[:40], small[40:], b""))
    return {
        "message": SENT.body,
        "small": head + b"\r\n\r\n" + small,
        "lf": head.replace(b"\r\n", b"\n") + b"\n\n" + small.replace(b"\r\n", b"\n"),
        "chunked": head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
        "gzip": head + b"\r\nContent-Encoding: gzip\r\n\r\n" + gzip_compress(small),
        "error": signal_seeds()["error"],
    }


def gzip_seeds():
    named = b"\x1f\x8b\x08\x1c\0\0\0\0\0\xff\x02\0abn\0c\0\x03\0\0\0\0\0\0\0\0\0"
    return {
        "empty": gzip_compress(b""),
        "text": gzip_compress(b"one two one two three " * 9),
        "two": gzip_compress(b"a") + gzip_compress(b"b"),
        "zeros": gzip_compress(bytes(400_000)),
        "named": named,
    }


def sealed_seeds():
    """One program of one edit for each kind of edit, and for each of the genuine messages."""
    made = {}
    for chosen in range(5):
        for number, edit in enumerate(EDITS):
            program = bytes([chosen, number, 0, 9 + chosen, 0, 5, 3])
            assert len(program) == 1 + EDIT_BYTES
            made[f"{chosen}-{edit.__name__}"] = program
    return made


def main():
    for name, make in list(globals().items()):
        if name.endswith("_seeds"):
            folder = FOLDER / name.removesuffix("_seeds")
            folder.mkdir(parents=True, exist_ok=True)
            for each, content in make().items():
                (folder / each).write_bytes(content)


if __name__ == "__main__":
    main()
