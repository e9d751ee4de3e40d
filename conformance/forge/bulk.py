"""Messages that are meant to cost much: of markup, of names, of parts, of entities, of filler.

Each fits the bound of a SOAP part, so that only what it is made of can stop it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from as4.compression import Deflater
from as4.namespaces import EC
from conformance.forge.hooks import swap
from conformance.forge.messages import NONCE, Forge, Sealed
from conformance.forge.recipes import Recipe, Table, fitted, in_xml, more_parts, paid, spoiled

__all__ = ["BOMBS", "BULK", "ENTITIES", "MARKUP", "PARTS"]

MIB = 1 << 20
HEADER = "<S12:Header>"
C14N_METHOD = f'<ds:CanonicalizationMethod Algorithm="{EC}">'
TRANSFORM = f'<ds:Transform Algorithm="{EC}">'
VALUE = "<ds:SignatureValue>"
BOUNDARY = f"\r\n------=_{NONCE}".encode()


def stuffed(filler: str) -> Recipe:
    """A message with *filler* at the start of its header."""
    return spoiled(soap=swap(HEADER, HEADER + filler))


def declared(count: int, tag: str = "S12:Header", *, listed: int = 0) -> Recipe:
    """A message that declares *count* namespaces at *tag*, the first *listed* named for C14N."""
    names = " ".join(f'xmlns:n{number}="u:{number}"' for number in range(count))

    def hook(text: str) -> str:
        if listed:
            text = swap(C14N_METHOD, C14N_METHOD + prefix_list(listed))(text)
        return swap(f"<{tag}", f"<{tag} {names}")(text)

    return spoiled(soap=hook)


def prefix_list(count: int) -> str:
    """Return the list of *count* prefixes that canonicalisation is to keep."""
    names = " ".join(f"n{number}" for number in range(count))
    return f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="{names}"></ec:InclusiveNamespaces>'


def attributes(count: int) -> Recipe:
    """Return the recipe of a message whose header has *count* attributes."""
    names = " ".join(f'a{number}="1"' for number in range(count))
    return spoiled(soap=swap(HEADER, f"<S12:Header {names}>"))


def signed_properties(count: int, *, listed: int) -> Recipe:
    """A signed header of many properties, each canonicalised with many prefixes."""
    one = '<eb:Property name="a">x</eb:Property>'
    return spoiled(
        messaging=swap("<eb:MessageProperties>", "<eb:MessageProperties>" + one * count),
        signed_info=swap(TRANSFORM, TRANSFORM + prefix_list(listed)),
    )


def laughs(levels: int, width: int) -> str:
    """The document type of the billion laughs."""
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * width}">' for level in range(1, levels)
    )
    return f'[<!ENTITY l0 "ha">{entities}]'


def named(parameter: str) -> Recipe:
    """A message whose media type bears *parameter* too."""

    def make(forge: Forge) -> Sealed:
        sealed = forge.sealed()
        return replace(sealed, content_type=f"{sealed.content_type}; {parameter}")

    return make


def zipped(start: bytes, filler: bytes, size: int) -> bytes:
    """A gzip member of *start* and of *filler* again and again, up to *size* bytes."""
    packer = Deflater()
    slab = filler * (MIB // len(filler) + 1)
    packed = [packer.feed(start)] + [packer.feed(slab) for _ in range(size // len(slab) + 1)]
    return b"".join([*packed, packer.close()])


LINES = b"".join(b"<Line><ID>%d</ID></Line>" % (number * 7919 % 10007) for number in range(4000))


def good_start(forge: Forge) -> bytes:
    """Return a good envelope up to the middle of its document."""
    end = f"</{forge.document_type.local_name}>".encode()
    return forge.envelope().partition(end)[0]


def stretched(filler: bytes, size: int) -> Recipe:
    """Return the recipe of a message whose document goes on with *filler* up to *size* bytes."""
    return paid(lambda forge: zipped(good_start(forge), filler, size))


def _scopeless(forge: Forge) -> bytes:
    return good_start(forge).partition(b"<sh:Scope>")[0]


def _laughing(forge: Forge) -> bytes:
    return f"<!DOCTYPE x {laughs(10, 10)}>".encode() + good_start(forge)


def attached(payload: Callable[[], bytes]) -> Recipe:
    """Return the recipe of a message with *payload*, which is made when it is needed."""
    return paid(lambda _forge: payload())


MARKUP: Final[Table] = {
    "30,000 namespaces": (declared(30_000), "400"),
    "25,000 namespaces at the envelope": (declared(25_000, "S12:Envelope"), "400"),
    "20,000 namespaces, all of them listed": (
        declared(20_000, "S12:Envelope", listed=20_000), "400",
    ),
    "as many namespaces as are read, and prefixes": (
        declared(900, "S12:Envelope", listed=65), "EBMS:0103",
    ),
    "a prefix list of 100,000": (
        spoiled(soap=swap(C14N_METHOD, C14N_METHOD + prefix_list(100_000))),
        "EBMS:0103",
    ),
    "a prefix list of 100,000 for Messaging": (
        spoiled(soap=swap(TRANSFORM, TRANSFORM + prefix_list(100_000))),
        "EBMS:0103",
    ),
    "60,000 attributes": (attributes(60_000), "400"),
    "200,000 elements": (stuffed("<a/>" * 200_000), "400"),
    "100,000 comments": (stuffed("<!--x-->" * 100_000), "400"),
    "100,000 instructions": (stuffed("<?x y?>" * 100_000), "400"),
    "5,000 signed properties": (signed_properties(5_000, listed=50), "400"),
    "a depth of 100,000": (stuffed("<a>" * 100_000), "400"),
    "a name of 900 KB": (stuffed(f"<{'a' * 900_000}/>"), "400"),
    "a text of 900 KB": (
        spoiled( messaging=swap("<eb:MessageId>", f"<eb:MessageId>{'x' * 900_000}")
        ),
        "EBMS:0009",
    ),
    "a signature value of 900 KB": (
        spoiled(soap=swap(VALUE, f"{VALUE}{'A' * 900_000}")),
        "EBMS:0101",
    ),
    "a signature value of blanks": (
        spoiled(soap=swap(VALUE, f"{VALUE}{'A ' * 450_000}")),
        "EBMS:0101",
    ),
    "a certificate of 600 KB": (
        spoiled(
            soap=swap(f'wsu:Id="X509-{NONCE}">', f'wsu:Id="X509-{NONCE}">{"AAAA" * 150_000}'),
        ),
        "EBMS:0101",
    ),
}  # fmt: skip
ENTITIES: Final[Table] = {
    "a billion laughs": (in_xml(laughs(10, 10)), "400"),
    "a quadratic blow-up": (in_xml(f'[<!ENTITY a "{"a" * 50_000}">]'), "400"),
    "a parameter entity": (in_xml('[<!ENTITY % a SYSTEM "http://127.0.0.1/x.dtd"> %a;]'), "400"),
    "an entity that names itself": (in_xml('[<!ENTITY a "&a;">]'), "400"),
    "a document type elsewhere": (in_xml('PUBLIC "x" "http://127.0.0.1/x.dtd"'), "400"),
    "an undeclared entity": (
        fitted(lambda f: {"soap": swap(f.from_party, "&sender;")}), "400",
    ),
    "a billion laughs in the business envelope": (
        paid(lambda f: zipped(_laughing(f), b"&l9;", 1)),
        "EBMS:0004",
    ),
    "a depth of 100,000 in the business envelope": (
        attached(lambda: zipped(b"", b"<a>", 300_000)), "EBMS:0004",
    ),
    "100,000 scopes in the business envelope": (
        paid(lambda f: zipped(_scopeless(f), b"<sh:Scope></sh:Scope>", 2 * MIB)),
        "EBMS:0004",
    ),
    "100,000 namespaces in the business envelope": (
        attached(
            lambda: zipped(
                b"<x " + b" ".join(b'xmlns:n%d="u:%d"' % (i, i) for i in range(100_000)), b">", 1
            )
        ),
        "EBMS:0004",
    ),
}  # fmt: skip
PARTS: Final[Table] = {
    "10,000 parts": (more_parts(10_000), "EBMS:0011"),
    "10,000 parts before the message": (
        spoiled(wire=lambda body: BOUNDARY[2:] + b"\r\n\r\nx" * 10_000 + body),
        "415",
    ),
    "a header of 20 KB of an attachment": (
        spoiled(
            attachment_headers="Content-Type: application/octet-stream\r\nX: " + "y" * 20_000,
        ),
        "EBMS:0007",
    ),
    "4,000 lines in a header": (
        spoiled(
            attachment_headers="Content-Type: application/octet-stream\r\nX: " + "\r\n y" * 3_000,
        ),
        "EBMS:0011",
    ),
    "a preamble of 20 KB": (
        spoiled(wire=lambda body: b"x" * 20_000 + b"\r\n" + body), "400",
    ),
    "20,000 things that look like a boundary": (
        spoiled(attachment=lambda _: (BOUNDARY + b" x") * 20_000), "EBMS:0102",
    ),
    "3,000 boundaries with many blanks": (
        spoiled(attachment=lambda _: (BOUNDARY + b" " * 255 + b"x") * 3_000),
        "EBMS:0102",
    ),
    "a boundary twice": (named("boundary=x"), "400"),
    "a boundary of blanks": (named('x="' + '\\"' * 2_000 + '"; boundary=y'), "400"),
}  # fmt: skip
BOMBS: Final[Table] = {
    "2 GiB of zeros": (attached(lambda: zipped(b"", bytes(1024), 2048 * MIB)), "EBMS:0303"),
    "200 MiB of zeros": (attached(lambda: zipped(b"", bytes(1024), 200 * MIB)), "EBMS:0303"),
    "200 MiB behind a good header": (
        stretched(b"x" * 1024, 200 * MIB), "EBMS:0303",
    ),
    "200 MiB of lines": (stretched(LINES, 200 * MIB), "EBMS:0303"),
    "a bomb in a bomb": (
        attached(lambda: zipped(b"", zipped(b"", bytes(1024), 64 * MIB), 1)), "EBMS:0004",
    ),
}  # fmt: skip
BULK: Final[Table] = {**MARKUP, **ENTITIES, **PARTS}
