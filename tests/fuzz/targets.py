"""What is fuzzed: each target takes any bytes, and returns or raises AssertionError.

In common to all: nothing is raised but the library's own errors (`REFUSALS`), within the time and
memory that libFuzzer is told.  What else must hold stands with each target.
"""

import json
import zlib
from datetime import timedelta
from unittest.mock import patch

import dns.exception
import dns.message
import dns.name

from as4 import familiar, mime, signal, xmldsig
from as4.certificates import load_certificate
from as4.compression import PIECE_BYTES_MAX, Inflater, gzip_compress, inflate
from as4.dump import read_dump
from as4.envelope import index_ids, open_envelope, parse_root
from as4.errors import As4Error, Unreadable
from as4.inspection import Known, describe, inspect, read_request
from as4.mime import PartBegin, PartData, open_body
from as4.pmode import PEPPOL
from as4.unpack import MessageReader
from as4.usermessage import check_processing_mode, parse_user_message
from as4.wssec import check_coverage, parse_security, verify_signature
from smp import metadata
from smp.address import SANDBOX
from smp.dnsanswer import RECORDS_MAX, read_answer
from smp.endpoint import choose_endpoint
from smp.errors import SmpError
from smp.sml import choose_smp_url
from tests.fuzz import sealed
from tests.fuzz.corpora import NAME, NOW, read_seed
from tests.fuzz.shapes import UserMessageKind, only, read_by_shape
from ubl.errors import BadBusinessHeader, MalformedXml, UblError
from ubl.identifiers import BILLING, ParticipantId
from ubl.sbdh import EnvelopeReader, build_envelope, read_envelope

REFUSALS = (As4Error, Unreadable, UblError, SmpError)
SOAP_TYPE = "application/soap+xml; charset=UTF-8"
SOAP_BYTES_MAX = 2048
INFLATED_BYTES_MAX = 1 << 20
HELD_BYTES_MAX = mime.HEADER_BYTES_MAX + mime.PREAMBLE_BYTES_MAX
KNOWN = Known(random_key=bytes(16), duplicate_memory=timedelta(days=90))
PARTICIPANT = ParticipantId.parse("0208:0987654394")


def outcome(function, *args, **kwargs):
    """Return what *function* returns, or the refusal it raises in words that compare."""
    try:
        return "taken", function(*args, **kwargs)
    except REFUSALS as refusal:
        # Of two faults in one piece of XML, which is told first depends on the cuts.
        words = "" if isinstance(refusal, MalformedXml) else getattr(refusal, "rule", str(refusal))
        return type(refusal).__name__, words


def pieces_of(data):
    """Cut *data* in pieces of a size that it decides itself; short data byte by byte."""
    step = 1 if len(data) < 256 else 1 + zlib.crc32(data) % 97
    return [data[at : at + step] for at in range(0, len(data), step)]


def anybody(der, _now):
    """Judge a signer by the form of the certificate alone, so that seeds of any PKI verify."""
    return load_certificate(der)


def split_mime(data):
    """The first line is the media type, the rest the body: whole or in pieces, the same parts.

    What is held back is bounded; a part's content lies where its offset says, unless encoded.
    """
    media_type, _, body = data.partition(b"\n")
    content_type = media_type.decode("latin-1")
    whole, parts = _parts(content_type, [body]), _parts(content_type, pieces_of(body))
    assert whole == parts
    for headers, offset, content in whole[1]:
        if headers.transfer_encoding not in ("base64", "quoted-printable") and whole[0] is None:
            assert body[offset : offset + len(content)] == content


def _parts(content_type, pieces):
    """Return the refusal, if any, and (headers, offset, content) of each part before it."""
    parts = []
    try:
        reader = open_body(content_type, soap_bytes_max=SOAP_BYTES_MAX)
        for events in (*map(reader.feed, pieces), reader.close()):
            for event in events:
                if isinstance(event, PartBegin):
                    parts.append([event.headers, event.offset, b""])
                elif isinstance(event, PartData):
                    parts[-1][2] += event.data
            assert len(getattr(reader, "_held", b"")) <= max(HELD_BYTES_MAX, len(pieces[0]))
    except (As4Error, Unreadable) as refusal:
        # Unreadable means that no part counts: how many came before depends on the cuts.
        found = [] if isinstance(refusal, Unreadable) else parts
        return (type(refusal), str(refusal)), found
    return None, parts


def read_soap(data):
    """An envelope that is taken says the same once it is written anew, and its signature holds too.

    Read by its shape or by the parser, it says the same; whole or in pieces, as well.
    """
    found = outcome(_read_envelope, data)
    if found[0] == "taken":
        assert _read_envelope(xmldsig.canonicalize(parse_root(data))) == found[1]
    reading = read_by_shape(UserMessageKind, data, read_seed("soap", "invoice"))
    if reading is not None:
        assert familiar._parse(data, UserMessageKind(), PEPPOL).reading == reading
    whole, cut = outcome(_open_message, [data]), outcome(_open_message, pieces_of(data))
    assert whole == cut


def _read_envelope(data):
    root = parse_root(data)
    envelope = open_envelope(root)
    message = parse_user_message(envelope.messaging, PEPPOL)
    check_processing_mode(message, PEPPOL)
    ids = index_ids(root)
    security = parse_security(envelope, ids, PEPPOL.suite, href=message.href)
    digest = check_coverage(security.signature, envelope, ids, href=message.href)
    signer = anybody(security.signer, NOW)
    holds = outcome(verify_signature, security.signature, ids, signer.public_key)
    references = security.signature.references
    return message, security.encrypted_key, references, digest, signer.der, holds


def _open_message(pieces):
    """Read a message without attachment by the parser alone."""
    with only():
        reader = MessageReader(SOAP_TYPE, keep=True)
        for piece in pieces:
            reader.feed(piece)
        opened = reader.open_envelope(anchors_check=anybody, now=NOW)
        reader.open_attachment(lambda _der: None, bytes(16))
        received = reader.close()
    return opened.user_message, opened.signer.der, opened.references, received.payload


def read_signal(data):
    """An answer says the same whether its shape is known or not; what is signed is what is read."""
    first = outcome(_understand, data, None)
    assert outcome(_understand, data, read_seed("signal", "receipt")) == first


def _understand(data, known):
    with only(known):
        found = signal.read_signal(data, check_signer=anybody, now=NOW)
    signer = None if found.signer is None else found.signer.der
    if found.signer is not None:
        canonical = xmldsig.canonicalize(parse_root(data))
        again = signal.read_signal(canonical, check_signer=anybody, now=NOW)
        assert _facts(again) == _facts(found)
    return type(found), _facts(found), signer


def _facts(found):
    return {name: getattr(found, name) for name in found.__slots__ if name != "signer"}


def read_sbdh(data):
    """Whole, in pieces or up to the document, a header says the same; so it does written anew."""
    whole = outcome(_read_business, [data], whole=True)
    assert outcome(_read_business, pieces_of(data), whole=True) == whole
    opening = outcome(_read_business, [data], whole=False)
    assert outcome(_read_business, pieces_of(data), whole=False) == opening
    if whole[0] != "taken":
        return
    assert opening == ("taken", (*whole[1][:3], None))
    header, name, start, end = whole[1]
    try:
        before, after = build_envelope(header)
    except BadBusinessHeader:
        return  # read without a zone, or with blanks that are not written
    document = b"<%b/>" % name.rpartition("}")[2].encode()
    if name.startswith("{"):
        document = document.replace(b"/>", b' xmlns="%b"/>' % name[1:].partition("}")[0].encode())
    assert 0 < start < end <= len(data)
    if b"&" not in document:
        assert read_envelope(before + document + after, whole=True).header == header


def _read_business(pieces, *, whole):
    reader = EnvelopeReader(read_header_only=not whole)
    for piece in pieces:
        reader.feed(piece)
    reader.close()
    return reader.header, reader.payload_name, reader.payload_offset, reader.payload_end


def read_metadata(data):
    """What a valid signature covers is read again the same from what we would publish of it.

    Its signature is left out as well, so that the reader behind it is reached.
    """
    outcome(metadata.parse_service_group, data)
    outcome(metadata.verify_metadata, data, check_signer=anybody, now=NOW)
    with patch.object(metadata, "verify_enveloped", lambda root, **_: (root, None)):
        try:
            content = metadata.verify_metadata(data, check_signer=anybody, now=NOW).content
        except SmpError:
            return
        if isinstance(content, metadata.ServiceMetadata):
            outcome(choose_endpoint, content, BILLING, rules=SANDBOX, now=NOW)
            if any(not _whole(end) for each in content.processes for end in each.endpoints):
                return
        written = metadata.etree.tostring(metadata.build_metadata(content))
        again = metadata.verify_metadata(written, check_signer=anybody, now=NOW).content
    assert again == content


def _whole(endpoint):
    """Tell whether the instants of *endpoint* are written as they are read: in UTC, to seconds."""
    instants = [each for each in (endpoint.active_from, endpoint.active_until) if each is not None]
    return all(1 < each.year < 9999 and not each.microsecond for each in instants)


def read_dns(data):
    """A response is read into a bounded number of records, and an address that may be asked."""
    name = dns.name.from_text(NAME)
    try:
        response = dns.message.from_wire(data)
    except dns.exception.DNSException:
        return
    found = outcome(read_answer, response, name)
    if found[0] == "taken" and isinstance(found[1], tuple):
        assert len(found[1]) <= RECORDS_MAX
        outcome(choose_smp_url, found[1], PARTICIPANT, SANDBOX)


def read_capture(data):
    """A dump is explained, whatever it holds; its body, under a head of its own, is the same."""
    try:
        dump = read_dump(data)
    except Unreadable:
        return
    json.dumps(describe(inspect(dump, KNOWN)))
    outcome(read_request, dump)
    plain = not dump.body.startswith((b"\x1f\x8b", b"\xef\xbb\xbf")) and dump.content_type
    if plain and dump.content_type.isprintable():
        head = f"Content-Type: {dump.content_type}\r\n\r\n".encode("latin-1")
        assert read_dump(head + dump.body).body == dump.body


def read_gzip(data):
    """Taken is what zlib takes, whole or in pieces; pieces and their sum are bounded."""
    whole, cut = outcome(_inflate, [data]), outcome(_inflate, pieces_of(data))
    assert whole == cut
    if whole[0] == "taken":
        assert inflate(gzip_compress(whole[1])) == whole[1]
    assert (whole[0] == "taken") is (_by_zlib(data) is not None)
    assert whole[0] != "taken" or whole[1] == _by_zlib(data)


def _inflate(pieces):
    inflater = Inflater(INFLATED_BYTES_MAX)
    found = []
    for piece in pieces:
        for part in inflater.feed(piece):
            assert len(part) <= PIECE_BYTES_MAX
            found.append(part)
    inflater.close()
    return b"".join(found)


def _by_zlib(data):
    stream = zlib.decompressobj(31)
    try:
        content = stream.decompress(data, INFLATED_BYTES_MAX + 1)
    except zlib.error:
        return None
    right = stream.eof and not stream.unused_data and len(content) <= INFLATED_BYTES_MAX
    return content if right else None


def spoil_sealed(data):
    """A genuine message after edits is refused, or says what it said before.

    The first byte chooses the message, the rest is a program of `tests.fuzz.edits`.
    """
    sealed.check(data, REFUSALS)


TARGETS = {
    "mime": split_mime,
    "soap": read_soap,
    "signal": read_signal,
    "sbdh": read_sbdh,
    "smp": read_metadata,
    "dns": read_dns,
    "dump": read_capture,
    "gzip": read_gzip,
    "sealed": spoil_sealed,
}
