"""Put an envelope and its attachment into a MIME body, in one of the ways that mean the same.

Boundaries of all characters, preamble and epilogue, folded headers in any case and order, the
start parameter, transfer encodings: a receiver has to take them all.
[MIME §5.1] [MIME §6] [RFC2387 §3]
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from conformance.awkward.dice import Dice, often

__all__ = ["Packaging", "Packed", "cased", "draw_packaging", "pack"]

_SOAP: Final = "application/soap+xml"
_BOUNDARY: Final = "'()+_,-./:=? ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BOUNDARY_CHARS_MAX: Final = 70
_CASES: Final = ("title", "lower", "upper", "mixed")
_PREAMBLES: Final = (
    "",
    "",
    "\r\n",
    "This is a multi-part message in MIME format.\r\n",
    "--no boundary\r\n\r\nContent-Type: text/plain\r\n\r\n",
)
_EPILOGUES: Final = ("\r\n", "", "\r\n\r\nwhat follows means nothing\r\n")
_ANSWERS: Final = (
    "application/soap+xml; charset=UTF-8",
    'application/soap+xml;charset="utf-8"',
    "Application/SOAP+XML ; charset=utf-8",
    "application/soap+xml",
)
_FURTHER: Final = (
    "Content-Description: as it was asked for",
    'Content-Disposition: attachment; filename="a;b.xml.gz"',
    "X-Awkward: 1",
    "Content-Language: nl, fr",
)


@dataclass(frozen=True, slots=True)
class Packaging:
    """How a MIME body is written.

    *parameters* is the order of the parameters of its media type; of `start` there may be none.
    *soap_encoding* and *attachment_encoding* are transfer encodings, "" for one that is not named.
    *further* are headers that nobody asked for.  There are no blanks behind a boundary: a receiver
    must bear them, but no composer may write them.
    An answer is no MIME body; it has *answer_type*, and an error of ebMS the HTTP *refusal_status*.
    """

    boundary: str
    parameters: tuple[str, ...]
    quoted: bool
    separator: str
    case: str
    preamble: str
    epilogue: str
    fold: str
    header_order: tuple[float, ...]
    further: tuple[str, ...]
    charset: str
    soap_encoding: str
    attachment_encoding: str
    attachment_type: str
    answer_type: str
    refusal_status: int


@dataclass(frozen=True, slots=True)
class Packed:
    """A MIME body, its media type, and where the encrypted attachment stands in it."""

    content_type: str
    body: bytes
    offset: int
    length: int


def draw_packaging(dice: Dice) -> Packaging:
    """Return how the next MIME body is written."""
    length = dice.choice((1, 8, 30, 70))
    boundary = "".join(dice.choices(_BOUNDARY, k=length)).strip() or "="
    parameters = ["boundary", "type", *dice.choice(([], ["start"], ["start", "start-info"]))]
    dice.shuffle(parameters)
    return Packaging(
        boundary=boundary,
        parameters=tuple(parameters),
        quoted=often(dice, 0.7),
        separator=dice.choice((";", "; ", " ; ", ";\t")),
        case=dice.choice(_CASES),
        preamble=dice.choice(_PREAMBLES),
        epilogue=dice.choice(_EPILOGUES),
        fold=dice.choice((" ", " ", "\r\n ", "\r\n\t\t")),
        header_order=tuple(dice.random() for _ in range(4 + len(_FURTHER))),
        further=tuple(dice.sample(_FURTHER, dice.choice((0, 0, 1, 2)))),
        charset=dice.choice(("UTF-8", "utf-8", '"UTF-8"', "Utf-8")),
        soap_encoding=dice.choice(("binary", "binary", "8bit", "Binary", "base64")),
        attachment_encoding=dice.choice(("binary", "binary", "BINARY", "base64")),
        attachment_type=dice.choice(("application/octet-stream", "application/gzip")),
        answer_type=dice.choice(_ANSWERS),
        refusal_status=dice.choice((200, 200, 400, 500)),
    )


def pack(how: Packaging, soap: bytes, soap_id: str, attachment: bytes, content_id: str) -> Packed:
    """Return the body that holds *soap* and the encrypted *attachment*."""
    texts = _encoded(soap, how.soap_encoding), _encoded(attachment, how.attachment_encoding)
    boundary = _fresh(how.boundary, b"\r\n".join((how.preamble.encode(), *texts)))
    delimiter = f"--{boundary}"
    soap_type = f"{_SOAP};{how.fold}{cased('charset', how.case)}={how.charset}"
    heads = (
        _head(how, soap_type, how.soap_encoding, soap_id),
        _head(how, how.attachment_type, how.attachment_encoding, content_id),
    )
    before = f"{how.preamble}{delimiter}\r\n{heads[0]}\r\n\r\n".encode() + texts[0]
    between = f"\r\n{delimiter}\r\n{heads[1]}\r\n\r\n".encode()
    after = f"\r\n{delimiter}--{how.epilogue}".encode()
    return Packed(
        content_type=_content_type(how, boundary, soap_id),
        body=b"".join((before, between, texts[1], after)),
        offset=len(before) + len(between),
        length=len(texts[1]),
    )


def cased(name: str, case: str) -> str:
    """Return the name of a header or parameter in another *case*: they mean the same."""
    if case == "mixed":
        return "".join(each.upper() if at % 2 else each.lower() for at, each in enumerate(name))
    return {"upper": name.upper(), "lower": name.lower()}.get(case, name)


def _content_type(how: Packaging, boundary: str, soap_id: str) -> str:
    values = {"boundary": boundary, "type": _SOAP, "start": f"<{soap_id}>", "start-info": _SOAP}
    words = ["multipart/related" if how.case != "upper" else "Multipart/Related"]
    for name in how.parameters:
        value = values[name]
        plain = not how.quoted and not set(value) & set('()<>@,;:\\"/[]?= ')
        words.append(f"{cased(name, how.case)}={value if plain else f'{chr(34)}{value}{chr(34)}'}")
    return how.separator.join(words)


def _head(how: Packaging, media_type: str, encoding: str, content_id: str) -> str:
    """Return the header lines of one part, without the blank line at the end."""
    lines = [f"Content-Type:{how.fold}{media_type}", f"Content-ID:{how.fold}<{content_id}>"]
    if encoding:
        lines.append(f"Content-Transfer-Encoding: {encoding}")
    lines += how.further
    ordered = [line for _, line in sorted(zip(how.header_order, lines, strict=False))]
    names = [line.partition(":") for line in ordered]
    return "\r\n".join([f"{cased(name, how.case)}:{rest}" for name, _, rest in names])


def _encoded(content: bytes, encoding: str) -> bytes:
    """Return *content* in lines of base64 if *encoding* says so.  [MIME §6.8]"""
    if encoding != "base64":
        return content
    text = b64encode(content)
    return b"\r\n".join([text[at : at + 76] for at in range(0, len(text), 76)])


def _fresh(boundary: str, content: bytes) -> str:
    """Return *boundary*, made longer until no line of *content* starts with it."""
    while f"--{boundary}".encode() in content:
        boundary = (boundary[: _BOUNDARY_CHARS_MAX - 1] + "=")[-_BOUNDARY_CHARS_MAX:]
    return boundary
