"""Multipart bodies put together by hand, and what a reader makes of them."""

from itertools import pairwise

from as4.mime import PartBegin, PartData, PartEnd, open_body

SOAP = b"<S12:Envelope/>"
CIPHERTEXT = bytes(range(256)) + b"\r\n--b\r\n\r--b1x\r\n--" * 3
TYPE = 'multipart/related; boundary="b1"; type="application/soap+xml"'
SOAP_HEADER = b"Content-Type: application/soap+xml; charset=UTF-8\r\n"
ATTACHMENT_HEADER = b"Content-Type: application/octet-stream\r\nContent-ID: <att@cid>\r\n"


def a_part(header=ATTACHMENT_HEADER, content=CIPHERTEXT, boundary=b"b1", padding=b""):
    return b"--" + boundary + padding + b"\r\n" + header + b"\r\n" + content + b"\r\n"


def a_body(*parts, preamble=b"", end=b"--b1--\r\n", boundary=b"b1"):
    """Return a body of a SOAP part and *parts*; one attachment when none is given."""
    rest = parts or (a_part(boundary=boundary),)
    soap = a_part(SOAP_HEADER, SOAP, boundary)
    return preamble + soap + b"".join(rest) + end.replace(b"b1", boundary)


def read(body, content_type=TYPE, cuts=(), **limits):
    """Return (index, media type, content id, encoding, offset, length, content) of each part."""
    reader = open_body(content_type, **limits)
    events = []
    edges = [0, *sorted(cuts), len(body)]
    for start, stop in pairwise(edges):
        events += reader.feed(body[start:stop])
    events += reader.close()
    return parts_of(events)


def parts_of(events):
    parts = []
    for event in events:
        match event:
            case PartBegin(index, headers, offset):
                begun = (index, headers.media_type.name, headers.content_id)
                parts.append([*begun, headers.transfer_encoding, offset, None, b""])
            case PartData(data):
                parts[-1][6] += data
            case PartEnd(length):
                parts[-1][5] = length
    return [tuple(part) for part in parts]


def contents(parts):
    return [part[6] for part in parts]
