"""Weaker or other algorithms, in one place at a time; the signature holds over what is written."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any, Final

from as4.algorithms import ATTACHMENT_CONTENT_SIGNATURE, EXCLUSIVE_C14N, RSA_SHA256, SHA256
from as4.xmldsig import Reference, Transform
from conformance.forge.hooks import swap
from conformance.forge.messages import NONCE
from conformance.forge.recipes import Recipe, Row, Table, spoiled

__all__ = [
    "CANONICAL",
    "CHAINED",
    "COVERED",
    "DIGESTED",
    "DOWNGRADES",
    "ENCRYPTIONS",
    "REFERRED",
    "SIGNATURES",
    "TRANSFORMED",
]

DSIG, MORE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#"
XENC, XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#"
SWA = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
MORE07 = "http://www.w3.org/2007/05/xmldsig-more#"
REFUSED = "EBMS:0103"

WHERE = {"Messaging": 0, "the Body": 1, "the attachment": 2}
DIGESTS = {
    "SHA-1": f"{DSIG}sha1", "MD5": f"{MORE}md5", "SHA-224": f"{MORE}sha224",
    "SHA-384": f"{MORE}sha384", "SHA-512": f"{XENC}sha512", "RIPEMD-160": f"{XENC}ripemd160",
    "SHA3-256": f"{MORE07}sha3-256", "Whirlpool": f"{MORE07}whirlpool", "nothing": "",
    "SHA-256 in capitals": SHA256.upper(), "SHA-256 with a blank": f" {SHA256}",
    "SHA-256 by another name": f"{MORE}sha256",
}  # fmt: skip
TRANSFORMS = {
    "canonical XML 1.0": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "canonical XML 1.0 with comments": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "canonical XML 1.1": "http://www.w3.org/2006/12/xml-c14n11",
    "exclusive with comments": f"{EXCLUSIVE_C14N}WithComments",
    "canonical XML 2.0": "http://www.w3.org/2010/xml-c14n2",
    "base64": f"{DSIG}base64",
    "the enveloped signature": f"{DSIG}enveloped-signature",
    "XPath": "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "XPath filter 2": "http://www.w3.org/2002/06/xmldsig-filter2",
    "XPointer": "http://www.w3.org/2001/04/xmldsig-more/xptr",
    "XSLT": "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "decryption": "http://www.w3.org/2002/07/decrypt#XML",
    "the STR transform": f"{WSS}STR-Transform",
    "the attachment with headers": f"{SWA}Attachment-Complete-Signature-Transform",
    "the ciphertext": f"{SWA}Attachment-Ciphertext-Transform",
    "nothing": "",
}


def in_reference(index: int, **changes: Any) -> Recipe:
    """Return the recipe of the reference number *index* with *changes*, signed like that."""

    def hook(references: Sequence[Reference]) -> Sequence[Reference]:
        changed = list(references)
        changed[index] = changed[index]._replace(**changes)
        return changed

    return spoiled(references=hook)


def signed(pattern: str, new: str) -> Recipe:
    """Return the recipe of another SignedInfo: *new* for the first *pattern*, signed anew."""
    return spoiled(signed_info=lambda text: re.sub(pattern, new, text, count=1))


DIGESTED: Final[Table] = {
    f"{name} as digest of {where}": (in_reference(index, digest_method=uri), REFUSED)
    for (where, index), (name, uri) in product(WHERE.items(), DIGESTS.items())
}
TRANSFORMED: Final[Table] = {
    f"{name} as transform of {where}": (in_reference(index, transforms=(Transform(uri),)), REFUSED)
    for (where, index), (name, uri) in product(WHERE.items(), TRANSFORMS.items())
}
RIGHT = {0: EXCLUSIVE_C14N, 1: EXCLUSIVE_C14N, 2: ATTACHMENT_CONTENT_SIGNATURE}
CHAINED: Final[Table] = {
    f"{name} {order} the right transform of {where}": (
        in_reference(
            index,
            transforms=(Transform(uri), Transform(RIGHT[index]))[:: 1 if order == "before" else -1],
        ),
        REFUSED,
    )
    for (where, index), name, order in product(
        WHERE.items(), ("XPath", "XSLT", "base64"), ("before", "behind")
    )
    for uri in (TRANSFORMS[name],)
}
SIGNATURES: Final[Table] = {
    f"{name} as signature": (
        signed(re.escape(RSA_SHA256), uri),
        REFUSED,
    )
    for name, uri in {
        "RSA with SHA-1": f"{DSIG}rsa-sha1", "RSA with MD5": f"{MORE}rsa-md5",
        "RSA with SHA-224": f"{MORE}rsa-sha224", "RSA with SHA-384": f"{MORE}rsa-sha384",
        "RSA with SHA-512": f"{MORE}rsa-sha512", "RSA with RIPEMD": f"{MORE}rsa-ripemd160",
        "RSA-PSS": f"{MORE07}sha256-rsa-MGF1", "DSA": f"{DSIG}dsa-sha1",
        "ECDSA": f"{MORE}ecdsa-sha256", "EdDSA": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        "HMAC with SHA-1": f"{DSIG}hmac-sha1", "HMAC with SHA-256": f"{MORE}hmac-sha256",
        "nothing": "", "none": "none",
    }.items()
}  # fmt: skip
CANONICAL: Final[Table] = {
    f"{name} of the signed information": (
        signed(r'(CanonicalizationMethod Algorithm=")[^"]+', rf"\g<1>{uri}"),
        REFUSED,
    )
    for name, uri in TRANSFORMS.items()
}


def encryption(old: str, new: str) -> Row:
    """Return the row of *new* for the first *old* in how the attachment is encrypted."""
    return spoiled(encryption=swap(old, new)), REFUSED


DATA = f"{XENC11}aes128-gcm"
ENCRYPTIONS: Final[Table] = {
    **{
        f"{name} for the attachment": encryption(DATA, uri)
        for name, uri in {
            "AES-128 in CBC": f"{XENC}aes128-cbc", "AES-256 in CBC": f"{XENC}aes256-cbc",
            "AES-192 in CBC": f"{XENC}aes192-cbc", "triple DES": f"{XENC}tripledes-cbc",
            "AES-192 in GCM": f"{XENC11}aes192-gcm", "AES-256 in GCM": f"{XENC11}aes256-gcm",
            "ChaCha20": "http://www.w3.org/2021/04/xmldsig-more#chacha20poly1305", "nothing": "",
        }.items()
    },
    **{
        f"{name} for the key": encryption(f"{XENC11}rsa-oaep", uri)
        for name, uri in {
            "RSA 1.5": f"{XENC}rsa-1_5", "the older OAEP": f"{XENC}rsa-oaep-mgf1p",
            "AES key wrap": f"{XENC}kw-aes128", "nothing": "",
        }.items()
    },
    **{
        f"{name} as mask": encryption(f"{XENC11}mgf1sha256", uri)
        for name, uri in {
            "MGF1 over SHA-1": f"{XENC11}mgf1sha1", "MGF1 over SHA-512": f"{XENC11}mgf1sha512",
            "nothing": "",
        }.items()
    },
    **{
        f"{name} as digest of OAEP": encryption(f'Algorithm="{SHA256}"', f'Algorithm="{uri}"')
        for name, uri in DIGESTS.items()
    },
}  # fmt: skip

URIS = {
    "the whole document": "", "the root": "#xpointer(/)", "an XPointer": "#xpointer(id('{id}'))",
    "an XPath": "#xpath(//*)", "a file": "file:///etc/passwd", "a web page": "http://127.0.0.1/x",
    "a relative file": "message.xml", "nothing": "#nothing", "a blank before it": " #{id}",
    "a blank in it": "# {id}", "percent-encoded": "#%6dsg-" + NONCE, "two of them": "#{id} #{id}",
    "a query": "?x#{id}", "the token": "#X509-" + NONCE, "the signature": "#SIG-" + NONCE,
    "the encrypted key": "#EK-" + NONCE, "the encrypted data": "#ED-" + NONCE,
    "another attachment": "cid:other@as4", "no attachment": "cid:",
}  # fmt: skip
IDS = {0: f"msg-{NONCE}", 1: f"body-{NONCE}", 2: f"att-{NONCE}"}
REFERRED: Final[Table] = {
    f"{name} instead of {where}": (
        in_reference(index, uri=uri.replace("{id}", IDS[index])), REFUSED,
    )
    for (where, index), (name, uri) in product(WHERE.items(), URIS.items())
}  # fmt: skip
KEPT: Final[dict[str, tuple[int, ...]]] = {
    "nothing": (), "Messaging": (0,), "the Body": (1,), "the attachment": (2,),
    "Messaging and Body": (0, 1), "Messaging and attachment": (0, 2),
    "Body and attachment": (1, 2), "Messaging twice": (0, 0), "Messaging thrice": (0, 0, 0),
    "Body twice and attachment": (1, 1, 2), "all, and Messaging again": (0, 1, 2, 0),
    "all, and the attachment again": (0, 1, 2, 2),
}  # fmt: skip


def keeping(kept: tuple[int, ...]) -> Recipe:
    """Return the recipe of a message that signs the parts *kept* alone."""
    return spoiled(references=lambda refs: [refs[index] for index in kept])


COVERED: Final[Table] = {
    f"a signature over {name} alone": (keeping(kept), REFUSED) for name, kept in KEPT.items()
}

DOWNGRADES: Final[Table] = {
    **DIGESTED, **TRANSFORMED, **CHAINED, **SIGNATURES, **CANONICAL, **ENCRYPTIONS, **REFERRED,
    **COVERED,
}  # fmt: skip
