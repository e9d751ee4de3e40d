"""Messages whose protection is not what the profile demands, or does not hold."""

import re
from typing import Any, Final

from as4.compression import gzip_compress
from as4.xmldsig import Reference
from conformance.forge.hooks import cut, swap, twice
from conformance.forge.messages import NONCE, Forge
from conformance.forge.recipes import Recipe, Table, fitted, rows, spoiled

__all__ = ["AUTHENTICATION", "CERTIFICATES", "DECRYPTION", "POLICY"]

DSIG, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"


def _wrapped_signature(forge: Forge) -> Any:
    """The signed Messaging moved aside, another one in its place."""

    def hook(text: str) -> str:
        start, end = text.index("<eb:Messaging"), text.index("</eb:Messaging>") + 15
        genuine = text[start:end]
        forged = genuine.replace(f"msg-{NONCE}", "msg-forged")
        forged = forged.replace(forge.sender.value, forge.stranger.value)
        aside = f'<x:Wrapper xmlns:x="urn:x">{genuine}</x:Wrapper>'
        return text[:start] + forged + aside + text[end:]

    return {"soap": hook}


def _without_reference(index: int) -> Recipe:
    return spoiled(
        references=lambda refs: [each for place, each in enumerate(refs) if place != index]
    )


def _transform(algorithm: str) -> Recipe:
    start = "<ds:Transform Algorithm="
    return spoiled(signed_info=swap(f'{start}"{C14N}">', f'{start}"{algorithm}">'))


def _two_signatures(text: str) -> str:
    return re.sub(
        r"(<ds:Signature .*</ds:Signature>)",
        lambda found: found[1] + found[1].replace(f"SIG-{NONCE}", "SIG-2"),
        text,
    )


def _two_securities(text: str) -> str:
    return twice("<wsse:Security ", "</wsse:Security>")(text).replace("Id=", "Id=", 1)


def _changed(place: int) -> Recipe:
    """A message one bit of whose ciphertext differs at *place* (from its end if negative)."""

    def flip(data: bytes) -> bytes:
        at = place % len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return spoiled(attachment=flip)


POLICY: Final[Table] = rows(
    {
        "unsigned": spoiled(soap=cut("<ds:Signature ", "</ds:Signature>")),
        "unencrypted": fitted(
            lambda f: {
                "encryption": lambda _: "",
                "attachment": lambda _: gzip_compress(f.document),
            }
        ),
        "two Security": spoiled(soap=_two_securities),
        "two signatures": spoiled(soap=_two_signatures),
        "RSA with SHA-1": spoiled(soap=swap(RSA_SHA256, f"{DSIG}rsa-sha1")),
        "a MAC for a signature": spoiled(soap=swap(RSA_SHA256, f"{DSIG}hmac-sha1")),
        "a digest with SHA-1": spoiled(signed_info=swap(f'"{XENC}sha256"', f'"{DSIG}sha1"')),
        "a stylesheet as transform": _transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "a path as transform": _transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "base64 as transform": _transform(f"{DSIG}base64"),
        "canonical with comments": _transform(f"{C14N}WithComments"),
        "Messaging not signed": _without_reference(0),
        "Body not signed": _without_reference(1),
        "attachment not signed": _without_reference(2),
        "one reference too many": spoiled(
            references=lambda refs: [*refs, refs[1]._replace(uri=f"#X509-{NONCE}")]
        ),
        "a reference outside": spoiled(
            soap=swap(f'URI="#msg-{NONCE}"', 'URI="https://example.com/"')
        ),
        "a duplicate id": spoiled(soap=swap(f'wsu:Id="body-{NONCE}"', f'wsu:Id="msg-{NONCE}"')),
        "the signed header moved aside": fitted(_wrapped_signature),
        "no token": spoiled(
            soap=cut("<wsse:BinarySecurityToken", "</wsse:BinarySecurityToken><ds:S", "<ds:S")
        ),
        "a key by name": spoiled(
            soap=cut(
                "<ds:KeyInfo><wsse:S",
                "</ds:KeyInfo></ds:Si",
                "<ds:KeyInfo><ds:KeyName>me</ds:KeyName></ds:KeyInfo></ds:Si",
            )
        ),
        "RSA 1.5": spoiled(soap=swap(f"{XENC11}rsa-oaep", f"{XENC}rsa-1_5")),
        "OAEP with SHA-1": spoiled(soap=swap("mgf1sha256", "mgf1sha1")),
        "OAEP by default": spoiled(soap=cut("<xenc11:MGF", "/>")),
        "AES in CBC": spoiled(soap=swap(f"{XENC11}aes128-gcm", f"{XENC}aes128-cbc")),
    },
    "EBMS:0103",
)
"""What is not secured as the profile demands."""

CERTIFICATES: Final = (
    "expired", "not-yet-valid", "foreign", "bad-cn", "direct-root", "encipher-only",
    "publisher-as-ap",
)  # fmt: skip
"""Identities whose messages must be refused, by what is wrong with them."""

AUTHENTICATION: Final[Table] = rows(
    {
        "a changed header": fitted(
            lambda f: {"soap": swap(f.sender.value, f"{f.sender.value[:-2]}50")}
        ),
        "a changed Body": spoiled(soap=swap("></S12:Body>", "> </S12:Body>")),
        "another signature value": spoiled(
            soap=lambda text: re.sub(r"(?<=<ds:SignatureValue>)....", "AAAA", text)
        ),
        **{f"a certificate that is {name}": spoiled(signer=name) for name in CERTIFICATES},
        "another seat's certificate": spoiled(signer="third"),
    },
    "EBMS:0101",
)
"""Signatures and certificates that do not hold."""

DECRYPTION: Final[Table] = rows(
    {
        "a changed ciphertext": _changed(40),
        "a changed tag": _changed(-1),
        "a changed IV": _changed(0),
        "nothing attached": spoiled(attachment=lambda _: b""),
        "only a tag": spoiled(attachment=lambda _: bytes(28)),
        "another digest signed": spoiled(
            references=lambda refs: [*refs[:2], _other_digest(refs[2])]
        ),
        "a key that does not open": spoiled(
            soap=lambda text: re.sub(r"(?<=<xenc:CipherValue>)........", "AAAAAAAA", text)
        ),
        "a key of no size": spoiled(
            soap=lambda text: re.sub(r"(?<=<xenc:CipherValue>)[^<]+", "AAAA", text)
        ),
        "encrypted for somebody else": spoiled(recipient="third"),
    },
    "EBMS:0102",
)
"""What fails behind the receiver's private key: all of it looks the same."""


def _other_digest(reference: Reference) -> Reference:
    return reference._replace(digest_value=bytes(32))
